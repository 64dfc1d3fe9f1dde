"""What the provider answers, and on which addresses.

The protocol is oidc-provider-mock's. It lets everything pass, so that a client with a fault would look
right; here it is told to check what a real provider checks: PKCE, client ids, client secrets.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import flask
import oidc_provider_mock
import uvicorn
import werkzeug.debug
from asgiref.wsgi import WsgiToAsgi
from authlib import jose
from authlib.oauth2 import rfc6749

from localcluster.layout import KUBECTL_CLIENT, PORTAL_CLIENT, SCOPES, Layout
from localcluster.processes import LOOPBACK

_BLUEPRINT = "oidc-provider-mock"
_SERVED = ("home", "openid_config", "jwks", "authorize", "issue_token", "userinfo")
_TEMPLATE = Path(__file__).parent / "templates" / "choose.html"


class Provider:
    """Our own answers in front of the stand-in's, for one set of people and clients."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._people = {person.subject: person for person in layout.people()}
        # None: a public client, which must use PKCE instead of a secret.
        self._clients: dict[str, str | None] = {
            PORTAL_CLIENT: layout.portal_client_secret.read_text().strip(),
            KUBECTL_CLIENT: None,
        }
        self._challenges: dict[str, str] = {}
        self._key = jose.RSAKey.import_key(layout.oidc_signing_key.read_bytes())
        self._template = _TEMPLATE.read_text()

    def application(self) -> WSGIApplication:
        """Return the stand-in with our answers in place."""
        for grant in (rfc6749.AuthorizationCodeGrant, rfc6749.RefreshTokenGrant):
            grant.TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
        users = [
            oidc_provider_mock.User(sub=person.subject, claims=person.all_claims())
            for person in self._people.values()
        ]
        app: flask.Flask = oidc_provider_mock.app(user_claims=users)
        app.debug = False
        views = app.view_functions
        self._authorize = views[f"{_BLUEPRINT}.authorize"]
        self._issue_token = views[f"{_BLUEPRINT}.issue_token"]
        self._openid_config = views[f"{_BLUEPRINT}.openid_config"]
        views[f"{_BLUEPRINT}.home"] = self.home
        views[f"{_BLUEPRINT}.authorize"] = self.authorize
        views[f"{_BLUEPRINT}.issue_token"] = self.issue_token
        views[f"{_BLUEPRINT}.openid_config"] = self.openid_config
        app.before_request(self.before_request)
        debugger: Any = app.wsgi_app  # it wraps itself in Werkzeug's, which nobody should reach
        plain = debugger.app if isinstance(debugger, werkzeug.debug.DebuggedApplication) else app.wsgi_app
        return _one_name(plain, urllib.parse.urlsplit(self._layout.issuer).netloc)

    def before_request(self) -> None:
        """Serve the login endpoints only, and sign with the key that was kept."""
        if flask.request.endpoint not in {f"{_BLUEPRINT}.{name}" for name in _SERVED}:
            flask.abort(404)
        flask.g.oidc_provider_mock_storage.jwk = self._key

    def home(self) -> flask.Response:
        """Say what this is."""
        return flask.Response("The identity provider of the Berth demonstration.\n", mimetype="text/plain")

    def openid_config(self) -> flask.Response:
        """The discovery document, with the login page on plain http and what is checked here."""
        document = flask.make_response(self._openid_config()).get_json()
        for unserved in ("registration_endpoint", "end_session_endpoint"):
            document.pop(unserved, None)
        document |= {
            "authorization_endpoint": f"{self._layout.oidc_pages}/oauth2/authorize",
            "scopes_supported": list(SCOPES),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        }
        return flask.jsonify(document)

    def authorize(self) -> flask.typing.ResponseReturnValue:
        """Let one of the people be chosen; the address is judged before anything is shown."""
        asked = flask.request.args
        client, challenge = asked.get("client_id", ""), asked.get("code_challenge")
        if client not in self._clients:
            return self._page(f"There is no client {client!r} here.", status=400)
        if challenge and asked.get("code_challenge_method") != "S256":
            return self._page("The only code_challenge_method here is S256.", status=400)
        if not challenge and self._clients[client] is None:
            return self._page(f"{client} is a public client and must send a code_challenge.", status=400)
        if flask.request.method == "GET":
            judged = flask.make_response(self._authorize())
            return judged if judged.status_code >= 300 else self._page()
        return self._chosen(challenge)

    def _chosen(self, challenge: str | None) -> flask.typing.ResponseReturnValue:
        asked, form = flask.request.args, flask.request.form
        if form.get("action") == "deny":
            flask.make_response(self._authorize())  # judges the redirect address
            answer = {"error": "access_denied", "state": asked.get("state", "")}
            return flask.redirect(f"{asked['redirect_uri']}?{urllib.parse.urlencode(answer)}")
        if form.get("sub") not in self._people:
            return self._page(f"Nobody here has the subject {form.get('sub')!r}.", status=400)
        answered = flask.make_response(self._authorize())
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(answered.headers.get("Location", "")).query)
        if challenge and (code := query.get("code")):
            self._challenges[code[0]] = challenge
        return answered

    def issue_token(self) -> flask.typing.ResponseReturnValue:
        """Check the client and its PKCE verifier, then let the stand-in issue."""
        form, basic = flask.request.form, flask.request.authorization
        client = (basic.username if basic else form.get("client_id")) or ""
        given = (basic.password if basic else form.get("client_secret")) or ""
        if client not in self._clients:
            return flask.jsonify(error="invalid_client"), 401
        expected = self._clients[client]
        if expected is not None and not hmac.compare_digest(given.encode(), expected.encode()):
            return flask.jsonify(error="invalid_client"), 401
        if form.get("grant_type") == "authorization_code":
            challenge = self._challenges.pop(form.get("code", ""), None)
            verifier = form.get("code_verifier", "")
            if challenge is not None and not hmac.compare_digest(s256(verifier), challenge):
                return flask.jsonify(error="invalid_grant", error_description="wrong code_verifier"), 400
        return flask.make_response(self._issue_token())

    def _page(self, message: str = "", *, status: int = 200) -> flask.Response:
        nonce = secrets.token_urlsafe(16)
        page = flask.render_template_string(
            self._template, people=self._people.values(), message=message, nonce=nonce
        )
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return flask.Response(page, status, headers)


def _one_name(application: WSGIApplication, host: str) -> WSGIApplication:
    """Answer every request as if it had come to the issuer: tokens must name one issuer only."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return application({**environ, "HTTP_HOST": host, "wsgi.url_scheme": "https"}, start_response)

    return answer


def s256(verifier: str) -> str:
    """Return the PKCE challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def serve(layout: Layout) -> None:
    """Serve until SIGTERM or SIGINT."""
    adapted: Any = WsgiToAsgi  # it has no types
    application = adapted(Provider(layout).application())
    common: Mapping[str, Any] = {
        "host": LOOPBACK,
        "lifespan": "off",
        "access_log": False,
        "log_level": "warning",
        "timeout_graceful_shutdown": 2,
    }
    pages = uvicorn.Server(uvicorn.Config(application, port=layout.ports.oidc_http, **common))
    issuer = uvicorn.Server(
        uvicorn.Config(
            application,
            port=layout.ports.oidc_https,
            ssl_certfile=layout.pki / "oidc.crt",
            ssl_keyfile=layout.pki / "oidc.key",
            **common,
        )
    )
    beside = threading.Thread(target=pages.run)
    beside.start()
    try:
        issuer.run()
    finally:
        pages.should_exit = True
        beside.join()
