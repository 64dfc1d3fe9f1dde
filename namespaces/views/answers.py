"""From the answer of an action to a page and its status. A refused page is shown again, with what was typed and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from accounts.errors import BadInput, NotAllowed, Refusal, StateConflict, TooMany

_STATUS = {NotAllowed: 403, StateConflict: 409, TooMany: 429, BadInput: 400}
_RETRY_AFTER = "3600"  # seconds; the limits behind TooMany are of hours and days


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    refusal: Refusal | None = None,
    invalid: bool = False,
) -> HttpResponse:
    """Render a page: 200, or 400 for input that is not well formed, or the status of the refusal."""
    status = _STATUS[type(refusal)] if refusal else 400 if invalid else 200
    response = render(request, template, {"refusal": refusal, **context}, status=status)
    if status == 429:
        response.headers["Retry-After"] = _RETRY_AFTER
    return response


def start_from_now(form: forms.Form, version: int) -> None:
    """Keep what was typed, but let the next attempt replace what somebody else wrote: the reader has been told."""
    typed = cast(QueryDict, form.data).copy()
    typed["version"] = str(version)
    form.data = typed


def blame(form: forms.Form, refusal: Refusal) -> None:
    """Put a refusal where it belongs: at the field it names, else on top of the form."""
    field = refusal.field if isinstance(refusal, BadInput) and refusal.field in form.fields else None
    form.add_error(field, refusal.message)
