"""Log in, log out, and the two pages on which a login may end."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.leading_out import leads_to_issuers
from accounts.redirects import is_own_path
from accounts.submissions import repeatable
from accounts.terms import before_terms


@before_terms
@leads_to_issuers
@never_cache
@require_safe
def login(request: HttpRequest) -> HttpResponseBase:
    """List the issuers.

    `next` is kept if it is a path of this site; somebody who is logged in goes there at once.
    """
    wanted = request.GET.get("next")
    next_page = wanted if wanted and is_own_path(wanted) else ""
    if request.user.is_authenticated:
        return redirect(next_page or settings.LOGIN_REDIRECT_URL)
    return render(request, "account/login.html", {"issuers": settings.ISSUERS, "next": next_page})


@before_terms
@repeatable
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """Ask on GET, end the session on POST. The browser is told to forget what it kept of this site.

    But not its cookies: that would take those of every site of the same registrable domain (W3C Clear Site Data, 3.1).
    """
    if request.method == "POST":
        get_adapter(request).logout(request)
        rotate_token(request)
        response = redirect(settings.LOGOUT_REDIRECT_URL)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response
    if not request.user.is_authenticated:
        return redirect(settings.LOGOUT_REDIRECT_URL)
    return render(request, "account/logout.html")


@before_terms
@never_cache
@require_safe
def inactive(request: HttpRequest) -> HttpResponse:
    """Where a login of a person ends who was made inactive while it ran."""
    return render(request, "account/account_inactive.html", status=403)


@before_terms
@never_cache
@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    """The person cancelled the login at the provider."""
    return render(request, "socialaccount/login_cancelled.html")


@before_terms
@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """allauth's name for the page of one's identities: ours is the profile."""
    return redirect("profile")
