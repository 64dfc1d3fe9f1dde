"""Asking for a level in the page, and deciding it there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from accounts.models import Level, User
from namespaces.actions import requests as actions
from namespaces.models import Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db
ADDRESS = "/requests/promotion/"
REASON = "I am a student of Prof. Pang and run his models."
FOR_ADMIN = {
    "level": "admin",
    "institution": "UC Merced",
    "purpose": "Two namespaces for my group of twelve people.",
    "reason": REASON,
}


@pytest.fixture
def anas(cast: Cast) -> Request:
    """The request of Ana, who is a guest."""
    return factories.PromotionFactory.create(person=cast.ana, reason=REASON)


@pytest.fixture
def ottos(cast: Cast) -> Request:
    """The request of Otto, who is a user."""
    return factories.PromotionFactory.create(person=cast.otto, reason=REASON)


def path(request: Request, act: str = "") -> str:
    return f"/requests/{request.pk}/{act}"


def level_of(person: User) -> str:
    return User.objects.get(pk=person.pk).level


class TestAsk:
    def test_guest_is_offered_it_where_the_way_in_is_told(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        for address in ("/", "/profile/", "/requests/", "/manage/"):
            page = browse(cast.ana).get(address).content.decode()
            assert f'<a href="{ADDRESS}">Ask to become a user</a>' in page, address

    def test_user_is_offered_level_admin_and_nobody_above_is_offered_anything(
        self, browse: Browse, cast: Cast
    ) -> None:
        for address in ("/", "/profile/", "/requests/", "/manage/"):
            assert (
                f'<a href="{ADDRESS}">Ask for level admin</a>'
                in browse(cast.otto).get(address).content.decode()
            )
            assert ADDRESS not in browse(cast.paula).get(address).content.decode()

    def test_guest_asks_with_a_reason_and_is_led_to_the_request(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.ana)
        page = client.get(ADDRESS).content.decode()
        assert "vouches for you" in page
        assert 'name="purpose"' not in page
        answer = client.post(ADDRESS, {"level": "user", "reason": REASON}, follow=True)
        made = Request.objects.get()
        assert (made.person, made.level, made.reason) == (cast.ana, "user", REASON)
        assert answer.redirect_chain == [(path(made), 302)]
        page = answer.content.decode()
        assert "It lies with the people of level admin and the operators." in " ".join(page.split())
        assert path(made, "withdraw/") in page

    def test_user_asks_for_level_admin_with_institution_and_purpose(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.otto)
        assert 'value="UC Santa Cruz"' in client.get(ADDRESS).content.decode()
        answer = client.post(ADDRESS, FOR_ADMIN, follow=True)
        made = Request.objects.get()
        assert (made.level, made.institution, made.purpose) == (
            "admin", "UC Merced", FOR_ADMIN["purpose"],
        )  # fmt: skip
        page = answer.content.decode()
        assert "It lies with the operators." in page
        assert FOR_ADMIN["purpose"] in page

    @pytest.mark.parametrize(
        "wrong",
        [
            {"reason": ""}, {"reason": "x" * 19}, {"reason": "x" * 2001}, {"institution": " "},
            {"purpose": "Courses."}, {"institution": "x" * 201}, {"purpose": "x" * 2001}, {"level": "operator"},
        ],
    )  # fmt: skip
    def test_what_is_not_well_formed_comes_back_with_what_was_typed(
        self, browse: Browse, cast: Cast, wrong: dict[str, str]
    ) -> None:
        answer = browse(cast.otto).post(ADDRESS, FOR_ADMIN | wrong)
        assert answer.status_code == 400
        (name,) = wrong
        page = answer.content.decode()
        assert f'href="#id_{name}"' in page
        assert ("UC Merced" in page) is (name != "institution")
        assert not Request.objects.exists()

    @pytest.mark.parametrize(
        ("who", "level", "words"),
        [
            ("ana", "admin", "One level after the other"),
            ("otto", "user", "You have this level already: you are user."),
            ("paula", "admin", "You have this level already: you are admin."),
        ],
    )
    def test_level_that_is_not_the_next_is_refused(
        self, browse: Browse, cast: Cast, who: str, level: str, words: str
    ) -> None:
        answer = browse(getattr(cast, who)).post(ADDRESS, {**FOR_ADMIN, "level": level, "is_superuser": "1"})
        assert answer.status_code == 409
        assert words in answer.content.decode()
        assert not Request.objects.exists()

    def test_who_has_asked_is_led_to_the_request(self, browse: Browse, cast: Cast, anas: Request) -> None:
        client = browse(cast.ana)
        assert client.get(ADDRESS).headers["Location"] == path(anas)
        assert client.post(ADDRESS, {"level": "user", "reason": REASON}).status_code == 409

    def test_who_was_denied_lately_reads_when_to_ask_again(
        self, browse: Browse, cast: Cast, anas: Request
    ) -> None:
        actions.deny(request=anas, note="Whose student are you?", by=cast.paula)
        client = browse(cast.ana)
        page = client.get(ADDRESS).content.decode()
        assert "You can ask again after" in page
        assert 'name="reason"' not in page
        assert client.post(ADDRESS, {"level": "user", "reason": REASON}).status_code == 429
        page = client.get(path(anas)).content.decode()
        assert "Whose student are you?" in page
        assert "You can ask again after" in page
        Request.objects.update(decided_at=Now() - timedelta(days=7))
        assert "Ask again" in client.get(path(anas)).content.decode()
        assert 'name="reason"' in client.get(ADDRESS).content.decode()

    def test_nobody_asks_above_the_highest_level(self, browse: Browse, cast: Cast) -> None:
        page = browse(cast.paula).get(ADDRESS).content.decode()
        assert "There is no higher level" in page
        assert 'name="reason"' not in page


class TestOne:
    @pytest.mark.parametrize(
        ("who", "status"), [("ana", 200), ("paula", 200), ("olga", 200), ("nils", 404), ("otto", 404)]
    )
    def test_guests_request_is_for_its_parties(
        self, browse: Browse, cast: Cast, fire: Namespace, anas: Request, who: str, status: int
    ) -> None:
        client = browse(getattr(cast, who))
        assert client.get(path(anas)).status_code == status
        assert client.get(path(anas), headers={"HX-Request": "true"}).status_code == (
            286 if status == 200 else 404
        )

    @pytest.mark.parametrize(("who", "status"), [("otto", 200), ("olga", 200), ("paula", 404), ("ana", 404)])
    def test_users_request_is_for_operators(
        self, browse: Browse, cast: Cast, ottos: Request, who: str, status: int
    ) -> None:
        assert browse(getattr(cast, who)).get(path(ottos)).status_code == status

    def test_who_decides_sees_who_asks_and_what_changes(
        self, browse: Browse, cast: Cast, fire: Namespace, hidden: Namespace, anas: Request
    ) -> None:
        secret = factories.NamespaceFactory.create(cluster=fire.cluster, visibility="members")
        for place in (fire, secret):
            factories.MembershipFactory.create(namespace=place, person=cast.ana)
        page = browse(cast.paula).get(path(anas)).content.decode()
        for words in (
            "Ana Kim asks for the level user",
            "University of Oklahoma",
            cast.ana.identities.get().subject,
            REASON,
            "Ana Kim is a guest and becomes a user: you vouch for them.",
            "As editor in avis-fire they get access in Nautilus",
        ):
            assert words in page
        assert secret.name not in page

    def test_operator_reads_what_level_admin_gives(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        page = " ".join(browse(cast.olga).get(path(ottos)).content.decode().split())
        assert "Otto Brandt will be able to create up to 5 namespaces." in page
        assert "Nothing changes in any cluster now." in page
        assert "UC Merced" in page

    @pytest.mark.parametrize("same", ["name", "email"])
    def test_account_that_looks_like_ones_own_is_told(
        self, browse: Browse, cast: Cast, anas: Request, same: str
    ) -> None:
        words = "This account has the same name or address as yours."
        assert words not in browse(cast.paula).get(path(anas)).content.decode()
        User.objects.filter(pk=cast.ana.pk).update(**{same: getattr(cast.paula, same).upper()})
        assert words in browse(cast.paula).get(path(anas)).content.decode()

    def test_asker_sees_since_when_and_until_when(self, browse: Browse, cast: Cast, anas: Request) -> None:
        page = browse(cast.ana).get(path(anas)).content.decode()
        assert "You asked for the level user" in page
        assert "If nobody decides, it expires on" in page
        assert path(anas, "approve/") not in page


class TestHub:
    def test_both_sides_see_it_at_home_and_in_the_hub(
        self, browse: Browse, cast: Cast, anas: Request, ottos: Request
    ) -> None:
        for address in ("/", "/requests/"):
            page = browse(cast.ana).get(address).content.decode()
            assert "Level user" in page
            assert "It lies with the people of level admin and the operators." in " ".join(page.split())
            page = browse(cast.paula).get(address).content.decode()
            assert path(anas) in page
            assert path(ottos) not in page
            assert "Requests (1)" in page
            page = browse(cast.olga).get(address).content.decode()
            assert path(anas) in page
            assert path(ottos) in page
            assert "the request of Otto Brandt for the level admin" in page

    def test_number_of_queries_does_not_grow(self, browse: Browse, cast: Cast, anas: Request) -> None:
        client = browse(cast.olga)
        client.get("/requests/")
        counts = []
        for _again in range(2):
            with CaptureQueriesContext(connection) as queries:
                client.get("/requests/")
            counts.append(len(queries))
            for person in factories.PersonFactory.create_batch(5, level=Level.GUEST):
                factories.PromotionFactory.create(person=person)
        assert counts[0] == counts[1]


class TestDecide:
    def test_approval_makes_a_user_and_is_told(self, browse: Browse, cast: Cast, anas: Request) -> None:
        answer = browse(cast.paula).post(path(anas, "approve/"), {"approve-note": "Welcome"}, follow=True)
        assert level_of(cast.ana) == Level.USER
        page = answer.content.decode()
        assert "You approved: the level of Ana Kim is user now." in page
        page = browse(cast.ana).get(path(anas)).content.decode()
        assert "Approved" in page
        assert "Welcome" in page

    def test_operator_makes_an_admin(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        browse(cast.olga).post(path(ottos, "approve/"))
        assert level_of(cast.otto) == Level.ADMIN
        assert "Manage your namespaces" in browse(cast.otto).get(path(ottos)).content.decode()

    def test_nobody_decides_their_own(self, browse: Browse, cast: Cast, anas: Request) -> None:
        for act in ("approve/", "deny/"):
            assert browse(cast.ana).post(path(anas, act), {"deny-note": "x"}).status_code == 403
        assert level_of(cast.ana) == Level.GUEST

    @pytest.mark.parametrize("act", ["approve/", "deny/", "withdraw/"])
    def test_for_others_it_does_not_exist(
        self, browse: Browse, cast: Cast, fire: Namespace, anas: Request, act: str
    ) -> None:
        assert browse(cast.nils).post(path(anas, act), {"deny-note": "x"}).status_code == 404

    def test_denial_needs_a_note(self, browse: Browse, cast: Cast, anas: Request) -> None:
        answer = browse(cast.paula).post(path(anas, "deny/"), {"deny-note": " "})
        assert answer.status_code == 400
        assert 'href="#id_deny-note"' in answer.content.decode()
        anas.refresh_from_db()
        assert anas.is_pending

    @pytest.mark.parametrize("act", ["approve/", "deny/"])
    def test_second_to_decide_is_told_what_the_first_did(
        self, browse: Browse, cast: Cast, anas: Request, act: str
    ) -> None:
        actions.approve(request=anas, by=cast.paula)
        answer = browse(cast.olga).post(path(anas, act), {"deny-note": "Mine"})
        assert answer.status_code == 409
        page = answer.content.decode()
        assert re.search(r"decided already: approved by Paula Ilić", page)
        assert path(anas, "approve/") not in page

    def test_expired_one_cannot_be_approved(self, browse: Browse, cast: Cast, anas: Request) -> None:
        Request.objects.update(created_at=Now() - timedelta(days=30))
        answer = browse(cast.paula).post(path(anas, "approve/"))
        assert answer.status_code == 409
        page = answer.content.decode()
        assert "This request expired on" in page
        assert "Nobody decided it within 30 days." in page
        assert level_of(cast.ana) == Level.GUEST

    def test_asker_withdraws_and_may_ask_again(self, browse: Browse, cast: Cast, anas: Request) -> None:
        page = browse(cast.ana).post(path(anas, "withdraw/"), follow=True).content.decode()
        assert "You withdrew your request." in page
        assert f'href="{ADDRESS}"' in page
