"""Histories that once failed, and histories that show that the machine sees what it is there to see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit.models import Event
from clusters.api import ROLE_BINDING, Unavailable
from namespaces import desired_state, grants, sweeping
from namespaces.reconciler import diff
from namespaces.reconciler import reconcile as reconcile_module
from tests.model.crew import Fate
from tests.model.door import Fault
from tests.model.history import Happens, history

pytestmark = pytest.mark.usefixtures("in_memory")
FIRE = "avis-fire"
MOST_BINDINGS = 10


def late(verb: str) -> Fault:
    """Return what makes the answer to the next call of a verb get lost, and its effect come later."""
    return Fault(
        Unavailable("The API server did not answer within 10 seconds."), verb, ROLE_BINDING, late=True
    )


def test_worker_that_dies_before_it_replaces_what_it_deleted_leaves_no_end_unrecorded() -> None:
    """The next worker finds a free name, and remembers what had it."""
    with history() as happens:
        happens.work("pass", FIRE, Fate())
        happens.hand_edits(0, "swap", "olga")
        happens.work("pass", FIRE, Fate(dies_at="delete", late=True))


def test_copy_that_says_what_is_decided_is_found_and_not_made_and_ends_like_ours() -> None:
    with history() as happens:
        happens.work("pass", FIRE, Fate())
        happens.hand_copies(2, FIRE, "", again=True)
        happens.work("pass", FIRE, Fate())
        assert Event.objects.filter(act="binding.found").count() == 1
        happens.remove(FIRE, "eda", "olga")


def test_list_that_lacks_a_binding_makes_nobody_record_it_twice() -> None:
    with history() as happens:
        happens.work("pass", FIRE, Fate())
        happens.filter(0)
        happens.work("pass", FIRE, Fate())
        happens.calm()
        happens.remove(FIRE, "nils", "olga")


def test_right_that_a_late_worker_makes_is_counted_and_gone_with_the_next_sweep() -> None:
    with history() as happens:
        happens.work("pass", FIRE, Fate())
        happens.add(FIRE, "ana", "viewer", "paula")
        happens.begin("pass", FIRE, Fate(stands_at="create"))
        happens.remove(FIRE, "ana", "olga")
        happens.time_passes(61)
        happens.work("pass", FIRE, Fate())
        happens.go_on(0, Fate(dies_at=1, late=True))
        world = happens.world
        assert len(world.noted.resurrected) == 1
        happens.work("sweep", "", Fate())
        assert not world.noted.resurrected
        assert world.tally.lives == {0: 1}


def comes_back(happens: Happens) -> None:
    """Let a create arrive after the end of the right."""
    happens.work("pass", FIRE, Fate())
    happens.add(FIRE, "ana", "viewer", "paula")
    happens.fault(late("create"))
    happens.work("pass", FIRE, Fate())
    happens.remove(FIRE, "ana", "olga")
    happens.work("pass", FIRE, Fate())
    happens.lands()


def test_create_that_arrives_after_the_end_of_the_right_is_gone_with_the_next_sweep() -> None:
    with history() as happens:
        comes_back(happens)
        assert len(happens.world.noted.resurrected) == 1
        happens.work("sweep", "", Fate())
        assert not happens.world.noted.resurrected


@pytest.mark.parametrize("by_hand", [False, True])
def test_life_of_a_right_that_came_back_is_counted_once_in_sweeps_whoever_ends_it(
    by_hand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with history() as happens:
        comes_back(happens)
        with monkeypatch.context() as blind:
            blind.setattr(sweeping, "sweep_clusters", lambda: None)
            for _again in range(2):
                happens.work("sweep", "", Fate())
        world = happens.world
        (uid,) = world.noted.resurrected
        assert world.tally.lives == {}
        if by_hand:
            there = [world._binding(which) for which in range(MOST_BINDINGS)]
            happens.hand_deletes([each["metadata"]["uid"] for each in there if each].index(uid))
        else:
            happens.work("sweep", "", Fate())
        assert world.tally.lives == {2: 1}
    assert world.tally.lives == {2: 1}


def test_right_that_is_withdrawn_while_another_is_made_is_not_made_after_it() -> None:
    """Both were wanted when the pass began to make them, and the worker stands at the first."""
    with history() as happens:
        happens.work("pass", FIRE, Fate())
        happens.log_in("otto")
        happens.add(FIRE, "ana", "admin", "olga")
        happens.add(FIRE, "otto", "viewer", "olga")
        happens.begin("pass", FIRE, Fate(stands_at="create"))
        happens.remove(FIRE, "otto", "olga")
        happens.go_on(0, Fate())
        happens.settle()


def test_end_of_a_role_whose_rights_another_holds_is_not_proved_without_asking() -> None:
    """No question is left about a viewer who is an editor now, and that the editor works was proved a moment ago."""
    with history() as happens:
        happens.add(FIRE, "ana", "viewer", "paula")
        happens.work("pass", FIRE, Fate())
        happens.set_role(FIRE, "ana", "editor", "olga")
        happens.fault(Fault(Unavailable("The API server did not answer."), verb="delete", kind=ROLE_BINDING))
        happens.work("pass", FIRE, Fate())
        happens.work("pass", FIRE, Fate())


def test_end_is_not_proved_by_a_role_that_was_withdrawn_while_it_was_made() -> None:
    """An admin may do whatever an editor may: no question is left about the editor, if the admin counts."""
    with history() as happens:
        happens.work("pass", FIRE, Fate())
        happens.remove(FIRE, "eda", "olga")
        happens.add(FIRE, "eda", "admin", "olga")
        happens.begin("pass", FIRE, Fate(stands_at="create"))
        happens.remove(FIRE, "eda", "olga")
        happens.hand_edits(1, "forget", "eda")  # so that the next look makes one again, and stands there
        happens.go_on(0, Fate(stands_at="create"))


def test_create_that_arrives_after_another_one_of_its_kind_was_made_and_ended_is_gone_with_the_next_sweep() -> (
    None
):
    """Each create has an operation of its own: that a second one was answered says nothing about the first."""
    with history() as happens:
        happens.work("pass", FIRE, Fate())
        happens.add(FIRE, "ana", "viewer", "paula")
        happens.fault(late("create"))
        happens.work("pass", FIRE, Fate())
        happens.work("pass", FIRE, Fate())
        happens.remove(FIRE, "ana", "olga")
        happens.work("pass", FIRE, Fate())
        happens.lands()
        assert len(happens.world.noted.resurrected) == 1
        happens.work("sweep", "", Fate())
        assert not happens.world.noted.resurrected


def test_member_removed_before_anything_was_made_is_not_called_revoked_whatever_others_gave_them() -> None:
    """The page says that the membership has ended and nothing of it was in the cluster, which is true."""
    with history() as happens:
        happens.hand_makes_namespace(FIRE, labelled=False)
        happens.remove(FIRE, "nils", "olga")
        happens.hand_makes(FIRE, "ana", "ana", "editor", ours=True)
        happens.hand_edits(6, "add", "nils")
        happens.work("pass", FIRE, Fate())


def test_former_member_whom_others_let_in_to_a_namespace_of_theirs_is_not_called_revoked() -> None:
    with history() as happens:
        happens.hand_makes_namespace("quiet-lab", labelled=True)
        happens.create_namespace("quiet-lab", "paula")
        happens.add("quiet-lab", "olga", "editor", "olga")
        happens.work("pass", "quiet-lab", Fate())
        happens.remove("quiet-lab", "olga", "olga")
        happens.work("pass", "quiet-lab", Fate())
        happens.hand_makes("quiet-lab", "ana", "olga", "editor", ours=True)
        happens.work("pass", "quiet-lab", Fate())


def _lets_late_workers_in(happens: Happens) -> None:
    happens.add(FIRE, "ana", "viewer", "paula")
    happens.begin("pass", FIRE, Fate(stands_at="list"))
    happens.remove(FIRE, "ana", "olga")
    happens.go_on(0, Fate())


def _removes_eda(happens: Happens) -> None:
    happens.remove(FIRE, "eda", "olga")
    happens.work("pass", FIRE, Fate())


def _changes_two_roles(happens: Happens) -> None:
    happens.set_role(FIRE, "eda", "viewer", "olga")
    happens.work("pass", FIRE, Fate())


BROKEN: dict[str, tuple[Any, str, object, Callable[[Happens], None]]] = {
    "I-1: stale": (reconcile_module, "_revoke", lambda *_: None, _removes_eda),
    "I-2": (desired_state, "wanted", lambda _namespace, among, _config: among, _lets_late_workers_in),
    "I-4": (reconcile_module, "_revoke", lambda *_: None, _changes_two_roles),
    "I-7": (reconcile_module._Proof, "is_settled", lambda *_: True, _removes_eda),
    "I-9": (grants.Ledger, "_tell", lambda *_, **_values: None, _removes_eda),
}


@pytest.mark.parametrize("invariant", BROKEN)
def test_machine_sees_what_is_broken(invariant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to break the product is seen as the invariant that it breaks."""
    module, name, broken, happen = BROKEN[invariant]

    def history_in_which_it_breaks() -> None:
        with history() as happens:
            happens.work("pass", FIRE, Fate())
            if invariant == "I-4":
                monkeypatch.setattr(reconcile_module, "_grant", _grants_and_then_revokes)
            monkeypatch.setattr(module, name, broken)
            happen(happens)

    with pytest.raises(AssertionError, match=invariant):
        history_in_which_it_breaks()


_grant, _revoke = reconcile_module._grant, reconcile_module._revoke


def _grants_and_then_revokes(api: Any, spec: Any, rows: Any, outcome: Any) -> None:
    _grant(api, spec, rows, outcome)
    _revoke(api, spec, outcome)


def test_foreign_binding_that_is_deleted_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def history_in_which_it_happens() -> None:
        with history() as happens:
            happens.work("pass", FIRE, Fate())
            happens.remove(FIRE, "eda", "olga")
            happens.work("pass", FIRE, Fate())
            happens.hand_makes(FIRE, "eda", "eda", "editor", ours=True)
            monkeypatch.setattr(diff, "is_ours", lambda *_: True)
            happens.work("pass", FIRE, Fate())

    with pytest.raises(AssertionError, match="I-3"):
        history_in_which_it_happens()
