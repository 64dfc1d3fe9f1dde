"""F-30: nobody knows whether a COMMIT was done. A real web server, a real PostgreSQL, a browser that sends again."""

from __future__ import annotations

import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker, Settings

from accounts.models import Submission, User
from audit.models import Event
from localcluster.processes import LOOPBACK, Child, free_ports, wait_until
from namespaces.access import Role
from namespaces.models import Membership, Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.database import ENVIRONMENT
from tests.faults.frail_database import Cut, FrailDatabase

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-key-of-the-tests-that-guards-nothing-and-is-long-enough"
AGAIN = "You had sent this form already. It was done once, at "
FIRE = "/namespaces/nautilus/avis-fire/"


@pytest.fixture(scope="module")
def frail(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[FrailDatabase]:
    """The way to the database of the tests."""
    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
    with FrailDatabase(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()) as opened:
        yield opened


@pytest.fixture(scope="module")
def web(frail: FrailDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web server that goes that way; its address. Nobody else is there: no broker, no worker."""
    directory = tmp_path_factory.mktemp("web")
    web_port, redis_port = free_ports(2)
    url = f"http://localhost:{web_port}"
    environment = (
        {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
        | ENVIRONMENT
        | {
            "DATABASE_URL": frail.url,
            "BERTH_BASE_URL": url,
            "BERTH_BIND": f"{LOOPBACK}:{web_port}",
            "BERTH_BROKER_URL": f"redis://{LOOPBACK}:{redis_port}/0",
            "BERTH_DATA_DIR": str(directory),
            "BERTH_SECRET_KEY": SECRET,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PYTHONPATH": str(ROOT),
        }
    )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/livez", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    child = Child(
        "web", [sys.executable, "-m", "gunicorn", "portal.wsgi"], directory / "web.log", env=environment
    )
    try:
        wait_until(answers, children=[child], seconds=60, what="the web server")
        yield url
    finally:
        child.stop()


class Browser:
    """The browser of somebody who is logged in."""

    def __init__(self, url: str, person: User) -> None:
        inside = Client()
        inside.force_login(person)
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.cookies.set("sessionid", inside.cookies["sessionid"].value)

    def fill_in(self, page: str, path: str, **fields: str) -> Callable[[], requests.Response]:
        """Load a page and fill in a form of it; return a function that sends it, each time the same."""
        shown = self.http.get(f"{self.url}{page}")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', shown.text)
        assert token, shown.text
        form = {"csrfmiddlewaretoken": token[1], **fields}
        return lambda: self.http.post(f"{self.url}{path}", data=form)


@pytest.fixture
def browser(web: str, settings: Settings) -> Callable[[User], Browser]:
    settings.SECRET_KEY = SECRET  # what is logged in here is logged in there
    return lambda person: Browser(web, person)


def is_told_that_nobody_knows(answer: requests.Response) -> bool:
    """Whether it is our page that says so, and what to do."""
    return (
        answer.status_code == 503 and answer.headers["Retry-After"] == "30" and "send it again" in answer.text
    )


@pytest.mark.parametrize("how", [Cut.ANSWER_LOST, Cut.NEVER_ARRIVES])
class TestSentAgain:
    """Whatever became of the COMMIT, the world has it once, and the person is told what is true."""

    def test_member_is_added_once(
        self, frail: FrailDatabase, browser: Callable[[User], Browser], cast: Cast, fire: Namespace, how: Cut
    ) -> None:
        path = f"{FIRE}members/add/"
        send = browser(cast.nils).fill_in(f"{path}?q=otto", path, person=str(cast.otto.pk), role="viewer")
        with frail.cutting(how):
            assert is_told_that_nobody_knows(send())
        members = Membership.objects.filter(namespace=fire, person=cast.otto)
        assert members.count() == Event.objects.count() == Submission.objects.count()
        assert members.count() == (1 if how is Cut.ANSWER_LOST else 0)
        page = send()
        assert page.status_code == 200
        assert page.url.endswith(f"{FIRE}members/")
        assert (AGAIN in page.text) == (how is Cut.ANSWER_LOST)
        assert ("Otto Brandt is viewer now." in page.text) == (how is Cut.NEVER_ARRIVES)
        assert [member.role for member in members] == [Role.VIEWER]
        assert [event.act for event in Event.objects.all()] == ["member.added"]
        assert Namespace.objects.get(pk=fire.pk).generation == fire.generation + 1
        assert AGAIN in send().text
        assert members.count() == Event.objects.count() == 1

    def test_person_asks_once(
        self, frail: FrailDatabase, browser: Callable[[User], Browser], cast: Cast, fire: Namespace, how: Cut
    ) -> None:
        """Without the key, the second of them would be refused with "you have asked already"."""
        path = f"{FIRE}join/"
        send = browser(cast.ana).fill_in(path, path, role="viewer", reason="I work there with Nils on fires.")
        with frail.cutting(how):
            assert is_told_that_nobody_knows(send())
        page = send()
        wish = Request.objects.get()
        assert (page.status_code, page.url.endswith(wish.get_absolute_url())) == (200, True)
        assert (AGAIN in page.text) == (how is Cut.ANSWER_LOST)
        assert [event.act for event in Event.objects.all()] == ["request.made"]

    def test_request_is_approved_once(
        self, frail: FrailDatabase, browser: Callable[[User], Browser], cast: Cast, fire: Namespace, how: Cut
    ) -> None:
        wish = factories.RequestFactory.create(namespace=fire, person=cast.otto)
        page = wish.get_absolute_url()
        send = browser(cast.nils).fill_in(page, f"{page}approve/", **{"approve-note": ""})
        with frail.cutting(how):
            assert is_told_that_nobody_knows(send())
        answer = send()
        assert (answer.status_code, AGAIN in answer.text) == (200, how is Cut.ANSWER_LOST)
        assert Membership.objects.filter(namespace=fire, person=cast.otto).count() == 1
        acts = sorted(event.act for event in Event.objects.all())
        assert acts == ["member.added", "request.approved"]

    def test_who_leaves_left_once(
        self, frail: FrailDatabase, browser: Callable[[User], Browser], cast: Cast, fire: Namespace, how: Cut
    ) -> None:
        """Without the key, the second of them would be refused: who has left may not leave."""
        send = browser(cast.eda).fill_in(f"{FIRE}leave/", f"{FIRE}leave/")
        with frail.cutting(how):
            assert is_told_that_nobody_knows(send())
        answer = send()
        assert (answer.status_code, AGAIN in answer.text) == (200, how is Cut.ANSWER_LOST)
        assert Membership.objects.get(namespace=fire, person=cast.eda).ended_at is not None
        assert [event.act for event in Event.objects.all()] == ["member.left"]


def test_while_nobody_can_know_it_is_not_done_a_second_time(
    frail: FrailDatabase, browser: Callable[[User], Browser], cast: Cast, fire: Namespace
) -> None:
    """The database waits for a portal that is gone, and holds what it had begun."""
    path = f"{FIRE}members/add/"
    send = browser(cast.nils).fill_in(f"{path}?q=otto", path, person=str(cast.otto.pk), role="viewer")
    with frail.cutting(Cut.UNNOTICED):
        assert is_told_that_nobody_knows(send())
    assert is_told_that_nobody_knows(send())
    assert not Event.objects.exists()
    frail.notice()
    page = send()
    assert (page.status_code, "Otto Brandt is viewer now." in page.text) == (200, True)
    assert [event.act for event in Event.objects.all()] == ["member.added"]
