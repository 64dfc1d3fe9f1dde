"""An identity provider that can be made to lie: a real HTTP(S) server on loopback whose answers each test
bends.

Straight as it stands, it is a correct provider: code flow, PKCE with S256, one use per code, RS256. Not a
mock: the portal reaches it over a socket with its own client.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

CLIENT_ID = "berth-portal"
CLIENT_SECRET = "portal-secret-that-only-tests-know"
SUBJECT = "http://cilogon.org/serverT/users/1001"

Claims = dict[str, Any]
# Status, content type, body, and further headers where there are any.
Answer = tuple[int, str, bytes] | tuple[int, str, bytes, dict[str, str]]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


# Made once: a key costs a tenth of a second.
_KEY, _OTHER_KEY = rsa_key(), rsa_key()


def public_jwk(key: Key, **fields: str) -> Claims:
    """Return the public half as a JSON Web Key with these further fields (`kid`, `use`, `alg`)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **fields}
    return {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), **fields}


def signed(claims: Mapping[str, Any], key: Key, *, algorithm: str = "RS256", kid: str | None = "k1") -> str:
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers={} if kid is None else {"kid": kid})


def unsigned(claims: Mapping[str, Any], header: Mapping[str, Any], signature: bytes = b"") -> str:
    """Join a token by hand, as an attacker would: no library signs these."""
    parts = (json.dumps(dict(header)).encode(), json.dumps(dict(claims)).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass
class Bent:
    """What is wrong with the provider.

    Each function gets the correct answer and returns the one that is sent.
    """

    id_token: Callable[[Claims], Claims] = lambda claims: claims
    userinfo: Callable[[Claims], Claims] = lambda claims: claims
    discovery: Callable[[Claims], Claims] = lambda document: document
    tokens: Callable[[Claims], Claims] = lambda answer: answer
    sign: Callable[[Claims], str] | None = None
    raw: dict[str, Answer] = field(default_factory=dict)  # path -> the whole answer
    silent: set[str] = field(default_factory=set)  # paths that accept and never answer
    dripping: set[str] = field(default_factory=set)  # paths that send one byte now and then


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]


class HostileProvider:
    """The provider. Use as a context manager; `claims` is the person who logs in."""

    def __init__(self, *, certificate: Path | None = None) -> None:
        self.claims: Claims = {
            "sub": SUBJECT,
            "name": "Ana Kim",
            "email": "ana.kim@ou.example",
            "idp": "urn:mace:incommon:ou.edu",
            "idp_name": "University of Oklahoma",
        }
        self.bent = Bent()
        self.key: Key = _KEY
        self.other_key: Key = _OTHER_KEY
        self.published: list[Claims] = [public_jwk(_KEY, kid="k1", use="sig", alg="RS256")]
        self.seen: list[Seen] = []
        self._codes: dict[str, Mapping[str, str]] = {}
        self._access: dict[str, Claims] = {}
        self.hung_up = threading.Event()  # the caller of a dripping path closed the connection
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.issuer = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def straighten(self) -> None:
        """Become correct again."""
        self.bent = Bent()

    def asked_for(self, path: str) -> list[Seen]:
        """Return the requests for a path, oldest first."""
        return [seen for seen in self.seen if seen.path == path]

    def id_claims(self, nonce: str | None) -> Claims:
        now = int(time.time())
        made = {**self.claims, "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        return made if nonce is None else {**made, "nonce": nonce}

    def answer(self, seen: Seen) -> Answer:
        """Return the answer to a request."""
        if seen.path in self.bent.raw:
            return self.bent.raw[seen.path]
        if seen.path == "/.well-known/openid-configuration":
            return _json(self.bent.discovery(self._discovery()))
        if seen.path == "/keys":
            return _json({"keys": self.published})
        if seen.path == "/authorize":
            return self._authorize(seen.query)
        if seen.path == "/token":
            return self._token(seen)
        if seen.path == "/userinfo":
            return self._userinfo(seen)
        return 404, "text/plain", b"no such page"

    def hold(self, path: str, send: Callable[[bytes], object]) -> bool:
        """Keep a caller of a silent or dripping path waiting until this provider is stopped; return whether
        it was.
        """
        if path in self.bent.silent:
            self._stop.wait(30)
            return True
        if path in self.bent.dripping:
            send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n")
            while not self._stop.wait(0.1):
                try:
                    send(b" ")
                except OSError:
                    self.hung_up.set()
                    raise
            return True
        return False

    def _discovery(self) -> Claims:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }

    def _authorize(self, query: Mapping[str, str]) -> tuple[int, str, bytes, dict[str, str]]:
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        return 302, "text/plain", b"", {"Location": f"{query['redirect_uri']}?{urlencode(back)}"}

    def _token(self, seen: Seen) -> tuple[int, str, bytes]:
        began = self._codes.pop(seen.form.get("code", ""), None)
        if began is None or not _knows_client(seen) or not _proves(began, seen.form.get("code_verifier", "")):
            return _json({"error": "invalid_grant"}, 400)
        made = self.id_claims(began.get("nonce"))
        if "max_age" in began:  # then it has to say when (Core 1.0, section 3.1.2.1)
            made["auth_time"] = made["iat"]
        claims = self.bent.id_token(made)
        sign = self.bent.sign or (lambda made: signed(made, self.key))
        access = secrets.token_urlsafe(16)
        self._access[access] = dict(self.claims)
        return _json(
            self.bent.tokens(
                {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": sign(claims)}
            )
        )

    def _userinfo(self, seen: Seen) -> tuple[int, str, bytes]:
        known = self._access.get(seen.headers.get("authorization", "").removeprefix("Bearer "))
        if known is None:
            return _json({"error": "invalid_token"}, 401)
        return _json(self.bent.userinfo(dict(known)))


def _knows_client(seen: Seen) -> bool:
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    posted = (seen.form.get("client_id"), seen.form.get("client_secret"))
    return posted == (CLIENT_ID, CLIENT_SECRET) or seen.headers.get("authorization") == f"Basic {basic}"


def _proves(began: Mapping[str, str], verifier: str) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return began.get("code_challenge_method") == "S256" and began.get("code_challenge") == digest


def _json(document: object, status: int = 200) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(document).encode()


def _handler(provider: HostileProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *args: object) -> None:
            """Keep the output of the tests clean."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(
                self.command, parts.path, dict(parse_qsl(parts.query)), dict(parse_qsl(body)), headers
            )
            provider.seen.append(seen)
            self.close_connection = True
            try:
                if provider.hold(seen.path, self._send_now):
                    return
                status, kind, content, *more = provider.answer(seen)
                self.send_response(status)
                for name, value in {"Content-Type": kind, **(more[0] if more else {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                return  # the caller gave up, as it should

        def _send_now(self, data: bytes) -> None:
            self.wfile.write(data)
            self.wfile.flush()

    return Handler


@contextmanager
def provider(**options: Any) -> Iterator[HostileProvider]:
    """Run a provider for the length of a block."""
    with HostileProvider(**options) as running:
        yield running


def write_certificate(path: Path, *, valid_for: str = "127.0.0.1") -> Path:
    """Write a self-signed certificate with its key; the same file serves as authority."""
    key = rsa_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test provider")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(valid_for))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def query_of(location: str) -> dict[str, str]:
    """Return the parameters of an address, each of which must appear once."""
    found = parse_qs(urlsplit(location).query, keep_blank_values=True)
    doubled = [name for name, values in found.items() if len(values) != 1]
    assert not doubled, f"given more than once: {doubled}"
    return {name: values[0] for name, values in found.items()}
