"""An audit event for each form that was refused to who sent it: they lack a right, or lost it since the page was made.

One place for all views: what counts is the answer. A form that never reached its view, because of its token or of
what the sender owes first, was not refused for want of a right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from allauth.core import ratelimit
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch
from django.utils.deprecation import MiddlewareMixin

from accounts.models import Identity, Merge, User
from audit.models import Event
from audit.record import record
from namespaces.models import DriftDecision, Invitation, Membership, Namespace, Request, SeenBinding, SeenKeys
from notifications.models import Delivery

ACT = "form.refused"
LIMIT = "refused_form"
"""Its name in ACCOUNT_RATE_LIMITS: events are never deleted, and nobody must be able to fill the table."""

_MODELS: dict[str, type[models.Model]] = {
    "membership_id": Membership,
    "invitation_id": Invitation,
    "request_id": Request,
    "person_id": User,
    "merge_id": Merge,
    "identity_id": Identity,
    "namespace_id": Namespace,
    "decision_id": DriftDecision,
    "delivery_id": Delivery,
}
"""What a part of an address is the key of."""


class RecordRefused(MiddlewareMixin):
    """Record the refusal after the view is done, in a transaction of its own: that of the view may be rolled back."""

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> None:
        """Note that the view is reached. The last middleware but the one that runs it."""
        request.reaches_view = True  # type: ignore[attr-defined]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Leave the answer as it is."""
        is_form = request.method == "POST" and getattr(request, "reaches_view", False)
        if is_form and response.status_code in (403, 404) and isinstance(request.user, User):
            _record(request, request.user, response.status_code)
        return response


def _record(request: HttpRequest, person: User, status: int) -> None:
    match = request.resolver_match
    if match is None or not match.url_name:
        return
    about = _about(match)
    namespace = about if isinstance(about, Namespace) else _namespace(match)
    if status == 404 and about is None:  # there is no such thing
        return
    key = f"{person.pk} {match.url_name} {about.pk if about else ''} {namespace.pk if namespace else ''}"
    if not ratelimit.consume(request, action=LIMIT, key=key, user=person):
        return
    with transaction.atomic():
        record(
            ACT,
            by=person,
            about=about,
            namespace_id=getattr(about, "namespace_id", None) or (namespace.pk if namespace else ""),
            after={"form": match.url_name},
            outcome=Event.Outcome.DENIED,
            reason=f"answered {status}",
        )


def _about(match: ResolverMatch) -> models.Model | None:
    """Return what the form was about, None if that does not exist. A second factor stands for the person who has it; a
    session of somebody else cannot be found at all."""
    keys = match.kwargs
    for name, model in _MODELS.items():
        if name in keys:
            return model._default_manager.filter(pk=keys[name]).first()
    if "row_id" in keys:
        seen = SeenKeys if str(match.url_name).startswith("drift_limits_") else SeenBinding
        return seen._default_manager.filter(pk=keys["row_id"]).first()
    if "pk" in keys:
        return User.objects.filter(authenticator=keys["pk"]).first()
    return _namespace(match)


def _namespace(match: ResolverMatch) -> Namespace | None:
    keys = match.kwargs
    if "cluster" not in keys:
        return None
    return Namespace.objects.filter(cluster__name=keys["cluster"], name=keys["name"]).first()
