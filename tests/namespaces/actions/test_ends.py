"""Memberships that end on a date: set, warned of, extended, ended, undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError, connection
from django.utils import timezone
from pytest_django import Settings

from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import User
from audit.models import Event
from clusters.api import ROLE_BINDING
from namespaces import housekeeping, reconciliation, standing
from namespaces.access import Role
from namespaces.actions import ends, members, merging
from namespaces.models import Membership, Namespace
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def mails(settings: Settings) -> None:
    settings.MAIL_FROM = "berth@portal.example.org"


@pytest.fixture
def edas(cast: Cast, fire: Namespace) -> Membership:
    return Membership.objects.get(namespace=fire, person=cast.eda)


def let_end(membership: Membership, ends_in: timedelta, **values: object) -> Membership:
    Membership.objects.filter(pk=membership.pk).update(ends_at=timezone.now() + ends_in, **values)
    membership.refresh_from_db()
    return membership


def told(act: Callable[[], object]) -> dict[str, str]:
    """Do something; return whom it tells what, by first name."""
    before = set(Delivery.objects.values_list("pk", flat=True))
    act()
    found = Delivery.objects.exclude(pk__in=before).filter(channel="inbox").select_related("person")
    return {str(each.person).partition(" ")[0]: each.subject for each in found}


@contextmanager
def failing_for(membership: Membership) -> Iterator[None]:
    """Let the database refuse to change this row, as where something about it is wrong that nobody has thought of."""

    def refuse(
        execute: Callable[..., object], sql: str, parameters: Sequence[object], *rest: object
    ) -> object:
        names = {str(membership.pk), membership.pk.hex, membership.pk}
        if sql.startswith("UPDATE") and any(each in names for each in parameters or ()):
            raise DataError("this row is poisoned")
        return execute(sql, parameters, *rest)

    with connection.execute_wrapper(refuse):
        yield


class TestSetting:
    def test_admin_says_until_when(self, cast: Cast, edas: Membership) -> None:
        until = timezone.now() + 30 * DAY
        said = told(lambda: members.set_end(membership=edas, ends_at=until, by=cast.nils))
        edas.refresh_from_db()
        assert edas.ends_at == until
        event = Event.objects.get()
        assert (event.act, event.before, event.after["until"]) == ("member.until", {}, until.isoformat())
        assert said["Eda"].startswith("You are a member of avis-fire until ")

    def test_nothing_changes_in_the_cluster_now(self, cast: Cast, edas: Membership) -> None:
        members.set_end(membership=edas, ends_at=timezone.now() + DAY, by=cast.nils)
        assert generation(edas.namespace) == edas.namespace.generation

    def test_end_is_taken_away(self, cast: Cast, edas: Membership) -> None:
        let_end(edas, DAY)
        said = told(lambda: members.set_end(membership=edas, ends_at=None, by=cast.nils))
        edas.refresh_from_db()
        assert edas.ends_at is None
        assert said == {"Eda": "Your membership of avis-fire does not end by itself any more"}

    def test_same_again_says_nothing(self, cast: Cast, edas: Membership) -> None:
        with Unchanged():
            members.set_end(membership=edas, ends_at=None, by=cast.nils)

    def test_added_with_an_end(self, cast: Cast, fire: Namespace) -> None:
        until = timezone.now() + DAY
        made = members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, ends_at=until, by=cast.nils)
        made.refresh_from_db()
        assert (made.ends_at, made.added_by) == (until, cast.nils)
        assert Event.objects.get().after["until"] == until.isoformat()

    def test_not_in_the_past(self, cast: Cast, fire: Namespace, edas: Membership) -> None:
        now = timezone.now()
        with Unchanged(), pytest.raises(BadInput) as refused:
            members.set_end(membership=edas, ends_at=now, by=cast.nils)
        assert refused.value.field == "until"
        with Unchanged(), pytest.raises(BadInput):
            members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, ends_at=now, by=cast.nils)

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_only_by_who_manages_members(self, cast: Cast, edas: Membership, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            members.set_end(membership=edas, ends_at=timezone.now() + DAY, by=getattr(cast, who))

    def test_not_of_a_membership_that_has_ended(self, cast: Cast, edas: Membership) -> None:
        members.remove(membership=edas, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict):
            members.set_end(membership=edas, ends_at=timezone.now() + DAY, by=cast.nils)

    def test_last_admin_has_none(self, cast: Cast, hidden: Namespace) -> None:
        paulas = Membership.objects.get(namespace=hidden)
        with Unchanged(), pytest.raises(StateConflict, match="last admin"):
            members.set_end(membership=paulas, ends_at=timezone.now() + DAY, by=cast.paula)


class TestExtending:
    def test_ninety_days_more_than_before(self, cast: Cast, edas: Membership) -> None:
        before = let_end(edas, 3 * DAY).ends_at
        members.extend(membership=edas, ends_at=edas.ends_at, by=cast.nils)
        edas.refresh_from_db()
        assert before is not None
        assert edas.ends_at == before + 90 * DAY

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles"])
    def test_by_days_and_not_by_hours(self, zone: str) -> None:
        with timezone.override(zone):
            midnight = timezone.make_aware(timezone.datetime(2026, 2, 1))  # type: ignore[attr-defined]
            longer = members.extended(midnight)
            assert (longer.month, longer.day, longer.hour) == (5, 2, 0)  # in summer

    def test_not_what_does_not_end(self, cast: Cast, edas: Membership) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="does not end"):
            members.extend(membership=edas, ends_at=edas.ends_at, by=cast.nils)

    def test_last_admin_as_well(self, cast: Cast, hidden: Namespace) -> None:
        paulas = let_end(Membership.objects.get(namespace=hidden), 3 * DAY)
        before = paulas.ends_at
        assert before is not None
        assert (
            members.extend(membership=paulas, ends_at=paulas.ends_at, by=cast.paula).ends_at
            == before + 90 * DAY
        )
        with Unchanged(), pytest.raises(StateConflict, match="last admin"):
            members.set_end(membership=paulas, ends_at=before, by=cast.paula)

    def test_nobody_their_own_while_there_is_another_admin(self, cast: Cast, fire: Namespace) -> None:
        nils = let_end(Membership.objects.get(namespace=fire, person=cast.nils), 3 * DAY)
        with Unchanged(), pytest.raises(NotAllowed, match="their own"):
            members.extend(membership=nils, ends_at=nils.ends_at, by=cast.nils)
        with Unchanged(), pytest.raises(NotAllowed, match="their own"):
            members.set_end(membership=nils, ends_at=None, by=cast.nils)
        nils = members.set_end(membership=nils, ends_at=timezone.now() + DAY, by=cast.nils)
        members.extend(membership=nils, ends_at=nils.ends_at, by=cast.paula)

    def test_counted_from_what_it_is_by_now(self, cast: Cast, edas: Membership) -> None:
        shown = let_end(edas, 3 * DAY)
        members.set_end(membership=Membership.objects.get(pk=edas.pk), ends_at=None, by=cast.paula)
        with Unchanged(), pytest.raises(StateConflict, match="does not end"):
            members.extend(membership=shown, ends_at=shown.ends_at, by=cast.nils)

    def test_not_beyond_the_calendar(self, cast: Cast, edas: Membership) -> None:
        end = datetime(9999, 12, 30, tzinfo=UTC)
        Membership.objects.filter(pk=edas.pk).update(ends_at=end)
        edas.refresh_from_db()
        with Unchanged(), pytest.raises(StateConflict, match="calendar"):
            members.extend(membership=edas, ends_at=edas.ends_at, by=cast.nils)


class TestWarning:
    def test_seven_days_and_one_day_before(self, cast: Cast, edas: Membership) -> None:
        warned = []
        for days in range(10, -1, -1):
            warned_at = edas.warned_at and edas.warned_at - DAY  # a day passes
            let_end(edas, days * DAY + timedelta(minutes=1), warned_at=warned_at)
            if said := told(ends.warn):
                warned.append(days)
                assert set(said) == {"Eda", "Nils", "Paula"}
                assert said["Eda"].startswith("Your membership of avis-fire ends on ")
                assert said["Nils"].startswith("The membership of Eda Kaya in avis-fire ends on ")
            edas.refresh_from_db()
        assert warned == [6, 0]  # of 7 days and 1 day the minute is too long

    def test_once_each(self, edas: Membership) -> None:
        let_end(edas, 5 * DAY)
        assert ends.warn() == 1
        with Unchanged():
            assert ends.warn() == 0

    def test_again_after_it_was_extended(self, cast: Cast, edas: Membership) -> None:
        let_end(edas, DAY / 2)
        assert ends.warn() == 1
        members.extend(membership=edas, ends_at=edas.ends_at, by=cast.nils)
        assert ends.warn() == 0
        let_end(edas, 6 * DAY, warned_at=timezone.now() - 86 * DAY)
        assert ends.warn() == 1

    def test_workers_come_round(self, edas: Membership) -> None:
        let_end(edas, DAY)
        assert "Eda" in told(housekeeping.remind)


class TestEnding:
    def test_ends_at_its_moment(self, cast: Cast, edas: Membership) -> None:
        let_end(edas, timedelta(minutes=1))
        with Unchanged():
            assert ends.end_due() == 0
        let_end(edas, -timedelta(seconds=1))
        said = told(housekeeping.end_memberships)
        edas.refresh_from_db()
        assert edas.ended_at is not None
        assert edas.ended_by is None
        assert said == {
            "Eda": "Your membership of avis-fire has ended",
            "Nils": "The membership of Eda Kaya in avis-fire has ended",
            "Paula": "The membership of Eda Kaya in avis-fire has ended",
        }
        event = Event.objects.get()
        assert (event.act, event.actor) == ("member.ended", "")

    def test_right_is_proved_gone(self, cast: Cast, made: Namespace, fake_cluster: FakeCluster) -> None:
        edas = let_end(Membership.objects.get(namespace=made, person=cast.eda), -timedelta(seconds=1))
        before = fake_cluster.list_pages(ROLE_BINDING, made.name)
        count = sum(len(page.items) for page in before)
        housekeeping.attend()
        reconciliation.reconcile(made.pk)
        after = fake_cluster.list_pages(ROLE_BINDING, made.name)
        assert sum(len(page.items) for page in after) == count - 1
        assert standing.of_members(made)[cast.eda.pk].is_final
        edas.refresh_from_db()
        assert edas.ended_at is not None

    @pytest.mark.parametrize("visibility", ["listed", "members"])
    def test_link_is_one_that_who_is_out_may_open(
        self, cast: Cast, edas: Membership, visibility: str
    ) -> None:
        Namespace.objects.filter(pk=edas.namespace_id).update(visibility=visibility)
        let_end(edas, -timedelta(seconds=1))
        ends.end_due()
        told = Delivery.objects.get(channel="inbox", person=cast.eda)
        assert (told.link == edas.namespace.get_absolute_url()) is (visibility == "listed")
        assert ("ask to join" in told.text) is (visibility == "listed")

    @pytest.mark.parametrize(
        ("visibility", "is_known"), [("listed", True), ("unlisted", True), ("members", False)]
    )
    def test_who_was_in_is_sent_where_they_may_still_go(
        self, edas: Membership, visibility: str, *, is_known: bool
    ) -> None:
        Namespace.objects.filter(pk=edas.namespace_id).update(visibility=visibility)
        let_end(edas, -timedelta(seconds=1))
        ends.end_due()
        told = Delivery.objects.get(person=edas.person, channel="inbox")
        assert bool(told.link) is is_known
        assert ("ask to join" in told.text) is is_known

    def test_second_worker_does_nothing(self, edas: Membership) -> None:
        due = Membership.objects.filter(pk=let_end(edas, -timedelta(seconds=1)).pk)
        assert ends.end_due() == 1
        with Unchanged():
            assert not ends._end(edas, due.current())

    def test_last_admin_stays_and_it_is_told(self, cast: Cast, hidden: Namespace) -> None:
        paulas = let_end(Membership.objects.get(namespace=hidden), -timedelta(seconds=1))
        said = told(ends.end_due)
        paulas.refresh_from_db()
        assert paulas.ended_at is None
        assert paulas.ends_at is not None
        assert timedelta(days=6) < paulas.ends_at - timezone.now() < timedelta(days=8)
        assert said == dict.fromkeys(
            ("Paula", "Olga"), "Who takes over quiet-lab? Its last admin was to leave"
        )
        assert acts() == ["member.kept"]

    def test_last_admin_is_not_told_of_an_end_that_will_not_be(self, cast: Cast, hidden: Namespace) -> None:
        paulas = let_end(Membership.objects.get(namespace=hidden), -timedelta(seconds=1))
        ends.end_due()
        with Unchanged():
            assert ends.warn() == 0
        let_end(paulas, 5 * DAY)  # somebody has set another day, which is told of as ever
        Membership.objects.filter(pk=paulas.pk).update(warned_at=timezone.now() - 30 * DAY)
        assert ends.warn() == 1

    def test_one_that_fails_holds_up_no_other(self, cast: Cast, fire: Namespace, edas: Membership) -> None:
        let_end(edas, -2 * DAY)
        veras = let_end(Membership.objects.get(namespace=fire, person=cast.vera), -DAY)
        with failing_for(edas):
            assert ends.end_due() == 1
        for each in (edas, veras):
            each.refresh_from_db()
        assert (edas.ended_at is None, veras.ended_at is None) == (True, False)
        assert ends.end_due() == 1

    def test_warning_that_fails_holds_up_no_other(
        self, cast: Cast, fire: Namespace, edas: Membership
    ) -> None:
        let_end(edas, DAY / 2)
        let_end(Membership.objects.get(namespace=fire, person=cast.vera), DAY)
        with failing_for(edas):
            assert ends.warn() == 1

    def test_one_of_two_admins_goes(self, cast: Cast, fire: Namespace) -> None:
        for person in (cast.nils, cast.paula):
            let_end(Membership.objects.get(namespace=fire, person=person), -timedelta(seconds=1))
        assert ends.end_due() == 1
        assert Membership.objects.admins().filter(namespace=fire).count() == 1


class TestRestoring:
    @pytest.fixture
    def removed(self, cast: Cast, edas: Membership) -> Membership:
        return members.remove(membership=edas, by=cast.nils)

    def test_who_was_removed_is_what_they_were(self, cast: Cast, removed: Membership) -> None:
        again = members.restore(membership=removed, by=cast.paula)
        assert (again.person, again.role) == (cast.eda, Role.EDITOR)
        assert Membership.objects.current().filter(person=cast.eda).count() == 1
        assert acts() == ["member.removed", "member.added"]

    def test_until_when_they_were_in(self, cast: Cast, edas: Membership) -> None:
        until = let_end(edas, 5 * DAY).ends_at
        members.remove(membership=edas, by=cast.nils)
        assert members.restore(membership=edas, by=cast.nils).ends_at == until

    def test_not_beyond_the_day_on_which_they_were_to_go(self, cast: Cast, edas: Membership) -> None:
        let_end(edas, DAY / 2)
        removed = members.remove(membership=edas, by=cast.nils)
        Membership.objects.filter(pk=removed.pk).update(ends_at=timezone.now())
        with Unchanged(), pytest.raises(StateConflict, match="has come to its end"):
            members.restore(membership=removed, by=cast.nils)

    def test_for_a_day(self, cast: Cast, removed: Membership) -> None:
        Membership.objects.filter(pk=removed.pk).update(ended_at=timezone.now() - 2 * DAY)
        with Unchanged(), pytest.raises(StateConflict, match="for a day"):
            members.restore(membership=removed, by=cast.nils)

    def test_not_who_left_by_themselves(self, cast: Cast, edas: Membership) -> None:
        members.remove(membership=edas, by=cast.eda)
        with Unchanged(), pytest.raises(StateConflict, match="Only a removal"):
            members.restore(membership=edas, by=cast.nils)

    def test_not_who_was_in_again_and_left(self, cast: Cast, fire: Namespace, removed: Membership) -> None:
        again = members.add(namespace=fire, person=cast.eda, role=Role.VIEWER, by=cast.nils)
        members.remove(membership=again, by=cast.eda)
        with Unchanged(), pytest.raises(StateConflict, match="Only a removal"):
            members.restore(membership=removed, by=cast.nils)

    def test_not_who_is_in_again(self, cast: Cast, removed: Membership) -> None:
        members.restore(membership=removed, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="already"):
            members.restore(membership=removed, by=cast.nils)

    def test_not_a_member_who_is_in(self, cast: Cast, edas: Membership) -> None:
        with Unchanged(), pytest.raises(StateConflict):
            members.restore(membership=edas, by=cast.nils)

    @pytest.mark.parametrize("who", ["eda", "vera", "otto"])
    def test_only_by_who_gives_roles(self, cast: Cast, removed: Membership, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            members.restore(membership=removed, by=getattr(cast, who))

    def test_not_who_is_suspended_since(self, cast: Cast, removed: Membership) -> None:
        User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="not active"):
            members.restore(membership=removed, by=cast.nils)


class TestMerging:
    @pytest.mark.parametrize(
        ("one", "other", "gives_more"),
        [
            (("admin", 5), ("viewer", None), True),
            (("viewer", None), ("admin", 5), False),
            (("editor", None), ("editor", 5), True),
            (("editor", 5), ("editor", None), False),
            (("editor", 9), ("editor", 5), True),
            (("editor", 5), ("editor", 5), False),
        ],
    )
    def test_role_and_end_stay_together(
        self, one: tuple[str, int | None], other: tuple[str, int | None], *, gives_more: bool
    ) -> None:
        now = timezone.now()
        made = [
            factories.MembershipFactory.build(role=role, ends_at=days and now + days * DAY)
            for role, days in (one, other)
        ]
        assert merging._gives_more(*made) is gives_more
