"""Login and callback. allauth's own view functions build the stock adapter themselves, hence these."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from requests.auth import HTTPBasicAuth

from accounts import issuers
from accounts.claims import ClaimError, read
from accounts.provider import admission, discovery, further, id_token
from accounts.provider.calls import ProviderCalls
from accounts.provider.errors import LoginError, Refused
from accounts.provider.limit import limited
from accounts.redirects import login_address
from accounts.submissions import repeatable
from accounts.terms import before_terms

_LONGEST_CODE = 4096


class Adapter(OpenIDConnectOAuth2Adapter):
    """Talks to one issuer for one request.

    `state` is what was stored when the browser was sent to the issuer.
    """

    state: Mapping[str, Any] = {}

    def __init__(self, request: HttpRequest, provider_id: str) -> None:
        super().__init__(request, provider_id)
        self.issuer = issuers.by_id(provider_id)
        self.calls = ProviderCalls(self.issuer)

    @cached_property
    def openid_config(self) -> Mapping[str, Any]:
        """The addresses of the issuer, cached."""
        return discovery.configuration(self.issuer, self.calls)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """The registered redirect address: made from our own address, whatever the Host header says."""
        return f"{settings.BASE_URL}{reverse('openid_connect_callback', args=[self.provider_id])}"

    def get_access_token_data(
        self,
        request: HttpRequest,
        app: SocialApp,
        client: OAuth2Client,
        pkce_code_verifier: str | None = None,
    ) -> dict[str, Any]:
        """Exchange the code for tokens, if the callback is the issuer's (RFC 9207). Raises LoginError."""
        if any(sender != self.issuer.issuer for sender in request.GET.getlist("iss")):
            raise Refused("callback_issuer")
        code = request.GET["code"]
        if not code or len(code) > _LONGEST_CODE or not pkce_code_verifier:
            raise Refused("code")
        data = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.callback_url,
            "code_verifier": pkce_code_verifier,
        }
        auth = None
        if client.basic_auth:
            # Encoded as RFC 6749, section 2.3.1, wants it: a client id may hold a colon.
            auth = HTTPBasicAuth(quote_plus(self.issuer.client_id), quote_plus(self.issuer.client_secret))
        else:
            data |= {"client_id": self.issuer.client_id, "client_secret": self.issuer.client_secret}
        return self.calls.post(client.access_token_url, data, auth=auth, refusal="token_request")

    def parse_token(self, data: Mapping[str, Any]) -> SocialToken:
        """Read the access token, which is used once and stored nowhere."""
        token = data.get("access_token")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise Refused("access_token")
        return SocialToken(token=token)

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        """Check everything that came back.

        allauth looks the account up only after this. Raises LoginError.
        """
        said = id_token.verify(
            kwargs["response"].get("id_token"),
            issuer=self.issuer,
            nonce=str(self.state.get("nonce") or ""),
            keys=lambda fresh: discovery.signing_keys(self.issuer, self.calls, fresh=fresh),
        )
        try:
            claims = read(said, self._userinfo(token, said["sub"]), self.issuer)
        except ClaimError as error:
            raise Refused(error.code) from error
        if further.is_meant(self.state):
            raise ImmediateHttpResponse(further.arrive(request, self.state, claims))
        admission.check(claims)
        return self.get_provider().sociallogin_from_response(request, claims)

    def _userinfo(self, token: SocialToken, subject: str) -> Mapping[str, Any]:
        """Return what userinfo says, if it speaks of the same person as the ID token (Core 1.0, section
        5.3.2).
        """
        address = self.openid_config.get("userinfo_endpoint")
        if address is None:
            return {}
        userinfo = self.calls.get(address, bearer=token.token, refusal="userinfo_request")
        if userinfo.get("sub") != subject:
            raise Refused("userinfo_subject")
        return userinfo


class CallbackView(OAuth2CallbackView):
    """allauth's callback, which hands the stored state to the adapter: the nonce is in it."""

    adapter: Adapter

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[dict[str, Any] | None, Any]:
        state, response = super()._get_state(request, provider)
        self.adapter.state = state or {}
        return state, response


@before_terms
@repeatable
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@limited("POST")
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """POST sends the browser to the issuer. GET starts nothing: it leads to the login page."""
    adapter = _adapter(request, provider_id)
    if request.method != "POST":
        return redirect(login_address(request.GET.get("next")))
    provider = adapter.get_provider()
    answer: HttpResponse
    try:
        answer = provider.redirect_from_request(request)
    except LoginError as error:
        answer = render_authentication_error(request, provider, exception=error)
    return answer


@before_terms
@never_cache
@require_GET
@limited("GET")
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The browser comes back from the issuer. Discovery runs outside of allauth's `try`, hence ours."""
    adapter = _adapter(request, provider_id)
    answer: HttpResponse
    try:
        answer = CallbackView.adapter_view(adapter)(request)
    except LoginError as error:
        context = {"state": adapter.state}
        answer = render_authentication_error(
            request, adapter.get_provider(), exception=error, extra_context=context
        )
    return answer


def _adapter(request: HttpRequest, provider_id: str) -> Adapter:
    """Return the adapter of an issuer of the file; any other name is 404, and so is the name of a kind of
    provider.
    """
    try:
        return Adapter(request, provider_id)
    except issuers.UnknownIssuer as error:
        raise Http404 from error
