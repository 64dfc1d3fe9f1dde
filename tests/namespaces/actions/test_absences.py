"""Who decides for an admin who is away: what a deputy may, and how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import Level, User
from accounts.signals import person_leaves
from audit.models import Event
from namespaces import inbox, policy
from namespaces.access import Role
from namespaces.actions import absences, members, requests
from namespaces.models import Absence, Membership, Namespace, Request
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts

pytestmark = [pytest.mark.django_db, pytest.mark.database]
WEEK = timedelta(days=7)


@pytest.fixture
def away(cast: Cast, fire: Namespace) -> Absence:
    """Nils is away for a week, and Eda, who edits, decides for him."""
    return absences.begin(deputy=cast.eda, until=timezone.now() + WEEK, by=cast.nils)


def wish(fire: Namespace, by: User, role: Role = Role.EDITOR) -> Request:
    made: Request = factories.RequestFactory.create(namespace=fire, person=by, role=role)
    return made


class TestBegin:
    def test_is_written_down_and_told(self, cast: Cast, fire: Namespace, settings: Settings) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        until = timezone.now() + WEEK
        made = absences.begin(deputy=cast.eda, until=until, by=cast.nils)
        assert absences.current(cast.nils) == made
        event = Event.objects.get()
        assert (event.act, event.actor) == ("absence.begun", str(cast.nils.pk))
        assert event.after["deputy"] == str(cast.eda.pk)
        told = Delivery.objects.filter(channel="mail").get()
        assert told.person == cast.eda
        assert told.subject == "You decide requests for Nils Berg, who is away"

    def test_another_deputy_takes_the_place_of_the_first(self, cast: Cast, away: Absence) -> None:
        absences.begin(deputy=cast.paula, until=timezone.now() + WEEK, by=cast.nils)
        assert [each.deputy for each in Absence.objects.current()] == [cast.paula]
        assert acts() == ["absence.begun", "absence.ended", "absence.begun"]

    @pytest.mark.parametrize("who", ["eda", "vera", "ana", "otto", "olga"])
    def test_only_admins_of_a_namespace(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            absences.begin(deputy=cast.paula, until=timezone.now() + WEEK, by=getattr(cast, who))

    @pytest.mark.parametrize("who", ["vera", "ana", "otto", "olga", "nils"])
    def test_deputy_works_in_one_of_the_namespaces(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="only an editor or admin"):
            absences.begin(deputy=getattr(cast, who), until=timezone.now() + WEEK, by=cast.nils)

    @pytest.mark.parametrize("state", [{"is_active": False}, {"level": Level.GUEST}])
    def test_deputy_counts(self, cast: Cast, fire: Namespace, state: dict[str, object]) -> None:
        User.objects.filter(pk=cast.eda.pk).update(**state)
        with Unchanged(), pytest.raises(StateConflict):
            absences.begin(deputy=cast.eda, until=timezone.now() + WEEK, by=cast.nils)

    @pytest.mark.parametrize("days", [-1, 0, 182])
    def test_until_a_day_that_is_near(self, cast: Cast, fire: Namespace, days: int) -> None:
        with Unchanged(), pytest.raises(BadInput) as refused:
            absences.begin(deputy=cast.eda, until=timezone.now() + timedelta(days=days), by=cast.nils)
        assert refused.value.field == "until"

    def test_database_keeps_one_for_each_person(self, cast: Cast, away: Absence) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Absence.objects.create(person=cast.nils, deputy=cast.paula, until=timezone.now())


class TestDeputy:
    @pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
    def test_lets_in_what_they_are_themselves(
        self, cast: Cast, fire: Namespace, away: Absence, role: Role
    ) -> None:
        ottos = wish(fire, cast.otto, role)
        assert list(inbox.to_decide(cast.eda)) == [ottos]
        requests.approve(request=ottos, by=cast.eda)
        assert Membership.objects.current().get(person=cast.otto).role == role

    def test_denies(self, cast: Cast, fire: Namespace, away: Absence) -> None:
        denied = requests.deny(request=wish(fire, cast.otto), note="Ask Nils in May.", by=cast.eda)
        assert denied.decided_by == cast.eda

    def test_makes_nobody_an_admin(self, cast: Cast, fire: Namespace, away: Absence) -> None:
        ottos = wish(fire, cast.otto, Role.ADMIN)
        assert not inbox.to_decide(cast.eda)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=ottos, by=cast.eda)

    def test_vouches_for_nobody(self, cast: Cast, fire: Namespace, away: Absence) -> None:
        anas = wish(fire, cast.ana)
        with Unchanged(), pytest.raises(NotAllowed, match="vouch"):
            requests.approve(request=anas, by=cast.eda)

    def test_does_not_decide_their_own(self, cast: Cast, hidden: Namespace, away: Absence) -> None:
        absences.begin(deputy=cast.nils, until=timezone.now() + WEEK, by=cast.paula)
        Namespace.objects.filter(pk=hidden.pk).update(visibility="listed")
        own = wish(hidden, cast.nils)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=own, by=cast.nils)

    def test_decides_nowhere_else(self, cast: Cast, fire: Namespace, away: Absence) -> None:
        other = factories.NamespaceFactory.create(cluster=fire.cluster)
        factories.MembershipFactory.create(namespace=other, person=cast.nils, role=Role.ADMIN)
        assert not policy.may_decide(cast.eda, wish(other, cast.otto))
        factories.MembershipFactory.create(namespace=other, person=cast.eda, role=Role.VIEWER)
        assert not policy.may_decide(cast.eda, wish(other, cast.ana))
        assert not inbox.to_decide(cast.eda)

    @pytest.mark.parametrize(
        "change",
        [
            "over",
            "ended",
            "admin is none",
            "admin suspended",
            "deputy suspended",
            "deputy a guest",
            "deputy out",
        ],
    )
    def test_is_over_with_what_it_rests_on(
        self, cast: Cast, fire: Namespace, away: Absence, change: str
    ) -> None:
        ottos = wish(fire, cast.otto)
        assert policy.may_decide(cast.eda, ottos)
        assert inbox.to_decide(cast.eda)
        match change:
            case "over":
                Absence.objects.update(until=Now())
            case "ended":
                absences.end(by=cast.nils)
            case "admin is none":
                membership = Membership.objects.get(person=cast.nils)
                members.set_role(membership=membership, role=Role.EDITOR, by=cast.paula)
            case "admin suspended":
                User.objects.filter(pk=cast.nils.pk).update(is_active=False)
            case "deputy suspended":
                User.objects.filter(pk=cast.eda.pk).update(is_active=False)
            case "deputy a guest":
                User.objects.filter(pk=cast.eda.pk).update(level=Level.GUEST)
            case "deputy out":
                membership = Membership.objects.get(person=cast.eda)
                members.remove(membership=membership, by=cast.paula)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=ottos, by=cast.eda)
        assert not inbox.to_decide(User.objects.get(pk=cast.eda.pk))

    def test_is_told_of_what_is_asked_meanwhile(
        self, cast: Cast, fire: Namespace, away: Absence, settings: Settings
    ) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        requests.ask_to_join(namespace=fire, role=Role.VIEWER, reason="I work with Nils.", by=cast.otto)
        told = Delivery.objects.filter(channel="mail", kind="requests").order_by("person__name")
        assert [str(delivery.person) for delivery in told] == ["Eda Kaya", "Nils Berg", "Paula Ilić"]


class TestEnd:
    def test_who_is_back_decides_alone(self, cast: Cast, away: Absence) -> None:
        absences.end(by=cast.nils)
        assert not Absence.objects.current().exists()
        assert acts() == ["absence.begun", "absence.ended"]

    def test_nothing_to_end(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises(StateConflict):
            absences.end(by=cast.nils)

    @pytest.mark.parametrize("who", ["nils", "eda"])
    def test_goes_with_an_account(self, cast: Cast, away: Absence, who: str) -> None:
        with transaction.atomic():
            absences.on_person_leaves(User, getattr(cast, who), by=cast.olga)
        assert not Absence.objects.current().exists()
        assert absences.on_person_leaves in [each() if callable(each) else each for each in listeners()]


def listeners() -> list[object]:
    return [receiver[1] for receiver in person_leaves.receivers]
