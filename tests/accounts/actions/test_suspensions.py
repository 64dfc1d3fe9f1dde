"""Suspending, lifting, and the end that comes by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts import sessions
from accounts.actions import suspensions
from accounts.errors import BadInput, NotAllowed, Refusal, StateConflict
from accounts.models import Level, Session, Suspension, User
from audit.models import Event
from namespaces.access import Role
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts

pytestmark = pytest.mark.django_db
REASON = "Their laptop was stolen, with a session open on it."


def suspend(person: User, by: User, until: datetime | None = None) -> Suspension:
    return suspensions.suspend(person=person, reason=REASON, until=until, by=by)


def is_active(person: User) -> bool:
    return User.objects.get(pk=person.pk).is_active


def raised(*namespaces: Namespace) -> list[int]:
    return [Namespace.objects.get(pk=each.pk).generation - each.generation for each in namespaces]


class TestSuspend:
    def test_one_act_takes_everything(self, cast: Cast, fire: Namespace, hidden: Namespace) -> None:
        for _browser in range(2):
            Client().force_login(cast.eda)
        until = timezone.now() + timedelta(days=3)
        made = suspend(cast.eda, cast.olga, until)
        assert (made.person, made.reason, made.by, made.until) == (cast.eda, REASON, cast.olga, until)
        assert not is_active(cast.eda)
        assert User.objects.get(pk=cast.eda.pk).suspension == made
        assert not sessions.of(cast.eda).exists()
        assert raised(fire, hidden) == [1, 0]
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == (
            "person.suspended", str(cast.olga.pk), str(cast.eda.pk),
        )  # fmt: skip
        assert event.reason == REASON
        assert event.after == {"is_active": False, "until": until.isoformat(), "sessions": 2}

    def test_memberships_stay(self, cast: Cast, fire: Namespace) -> None:
        before = list(Membership.objects.order_by("pk").values())
        suspend(cast.eda, cast.olga)
        assert list(Membership.objects.order_by("pk").values()) == before

    @pytest.mark.parametrize("who", ["paula", "nils", "otto", "ana"])
    def test_only_operators_do(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            suspend(cast.eda, getattr(cast, who))

    def test_nobody_suspends_themselves(self, cast: Cast) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            suspend(User.objects.get(pk=cast.olga.pk), cast.olga)

    @pytest.mark.parametrize("change", [{"is_superuser": False}, {"is_active": False}])
    def test_operator_who_is_none_any_more_does_not(self, cast: Cast, change: dict[str, bool]) -> None:
        User.objects.filter(pk=cast.olga.pk).update(**change)
        with Unchanged(), pytest.raises(NotAllowed):
            suspend(cast.eda, cast.olga)

    def test_last_operator_stays(self, cast: Cast) -> None:
        oskar = factories.person("Oskar Weiss", is_superuser=True)
        stale = User.objects.get(pk=oskar.pk)
        suspend(oskar, cast.olga)
        with pytest.raises(NotAllowed):
            suspend(cast.olga, stale)
        assert User.objects.filter(is_superuser=True, is_active=True).get() == cast.olga

    def test_who_is_suspended_already_is_not_again(self, cast: Cast) -> None:
        suspend(cast.eda, cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="Eda Kaya is suspended already"):
            suspend(cast.eda, cast.olga)

    def test_who_is_out_for_another_reason_is_not_suspended(self, cast: Cast) -> None:
        """Lifting it would let them in."""
        User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="not active"):
            suspend(cast.eda, cast.olga)

    def test_end_that_is_past_is_refused(self, cast: Cast) -> None:
        with Unchanged(), pytest.raises(BadInput) as refused:
            suspend(cast.eda, cast.olga, timezone.now() - timedelta(seconds=1))
        assert refused.value.field == "until"

    def test_namespaces_without_another_admin_are_named_and_nothing_changes(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        second = factories.NamespaceFactory.create(cluster=fire.cluster, name="avis-rip")
        factories.MembershipFactory.create(namespace=second, person=cast.paula, role=Role.ADMIN)
        factories.MembershipFactory.create(namespace=second, person=cast.ana, role=Role.ADMIN)  # a guest
        Client().force_login(cast.paula)
        with Unchanged(), pytest.raises(StateConflict) as refused:
            suspend(cast.paula, cast.olga)
        assert "Paula Ilić is the last admin of avis-rip, quiet-lab." in refused.value.message
        assert is_active(cast.paula)
        assert Session.objects.filter(person=cast.paula).exists()
        assert not Suspension.objects.exists()

    def test_database_keeps_one_that_is_current(self, cast: Cast) -> None:
        suspend(cast.eda, cast.olga)
        with pytest.raises(DatabaseError), transaction.atomic():
            Suspension.objects.create(person=cast.eda, reason=REASON, by=cast.olga)


class TestLift:
    def test_restores_exactly_what_was_there(self, cast: Cast, fire: Namespace) -> None:
        def everything() -> list[object]:
            return [
                list(User.objects.order_by("pk").values()),
                list(Membership.objects.order_by("pk").values()),
            ]

        before = everything()
        suspend(cast.eda, cast.olga)
        ended = suspensions.lift(person=cast.eda, by=cast.olga)
        assert everything() == before
        assert ended.ended_by == cast.olga
        assert User.objects.get(pk=cast.eda.pk).suspension is None
        assert raised(fire) == [2]
        assert acts() == ["person.suspended", "person.suspension_ended"]
        event = Event.objects.latest("id")
        assert (event.actor, event.object_id, event.after) == (
            str(cast.olga.pk), str(cast.eda.pk), {"is_active": True},
        )  # fmt: skip

    def test_revives_no_session(self, cast: Cast) -> None:
        client = Client()
        client.force_login(cast.eda)
        suspend(cast.eda, cast.olga)
        suspensions.lift(person=cast.eda, by=cast.olga)
        assert client.get("/profile/").status_code == 302

    def test_session_that_came_about_meanwhile_ends(self, cast: Cast) -> None:
        suspend(cast.eda, cast.olga)
        client = Client()
        client.force_login(cast.eda)
        suspensions.lift(person=cast.eda, by=cast.olga)
        assert client.get("/profile/").status_code == 302

    def test_what_was_kept_apart_stays_apart(self, cast: Cast) -> None:
        """A guest comes back as a guest, an operator as an operator."""
        oskar = factories.person("Oskar Weiss", is_superuser=True)
        for person in (oskar, cast.ana):
            suspend(person, cast.olga)
            suspensions.lift(person=person, by=cast.olga)
        assert User.objects.get(pk=oskar.pk).is_operator
        assert User.objects.get(pk=cast.ana.pk).level == Level.GUEST

    @pytest.mark.parametrize("who", ["paula", "nils", "otto", "ana"])
    def test_only_operators_do(self, cast: Cast, fire: Namespace, who: str) -> None:
        suspend(cast.eda, cast.olga)
        with Unchanged(), pytest.raises(NotAllowed):
            suspensions.lift(person=cast.eda, by=getattr(cast, who))

    def test_who_is_suspended_does_not_lift_it(self, cast: Cast) -> None:
        oskar = factories.person("Oskar Weiss", is_superuser=True)
        suspend(oskar, cast.olga)
        with Unchanged(), pytest.raises(NotAllowed):
            suspensions.lift(person=User.objects.get(pk=oskar.pk), by=oskar)

    def test_who_is_not_suspended_cannot_be_let_in(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="Eda Kaya is not suspended"):
            suspensions.lift(person=cast.eda, by=cast.olga)

    def test_who_was_suspended_once_can_be_again(self, cast: Cast) -> None:
        suspend(cast.eda, cast.olga)
        suspensions.lift(person=cast.eda, by=cast.olga)
        again = suspend(User.objects.get(pk=cast.eda.pk), cast.olga)
        assert Suspension.objects.count() == 2
        assert User.objects.get(pk=cast.eda.pk).suspension == again


class TestEndByItself:
    def test_comes_when_it_is_due_and_not_before(self, cast: Cast, fire: Namespace) -> None:
        suspend(cast.eda, cast.olga, timezone.now() + timedelta(days=1))
        suspend(cast.vera, cast.olga)
        assert suspensions.lift_due() == 0
        assert not is_active(cast.eda)
        due(cast.eda)
        assert suspensions.lift_due() == 1
        assert is_active(cast.eda)
        assert not is_active(cast.vera)
        ended = Suspension.objects.get(person=cast.eda)
        assert ended.ended_at is not None
        assert ended.ended_by is None
        event = Event.objects.latest("id")
        assert (event.act, event.actor) == ("person.suspension_ended", "")
        assert raised(fire) == [3]  # two were suspended, one is back

    def test_is_judged_by_the_clock_of_the_database(self, cast: Cast) -> None:
        suspend(cast.eda, cast.olga, timezone.now() + timedelta(days=1))
        with time_machine.travel(timezone.now() + timedelta(days=2)):
            assert suspensions.lift_due() == 0
        due(cast.eda)
        with time_machine.travel(timezone.now() - timedelta(days=2)):
            assert suspensions.lift_due() == 1

    def test_comes_once(self, cast: Cast) -> None:
        suspend(cast.eda, cast.olga, timezone.now() + timedelta(days=1))
        due(cast.eda)
        assert [suspensions.lift_due(), suspensions.lift_due()] == [1, 0]
        assert acts() == ["person.suspended", "person.suspension_ended"]

    def test_does_not_let_in_who_was_suspended_anew(self, cast: Cast) -> None:
        suspend(cast.eda, cast.olga, timezone.now() + timedelta(days=1))
        suspensions.lift(person=cast.eda, by=cast.olga)
        suspend(User.objects.get(pk=cast.eda.pk), cast.olga)
        Suspension.objects.filter(ended_at__isnull=False).update(until=Now() - timedelta(seconds=1))
        assert suspensions.lift_due() == 0
        assert not is_active(cast.eda)

    def test_revives_no_session(self, cast: Cast) -> None:
        client = Client()
        client.force_login(cast.eda)
        suspend(cast.eda, cast.olga, timezone.now() + timedelta(days=1))
        due(cast.eda)
        suspensions.lift_due()
        assert client.get("/profile/").status_code == 302


def due(person: User) -> None:
    """Let the end of somebody's suspension be a moment ago."""
    changed = Suspension.objects.current().filter(person=person).update(until=Now() - timedelta(seconds=1))
    assert changed == 1


def test_every_refusal_is_in_words(cast: Cast) -> None:
    for by, person in ((cast.paula, cast.eda), (cast.olga, cast.olga)):
        with pytest.raises(Refusal) as refused:
            suspend(person, by)
        assert refused.value.message.endswith(".")
