"""The same form twice: done once, and the reader is told; what only looks the same is done again."""

from __future__ import annotations

import itertools
import random
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.guards import KnownRequest
from accounts.models import Submission, User
from audit.models import Event
from namespaces import search
from namespaces.access import Role
from namespaces.actions import members as actions
from namespaces.models import Membership, Namespace, Request
from namespaces.views import members
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import acts
from tests.namespaces.views.conftest import show
from tests.racing import race, rounds

pytestmark = pytest.mark.django_db

FIRE = "/namespaces/nautilus/avis-fire/"
AGAIN = "You had sent this form already. It was done once, at "
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Browser:
    """Somebody's browser, which sends the token of the page that it has loaded, as the form on it does."""

    def __init__(self, person: User) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.client.force_login(person)
        show(self.client, person)

    def token(self, path: str = "/profile/") -> str:
        """Load a page, and return the token of its forms."""
        found = TOKEN.search(self.client.get(path, follow=True).content.decode())
        assert found
        return found[1]

    def send(self, path: str, token: str, **fields: object) -> str:
        """Send a form, go where the answer leads, and return what is said there."""
        data = {"csrfmiddlewaretoken": token, **fields}
        return self.client.post(path, data, follow=True).content.decode()

    def status(self, path: str, token: str, **fields: object) -> int:
        return self.client.post(path, {"csrfmiddlewaretoken": token, **fields}).status_code


@pytest.fixture
def nils(cast: Cast, fire: Namespace) -> Browser:
    return Browser(cast.nils)


@pytest.fixture
def wish(cast: Cast, fire: Namespace) -> Request:
    return factories.RequestFactory.create(namespace=fire, person=cast.otto)


def of(fire: Namespace, person: User) -> Membership:
    return Membership.objects.get(namespace=fire, person=person)


# Who sends it, to where, what, and what is recorded of it.
Form = tuple[str, str, dict[str, object], str]


@pytest.fixture
def forms(cast: Cast, fire: Namespace, wish: Request) -> dict[str, Form]:
    eda, ana = of(fire, cast.eda), cast.ana
    of_new: dict[str, object] = {
        "cluster": "nautilus", "title": "", "name": "lab-of-two", "description": "What we do.", "pi_name": "Alex Pang",
        "institution": "UC Santa Cruz",
    }  # fmt: skip
    return {
        "add": (
            "nils",
            f"{FIRE}members/add/?q=ana",
            {"person": cast.otto.pk, "role": "viewer"},
            "member.added",
        ),
        "role": ("nils", f"{FIRE}members/{eda.pk}/role/", {"role": "viewer"}, "member.role"),
        "remove": ("nils", f"{FIRE}members/{eda.pk}/remove/", {}, "member.removed"),
        "leave": ("eda", f"{FIRE}leave/", {}, "member.left"),
        "join": (
            "ana",
            f"{FIRE}join/",
            {"role": "viewer", "reason": "I work there with Nils on fires."},
            "request.made",
        ),
        "approve": ("nils", f"/requests/{wish.pk}/approve/", {"approve-note": ""}, "request.approved"),
        "deny": ("nils", f"/requests/{wish.pk}/deny/", {"deny-note": "Ask Paula."}, "request.denied"),
        "withdraw": ("otto", f"/requests/{wish.pk}/withdraw/", {}, "request.withdrawn"),
        "promotion": (
            "ana",
            "/requests/promotion/",
            {"level": "user", "reason": "I work there with Nils on fires."},
            "request.made",
        ),
        "create": ("paula", "/manage/create/", of_new, "namespace.created"),
        "level": ("olga", f"/users/{ana.pk}/level/", {"level": "user"}, "person.level"),
        "vouch": ("paula", f"/users/{ana.pk}/vouch/", {}, "person.vouched"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "add",
        "role",
        "remove",
        "leave",
        "join",
        "approve",
        "deny",
        "withdraw",
        "create",
        "level",
        "vouch",
        "promotion",
    ],
)
def test_form_that_comes_twice_is_done_once(cast: Cast, forms: dict[str, Form], name: str) -> None:
    who, path, fields, act = forms[name]
    browser = Browser(getattr(cast, who))
    token = browser.token()
    first = browser.client.post(path, {"csrfmiddlewaretoken": token, **fields})
    assert first.status_code == 302
    browser.client.get(
        first.headers["Location"]
    )  # the page that says so is seen, or is not: it makes no difference
    recorded = acts()
    assert recorded.count(act) == 1
    again = browser.client.post(path, {"csrfmiddlewaretoken": token, **fields})
    assert (again.status_code, again.headers["Location"]) == (302, first.headers["Location"])
    assert AGAIN in browser.client.get(again.headers["Location"], follow=True).content.decode()
    assert acts() == recorded


def test_reader_is_told_when_it_was_done(nils: Browser, cast: Cast, fire: Namespace) -> None:
    path, token = f"{FIRE}members/{of(fire, cast.eda).pk}/remove/", nils.token()
    nils.send(path, token)
    Submission.objects.update(at="2026-11-27T14:03:10Z")
    assert f"{AGAIN}14:03 UTC on 27 Nov 2026." in nils.send(path, token)


class TestWhatOnlyLooksTheSame:
    def test_page_that_was_loaded_again_says_it_anew(
        self, nils: Browser, cast: Cast, fire: Namespace
    ) -> None:
        path = f"{FIRE}members/{of(fire, cast.eda).pk}/role/"
        for role in ("viewer", "editor", "viewer"):
            assert AGAIN not in nils.send(path, nils.token(f"{FIRE}members/"), role=role)
        assert acts() == ["member.role"] * 3

    def test_other_content_of_the_same_page_is_done(self, nils: Browser, cast: Cast, fire: Namespace) -> None:
        path, token = f"{FIRE}members/{of(fire, cast.eda).pk}/role/", nils.token()
        nils.send(path, token, role="viewer")
        nils.send(path, token, role="editor")
        assert of(fire, cast.eda).role == Role.EDITOR

    def test_other_row_of_the_same_page_is_done(self, nils: Browser, cast: Cast, fire: Namespace) -> None:
        token = nils.token(f"{FIRE}members/")
        for person in (cast.eda, cast.vera):
            nils.send(f"{FIRE}members/{of(fire, person).pk}/role/", token, role="admin")
        assert of(fire, cast.vera).role == Role.ADMIN

    def test_what_another_person_sent_is_no_repetition(
        self, nils: Browser, cast: Cast, fire: Namespace
    ) -> None:
        """Two people at one browser: the cookie of the token stays."""
        token = nils.token()
        path = f"{FIRE}members/{of(fire, cast.eda).pk}/role/"
        nils.send(path, token, role="viewer")
        paula = Browser(cast.paula)
        paula.client.cookies["csrftoken"] = nils.client.cookies["csrftoken"].value
        assert AGAIN not in paula.send(path, token, role="viewer")

    @pytest.mark.parametrize("in_header", [True, False], ids=["header", "body"])
    def test_script_with_the_token_of_the_cookie_does_it_again(
        self, nils: Browser, cast: Cast, fire: Namespace, in_header: bool
    ) -> None:
        nils.token()
        secret = nils.client.cookies["csrftoken"].value
        path = f"{FIRE}members/{of(fire, cast.eda).pk}/role/"
        for role in ("viewer", "editor", "viewer"):
            if in_header:
                headers = {"X-CSRFToken": secret}
                assert nils.client.post(path, {"role": role}, headers=headers).status_code == 302
            else:
                assert nils.status(path, secret, role=role) == 302
        assert acts() == ["member.role"] * 3
        assert not Submission.objects.exists()

    def test_form_that_decides_nothing_is_done_each_time(self, nils: Browser) -> None:
        token = nils.token()
        for _each in range(2):
            answer = nils.client.post("/theme/", {"csrfmiddlewaretoken": token, "theme": "dark"})
            assert answer.cookies["theme"].value == "dark"
        assert not Submission.objects.exists()

    def test_who_logs_out_is_out_and_leaves_no_note(self, nils: Browser) -> None:
        assert nils.status("/accounts/logout/", nils.token()) == 302
        assert nils.client.get("/profile/").status_code == 302
        assert not Submission.objects.exists()

    def test_form_of_somebody_who_is_not_logged_in_is_not_noted(self, fire: Namespace) -> None:
        client = Client(enforce_csrf_checks=True)
        page = client.get("/").content.decode()
        token = TOKEN.search(page)
        assert token
        form = {"csrfmiddlewaretoken": token[1]}
        assert "/accounts/login/" in client.post(f"{FIRE}leave/", form).headers["Location"]
        assert not Submission.objects.exists()


class TestNothingDone:
    def test_form_with_an_error_may_come_again(self, nils: Browser, cast: Cast, fire: Namespace) -> None:
        token = nils.token()
        path, fields = f"{FIRE}members/add/", {"person": cast.otto.pk, "role": "viewer"}
        cast.otto.is_active = False
        cast.otto.save(update_fields=["is_active"])
        assert nils.status(path, token, **fields) in (409, 400)
        cast.otto.is_active = True
        cast.otto.save(update_fields=["is_active"])
        assert nils.status(path, token, **fields) == 302
        assert of(fire, cast.otto).role == Role.VIEWER

    def test_refusal_may_come_again(self, nils: Browser, cast: Cast, fire: Namespace) -> None:
        token, path = nils.token(), f"{FIRE}leave/"
        paulas = Membership.objects.filter(namespace=fire, person=cast.paula)
        paulas.update(role=Role.VIEWER)
        assert nils.status(path, token) == 409  # the last admin
        paulas.update(role=Role.ADMIN)
        assert nils.status(path, token) == 302

    def test_look_before_saving_is_no_decision(self, cast: Cast, fire: Namespace) -> None:
        olga = Browser(cast.olga)
        token, path = olga.token(f"{FIRE}settings/limits/"), f"{FIRE}settings/limits/"
        fields = {"version": fire.limits_version}
        assert olga.status(path, token, **fields) == olga.status(path, token, **fields) == 200
        assert not Submission.objects.exists()

    @pytest.mark.parametrize("who", ["vera", "ana"])
    def test_what_nobody_may_do_leaves_nothing(self, cast: Cast, fire: Namespace, who: str) -> None:
        browser = Browser(getattr(cast, who))
        assert browser.status(f"{FIRE}members/add/", browser.token(), person=cast.otto.pk) == 403
        assert not Submission.objects.exists()

    def test_what_a_form_is_refused_for_is_no_matter_of_this(
        self, nils: Browser, cast: Cast, fire: Namespace
    ) -> None:
        """A stranger's token is refused before anything is noted, or told."""
        path, token = f"{FIRE}members/{of(fire, cast.eda).pk}/remove/", nils.token()
        nils.send(path, token)
        nils.client.cookies["csrftoken"] = "x" * 32
        assert nils.status(path, token) == 403


class TestFaults:
    """The whole is saved, or nothing."""

    @pytest.mark.parametrize("answers", [True, False], ids=["answer of 500", "exception"])
    def test_fault_takes_back_what_was_done_and_the_form_may_come_again(
        self,
        nils: Browser,
        cast: Cast,
        fire: Namespace,
        monkeypatch: pytest.MonkeyPatch,
        answers: bool,
    ) -> None:
        def fail(*_args: object) -> HttpResponse:
            if answers:
                return HttpResponse(status=500)
            raise OperationalError("the connection is lost")

        nils.client.raise_request_exception = False
        path, token = f"{FIRE}members/{of(fire, cast.eda).pk}/remove/", nils.token()
        with monkeypatch.context() as patch:
            patch.setattr(members, "_back", fail)
            assert nils.status(path, token) == (500 if answers else 503)
        assert of(fire, cast.eda).ended_at is None
        assert acts() == []
        assert not Submission.objects.exists()
        assert "Eda Kaya was removed." in nils.send(path, token)
        assert acts() == ["member.removed"]

    def test_what_a_page_that_says_no_has_written_stays(
        self, nils: Browser, cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(members, "_back", lambda *_args: HttpResponse(status=409))
        path = f"{FIRE}members/{of(fire, cast.eda).pk}/remove/"
        assert nils.status(path, nils.token()) == 409
        assert acts() == ["member.removed"]
        assert not Submission.objects.exists()

    def test_workers_are_called_once_and_after_the_commit(
        self,
        nils: Browser,
        cast: Cast,
        fire: Namespace,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Callable[..., object],
    ) -> None:
        knocks: list[object] = []
        monkeypatch.setattr("namespaces.tasks.knock", lambda ids, lane: knocks.append((ids, lane)))
        path, token = f"{FIRE}members/{of(fire, cast.eda).pk}/remove/", nils.token()
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            nils.send(path, token)
            nils.send(path, token)
            assert knocks == []
        assert knocks == [([fire.pk], "revocations")]


class TestNotes:
    def test_token_is_not_in_the_row(self, nils: Browser, cast: Cast, fire: Namespace) -> None:
        token = nils.token()
        nils.send(f"{FIRE}members/{of(fire, cast.eda).pk}/remove/", token)
        row = repr(Submission.objects.values().get())
        assert token not in row
        assert nils.client.cookies["csrftoken"].value not in row

    def test_those_older_than_a_day_go_with_the_next_one(
        self, nils: Browser, cast: Cast, fire: Namespace
    ) -> None:
        for person, hours in ((cast.nils, 25), (cast.nils, 23), (cast.paula, 25)):
            at = timezone.now() - timedelta(hours=hours)
            Submission.objects.create(key=uuid.uuid4().hex, person=person, at=at, location=f"{hours}")
        nils.send(f"{FIRE}members/{of(fire, cast.eda).pk}/remove/", nils.token())
        kept = Submission.objects.filter(person=cast.nils).values_list("location", flat=True)
        assert set(kept) == {"23", f"{FIRE}members/"}
        assert Submission.objects.filter(person=cast.paula).exists()

    def test_it_costs_three_queries_and_one_savepoint(
        self, nils: Browser, cast: Cast, fire: Namespace
    ) -> None:
        search.write(fire.pk)  # or the first of the two would write it
        nils.token()
        secret = nils.client.cookies["csrftoken"].value
        path = f"{FIRE}members/{of(fire, cast.eda).pk}/role/"
        with CaptureQueriesContext(connection) as without:
            nils.status(path, secret, role="viewer")
        token = nils.token()
        with CaptureQueriesContext(connection) as noted:
            nils.status(path, token, role="editor")
        added = len(noted) - len(without)
        assert added == 3 + 2, [query["sql"] for query in noted.captured_queries]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_old_notes_that_somebody_else_just_deletes_are_not_waited_for(cast: Cast, fire: Namespace) -> None:
    """Or two forms of one person could wait for each other."""
    nils, path = Browser(cast.nils), f"{FIRE}members/{of(fire, cast.eda).pk}/remove/"
    token = nils.token()
    at = timezone.now() - timedelta(days=2)
    old = Submission.objects.create(key=uuid.uuid4().hex, person=cast.nils, at=at)
    with transaction.atomic():
        Submission.objects.select_for_update().get(pk=old.pk)
        [finish] = race(random.Random(), lambda: nils.status(path, token))
    assert finish.value == 302
    assert Submission.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
class TestDoubleClick:
    """Nils removes somebody, and his browser sends the form by two connections at once."""

    def remove_twice(
        self, chance: random.Random, cast: Cast, fire: Namespace
    ) -> tuple[Membership, list[int], str]:
        """Return who is to go, the answers, and what he is told afterwards."""
        person = factories.PersonFactory.create()
        membership = actions.add(namespace=fire, person=person, role=Role.VIEWER, by=cast.nils)
        first, second = Browser(cast.nils), Browser(cast.nils)
        token = first.token()
        second.client.cookies["csrftoken"] = first.client.cookies["csrftoken"].value
        path = f"{FIRE}members/{membership.pk}/remove/"
        finishes = race(chance, lambda: first.status(path, token), lambda: second.status(path, token))
        said = "".join(each.client.get(f"{FIRE}members/").content.decode() for each in (first, second))
        return membership, sorted(int(str(finish.value)) for finish in finishes), said

    def test_of_two_at_once_one_is_done_and_the_other_told(self, cast: Cast, fire: Namespace) -> None:
        for chance in rounds(10):
            membership, answers, said = self.remove_twice(chance, cast, fire)
            assert answers == [302, 302]
            assert said.count(AGAIN) == 1
            assert Event.objects.filter(act="member.removed", object_id=str(membership.pk)).count() == 1

    def test_second_one_does_it_if_the_first_one_failed(
        self, cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go_back = members._back
        calls: Iterator[int] = itertools.count()

        def fail_each_other_time(request: KnownRequest, membership: Membership) -> HttpResponse:
            return HttpResponse(status=500) if next(calls) % 2 == 0 else go_back(request, membership)

        monkeypatch.setattr(members, "_back", fail_each_other_time)
        for chance in rounds(10):
            membership, answers, said = self.remove_twice(chance, cast, fire)
            assert answers == [302, 500]
            assert AGAIN not in said
            assert Event.objects.filter(act="member.removed", object_id=str(membership.pk)).count() == 1


def test_form_that_only_asked_who_one_is_can_be_sent_again(cast: Cast) -> None:
    """It was not done the first time: after the login it is, and nobody reads that it was done before."""
    olga = Browser(cast.olga)
    show(olga.client, cast.olga, minutes_ago=16)
    path, token = f"/users/{cast.eda.pk}/level/", olga.token()
    assert "Nothing was done yet." in olga.send(path, token, level="admin")
    show(olga.client, cast.olga)
    said = olga.send(path, token, level="admin")
    assert AGAIN not in said
    cast.eda.refresh_from_db()
    assert cast.eda.level == "admin"
