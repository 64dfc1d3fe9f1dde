"""What only a socket can send, to the real web server: hosts, methods, paths, headers and framing."""

from __future__ import annotations

import os
import re
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker, Settings

from accounts.models import Session, User
from localcluster.processes import LOOPBACK, Child, free_ports, wait_until
from tests.accounts.views.test_login import IDENTITY_HEADERS
from tests.conftest import Cast
from tests.database import ENVIRONMENT

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-key-of-the-tests-that-guards-nothing-and-is-long-enough"


@dataclass(frozen=True)
class Server:
    """A web server on this machine. It takes bytes, and gives back what it answered before it hung up."""

    url: str
    port: int

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def send(self, *parts: bytes, seconds: float = 20) -> bytes:
        """Send these bytes on one connection, and return the answer."""
        with socket.create_connection((LOOPBACK, self.port), timeout=seconds) as link:
            try:
                for part in parts:
                    link.sendall(part)
                link.shutdown(socket.SHUT_WR)
            except OSError:  # it has hung up already
                pass
            answer = b""
            try:
                while data := link.recv(65536):
                    answer += data
            except ConnectionResetError:  # with what we sent still unread
                pass
            return answer

    def request(self, line: str, *headers: str, host: str | None = None, body: str = "") -> bytes:
        lines = [line, f"Host: {self.host if host is None else host}", "Connection: close", *headers]
        if body:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        return self.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1"))


def status(answer: bytes) -> int:
    """Return the status of an answer; 0 of none."""
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(found[1]) if found else 0


def answers(answer: bytes) -> int:
    """Return how many answers there are: to a request that was smuggled in there is one more."""
    return len(re.findall(rb"HTTP/1\.1 \d{3} ", answer))


@pytest.fixture(scope="module")
def environment(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """That of a web process on the database of the tests; nobody else is there: no broker, no worker."""
    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
    database = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return (
        {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
        | ENVIRONMENT
        | {
            "DATABASE_URL": database,
            "BERTH_DATA_DIR": str(tmp_path_factory.mktemp("web")),
            "BERTH_SECRET_KEY": SECRET,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PYTHONPATH": str(ROOT),
        }
    )


def serving(environment: dict[str, str], **more: str) -> Iterator[Server]:
    """Run a web server."""
    (port,) = free_ports(1)
    url = more.get("BERTH_BASE_URL") or f"http://localhost:{port}"
    directory = Path(environment["BERTH_DATA_DIR"])
    settings = environment | {"BERTH_BASE_URL": url, "BERTH_BIND": f"{LOOPBACK}:{port}"} | more

    def alive() -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/livez", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    command = [sys.executable, "-m", "gunicorn", "portal.wsgi"]
    child = Child("web", command, directory / f"web-{port}.log", env=settings)
    try:
        wait_until(alive, children=[child], seconds=60, what="the web server")
        yield Server(url, port)
    finally:
        child.stop()


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[Server]:
    """As in the demonstration."""
    yield from serving(environment)


@pytest.fixture
def cookie(settings: Settings) -> Callable[[User], str]:
    """Return a function that logs somebody in and gives their cookie."""
    settings.SECRET_KEY = SECRET  # what is logged in here is logged in there

    def log_in(person: User) -> str:
        client = Client()
        client.force_login(person)
        return f"Cookie: sessionid={client.cookies['sessionid'].value}"

    return log_in


class TestHost:
    """A-23."""

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "localhost.evil.example",
            "evil.example:80",
            "localhost@evil.example",
            "a b",
            "",
            "[::1",
            "*",
        ],
    )
    def test_other_host_is_refused(self, server: Server, host: str) -> None:
        answer = server.request("GET / HTTP/1.1", host=host)
        assert status(answer) == 400
        assert b"<h1" not in answer or b"evil" not in answer

    @pytest.mark.parametrize("second", ["evil.example", "localhost"])
    def test_two_hosts_are_refused(self, server: Server, second: str) -> None:
        assert status(server.request("GET / HTTP/1.1", f"Host: {second}")) == 400

    def test_absolute_form_names_no_other_host(self, server: Server) -> None:
        answer = server.request("GET http://evil.example/manage/ HTTP/1.1", "X-Forwarded-Host: evil.example")
        assert status(answer) in (302, 400)
        assert b"evil.example" not in answer.partition(b"\r\n\r\n")[0].replace(b"%2F%2Fevil.example", b"")

    @pytest.mark.parametrize(
        "header", ["X-Forwarded-Host: evil.example", "Forwarded: host=evil.example", "X-Host: evil.example"]
    )
    def test_forwarded_host_is_no_host(self, server: Server, header: str) -> None:
        answer = server.request("GET /manage/ HTTP/1.1", header)
        assert status(answer) == 302
        assert b"Location: /accounts/login/?next=%2Fmanage%2F\r\n" in answer
        assert b"evil" not in answer

    def test_nothing_says_under_which_path_we_are(self, server: Server) -> None:
        answer = server.request("GET /manage/ HTTP/1.1", "Script-Name: /evil", "X-Script-Name: /evil")
        assert b"evil" not in answer


class TestIdentity:
    """A-24."""

    @pytest.mark.parametrize("header", IDENTITY_HEADERS)
    def test_header_is_nobody(self, server: Server, cast: Cast, header: str) -> None:
        for value in (str(cast.olga.pk), cast.olga.email, cast.olga.identities.get().subject):
            answer = server.request("GET /profile/ HTTP/1.1", f"{header}: {value}")
            assert status(answer) == 302
            assert b"Location: /accounts/login/" in answer

    def test_session_is_somebody(self, server: Server, cast: Cast, cookie: Callable[[User], str]) -> None:
        answer = server.request("GET /profile/ HTTP/1.1", cookie(cast.olga))
        assert status(answer) == 200
        assert b"Olga Reyes" in answer

    def test_header_raises_nobody(self, server: Server, cast: Cast, cookie: Callable[[User], str]) -> None:
        mine = cookie(cast.otto)
        for header in IDENTITY_HEADERS:
            answer = server.request("GET /users/ HTTP/1.1", mine, f"{header}: {cast.olga.email}")
            assert status(answer) == 404


class TestMethod:
    """A-25."""

    @pytest.mark.parametrize(
        "method", ["TRACE", "OPTIONS", "PUT", "DELETE", "PATCH", "CONNECT", "PROPFIND", "get"]
    )
    def test_is_refused(self, server: Server, cast: Cast, cookie: Callable[[User], str], method: str) -> None:
        answer = server.request(f"{method} /profile/ HTTP/1.1", cookie(cast.olga), "X-Secret: do-not-echo")
        assert status(answer) in (400, 403, 405)  # 403: it carries no token of a form
        assert b"do-not-echo" not in answer

    @pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
    def test_override_makes_no_other_method(
        self, server: Server, cast: Cast, cookie: Callable[[User], str], header: str
    ) -> None:
        mine = cookie(cast.olga)
        before = Session.objects.count()
        answer = server.request("GET /profile/sessions/end/?_method=POST HTTP/1.1", mine, f"{header}: POST")
        assert status(answer) == 405
        assert Session.objects.count() == before


class TestPath:
    """One canonical address per thing."""

    @pytest.mark.parametrize(
        "path",
        [
            "//users/", "/./users/", "/x/../users/", "/users/%00", "/users/%2e%2e/", "/USERS/", "/users;a/", "/users/.",
            "/%75sers/%2f", "/accounts/../users/", "\\users\\", "/static/../portal/settings.py",
            "/static/%2e%2e/portal/settings.py", "/static/..%2f..%2fetc/passwd", "/static/%00",
        ],
    )  # fmt: skip
    def test_trick_reaches_the_same_check_or_nothing(
        self, server: Server, cast: Cast, cookie: Callable[[User], str], path: str
    ) -> None:
        answer = server.request(f"GET {path} HTTP/1.1", cookie(cast.otto))
        assert status(answer) in (400, 404)
        assert b"SECRET_KEY" not in answer
        assert b"Olga Reyes" not in answer


class TestHeaders:
    """A-21: a sibling domain can set cookies, but not those with the prefix, which browsers keep to this host."""

    def test_cookies_of_an_installation_have_the_prefix_and_no_domain(
        self, environment: dict[str, str]
    ) -> None:
        more = {
            "BERTH_BASE_URL": "https://berth.example.org",
            "BERTH_SECOND_FACTOR": "operators",
            "BERTH_ALLOWED_HOSTS": "berth.example.org",
            "BERTH_TRUSTED_PROXIES": "1",
            "BERTH_BROKER_URL": "redis://:word@127.0.0.1:1/0",
            "BERTH_PROCESS": "worker",  # the checks of a web process want more than the tests have
        }
        for installed in serving(environment, **more):
            answer = installed.request(
                "GET /accounts/login/ HTTP/1.1", "X-Forwarded-Proto: https", host="berth.example.org"
            )
            assert status(answer) == 200, answer
            cookies = re.findall(rb"Set-Cookie: (.*)\r\n", answer)
            assert cookies
            for found in cookies:
                assert found.startswith(b"__Host-")
                parts = {part.strip().lower() for part in found.split(b";")[1:]}
                assert {b"secure", b"httponly", b"path=/", b"samesite=lax"} <= parts
                assert not any(part.startswith(b"domain") for part in parts)
            assert b"Strict-Transport-Security: max-age=31536000" in answer

    def test_cookie_without_the_prefix_is_none(
        self, server: Server, cast: Cast, cookie: Callable[[User], str]
    ) -> None:
        mine = cookie(cast.olga)
        for name in ("__Host-sessionid", "Sessionid", "session_id"):
            forged = mine.replace("sessionid", name)
            assert status(server.request("GET /profile/ HTTP/1.1", forged)) == 302

    @pytest.mark.parametrize("value", ["a\x00b", "a\nb", "a\rb"])
    def test_characters_that_end_a_header_are_refused(self, server: Server, value: str) -> None:
        assert status(server.request("GET / HTTP/1.1", f"X-Odd: {value}")) == 400

    @pytest.mark.parametrize("headers", [["X-Big: " + "x" * (1 << 20)], ["X-Many: x"] * 100_000])
    def test_too_much_of_them_is_refused(self, server: Server, headers: list[str]) -> None:
        answer = server.request("GET / HTTP/1.1", *headers)
        assert status(answer) in (0, 400, 431)  # 0: it hung up before we had read
        assert status(server.request("GET / HTTP/1.1")) == 200


class TestFraming:
    """A-26: one request is one request, however its length is written."""

    SMUGGLED = b"GET /smuggled/ HTTP/1.1\r\nHost: localhost\r\n\r\n"

    @pytest.mark.parametrize(
        "headers",
        [
            "Content-Length: {n}\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: {n}",
            "Content-Length: 0\r\nContent-Length: {n}",
            "Content-Length: {n}, 0",
            "Content-Length: +{n}",
            "Content-Length: -1",
            "Content-Length: 0x{n}",
            "Content-Length : {n}",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding:\x0bchunked",
            "Transfer_Encoding: chunked\r\nContent-Length: 0x1",
        ],
    )
    def test_length_that_can_be_read_in_two_ways_is_refused(self, server: Server, headers: str) -> None:
        head = headers.format(n=len(self.SMUGGLED) + 5)
        answer = server.send(
            f"POST /theme/ HTTP/1.1\r\nHost: {server.host}\r\n{head}\r\n\r\n".encode("latin-1"),
            b"0\r\n\r\n" + self.SMUGGLED,
        )
        assert status(answer) in (400, 501)
        assert answers(answer) == 1

    @pytest.mark.parametrize(
        "line", ["GET /", "GET / HTTP/1.1 x", "GET / HTTP/9.9", "GET\t/ HTTP/1.1", "\x16\x03\x01"]
    )
    def test_line_that_is_none_is_refused(self, server: Server, line: str) -> None:
        assert status(server.request(line)) in (400, 505)

    def test_body_that_never_comes_ends_with_the_connection(self, server: Server) -> None:
        answer = server.send(
            f"POST /theme/ HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 1000\r\n\r\n".encode()
        )
        assert status(answer) in (0, 400, 403)
        assert status(server.request("GET / HTTP/1.1")) == 200

    def test_big_body_is_refused_and_changes_nothing(self, server: Server, cast: Cast) -> None:
        answer = server.request("POST /theme/ HTTP/1.1", body="theme=dark&next=" + "x" * (1 << 21))
        assert status(answer) in (0, 403, 413)
        assert status(server.request("GET / HTTP/1.1")) == 200
