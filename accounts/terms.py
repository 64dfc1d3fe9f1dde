"""The terms of use: which version binds now, and whether somebody still has to accept it.

Whoever owes it has the directory, the profile, the terms and the way out, and nothing else (`TermsFirst`). Where
nothing was ever published, nobody is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from accounts.models import Acceptance, Terms, User
from accounts.prepared import Prepared
from accounts.redirects import lead_by_way_of

V = TypeVar("V", bound=Callable[..., object])


def before_terms(view: V) -> V:
    """Mark a view that somebody may open who has not accepted the terms."""
    view.is_before_terms = True  # type: ignore[attr-defined]
    return view


def in_force() -> Terms | None:
    """Return the version that binds now, by the clock of the database: the newest of those that have begun to."""
    return Terms.objects.filter(binds_from__lte=Now()).first()


def newest() -> Terms | None:
    """Return the version that was published last; it may bind only later, and can be accepted before."""
    return Terms.objects.first()


def owed_by(person: User) -> bool:
    """Whether the person has accepted neither the version that binds now nor a newer one. One query."""
    return (False,) in _acceptance.rows(person=person.pk)


def _ask_for_acceptance(person: UUID) -> QuerySet[Terms, Any]:
    accepted = Acceptance.objects.filter(person=person, terms__gte=OuterRef("pk"))
    return Terms.objects.filter(binds_from__lte=Now()).values_list(Exists(accepted))[:1]


_acceptance = Prepared(_ask_for_acceptance)


class TermsFirst(MiddlewareMixin):
    """Lead whoever owes an acceptance to the terms, and from there to where they were going."""

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> HttpResponse | None:
        """Let the view run if it is for everybody or nothing is owed."""
        if getattr(view, "is_before_terms", False) or not isinstance(request.user, User):
            return None
        if not owed_by(request.user):
            return None
        return lead_by_way_of("terms", request)
