"""The requests pages: where they lie, what approval changes, deciding, withdrawing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Level, User
from namespaces.actions import absences
from namespaces.actions import requests as actions
from namespaces.models import Absence, Membership, Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db


@pytest.fixture
def anas(fire: Namespace, cast: Cast) -> Request:
    """The request of Ana, who is a guest."""
    return factories.RequestFactory.create(namespace=fire, person=cast.ana)


@pytest.fixture
def ottos(fire: Namespace, cast: Cast) -> Request:
    """The request of Otto, who is a user."""
    return factories.RequestFactory.create(namespace=fire, person=cast.otto)


def path(request: Request, act: str = "") -> str:
    return f"/requests/{request.pk}/{act}"


def is_member(request: Request) -> bool:
    found = Membership.objects.current().filter(namespace=request.namespace, person=request.person)
    return found.exists()


class TestHub:
    def test_shows_an_admin_what_to_decide_and_counts_it_in_the_menu(
        self, browse: Browse, cast: Cast, anas: Request, ottos: Request
    ) -> None:
        page = browse(cast.nils).get("/requests/").content.decode()
        assert "Yours to decide" in page
        assert f'href="{path(anas)}"' in page
        assert "Requests (2)" in page

    def test_shows_the_asker_with_whom_it_lies(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        page = browse(cast.otto).get("/requests/").content.decode()
        assert "It lies with Nils Berg and Paula Ilić." in page
        assert "Yours to decide" not in page

    def test_outsider_sees_no_request_of_others(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        assert str(ottos.pk) not in browse(cast.eda).get("/requests/").content.decode()

    def test_operator_sees_what_lies_with_others_apart(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        page = browse(cast.olga).get("/requests/").content.decode()
        assert "With other people" in page
        assert "Yours to decide" not in page

    def test_operator_is_asked_where_no_admin_may_vouch(
        self, browse: Browse, cast: Cast, anas: Request
    ) -> None:
        Membership.objects.filter(person=cast.paula).update(ended_at=anas.created_at)
        page = browse(cast.olga).get("/requests/").content.decode()
        assert "Yours to decide" in page
        assert "Requests (1)" in page

    def test_number_of_queries_does_not_grow_with_the_requests(
        self, browse: Browse, cast: Cast, fire: Namespace, ottos: Request
    ) -> None:
        client = browse(cast.nils)
        factories.RequestFactory.create(person=cast.nils)
        client.get("/requests/")
        with CaptureQueriesContext(connection) as few:
            client.get("/requests/")
        factories.RequestFactory.create_batch(8, namespace=fire)
        factories.RequestFactory.create_batch(8, person=cast.nils)
        with CaptureQueriesContext(connection) as many:
            client.get("/requests/")
        assert len(many) == len(few)


class TestOfNamespace:
    ADDRESS = "/namespaces/nautilus/avis-fire/requests/"

    def test_admin_sees_what_waits_and_what_was_decided(
        self, browse: Browse, cast: Cast, anas: Request, ottos: Request
    ) -> None:
        actions.deny(request=anas, note="No room.", by=cast.paula)
        page = browse(cast.nils).get(self.ADDRESS).content.decode()
        assert page.index("Otto Brandt") < page.index("Decided") < page.index("Ana Kim")
        assert "Paula Ilić" in page

    @pytest.mark.parametrize(("who", "status"), [("eda", 403), ("otto", 403), ("olga", 200)])
    def test_others_do_not(self, browse: Browse, cast: Cast, fire: Namespace, who: str, status: int) -> None:
        assert browse(getattr(cast, who)).get(self.ADDRESS).status_code == status


class TestOne:
    @pytest.mark.parametrize(
        ("who", "status"),
        [("otto", 200), ("nils", 200), ("olga", 200), ("eda", 404), ("ana", 404), ("vera", 404)],
    )
    def test_request_is_for_its_parties(
        self, browse: Browse, cast: Cast, ottos: Request, who: str, status: int
    ) -> None:
        assert browse(getattr(cast, who)).get(path(ottos)).status_code == status

    def test_says_in_words_what_approval_changes_and_for_which_user_name(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        page = browse(cast.nils).get(path(ottos)).content.decode()
        assert (
            "In avis-fire, and nowhere else, Otto Brandt will be able to run pods and work with everything in it,"
            " but not change permissions." in page
        )
        assert cast.otto.identities.get().subject in page
        assert "kind: RoleBinding" in page
        assert "vouch" not in page

    def test_says_that_approval_vouches_for_a_guest(self, browse: Browse, cast: Cast, anas: Request) -> None:
        page = browse(cast.paula).get(path(anas)).content.decode()
        assert "Ana Kim is a guest and becomes a user: you vouch for them." in page

    def test_who_may_not_vouch_reads_who_may_and_gets_no_button(
        self, browse: Browse, cast: Cast, anas: Request
    ) -> None:
        page = browse(cast.nils).get(path(anas)).content.decode()
        assert "Ask one of them: Paula Ilić." in page
        assert path(anas, "approve/") not in page
        assert path(anas, "deny/") in page

    def test_account_that_looks_like_ones_own_is_told(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        words = "This account has the same name or address as yours."
        assert words not in browse(cast.nils).get(path(ottos)).content.decode()
        User.objects.filter(pk=cast.otto.pk).update(name="nils berg")
        assert words in browse(cast.nils).get(path(ottos)).content.decode()

    def test_name_in_letters_of_several_alphabets_is_told_to_who_decides(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        words = "is written strangely"
        assert words not in browse(cast.nils).get(path(ottos)).content.decode()
        User.objects.filter(pk=cast.otto.pk).update(name="P\u0430ula Ilić")
        page = browse(cast.nils).get(path(ottos)).content.decode()
        assert words in page
        assert "“P\u0430ula” has letters of several alphabets (Latin and Cyrillic)" in page
        assert words not in browse(cast.otto).get(path(ottos)).content.decode()

    def test_asker_may_withdraw_and_not_decide(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert path(ottos, "withdraw/") in page
        assert path(ottos, "approve/") not in page

    def test_admin_cannot_decide_their_own(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        own = factories.RequestFactory.create(namespace=fire, person=cast.nils)
        client = browse(cast.nils)
        assert path(own, "approve/") not in client.get(path(own)).content.decode()
        assert client.post(path(own, "approve/")).status_code == 403


class TestDecide:
    def test_approval_lets_in_and_is_told(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        answer = browse(cast.nils).post(path(ottos, "approve/"), {"approve-note": "Welcome"}, follow=True)
        assert is_member(ottos)
        page = answer.content.decode()
        assert "You approved: Otto Brandt becomes editor in avis-fire." in page
        assert "Welcome" in page
        assert "waiting for the cluster" in page

    def test_who_approved_watches_until_it_is_proved(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        client = browse(cast.nils)
        page = client.post(path(ottos, "approve/"), follow=True).content.decode()
        asked_again = re.search(r'hx-get="([^"]+)"', page)
        assert asked_again
        assert asked_again[1].startswith(path(ottos))
        headers = {"HX-Request": "true"}
        assert client.get(asked_again[1], headers=headers).status_code == 204
        membership = Membership.objects.get(namespace=ottos.namespace, person=cast.otto)
        factories.GrantFactory.create(membership=membership, proved_at=membership.changed_at)
        part = client.get(asked_again[1], headers=headers).content.decode()
        assert "checked <time" in part
        assert "hx-get" not in part

    def test_approval_of_a_guest_vouches(self, browse: Browse, cast: Cast, anas: Request) -> None:
        browse(cast.paula).post(path(anas, "approve/"))
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER
        assert is_member(anas)

    def test_who_may_not_vouch_is_refused(self, browse: Browse, cast: Cast, anas: Request) -> None:
        answer = browse(cast.nils).post(path(anas, "approve/"))
        assert answer.status_code == 403
        assert "Only people of level admin and operators may vouch for a guest." in answer.content.decode()
        assert not is_member(anas)

    def test_denial_needs_a_reason_which_the_asker_reads(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        client = browse(cast.nils)
        empty = client.post(path(ottos, "deny/"), {"deny-note": " "})
        assert empty.status_code == 400
        assert 'href="#id_deny-note"' in empty.content.decode()
        client.post(path(ottos, "deny/"), {"deny-note": "We have no room this term."})
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "Denied" in page
        assert "We have no room this term." in page
        assert "You can ask again after" in page
        assert "Ask again" not in page
        Request.objects.update(decided_at=Now() - timedelta(days=7))
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "Ask again" in page

    def test_who_was_denied_lately_gets_no_form_to_ask_again(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        actions.deny(request=ottos, note="No room.", by=cast.nils)
        join = "/namespaces/nautilus/avis-fire/join/"
        page = browse(cast.otto).get(join).content.decode()
        assert "You can ask again after" in page
        assert 'name="reason"' not in page
        answer = browse(cast.otto).post(join, {"role": "viewer", "reason": "Once more, please do let me in."})
        assert answer.status_code == 429
        assert "You can ask again after" in answer.content.decode()

    def test_expired_request_is_shown_so_and_decided_by_nobody(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        Request.objects.update(created_at=Now() - timedelta(days=30))
        page = browse(cast.nils).get(path(ottos)).content.decode()
        assert "Nobody decided it within 30 days." in page
        assert path(ottos, "approve/") not in page
        answer = browse(cast.nils).post(path(ottos, "approve/"))
        assert answer.status_code == 409
        assert "This request expired on" in answer.content.decode()
        assert not is_member(ottos)
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "Ask again" in page
        assert path(ottos, "withdraw/") not in page
        assert "expired" in browse(cast.otto).get("/requests/").content.decode()
        assert "Otto Brandt" not in browse(cast.nils).get("/requests/").content.decode()
        assert "Decide 1 request" not in browse(cast.nils).get("/manage/").content.decode()

    def test_pending_request_says_when_it_expires(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "If nobody decides, it expires on" in page

    def test_too_long_note_is_kept_and_named(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        answer = browse(cast.nils).post(path(ottos, "approve/"), {"approve-note": "x" * 2001})
        assert answer.status_code == 400
        assert "x" * 2001 in answer.content.decode()
        assert not is_member(ottos)

    @pytest.mark.parametrize("act", ["approve/", "deny/"])
    def test_second_to_decide_is_told_what_the_first_did(
        self, browse: Browse, cast: Cast, ottos: Request, act: str
    ) -> None:
        actions.deny(request=ottos, note="No room.", by=cast.paula)
        answer = browse(cast.nils).post(path(ottos, act), {"deny-note": "Mine"})
        assert answer.status_code == 409
        assert re.search(r"decided already: denied by Paula Ilić", answer.content.decode())
        assert path(ottos, "approve/") not in answer.content.decode()

    def test_withdrawing_and_then_deciding(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        browse(cast.otto).post(path(ottos, "withdraw/"))
        assert browse(cast.nils).post(path(ottos, "approve/")).status_code == 409
        assert not is_member(ottos)

    @pytest.mark.parametrize("who", ["eda", "ana", "vera"])
    @pytest.mark.parametrize("act", ["approve/", "deny/", "withdraw/"])
    def test_outsider_gets_404_as_for_a_request_that_does_not_exist(
        self, browse: Browse, cast: Cast, ottos: Request, who: str, act: str
    ) -> None:
        assert browse(getattr(cast, who)).post(path(ottos, act), {"deny-note": "x"}).status_code == 404

    def test_only_who_asked_withdraws(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        assert browse(cast.nils).post(path(ottos, "withdraw/")).status_code == 403
        ottos.refresh_from_db()
        assert ottos.is_pending


class TestLadder:
    def test_page_says_whom_it_went_to_and_until_when(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        Request.objects.filter(pk=ottos.pk).update(rung=3)
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "Nobody has answered, so it lies with the operators as well." in page

    def test_page_says_how_long_it_usually_takes(
        self, browse: Browse, cast: Cast, fire: Namespace, ottos: Request
    ) -> None:
        now = timezone.now()
        for _index in range(3):
            made = factories.RequestFactory.create(namespace=fire, state="approved", decided_at=now)
            Request.objects.filter(pk=made.pk).update(created_at=now - timedelta(days=2, hours=3))
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "Half of such requests are answered within 2\xa0days." in page

    def test_who_asked_reminds_after_a_day(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        client = browse(cast.otto)
        assert "You can remind them once a day, again from" in client.get(path(ottos)).content.decode()
        answer = client.post(path(ottos, "remind/"))
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
        Request.objects.filter(pk=ottos.pk).update(created_at=Now() - timedelta(days=1))
        assert "Remind them</button>" in client.get(path(ottos)).content.decode()
        shown = client.post(path(ottos, "remind/"), follow=True).content.decode()
        assert "They were reminded." in shown
        assert "Remind them</button>" not in shown

    def test_decision_is_taken_back(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        client = browse(cast.nils)
        client.post(path(ottos, "approve/"))
        assert "Take the decision back" in client.get(path(ottos)).content.decode()
        shown = client.post(path(ottos, "undo/"), follow=True).content.decode()
        assert "The decision was taken back." in shown
        assert not is_member(ottos)
        assert "Take the decision back" not in shown

    def test_who_asked_is_offered_no_way_back(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        actions.deny(request=ottos, note="No room.", by=cast.nils)
        assert "Take the decision back" not in browse(cast.otto).get(path(ottos)).content.decode()

    def test_day_after_nobody_is(self, browse: Browse, cast: Cast, ottos: Request) -> None:
        actions.deny(request=ottos, note="No room.", by=cast.nils)
        Request.objects.filter(pk=ottos.pk).update(decided_at=Now() - timedelta(days=1))
        client = browse(cast.nils)
        assert "Take the decision back" not in client.get(path(ottos)).content.decode()
        assert client.post(path(ottos, "undo/")).status_code == 409

    def test_not_offered_where_the_request_has_run_out(
        self, browse: Browse, cast: Cast, ottos: Request
    ) -> None:
        actions.deny(request=ottos, note="No room.", by=cast.nils)
        Request.objects.filter(pk=ottos.pk).update(created_at=Now() - timedelta(days=31))
        assert "Take the decision back" not in browse(cast.nils).get(path(ottos)).content.decode()


class TestAbsence:
    @pytest.mark.parametrize("silent", ["", "nils", "eda"])
    def test_asker_reads_who_decides_where_both_are_named_to_others(
        self, browse: Browse, cast: Cast, fire: Namespace, ottos: Request, silent: str
    ) -> None:
        absences.begin(deputy=cast.eda, until=timezone.now() + timedelta(days=3), by=cast.nils)
        if silent:
            User.objects.filter(pk=getattr(cast, silent).pk).update(named_to="members")
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert ("Eda Kaya decides for them" in page) is not bool(silent)
        assert ("Nils Berg" in page) is (silent != "nils")

    def test_deputy_is_named_and_ended(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        client = browse(cast.nils)
        assert "Are you away for a while?" in client.get("/requests/").content.decode()
        until = timezone.localdate() + timedelta(days=7)
        given = {"deputy": str(cast.eda.pk), "until": str(until)}
        shown = client.post("/requests/absence/", given, follow=True).content.decode()
        assert "Eda Kaya decides for you." in shown
        absence = Absence.objects.get()
        assert timezone.localdate(absence.last_day) == until
        client.post("/requests/absence/end/")
        assert not Absence.objects.current().exists()

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"deputy": "", "until": "2100-01-01"}, "Choose a person."),
            ({"deputy": "otto", "until": "2100-01-01"}, "This person cannot decide for you. Choose again."),
            ({"deputy": "eda", "until": ""}, "Give the last day."),
            ({"deputy": "eda", "until": "soon"}, "Give a day, such as 2027-02-24."),
            ({"deputy": "eda", "until": "9999-12-31"}, "Give a day that is nearer."),
            ({"deputy": "eda", "until": "2020-01-01"}, "Give a day from today on, at most 180 days ahead."),
            ({"deputy": "eda", "until": "2100-01-01"}, "Give a day from today on, at most 180 days ahead."),
        ],
    )
    def test_what_is_wrong_is_said_and_kept(
        self, browse: Browse, cast: Cast, fire: Namespace, given: dict[str, str], said: str
    ) -> None:
        name = given["deputy"]
        sent = {**given, "deputy": str(getattr(cast, name).pk) if name else ""}
        answer = browse(cast.nils).post("/requests/absence/", sent)
        page = answer.content.decode()
        assert answer.status_code == 400
        assert said in page
        assert not given["until"] or f'value="{given["until"]}"' in page
        assert not Absence.objects.exists()

    def test_who_asked_reads_who_decides_meanwhile(
        self, browse: Browse, cast: Cast, fire: Namespace, ottos: Request
    ) -> None:
        until = timezone.now() + timedelta(days=7)
        Absence.objects.create(person=cast.nils, deputy=cast.eda, until=until)
        assert "Eda Kaya decides for them" in browse(cast.otto).get(path(ottos)).content.decode()

    def test_not_whom_it_concerns_elsewhere(
        self, browse: Browse, cast: Cast, fire: Namespace, ottos: Request
    ) -> None:
        elsewhere = factories.NamespaceFactory.create(cluster=fire.cluster)
        factories.MembershipFactory.create(namespace=elsewhere, person=cast.nils, role="admin")
        works_there = factories.MembershipFactory.create(namespace=elsewhere).person
        until = timezone.now() + timedelta(days=7)
        Absence.objects.create(person=cast.nils, deputy=works_there, until=until)
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "is away until" not in page
        assert str(works_there) not in page

    def test_not_who_works_in_a_namespace_that_was_hidden_since(
        self, browse: Browse, cast: Cast, fire: Namespace, ottos: Request
    ) -> None:
        until = timezone.now() + timedelta(days=7)
        Absence.objects.create(person=cast.nils, deputy=cast.eda, until=until)
        Namespace.objects.filter(pk=fire.pk).update(visibility="members")
        page = browse(cast.otto).get(path(ottos)).content.decode()
        assert "Nils Berg" not in page
        assert "Eda Kaya" not in page

    def test_nobody_s_admin_is_told_so(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        assert (
            "you are an admin of no namespace" in browse(cast.eda).get("/requests/absence/").content.decode()
        )
        assert "Are you away" not in browse(cast.eda).get("/requests/").content.decode()
