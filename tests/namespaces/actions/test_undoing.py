"""Taking a decision back within a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import people
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Level, LevelChange, User
from audit.models import Event
from clusters.api import ROLE_BINDING, Manifest
from namespaces import reconciliation
from namespaces.access import Role
from namespaces.actions import absences, members, requests
from namespaces.models import Membership, Namespace, Request
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster
from tests.namespaces.actions.changes import Unchanged, acts

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


@pytest.fixture
def ottos(cast: Cast, fire: Namespace) -> Request:
    made: Request = factories.RequestFactory.create(namespace=fire, person=cast.otto, role=Role.EDITOR)
    return made


@pytest.fixture
def anas(cast: Cast, fire: Namespace) -> Request:
    made: Request = factories.RequestFactory.create(namespace=fire, person=cast.ana, role=Role.VIEWER)
    return made


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)


def bound(cluster: FakeCluster, namespace: Namespace) -> list[Manifest]:
    return [each for page in cluster.list_pages(ROLE_BINDING, namespace.name) for each in page.items]


def is_member(person: User) -> bool:
    return Membership.objects.current().filter(person=person).exists()


class TestOfAYes:
    def test_takes_the_membership_and_lets_the_request_wait_again(self, cast: Cast, ottos: Request) -> None:
        requests.approve(request=ottos, note="Welcome", by=cast.nils)
        requests.undo(request=ottos, by=cast.paula)
        ottos.refresh_from_db()
        assert (ottos.state, ottos.decided_at, ottos.decided_by, ottos.note) == ("pending", None, None, "")
        assert not is_member(cast.otto)
        assert acts()[-2:] == ["member.removed", "request.undone"]
        event = Event.objects.get(act="request.undone")
        assert (event.before, event.actor) == ({"state": "approved"}, str(cast.paula.pk))

    def test_ends_the_right_in_the_cluster(
        self, cast: Cast, made: Namespace, fake_cluster: FakeCluster
    ) -> None:
        wish = factories.RequestFactory.create(namespace=made, person=cast.otto, role=Role.EDITOR)
        before = len(bound(fake_cluster, made))
        requests.approve(request=wish, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert len(bound(fake_cluster, made)) == before + 1
        requests.undo(request=wish, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert len(bound(fake_cluster, made)) == before

    def test_can_be_decided_again(self, cast: Cast, ottos: Request) -> None:
        requests.approve(request=ottos, by=cast.nils)
        requests.undo(request=ottos, by=cast.nils)
        requests.deny(request=ottos, note="The other Otto was meant.", by=cast.nils)
        assert not is_member(cast.otto)

    def test_guest_is_a_guest_again(self, cast: Cast, anas: Request) -> None:
        requests.approve(request=anas, by=cast.paula)
        assert fresh(cast.ana).level == Level.USER
        requests.undo(request=anas, by=cast.paula)
        assert fresh(cast.ana).level == Level.GUEST
        change = LevelChange.objects.filter(person=cast.ana).first()
        assert change is not None
        assert (change.before, change.after, change.request_id) == ("user", "guest", anas.pk)

    def test_user_stays_one_who_is_let_in_elsewhere_since(
        self, cast: Cast, anas: Request, hidden: Namespace
    ) -> None:
        requests.approve(request=anas, by=cast.paula)
        members.add(namespace=hidden, person=cast.ana, role=Role.VIEWER, by=cast.paula)
        requests.undo(request=anas, by=cast.paula)
        assert fresh(cast.ana).level == Level.USER
        assert Membership.objects.current().get(person=cast.ana).namespace == hidden

    def test_user_stays_one_whose_level_was_set_since(self, cast: Cast, anas: Request) -> None:
        requests.approve(request=anas, by=cast.paula)
        people.set_level(person=fresh(cast.ana), level=Level.ADMIN, by=cast.olga)
        requests.undo(request=anas, by=cast.paula)
        assert fresh(cast.ana).level == Level.ADMIN
        assert not is_member(cast.ana)

    def test_user_stays_one_where_who_undoes_it_has_no_say_over_levels(
        self, cast: Cast, anas: Request
    ) -> None:
        requests.approve(request=anas, by=cast.paula)
        requests.undo(request=anas, by=cast.nils)
        assert fresh(cast.ana).level == Level.USER
        assert not is_member(cast.ana)

    def test_operator_stays_a_user(self, cast: Cast, anas: Request) -> None:
        requests.approve(request=anas, by=cast.paula)
        people.set_operator(person=fresh(cast.ana), is_operator=True, by=cast.olga)
        requests.undo(request=anas, by=cast.paula)
        assert fresh(cast.ana).level == Level.USER

    def test_membership_that_somebody_else_gave_since_is_left_alone(
        self, cast: Cast, fire: Namespace, ottos: Request
    ) -> None:
        requests.approve(request=ottos, by=cast.nils)
        members.remove(membership=Membership.objects.current().get(person=cast.otto), by=cast.nils)
        members.add(namespace=fire, person=cast.otto, role=Role.EDITOR, by=cast.paula)
        with Unchanged(), pytest.raises(StateConflict, match="changed since"):
            requests.undo(request=ottos, by=cast.nils)

    @pytest.mark.parametrize("change", ["role", "removed", "added again"])
    def test_what_was_changed_since_is_left_alone(self, cast: Cast, ottos: Request, change: str) -> None:
        assert ottos.namespace is not None
        requests.approve(request=ottos, by=cast.nils)
        membership = Membership.objects.current().get(person=cast.otto)
        if change == "role":
            members.set_role(membership=membership, role=Role.VIEWER, by=cast.nils)
            members.set_role(membership=membership, role=Role.EDITOR, by=cast.nils)
        else:
            members.remove(membership=membership, by=cast.nils)
        if change == "added again":
            members.add(namespace=ottos.namespace, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="changed since"):
            requests.undo(request=ottos, by=cast.nils)

    def test_last_admin_stays(self, cast: Cast, fire: Namespace) -> None:
        wish = factories.RequestFactory.create(namespace=fire, person=cast.otto, role=Role.ADMIN)
        requests.approve(request=wish, by=cast.nils)
        for person in (cast.nils, cast.paula):
            members.remove(membership=Membership.objects.get(person=person, namespace=fire), by=person)
        with Unchanged(), pytest.raises(StateConflict, match="last admin"):
            requests.undo(request=wish, by=cast.olga)

    def test_level_admin_is_taken_back(self, cast: Cast) -> None:
        wish = factories.PromotionFactory.create(person=cast.otto, level="admin")
        requests.approve(request=wish, by=cast.olga)
        requests.undo(request=wish, by=cast.olga)
        assert fresh(cast.otto).level == Level.USER
        wish.refresh_from_db()
        assert wish.state == "pending"

    def test_guest_who_was_vouched_for_is_one_again(self, cast: Cast) -> None:
        wish = factories.PromotionFactory.create(person=cast.ana)
        requests.approve(request=wish, by=cast.paula)
        requests.undo(request=wish, by=cast.paula)
        assert fresh(cast.ana).level == Level.GUEST

    def test_guest_who_was_vouched_for_and_let_in_since_stays_a_user(
        self, cast: Cast, fire: Namespace
    ) -> None:
        wish = factories.PromotionFactory.create(person=cast.ana)
        requests.approve(request=wish, by=cast.paula)
        members.add(namespace=fire, person=cast.ana, role=Role.VIEWER, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="changed since"):
            requests.undo(request=wish, by=cast.paula)

    def test_operator_who_was_vouched_for_stays_a_user(self, cast: Cast) -> None:
        wish = factories.PromotionFactory.create(person=cast.ana)
        requests.approve(request=wish, by=cast.paula)
        people.set_operator(person=fresh(cast.ana), is_operator=True, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="changed since"):
            requests.undo(request=wish, by=cast.paula)

    def test_level_that_has_changed_since_stays(self, cast: Cast) -> None:
        wish = factories.PromotionFactory.create(person=cast.ana)
        requests.approve(request=wish, by=cast.paula)
        people.set_level(person=fresh(cast.ana), level=Level.ADMIN, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="changed since"):
            requests.undo(request=wish, by=cast.paula)


class TestOfANo:
    def test_lets_the_request_wait_again(self, cast: Cast, ottos: Request) -> None:
        requests.deny(request=ottos, note="No room.", by=cast.nils)
        requests.undo(request=ottos, by=cast.nils)
        ottos.refresh_from_db()
        assert (ottos.state, ottos.note) == ("pending", "")

    def test_not_beside_a_newer_one(self, cast: Cast, ottos: Request) -> None:
        requests.deny(request=ottos, note="No room.", by=cast.nils)
        factories.RequestFactory.create(namespace=ottos.namespace, person=cast.otto)
        with Unchanged(), pytest.raises(StateConflict, match="has asked again since"):
            requests.undo(request=ottos, by=cast.nils)

    def test_not_for_who_is_in_since(self, cast: Cast, fire: Namespace, ottos: Request) -> None:
        requests.deny(request=ottos, note="No room.", by=cast.nils)
        members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.paula)
        with Unchanged(), pytest.raises(StateConflict, match="already"):
            requests.undo(request=ottos, by=cast.nils)

    def test_not_for_who_has_the_level_since(self, cast: Cast) -> None:
        wish = factories.PromotionFactory.create(person=cast.ana)
        requests.deny(request=wish, note="Who are you?", by=cast.paula)
        people.vouch(person=fresh(cast.ana), by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="now, so this cannot be approved"):
            requests.undo(request=wish, by=cast.paula)


class TestEither:
    @pytest.mark.parametrize("answer", ["approve", "deny"])
    def test_deputy_takes_back_only_what_they_decided(self, cast: Cast, ottos: Request, answer: str) -> None:
        absences.begin(deputy=cast.eda, until=timezone.now() + DAY, by=cast.nils)
        getattr(requests, answer)(request=ottos, note="So be it.", by=cast.paula)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.undo(request=ottos, by=cast.eda)
        requests.undo(request=ottos, by=cast.nils)
        getattr(requests, answer)(request=ottos, note="So be it.", by=cast.eda)
        requests.undo(request=ottos, by=cast.eda)

    def test_not_by_a_page_from_before_the_accounts_were_merged(self, cast: Cast, ottos: Request) -> None:
        requests.deny(request=ottos, note="No room.", by=cast.paula)
        shown = Request.objects.select_related("person", "namespace__cluster").get(pk=ottos.pk)
        Request.objects.filter(pk=ottos.pk).update(person=cast.nils)  # as a merge does
        with Unchanged(), pytest.raises(StateConflict, match="merged"):
            requests.undo(request=shown, by=cast.nils)

    def test_who_asked_is_told(self, cast: Cast, ottos: Request, settings: Settings) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        requests.deny(request=ottos, note="No room.", by=cast.nils)
        requests.undo(request=ottos, by=cast.nils)
        subjects = Delivery.objects.filter(channel="mail", person=cast.otto).values_list("subject", flat=True)
        assert "The decision on your request was taken back: avis-fire" in subjects

    @pytest.mark.parametrize("who", ["eda", "otto", "ana"])
    def test_only_who_may_decide_it(self, cast: Cast, ottos: Request, who: str) -> None:
        requests.approve(request=ottos, by=cast.nils)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.undo(request=ottos, by=getattr(cast, who))

    @pytest.mark.parametrize("answer", ["approve", "deny"])
    def test_for_a_day(self, cast: Cast, ottos: Request, answer: str) -> None:
        getattr(requests, answer)(request=ottos, note="So be it.", by=cast.nils)
        Request.objects.filter(pk=ottos.pk).update(decided_at=Now() - DAY)
        with Unchanged(), pytest.raises(StateConflict, match="for a day"):
            requests.undo(request=ottos, by=cast.nils)

    @pytest.mark.parametrize("state", ["pending", "withdrawn", "expired"])
    def test_not_what_nobody_decided(self, cast: Cast, ottos: Request, state: str) -> None:
        Request.objects.filter(pk=ottos.pk).update(state=state, decided_at=timezone.now())
        with Unchanged(), pytest.raises(StateConflict):
            requests.undo(request=ottos, by=cast.nils)

    def test_not_into_a_request_that_has_run_out(self, cast: Cast, ottos: Request) -> None:
        requests.deny(request=ottos, note="No room.", by=cast.nils)
        Request.objects.filter(pk=ottos.pk).update(created_at=timezone.now() - 31 * DAY)
        with Unchanged(), pytest.raises(StateConflict):
            requests.undo(request=ottos, by=cast.nils)
