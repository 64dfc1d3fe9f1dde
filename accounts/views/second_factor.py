"""Pages of the second factor: what the reader has, setting one up, taking one away, showing one.

What happens is allauth's; the words, and when one may, are ours. Every change wants that the reader has shown within
five minutes who they are: by a factor that they have, or, before the first one, by their login.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from allauth.mfa.base.views import ReauthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import fresh, second_factor, sessions
from accounts import messages as words
from accounts.actions import people
from accounts.actions import second_factor as actions
from accounts.forms import CodeForm
from accounts.guards import KnownRequest, P, login_needed
from accounts.leading_out import leads_to_issuers
from accounts.models import User
from accounts.redirects import is_own_path, lead_by_way_of
from accounts.second_factor import before_second_factor
from accounts.submissions import not_done
from accounts.views.again import showing
from audit.record import record

View = Callable[Concatenate[KnownRequest, P], HttpResponse]


def _may_change(request: KnownRequest) -> bool:
    if second_factor.of(request.user).exists():
        return second_factor.was_shown(request, within=fresh.FOR_IDENTITIES)
    if fresh.was_told(request):
        return fresh.is_shown(request, fresh.FOR_IDENTITIES)
    # Some providers do not say when they asked; a login of this minute is the best that they have.
    return sessions.was_opened(request, within=fresh.FOR_IDENTITIES)


def _shown_lately(view: View[P]) -> View[P]:
    @wraps(view)
    def guarded(request: KnownRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if _may_change(request):
            return view(request, *args, **kwargs)
        has_one = second_factor.of(request.user).exists()
        return not_done(lead_by_way_of("mfa_reauthenticate" if has_one else "mfa_index", request))

    return guarded


@leads_to_issuers
@login_needed
@require_safe
def index(request: KnownRequest) -> HttpResponse:
    """What the reader has, and what they can add."""
    factors = list(Authenticator.objects.filter(user=request.user).order_by("created_at"))
    codes = next((each for each in factors if each.type == Authenticator.Type.RECOVERY_CODES), None)
    context = {
        "app": next((each for each in factors if each.type == Authenticator.Type.TOTP), None),
        "keys": [each for each in factors if each.type == Authenticator.Type.WEBAUTHN],
        "has_codes": codes is not None,
        "codes_left": _unused(codes),
        "must_have": second_factor.must_have(request.user),
        "may_change": _may_change(request),
        **showing(request, reverse("mfa_index"), within=fresh.FOR_IDENTITIES),
    }
    return render(request, "accounts/second_factor.html", context)


def _unused(codes: Authenticator | None) -> list[str] | None:
    """Return the recovery codes that are left; None if there are none, or no key opens them any more."""
    try:
        return codes.wrap().get_unused_codes() if codes else None
    except ValidationError:
        return None


class _InWords:
    """What a page of allauth's lacks: the status of a form that was refused, and that form instead of a second one."""

    def form_invalid(self, form: Form) -> HttpResponse:
        context = {**self.get_context_data(form=form), "form": form}  # type: ignore[attr-defined]
        answer: HttpResponse = self.render_to_response(context, status=400)  # type: ignore[attr-defined]
        return answer


class _AddApp(_InWords, ActivateTOTPView):
    template_name = "accounts/second_factor_app.html"

    def form_valid(self, form: Form) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        # The code that was just given shows the app as well: nobody wants to wait for the next one.
        shown = CodeForm(user=self.request.user, data={"code": form.cleaned_data["code"]})
        if shown.is_valid():
            shown.save()
        _added(self.request, Authenticator.Type.TOTP)
        return answer

    def get_success_url(self) -> str:
        return reverse("mfa_view_recovery_codes" if self.did_generate_recovery_codes else "mfa_index")


class _AddKey(_InWords, AddWebAuthnView):
    template_name = "accounts/second_factor_key.html"

    def form_valid(self, form: Form) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        _added(self.request, Authenticator.Type.WEBAUTHN)
        return answer

    def get_success_url(self) -> str:
        return reverse("mfa_view_recovery_codes" if self.did_generate_recovery_codes else "mfa_index")


class _RemoveApp(_InWords, DeactivateTOTPView):
    template_name = "accounts/second_factor_remove.html"
    success_url = reverse_lazy("mfa_index")

    def form_valid(self, form: Form) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        _removed(self.request, Authenticator.Type.TOTP)
        return answer


class _RemoveKey(RemoveWebAuthnView):
    template_name = "accounts/second_factor_remove.html"
    success_url = reverse_lazy("mfa_index")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().post(request, *args, **kwargs)
        _removed(request, Authenticator.Type.WEBAUTHN)
        return answer


class _Showing(_InWords):
    """What the two pages have in common on which a factor is shown."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = super().get_context_data(**kwargs)  # type: ignore[misc]
        back = found["redirect_field_value"]
        return {**found, "back_to": back if is_own_path(back) else ""}


class _Show(_Showing, ReauthenticateView):
    template_name = "accounts/second_factor_show.html"


class _ShowKey(_Showing, ReauthenticateWebAuthnView):
    template_name = "accounts/second_factor_show_key.html"

    def form_invalid(self, form: Form) -> HttpResponse:
        second_factor.note_failure(_reader(self.request), Authenticator.Type.WEBAUTHN)
        return super().form_invalid(form)


def _added(request: HttpRequest, kind: str) -> None:
    record("second_factor.added", by=_reader(request), about=_reader(request), after={"kind": kind})
    words.second_factor_changed(_reader(request), is_added=True)
    messages.success(request, _("Your second factor is set up."))


def _removed(request: HttpRequest, kind: str) -> None:
    record("second_factor.removed", by=_reader(request), about=_reader(request), after={"kind": kind})
    words.second_factor_changed(_reader(request), is_added=False)
    messages.success(request, _("It shows nothing any more."))


def _reader(request: HttpRequest) -> User:
    person = request.user
    if not isinstance(person, User):
        raise TypeError("these pages are for people who are logged in")
    return person


def _changing(view: type[Any], *methods: str) -> Callable[..., HttpResponse]:
    """Return the page of a change: in one transaction with its event, and only for somebody who has just shown who
    they are."""
    change = view.as_view()

    @transaction.atomic
    def page(request: KnownRequest, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            people.lock(request.user)  # two windows, one after the other
        answer: HttpResponse = change(request, **kwargs)
        return answer

    return _private(_shown_lately(require_http_methods(list(methods))(page)))


def _private(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    guarded = before_second_factor(never_cache(login_needed(view)))
    return sensitive_post_parameters("code", "credential")(guarded)


add_app = _changing(_AddApp, "GET", "HEAD", "POST")
add_key = _changing(_AddKey, "GET", "HEAD", "POST")
remove_app = _changing(_RemoveApp, "GET", "HEAD", "POST")
remove_key = _changing(_RemoveKey, "GET", "HEAD", "POST")


@before_second_factor
@never_cache
@login_needed
@_shown_lately
@require_POST
def new_codes(request: KnownRequest) -> HttpResponse:
    """Make new recovery codes, and show them."""
    if not second_factor.of(request.user).exists():
        messages.error(request, _("Codes stand for an app or a passkey. Set one up first."))
        return not_done(redirect("mfa_index"))
    actions.new_codes(request.user)
    return redirect("mfa_view_recovery_codes")


@never_cache
@login_needed
@_shown_lately
@require_safe
def codes(request: KnownRequest) -> HttpResponse:
    """The recovery codes that are left."""
    found = Authenticator.objects.filter(user=request.user, type=Authenticator.Type.RECOVERY_CODES).first()
    if found is None:
        raise Http404
    unused = _unused(found)
    if unused is None:
        return redirect("mfa_index")
    context = {"text": "\n".join(unused)}
    return render(request, "accounts/second_factor_codes.html", context)


def _showing(view: type[Any]) -> Callable[..., HttpResponse]:
    page = view.as_view()

    def show(request: KnownRequest) -> HttpResponse:
        if not Authenticator.objects.filter(user=request.user).exists():
            return not_done(redirect("mfa_index"))
        answer: HttpResponse = page(request)
        return answer

    return _private(require_http_methods(["GET", "HEAD", "POST"])(show))


show = _showing(_Show)
show_key = _showing(_ShowKey)
