"""What of the changes in a cluster is worth a look, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.api import LIMIT_RANGE, RESOURCE_QUOTA, ROLE_BINDING, Kind, Manifest, WatchEvent
from namespaces import hints
from namespaces.hints import Bell, Hint, Sieve
from namespaces.lanes import CHANGES, REVOCATIONS

OTHERS = [{"manager": "kubectl-create"}]
NEWS, ENDS = Hint(REVOCATIONS, is_news=True), Hint(REVOCATIONS, ended={"berth-viewer-a"})


def binding(name: str = "berth-viewer-a", *, by: Any = None, subject: str = "User") -> Manifest:
    metadata = {"name": name, "namespace": "avis-fire", "uid": "1", "resourceVersion": "7"}
    subjects = [{"kind": subject, "name": "somebody"}]
    return {"metadata": metadata | ({"managedFields": by} if by else {}), "subjects": subjects}


def quota(pods: str = "5", *, uid: str = "1", used: str = "0", **metadata: Any) -> Manifest:
    found = {"name": "berth-quota", "namespace": "avis-fire", "uid": uid, "resourceVersion": used}
    return {
        "metadata": found | metadata,
        "spec": {"hard": {"pods": pods}},
        "status": {"hard": {"pods": pods}, "used": {"pods": used}},
    }


class TestBindings:
    @pytest.mark.parametrize(
        ("change", "found", "hint"),
        [
            ("ADDED", binding(), None),
            ("ADDED", binding(by=OTHERS), NEWS),
            ("ADDED", binding("sneaky", by=OTHERS), NEWS),
            ("ADDED", binding("sneaky", by=OTHERS, subject="Group"), NEWS),
            ("ADDED", binding("helm", by=OTHERS, subject="ServiceAccount"), None),
            ("ADDED", binding("berth-viewer-a", by=OTHERS, subject="ServiceAccount"), NEWS),
            ("MODIFIED", binding(), NEWS),
            ("MODIFIED", binding("sneaky", by=OTHERS), NEWS),
            ("MODIFIED", binding("helm", by=OTHERS, subject="ServiceAccount"), NEWS),
            ("DELETED", binding(), ENDS),
            ("DELETED", binding("sneaky"), Hint(REVOCATIONS, ended={"sneaky"})),
            ("DELETED", binding("helm", subject="ServiceAccount"), None),
            ("BOOKMARK", {"metadata": {"resourceVersion": "9"}}, None),
        ],
    )
    def test_what_others_do_with_the_rights_of_people_is_news(
        self, change: Any, found: Manifest, hint: Hint | None
    ) -> None:
        assert Sieve(ROLE_BINDING).sift(WatchEvent(change, found)) == hint


class TestLimits:
    def sieve(self) -> Sieve:
        sieve = Sieve(RESOURCE_QUOTA)
        sieve.begin([quota()])
        return sieve

    @pytest.mark.parametrize(
        "changed",
        [
            quota("6"),
            quota(labels={"app.kubernetes.io/managed-by": "somebody"}),
            quota(deletionTimestamp="2026-01-01T00:00:00Z"),
        ],
    )
    def test_quota_that_says_something_else_is_news_once(self, changed: Manifest) -> None:
        sieve = self.sieve()
        assert sieve.sift(WatchEvent("MODIFIED", changed)) == Hint(CHANGES, is_news=True)
        assert sieve.sift(WatchEvent("MODIFIED", changed)) is None

    @pytest.mark.parametrize("changed", [quota(used="3"), quota(managedFields=OTHERS), quota(generation=4)])
    def test_what_controllers_count_is_no_news(self, changed: Manifest) -> None:
        assert self.sieve().sift(WatchEvent("MODIFIED", changed)) is None

    def test_quota_that_was_made_since_is_known(self) -> None:
        sieve = self.sieve()
        assert sieve.sift(WatchEvent("ADDED", quota(uid="2", managedFields=OTHERS))) is not None
        assert sieve.sift(WatchEvent("MODIFIED", quota(uid="2", used="1"))) is None

    @pytest.mark.parametrize("kind", [RESOURCE_QUOTA, LIMIT_RANGE])
    def test_one_that_berth_made_is_no_news_and_its_end_is(self, kind: Kind) -> None:
        sieve = Sieve(kind)
        assert sieve.sift(WatchEvent("ADDED", quota())) is None
        assert sieve.sift(WatchEvent("DELETED", quota())) == Hint(CHANGES, is_news=True)

    def test_every_change_of_a_limit_range_is_news(self) -> None:
        """No controller writes into one."""
        assert Sieve(LIMIT_RANGE).sift(WatchEvent("MODIFIED", quota())) is not None

    def test_nothing_is_kept_of_what_is_gone(self) -> None:
        sieve = self.sieve()
        sieve.sift(WatchEvent("DELETED", quota()))
        assert sieve._known == {}


class TestHint:
    def test_two_are_one_in_the_lane_of_ends(self) -> None:
        hint = Hint(CHANGES, is_news=True)
        hint.add(Hint(REVOCATIONS, ended={"a"}))
        assert hint == Hint(REVOCATIONS, is_news=True)

    def test_ends_alone_stay_ends(self) -> None:
        hint = Hint(REVOCATIONS, ended={"a"})
        hint.add(Hint(REVOCATIONS, ended={"b"}))
        assert hint == Hint(REVOCATIONS, ended={"a", "b"})

    def test_very_many_ends_are_news(self) -> None:
        hint = Hint(REVOCATIONS, ended={"a"})
        for number in range(100):
            hint.add(Hint(REVOCATIONS, ended={str(number)}))
        assert hint == Hint(REVOCATIONS, is_news=True)


class TestBell:
    def test_changes_that_come_together_are_one_look(self) -> None:
        bell = Bell()
        bell.note("fire", Hint(CHANGES, is_news=True), 10.0)
        bell.note("fire", Hint(REVOCATIONS, is_news=True), 10.2)
        assert bell.take(10.29) == {}
        assert bell.take(10.31) == {"fire": Hint(REVOCATIONS, is_news=True)}
        assert bell.take(99.0) == {}

    def test_pause_grows_while_changes_go_on_and_is_short_again_afterwards(self) -> None:
        """Somebody with a loop around kubectl, for an hour."""
        bell, looks = Bell(), []
        for tick in range(36_000):
            now = tick / 10
            bell.note("fire", Hint(CHANGES, is_news=True), now)
            if bell.take(now):
                bell.rung("fire", now)
                looks.append(now)
        assert looks[:4] == pytest.approx([0.3, 1.3, 3.3, 7.3], abs=0.2)
        assert len(looks) < 70
        bell.take(3600.0 + 2 * hints.LONGEST_PAUSE_SECONDS + 61)
        bell.note("fire", Hint(CHANGES, is_news=True), 4000.0)
        assert bell.take(4000.31)
        assert len(bell._looked) == 0

    def test_one_namespace_does_not_hold_up_another(self) -> None:
        bell = Bell()
        bell.rung("loop", 10.0)
        for name in ("loop", "fire"):
            bell.note(name, Hint(CHANGES, is_news=True), 10.0)
        assert list(bell.take(10.31)) == ["fire"]
        assert list(bell.take(11.01)) == ["loop"]

    def test_few_at_once_and_bindings_first(self) -> None:
        bell = Bell()
        for number in range(50):
            bell.note(f"quota-{number}", Hint(CHANGES, is_news=True), 10.0)
        bell.note("fire", Hint(REVOCATIONS, is_news=True), 10.1)
        taken = list(bell.take(11.0, most=20))
        assert (taken[0], len(taken)) == ("fire", 20)
        assert len(bell.take(11.0, most=100)) == 31
