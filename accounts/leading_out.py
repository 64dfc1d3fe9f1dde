"""Pages with forms that lead to an identity provider: their content security policy has to allow it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

V = TypeVar("V", bound=Callable[..., HttpResponseBase])


def leads_to_issuers(view: V) -> V:
    """Allow the forms of a page to lead to the issuers: browsers hold the redirect after a form to the policy of the
    page that the form is on.
    """

    @wraps(view)
    def allowed(request: HttpRequest, /, *args: object, **kwargs: object) -> HttpResponseBase:
        origins = sorted({origin for issuer in settings.ISSUERS for origin in issuer.form_action_origins})
        answer: HttpResponseBase = csp_update({"form-action": origins})(view)(request, *args, **kwargs)
        return answer

    return cast(V, allowed)
