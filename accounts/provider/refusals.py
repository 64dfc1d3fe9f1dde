"""The end of a login without a session: a line in the log, an audit event, a page with words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.issuers import Issuer
from accounts.models import User
from accounts.provider import further
from accounts.provider.errors import LoginError, NotAdmitted, Unreachable
from accounts.redirects import login_address
from audit.models import Event
from audit.record import record

logger = structlog.get_logger(__name__)
_UNKNOWN_STATE = "state"


def respond(
    request: HttpRequest, issuer: Issuer, *, error: Exception | None, state: Mapping[str, Any] | None
) -> HttpResponse:
    """Log and record why a login was refused, and return the page that says so.

    `state` is what was stored when the browser was sent to the issuer; without it nobody has shown that this
    login began here, so there is a line in the log but no audit event that a stranger could multiply.
    """
    reason = _reason(error, state)
    logger.warning("login refused", issuer=issuer.id, reason=reason)
    if state and not isinstance(error, Unreachable):
        _record(issuer, error, reason, by=request.user if further.is_meant(state) else None)
    template, status = _page(error, reason)
    context = {
        "issuer": issuer,
        "reason": reason,
        # With our own address: a login that began under another name of this host has lost its cookie.
        "again": settings.BASE_URL + login_address((state or {}).get("next")),
    }
    return render(request, template, context, status=status)


def _reason(error: Exception | None, state: Mapping[str, Any] | None) -> str:
    if isinstance(error, LoginError):
        return error.code
    if error is not None:
        return "unexpected_answer"
    return "error_from_provider" if state else _UNKNOWN_STATE


def _page(error: Exception | None, reason: str) -> tuple[str, int]:
    """Return template and status: 400 for a callback that ends no login that was begun here."""
    if isinstance(error, Unreachable):
        return "socialaccount/provider_unreachable.html", 503
    if isinstance(error, NotAdmitted):
        return "account/account_inactive.html", 403
    return "socialaccount/authentication_error.html", 400 if reason == _UNKNOWN_STATE else 401


def _record(issuer: Issuer, error: Exception | None, reason: str, *, by: User | AnonymousUser | None) -> None:
    """Record who tried: the person whose identity it is, or who was logged in and wanted to show more."""
    identity = error.identity if isinstance(error, NotAdmitted) else None
    with transaction.atomic():
        record(
            "login.refused",
            by=identity.person if identity else by if isinstance(by, User) else None,
            about=identity,
            after={"issuer": issuer.id},
            outcome=Event.Outcome.DENIED,
            reason=reason,
        )
