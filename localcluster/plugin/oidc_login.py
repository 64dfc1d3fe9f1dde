"""Stand-in for int128/kubelogin where no person sits before a browser: demonstration shell and tests.

It takes kubelogin's documented flags and no others (https://github.com/int128/kubelogin, docs/usage.md), so
that a kubeconfig that works here works there. It logs in by authorization code and PKCE, as the person
whose subject BERTH_DEMO_SUBJECT holds, at a provider that asks for no password.

Standard library only: it may run under a Python outside the virtual environment.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import secrets
import ssl
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

SUBJECT_VARIABLE = "BERTH_DEMO_SUBJECT"
_TIMEOUT_SECONDS = 10
_LEEWAY_SECONDS = 10  # a cached token must live at least this long
_API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


_Answer = tuple[int, http.client.HTTPMessage, Any]


class LoginError(Exception):
    """The login did not work; the text says why, and never holds a token."""


class _Parser(argparse.ArgumentParser):
    """Words and exit code of the original's command line."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"Error: {message.replace('unrecognized arguments', 'unknown flag')}\n")


def main(arguments: Sequence[str]) -> int:
    """Print an ExecCredential; return the exit code."""
    options = parse(arguments)
    try:
        token = get_token(options)
    except (LoginError, OSError, http.client.HTTPException) as error:
        print(f"error: get-token: {error}", file=sys.stderr)
        return 1
    print(json.dumps(_exec_credential(token)))
    return 0


def get_token(options: argparse.Namespace) -> str:
    """Return an ID token, from the cache if one is there that still lives; raises LoginError."""
    subject = os.environ.get(SUBJECT_VARIABLE)
    if not subject:
        raise LoginError(f"{SUBJECT_VARIABLE} is not set to the subject of the person to log in as")
    cache = _cache_file(options, subject)
    token = None if options.force_refresh else _cached(cache)
    if token is None:
        token = log_in(options, subject)
        _keep(cache, token)
    return token


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse kubelogin's documented flags; those without meaning here are accepted and not used."""
    parser = _Parser(prog="kubectl-oidc_login", allow_abbrev=False)
    get_token = parser.add_subparsers(dest="command", required=True).add_parser(
        "get-token", allow_abbrev=False
    )
    flag = get_token.add_argument
    flag("--oidc-issuer-url", default="")
    flag("--oidc-client-id", default="")
    flag("--oidc-client-secret", default="")
    flag("--oidc-redirect-url")
    flag("--oidc-extra-scope", action="append", default=[])
    flag("--oidc-pkce-method", choices=("auto", "no", "S256"), default="auto")
    flag("--token-cache-dir", type=Path, default=_default_cache_directory())
    flag("--token-cache-storage", choices=("disk", "keyring", "none"), default="disk")
    flag("--certificate-authority", action="append", default=[], type=Path)
    flag("--certificate-authority-data", action="append", default=[])
    flag("--grant-type", choices=("auto", "authcode", "authcode-keyboard", "password", "device-code"))
    flag("--listen-address", action="append", default=[])
    flag("--oidc-redirect-url-hostname", default="localhost")
    for name in ("--force-refresh", "--skip-open-browser", "--insecure-skip-tls-verify"):
        _switch(get_token, name)
    for name in ("--oidc-use-access-token", "--tls-renegotiation-once", "--tls-renegotiation-freely"):
        _switch(get_token, name)
    for name in (
        "--browser-command",
        "--local-server-cert",
        "--local-server-key",
        "--username",
        "--password",
    ):
        flag(name)
    for name in (
        "--oidc-request-header",
        "--oidc-auth-request-extra-params",
        "--open-url-after-authentication",
    ):
        flag(name)
    for name in ("--authentication-timeout-sec", "-v", "--v"):
        flag(name, type=int)
    options = parser.parse_args(arguments)
    for name in ("oidc_issuer_url", "oidc_client_id"):
        if not getattr(options, name):
            parser.error(f"--{name.replace('_', '-')} is missing")
    return options


def _switch(parser: argparse.ArgumentParser, name: str) -> None:
    """A flag of Go's kind: `--x`, `--x=true` or `--x=false`."""
    parser.add_argument(name, nargs="?", const=True, default=False, type=_truth)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"


def log_in(options: argparse.Namespace, subject: str) -> str:
    """Return a fresh ID token; raises LoginError."""
    if options.grant_type not in (None, "auto", "authcode"):
        raise LoginError(f"the stand-in has no grant type {options.grant_type}, only authcode")
    context = _trust(options)
    issuer = options.oidc_issuer_url
    document = _discovery(context, issuer)
    redirect = options.oidc_redirect_url or _redirect_address(options)
    verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    with_pkce = options.oidc_pkce_method == "S256" or (
        options.oidc_pkce_method == "auto" and "S256" in document.get("code_challenge_methods_supported", [])
    )
    asked = {
        "response_type": "code",
        "client_id": options.oidc_client_id,
        "redirect_uri": redirect,
        "scope": " ".join(["openid", *options.oidc_extra_scope]),
        "state": state,
        "nonce": nonce,
        "access_type": "offline",
        **({"code_challenge": _s256(verifier), "code_challenge_method": "S256"} if with_pkce else {}),
    }
    address = f"{document['authorization_endpoint']}?{urllib.parse.urlencode(asked)}"
    code = _code(_call(context, "POST", address, {"sub": subject}), state, subject)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "client_id": options.oidc_client_id,
        **({"code_verifier": verifier} if with_pkce else {}),
        **({"client_secret": options.oidc_client_secret} if options.oidc_client_secret else {}),
    }
    token = _id_token(_call(context, "POST", document["token_endpoint"], form))
    # The token came over TLS from the token endpoint; its signature is for the API server to check
    # (OpenID Connect Core, 3.1.3.7, number 6).
    claims = _claims(token)
    if claims.get("iss") != issuer or claims.get("nonce") != nonce or claims.get("sub") != subject:
        raise LoginError("the ID token does not belong to this login")
    return token


def _discovery(context: ssl.SSLContext, issuer: str) -> dict[str, Any]:
    status, _, document = _call(context, "GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
    if status != http.HTTPStatus.OK or not isinstance(document, dict):
        raise LoginError(f"{issuer} has no discovery document (HTTP {status})")
    if document.get("issuer") != issuer:
        raise LoginError(f"the discovery document of {issuer} speaks of the issuer {document.get('issuer')}")
    return document


def _id_token(answer: _Answer) -> str:
    status, _, said = answer
    if status != http.HTTPStatus.OK or not isinstance(said, dict) or "id_token" not in said:
        reason = said.get("error") if isinstance(said, dict) else "no ID token"
        raise LoginError(f"the token endpoint answered {status}: {reason}")
    return str(said["id_token"])


def _s256(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _redirect_address(options: argparse.Namespace) -> str:
    port = (options.listen_address or ["127.0.0.1:8000"])[0].rpartition(":")[2]
    return f"http://{options.oidc_redirect_url_hostname}:{port}"


def _code(answer: _Answer, state: str, subject: str) -> str:
    status, headers, _ = answer
    if status not in (http.HTTPStatus.FOUND, http.HTTPStatus.SEE_OTHER):
        raise LoginError(f"the provider did not log {subject} in (HTTP {status}); does it know this subject?")
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(headers.get("Location", "")).query)
    if query.get("state") != [state]:
        raise LoginError("the provider answered with another state")
    if "code" not in query:
        raise LoginError(f"the provider refused: {query.get('error', ['no code'])[0]}")
    return query["code"][0]


def _trust(options: argparse.Namespace) -> ssl.SSLContext:
    """Trust the authorities of the system and those that the flags name, as the original does."""
    context = ssl.create_default_context()
    try:
        for path in options.certificate_authority:
            context.load_verify_locations(cadata=path.expanduser().read_text())
        for data in options.certificate_authority_data:
            context.load_verify_locations(cadata=base64.b64decode(data, validate=True).decode())
    except (ValueError, ssl.SSLError) as error:
        raise LoginError(f"the certificate authority cannot be read: {error}") from error
    except FileNotFoundError as error:
        raise LoginError(f"the certificate authority is not there: {error.filename}") from error
    if options.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _call(
    context: ssl.SSLContext, method: str, address: str, form: Mapping[str, str] | None = None
) -> _Answer:
    """Return status, headers and answer; JSON is parsed. Follows no redirect."""
    parts = urllib.parse.urlsplit(address)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)
    elif parts.scheme == "http" and host in ("localhost", "127.0.0.1"):
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    else:
        raise LoginError(f"{parts.scheme}://{parts.netloc} is neither https nor on this machine")
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    body = None if form is None else urllib.parse.urlencode(form)
    with contextlib.closing(connection):
        try:
            connection.request(method, target, body, {"Content-Type": "application/x-www-form-urlencoded"})
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise LoginError(f"{parts.scheme}://{parts.netloc} does not answer: {error}") from error
    try:
        return response.status, response.headers, json.loads(text)
    except ValueError:
        return response.status, response.headers, None


def _claims(token: str) -> dict[str, Any]:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError) as error:
        raise LoginError("the ID token cannot be read") from error
    if not isinstance(claims, dict) or not isinstance(claims.get("exp"), int):
        raise LoginError("the ID token has no end")
    return claims


def _default_cache_directory() -> Path:
    configured = os.environ.get("KUBECACHEDIR")
    return (Path(configured) if configured else Path("~/.kube/cache")) / "oidc-login"


def _cache_file(options: argparse.Namespace, subject: str) -> Path | None:
    """One file for each person and way to log in; its name is not one that the original uses."""
    if options.token_cache_storage == "none":  # noqa: S105 (a storage, not a secret)
        return None
    asked = [options.oidc_issuer_url, options.oidc_client_id, *options.oidc_extra_scope, subject]
    name = hashlib.sha256("\0".join(asked).encode()).hexdigest()
    return Path(options.token_cache_dir).expanduser() / f"stand-in-{name}"


def _cached(cache: Path | None) -> str | None:
    if cache is None:
        return None
    try:
        token = cache.read_text()
        return token if _claims(token)["exp"] > time.time() + _LEEWAY_SECONDS else None
    except (FileNotFoundError, LoginError):
        return None


def _keep(cache: Path | None, token: str) -> None:
    if cache is None:
        return
    cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=cache.parent)  # mode 0600
    with os.fdopen(descriptor, "w") as output:
        output.write(token)
    os.replace(temporary, cache)


def _exec_credential(token: str) -> dict[str, Any]:
    """Return the answer that kubectl reads, in the version it asked for."""
    asked = json.loads(os.environ.get("KUBERNETES_EXEC_INFO") or "{}").get("apiVersion", _API_VERSIONS[0])
    ends = datetime.datetime.fromtimestamp(_claims(token)["exp"], datetime.timezone.utc)  # noqa: UP017
    return {
        "apiVersion": asked if asked in _API_VERSIONS else _API_VERSIONS[0],
        "kind": "ExecCredential",
        "status": {"token": token, "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
