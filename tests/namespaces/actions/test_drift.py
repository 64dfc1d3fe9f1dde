"""What becomes of what differs: decided by operators, of what they saw, on the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.utils import timezone

from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import Level, User
from audit.models import Event
from clusters.roles import binding_name
from namespaces import drift as differences
from namespaces.access import Role
from namespaces.actions import drift, limits
from namespaces.limits import Key, Kind
from namespaces.models import (
    DriftDecision,
    Limit,
    Membership,
    Namespace,
    NamespaceStatus,
    SeenBinding,
    SeenKeys,
)
from namespaces.reconciler.diff import Foreign, ForeignKeys, Stray
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = [pytest.mark.django_db, pytest.mark.database]

WHY = "Made by hand during the workshop."
COPIED = binding_name("editor", "https://localhost:18443", "somebody")
PODS = Key(Kind.QUOTA, "pods")


def seen(
    fire: Namespace, user: str = "", *, name: str = "sneaky", role: str = "ClusterRole view", **values: object
) -> SeenBinding:
    found = Foreign(name, (user,) if user else (), role=role, uid="uid-1", **values)  # type: ignore[arg-type]
    differences.store({fire.pk: [found]})
    return SeenBinding.objects.get(namespace=fire, name=name)


def ours(fire: Namespace, user: str = "") -> SeenBinding:
    return seen(fire, user, name=COPIED, role="ClusterRole berth:editor", kind=Stray.ORPHAN)


def subject(person: User) -> str:
    return person.identities.get().subject


def keys(fire: Namespace, *found: tuple[str, str, str, str]) -> SeenKeys:
    differences.store_keys({fire.pk: [ForeignKeys("ResourceQuota", "uid-q", found)]})
    return SeenKeys.objects.get(namespace=fire)


def tomorrow() -> date:
    return timezone.localdate() + timedelta(days=1)


class TestAdopt:
    def test_person_becomes_a_member_and_the_binding_stays_for_others_to_delete(
        self, cast: Cast, fire: Namespace
    ) -> None:
        row = seen(fire, subject(cast.otto))
        made = drift.adopt(row=row, role=Role.VIEWER, reason=WHY, by=cast.olga)
        assert (made.membership.person, made.membership.role) == (cast.otto, Role.VIEWER)
        assert not made.is_condemned
        assert not DriftDecision.objects.exists()
        event = Event.objects.get(act="drift.adopted")
        assert (event.reason, event.before["binding"]) == (WHY, "sneaky")
        assert generation(fire) > fire.generation

    def test_binding_in_our_reach_goes_in_the_same_act(self, cast: Cast, fire: Namespace) -> None:
        made = drift.adopt(row=ours(fire, subject(cast.otto)), role=Role.EDITOR, reason=WHY, by=cast.olga)
        assert made.is_condemned
        decision = DriftDecision.objects.get()
        assert (decision.act, decision.uid, decision.decided_by) == ("revert", "uid-1", cast.olga)

    @pytest.mark.parametrize("named", ["nobody", "two", "group"])
    def test_only_one_person_whom_berth_knows_can_be_adopted(
        self, cast: Cast, fire: Namespace, named: str
    ) -> None:
        users = {"nobody": ("stranger",), "two": (subject(cast.otto), subject(cast.ana))}
        found = Foreign("sneaky", users.get(named, (subject(cast.otto),)), ("g",) if named == "group" else ())
        differences.store({fire.pk: [found]})
        with Unchanged(), pytest.raises(StateConflict, match="exactly one person"):
            drift.adopt(row=SeenBinding.objects.get(), role=Role.VIEWER, reason=WHY, by=cast.olga)

    def test_identity_that_is_retired_is_nobody(self, cast: Cast, fire: Namespace) -> None:
        row = seen(fire, subject(cast.otto))
        cast.otto.identities.update(state="retired")
        with Unchanged(), pytest.raises(StateConflict, match="exactly one person"):
            drift.adopt(row=row, role=Role.VIEWER, reason=WHY, by=cast.olga)

    def test_member_is_told_and_nothing_is_condemned(self, cast: Cast, fire: Namespace) -> None:
        row = ours(fire, subject(cast.eda))
        with Unchanged(), pytest.raises(StateConflict, match="a member of avis-fire already"):
            drift.adopt(row=row, role=Role.VIEWER, reason=WHY, by=cast.olga)
        assert not DriftDecision.objects.exists()

    def test_guest_is_vouched_for_by_the_operator(self, cast: Cast, fire: Namespace) -> None:
        drift.adopt(row=seen(fire, subject(cast.ana)), role=Role.VIEWER, reason=WHY, by=cast.olga)
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER


class TestRevert:
    @pytest.mark.parametrize("kind", list(Stray))
    def test_what_is_in_our_reach_is_condemned(self, cast: Cast, fire: Namespace, kind: Stray) -> None:
        row = seen(fire, "x", name=COPIED, role="ClusterRole berth:admin", kind=kind)
        drift.revert(row=row, reason=WHY, by=cast.olga)
        assert list(DriftDecision.objects.values_list("act", "uid", "reason")) == [("revert", "uid-1", WHY)]
        assert acts() == ["drift.reverted"]
        assert differences.open_bindings() == []
        assert [each.act for each in differences.decided()] == ["revert"]

    def test_what_is_out_of_reach_is_refused_in_words(self, cast: Cast, fire: Namespace) -> None:
        row = seen(fire, "x")
        with Unchanged(), pytest.raises(StateConflict, match="Somebody with more rights"):
            drift.revert(row=row, reason=WHY, by=cast.olga)
        assert differences.line(row).command == "kubectl delete rolebinding sneaky --namespace avis-fire"

    def test_decision_that_is_taken_back_lets_the_line_come_back(self, cast: Cast, fire: Namespace) -> None:
        decision = drift.revert(row=ours(fire, "x"), reason=WHY, by=cast.olga)
        drift.take_back(decision=decision, by=cast.olga)
        assert len(differences.open_bindings()) == 1
        with Unchanged(), pytest.raises(StateConflict, match="ended already"):
            drift.take_back(decision=decision, by=cast.olga)


class TestLeave:
    def test_line_is_away_until_the_day_is_over(self, cast: Cast, fire: Namespace) -> None:
        row = seen(fire, "x")
        decision = drift.leave(row=row, reason=WHY, until=tomorrow(), by=cast.olga)
        assert differences.open_bindings() == []
        assert list(differences.decided()) == [decision]
        DriftDecision.objects.update(until=timezone.localdate() - timedelta(days=1))
        assert [line.binding for line in differences.open_bindings()] == [row]
        assert not differences.decided()
        drift.leave(row=row, reason=WHY, until=tomorrow(), by=cast.olga)
        assert DriftDecision.objects.filter(ended_at__isnull=True).count() == 1

    def test_binding_that_changes_comes_back_though_its_uid_is_the_same(
        self, cast: Cast, fire: Namespace
    ) -> None:
        drift.leave(row=seen(fire, "x"), reason=WHY, until=tomorrow(), by=cast.olga)
        seen(fire, "another")
        (line,) = differences.open_bindings()
        assert line.people == (("another", ""),)
        assert not differences.decided()

    def test_admins_see_it_all_the_same(self, cast: Cast, fire: Namespace) -> None:
        decision = drift.leave(row=seen(fire, "x"), reason=WHY, until=tomorrow(), by=cast.olga)
        (line,) = differences.of(fire)
        assert line.left == decision

    @pytest.mark.parametrize(("days", "said"), [(0, "still to come"), (-1, "still to come"), (366, "a year")])
    def test_last_day_is_to_come_and_within_a_year(
        self, cast: Cast, fire: Namespace, days: int, said: str
    ) -> None:
        row, until = seen(fire, "x"), timezone.localdate() + timedelta(days=days)
        with Unchanged(), pytest.raises(BadInput, match=said) as refused:
            drift.leave(row=row, reason=WHY, until=until, by=cast.olga)
        assert refused.value.field == "until"
        assert not DriftDecision.objects.exists()


class TestLimits:
    def decided(self, fire: Namespace, cast: Cast) -> None:
        limits.decide(namespace=fire, amounts={PODS: 20}, version=1, by=cast.olga)

    def test_adopted_limits_are_decided(self, cast: Cast, fire: Namespace) -> None:
        self.decided(fire, cast)
        row = keys(fire, ("", "pods", "20", "50"), ("", "requests.storage", "", "1Ti"))
        drift.adopt_limits(row=row, reason=WHY, by=cast.olga)
        assert limits.of(fire) == {PODS: 50, Key(Kind.QUOTA, "requests.storage"): 2**40}
        assert acts()[-2:] == ["drift.limits_adopted", "limits.decided"]

    def test_key_that_is_gone_is_limited_no_more_once_adopted(self, cast: Cast, fire: Namespace) -> None:
        self.decided(fire, cast)
        drift.adopt_limits(row=keys(fire, ("", "pods", "20", "")), reason=WHY, by=cast.olga)
        assert limits.of(fire) == {}

    def test_limits_that_were_decided_anew_meanwhile_are_not_written_over(
        self, cast: Cast, fire: Namespace
    ) -> None:
        self.decided(fire, cast)
        row = keys(fire, ("", "pods", "10", "50"))
        with Unchanged(), pytest.raises(StateConflict, match="changed meanwhile"):
            drift.adopt_limits(row=row, reason=WHY, by=cast.olga)
        assert limits.of(fire) == {PODS: 20}

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            (("Pod.max", "cpu", "", "4"), "cannot decide"),
            (("", "nvidia.com/gpu", "", "4"), "cannot decide"),
            (("", "pods", "20", "-1"), "nothing that Berth can decide"),
            (("", "pods", "20", "1500m"), "nothing that Berth can decide"),
            (("", "pods", "20", "x"), "nothing that Berth can decide"),
        ],
        ids=str,
    )
    def test_what_cannot_be_decided_is_told(
        self, cast: Cast, fire: Namespace, key: tuple[str, str, str, str], said: str
    ) -> None:
        self.decided(fire, cast)
        row = keys(fire, key)
        with Unchanged(), pytest.raises(StateConflict, match=said):
            drift.adopt_limits(row=row, reason=WHY, by=cast.olga)

    def test_limits_that_do_not_fit_together_are_refused(self, cast: Cast, fire: Namespace) -> None:
        row = keys(fire, ("", "requests.cpu", "", "4"))
        with Unchanged(), pytest.raises(BadInput, match="would be refused"):
            drift.adopt_limits(row=row, reason=WHY, by=cast.olga)

    def test_reverted_limits_are_made_again_and_keys_of_nobody_may_go(
        self, cast: Cast, fire: Namespace
    ) -> None:
        self.decided(fire, cast)
        version = Namespace.objects.get(pk=fire.pk).limits_version
        drift.revert_limits(
            row=keys(fire, ("", "pods", "20", "50"), ("", "secrets", "", "7")), reason=WHY, by=cast.olga
        )
        assert limits.of(fire) == {PODS: 20}
        assert Limit.objects.get(resource="secrets").amount is None
        assert Namespace.objects.get(pk=fire.pk).limits_version == version + 1

    def test_keys_that_are_left_alone_come_back_when_they_change(self, cast: Cast, fire: Namespace) -> None:
        row = keys(fire, ("", "secrets", "", "7"))
        decision = drift.leave(row=row, reason=WHY, until=tomorrow(), by=cast.olga)
        assert (differences.open_keys(), list(differences.decided())) == ([], [decision])
        keys(fire, ("", "secrets", "", "8"))
        (line,) = differences.open_keys()
        assert line.keys == [("secrets", "", "8")]


class TestConfirm:
    def status(self, fire: Namespace, code: str) -> None:
        NamespaceStatus.objects.create(
            namespace=fire, state="conflict", error_code=code, cluster_uid="old", seen_uid="new"
        )

    @pytest.mark.parametrize(
        ("code", "uid"), [("replaced", "new"), ("missing", "old"), ("unlabelled", "new")]
    )
    def test_uid_that_was_looked_at_is_confirmed(
        self, cast: Cast, fire: Namespace, code: str, uid: str
    ) -> None:
        self.status(fire, code)
        (line,) = differences.in_trouble()
        assert line.is_to_confirm
        drift.confirm(namespace=fire, uid=uid, reason=WHY, by=cast.olga)
        assert list(DriftDecision.objects.values_list("kind", "act", "uid")) == [
            ("Namespace", "confirm", uid)
        ]
        (line,) = differences.in_trouble()
        assert line.confirmed
        assert not line.is_to_confirm

    @pytest.mark.parametrize(
        ("code", "uid"),
        [("replaced", "old"), ("replaced", ""), ("missing", "new"), ("foreign", "new"), ("", "new")],
    )
    def test_another_one_is_not(self, cast: Cast, fire: Namespace, code: str, uid: str) -> None:
        self.status(fire, code)
        with Unchanged(), pytest.raises(StateConflict, match="changed meanwhile"):
            drift.confirm(namespace=fire, uid=uid, reason=WHY, by=cast.olga)
        assert not DriftDecision.objects.exists()


def _confirm(fire: Namespace, by: User) -> Callable[[], object]:
    NamespaceStatus.objects.create(namespace=fire, state="conflict", error_code="replaced", seen_uid="new")
    return lambda: drift.confirm(namespace=fire, uid="new", reason=WHY, by=by)


ALL: dict[str, Callable[[Namespace, User], Callable[[], object]]] = {
    "adopt": lambda fire, by: lambda: drift.adopt(row=ours(fire, "x"), role=Role.VIEWER, reason=WHY, by=by),
    "revert": lambda fire, by: lambda: drift.revert(row=ours(fire, "x"), reason=WHY, by=by),
    "leave": lambda fire, by: lambda: drift.leave(row=ours(fire, "x"), reason=WHY, until=tomorrow(), by=by),
    "adopt_limits": lambda fire, by: (
        lambda: drift.adopt_limits(row=keys(fire, ("", "pods", "", "2")), reason=WHY, by=by)
    ),
    "revert_limits": lambda fire, by: (
        lambda: drift.revert_limits(row=keys(fire, ("", "pods", "", "2")), reason=WHY, by=by)
    ),
    "confirm": _confirm,
    "take_back": lambda fire, by: (
        lambda: drift.take_back(
            decision=DriftDecision.objects.create(namespace=fire, kind="RoleBinding", uid="1", act="revert"),
            by=by,
        )
    ),
}


@pytest.mark.parametrize("who", ["nils", "paula", "eda", "otto", "ana"])
@pytest.mark.parametrize("what", ALL)
def test_only_operators_decide(cast: Cast, fire: Namespace, what: str, who: str) -> None:
    act = ALL[what](fire, getattr(cast, who))
    with Unchanged(), pytest.raises(NotAllowed, match="Only operators"):
        act()
    assert not DriftDecision.objects.exclude(ended_at__isnull=True, uid="1").exists()


@pytest.mark.parametrize("what", ["adopt", "revert", "leave"])
def test_binding_that_has_changed_meanwhile_is_not_decided_about(
    cast: Cast, fire: Namespace, what: str
) -> None:
    row = ours(fire, subject(cast.otto))
    ours(fire, subject(cast.ana))
    given: dict[str, dict[str, object]] = {"adopt": {"role": Role.VIEWER}, "leave": {"until": tomorrow()}}
    with Unchanged(), pytest.raises(StateConflict, match="changed meanwhile"):
        getattr(drift, what)(row=row, reason=WHY, by=cast.olga, **given.get(what, {}))
    assert not DriftDecision.objects.exists()
    assert not Membership.objects.filter(person__in=(cast.otto, cast.ana)).exists()
