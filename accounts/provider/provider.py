"""The provider class: what is asked of an issuer, and what allauth may keep of the answer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.http import HttpRequest, HttpResponse

from accounts import issuers
from accounts.claims import Claims
from accounts.models import account_uid
from accounts.provider.views import Adapter

NONCE_BYTES = 32


class Provider(OpenIDConnectProvider):
    """OpenID Connect with nonce and PKCE, steered by the file of issuers and by nothing in the request."""

    oauth2_adapter_class = Adapter
    pkce_enabled_default = True
    supports_token_authentication = False

    @property
    def issuer(self) -> issuers.Issuer:
        """The issuer of the file that this provider stands for."""
        return issuers.by_id(self.app.provider_id)

    def get_scope(self) -> list[str]:
        """Ask for the scopes of the file."""
        return list(self.issuer.scopes)

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        """Ignore `?scope=`: the stock provider would add it."""
        return self.get_scope()

    def get_auth_params(self) -> dict[str, str]:
        """Send the extra parameters of the file."""
        return dict(self.issuer.auth_params)

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, str]:
        """Ignore `?auth_params=`: the stock provider would let it replace client and redirect address."""
        return self.get_auth_params()

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Ignore `?process=connect`: it would attach an identity to the person who is logged in."""
        return {**super().get_redirect_from_request_kwargs(request), "process": AuthProcess.LOGIN}

    def redirect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send the browser to the provider, with a nonce that is also kept in the stored state."""
        return self._send(request, *args, **kwargs)

    def redirect_further(self, request: HttpRequest, *, next_url: str, **state: str) -> HttpResponse:
        """Send somebody who is logged in to the provider, to show there anew who they are.

        What `state` says comes back with them (`accounts.provider.further`). Should our code ever miss it, allauth must
        not log anybody in, nor attach anything to anybody.
        """
        kwargs = {"process": AuthProcess.REDIRECT, "next_url": next_url, **state}
        return self._send(request, ask_anew={"prompt": "login", "max_age": "0"}, **kwargs)

    def _send(
        self, request: HttpRequest, *args: Any, ask_anew: Mapping[str, str] | None = None, **kwargs: Any
    ) -> HttpResponse:
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        kwargs["auth_params"] = {**self.get_auth_params(), **(ask_anew or {}), "nonce": nonce}
        answer: HttpResponse = super().redirect(request, *args, nonce=nonce, **kwargs)
        return answer

    def sociallogin_from_response(self, request: HttpRequest, response: Claims) -> SocialLogin:
        """Make allauth's login object; the claims travel on it and are stored by our actions only."""
        login = super().sociallogin_from_response(request, response)
        login.claims = response
        return login

    def extract_uid(self, data: Claims) -> str:
        """The key covers the issuer and fits allauth's column, whatever the subject."""
        return account_uid(data.issuer, data.subject)

    def extract_extra_data(self, data: Claims) -> dict[str, Any]:
        """Let allauth store nothing."""
        return {}

    def extract_common_fields(self, data: Claims) -> dict[str, Any]:
        """Let allauth fill in nothing: `people.register` does."""
        return {}

    def extract_email_addresses(self, data: Claims) -> list[Any]:
        """Let allauth know no address: an address identifies nobody here."""
        return []


provider_classes = [Provider]
