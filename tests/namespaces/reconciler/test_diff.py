"""The difference between decided and observed: each outcome by example, and what holds for all of them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.api import RESOURCE_QUOTA, Manifest
from clusters.names import MANAGED_BY, MANAGED_BY_LABEL, NAMESPACE_ID_LABEL
from namespaces.reconciler import quotas
from namespaces.reconciler.diff import (
    Drift,
    Foreign,
    Observed,
    Obstacle,
    Seen,
    Stray,
    Written,
    compare,
    keys_of_others,
)
from namespaces.reconciler.manifests import INSTALLATION, MEMBERSHIP, OPERATION, binding_manifest
from namespaces.reconciler.spec import BindingSpec, KnownBinding, LimitSpec, NamespaceSpec
from tests.namespaces.reconciler.objects import (
    INSTALLATION_ID,
    binding,
    by_hand,
    known,
    namespace,
    spec,
    stored,
)

EDA, VERA = binding(1), binding(2, "viewer")
NOON = "2026-01-03T12:00:00Z"


def seen(manifest: Manifest) -> Seen:
    return Seen(manifest["metadata"]["name"], manifest["metadata"]["uid"])


class TestBindings:
    def test_absent_and_wanted_is_created(self) -> None:
        drift = compare(spec(EDA), Observed(namespace()))
        assert drift == Drift(create=(EDA,))
        assert not drift.is_empty

    def test_as_wanted_is_correct(self) -> None:
        found = stored(EDA)
        drift = compare(
            spec(EDA, known=known(EDA, uid=found["metadata"]["uid"])), Observed(namespace(), [found])
        )
        assert drift == Drift(correct=((EDA, seen(found)),))
        assert drift.is_empty

    def test_as_wanted_is_correct_even_when_no_row_knows_of_it(self) -> None:
        """The rows of grants were lost: what is as decided needs no change."""
        found = stored(EDA)
        assert compare(spec(EDA), Observed(namespace(), [found])) == Drift(correct=((EDA, seen(found)),))

    def test_over_and_ours_is_deleted_by_its_uid(self) -> None:
        found = stored(EDA)
        rows = known(EDA, uid=found["metadata"]["uid"], revoked=True)
        assert compare(spec(known=rows), Observed(namespace(), [found])) == Drift(delete=(seen(found),))

    def test_over_and_absent_is_nothing_to_do(self) -> None:
        assert compare(spec(known=known(EDA, uid="uid-0", revoked=True)), Observed(namespace())).is_empty

    def test_unwanted_without_a_reason_in_the_rows_is_left_alone(self) -> None:
        """A table of memberships that is empty by mistake takes nobody's right away."""
        found = stored(EDA)
        drift = compare(spec(known=known(EDA, uid=found["metadata"]["uid"])), Observed(namespace(), [found]))
        assert drift == Drift(unexplained=(seen(found),))
        assert drift.is_empty

    def test_ours_by_name_and_label_alone_is_not_ours(self) -> None:
        found = stored(EDA)
        drift = compare(spec(), Observed(namespace(), [found]))
        seen_beside = Foreign(
            EDA.name,
            (EDA.username,),
            role="ClusterRole berth:editor",
            uid=found["metadata"]["uid"],
            kind=Stray.ORPHAN,
        )
        assert drift == Drift(foreign=(seen_beside,))
        assert drift.is_empty

    def test_order_of_what_was_seen_does_not_matter(self) -> None:
        found = [stored(EDA), stored(VERA), by_hand("sneaky")]
        decided = spec(EDA, known=known(VERA, uid=found[1]["metadata"]["uid"], revoked=True))
        assert compare(decided, Observed(namespace(), found)) == compare(
            decided, Observed(namespace(), found[::-1])
        )


def _other_role(found: Manifest) -> None:
    found["roleRef"]["name"] = "berth:admin"


def _other_person(found: Manifest) -> None:
    found["subjects"][0]["name"] = "http://cilogon.org/serverA/users/666"


def _second_person(found: Manifest) -> None:
    found["subjects"].append({**found["subjects"][0], "name": "http://cilogon.org/serverA/users/666"})


def _nobody(found: Manifest) -> None:
    del found["subjects"]


def _group(found: Manifest) -> None:
    found["subjects"][0] |= {"kind": "Group", "name": "system:authenticated"}


def _no_label(found: Manifest) -> None:
    del found["metadata"]["labels"]


def _other_label(found: Manifest) -> None:
    found["metadata"]["labels"][MANAGED_BY_LABEL] = "helm"


def _no_annotations(found: Manifest) -> None:
    del found["metadata"]["annotations"]


def _other_membership(found: Manifest) -> None:
    found["metadata"]["annotations"][MEMBERSHIP] = "membership-0"


def _other_installation(found: Manifest) -> None:
    found["metadata"]["annotations"][INSTALLATION] = "somewhere else"


EDITS = {
    edit.__name__.strip("_"): edit
    for edit in (
        _other_role, _other_person, _second_person, _nobody, _group, _no_label, _other_label, _no_annotations,
        _other_membership, _other_installation,
    )
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
class TestEditedByHand:
    def test_ours_by_its_uid_is_replaced(self, edit: str) -> None:
        found = stored(EDA, uid="uid-1")
        EDITS[edit](found)
        drift = compare(spec(EDA, known=known(EDA, uid="uid-1")), Observed(namespace(), [found]))
        assert drift == Drift(replace=((EDA, seen(found)),))

    def test_ours_and_over_is_deleted_whatever_it_says_now(self, edit: str) -> None:
        """Taking the label off, or swapping the person, saves no right from its end."""
        found = stored(EDA, uid="uid-1")
        EDITS[edit](found)
        drift = compare(spec(known=known(EDA, uid="uid-1", revoked=True)), Observed(namespace(), [found]))
        assert drift == Drift(delete=(seen(found),))

    def test_another_object_under_our_name_is_a_conflict(self, edit: str) -> None:
        found = stored(EDA, uid="uid-2")
        EDITS[edit](found)
        drift = compare(spec(EDA, known=known(EDA, uid="uid-1")), Observed(namespace(), [found]))
        assert drift == Drift(conflicts=((EDA, seen(found)),))
        assert not drift.is_empty

    def test_another_object_under_the_name_of_what_is_over_is_never_touched(self, edit: str) -> None:
        found = stored(EDA, uid="uid-2")
        EDITS[edit](found)
        drift = compare(spec(known=known(EDA, uid="uid-1", revoked=True)), Observed(namespace(), [found]))
        assert (drift.delete, drift.replace) == ((), ())
        assert drift.is_empty


class TestAdoption:
    """The answer to a create was lost: what was made is known by the operation in its annotation."""

    def test_ours_and_over_is_deleted(self) -> None:
        found = stored(EDA, operation="operation-7")
        rows = known(EDA, operation="operation-7", revoked=True)
        assert compare(spec(known=rows), Observed(namespace(), [found])) == Drift(delete=(seen(found),))

    def test_of_an_earlier_membership_is_replaced(self) -> None:
        found = stored(binding(1, membership="membership-0"), operation="operation-7")
        drift = compare(spec(EDA, known=known(EDA, operation="operation-7")), Observed(namespace(), [found]))
        assert drift == Drift(replace=((EDA, seen(found)),))

    @pytest.mark.parametrize("operation", ["operation-8", ""])
    def test_another_operation_is_another_object(self, operation: str) -> None:
        found = stored(EDA, operation="operation-7")
        rows = known(EDA, operation=operation, revoked=True)
        assert compare(spec(known=rows), Observed(namespace(), [found])).delete == ()

    def test_operation_without_our_label_is_not_enough(self) -> None:
        found = stored(EDA, operation="operation-7")
        _no_label(found)
        rows = known(EDA, operation="operation-7", revoked=True)
        assert compare(spec(known=rows), Observed(namespace(), [found])).delete == ()

    def test_late_create_beside_a_known_one_is_ours(self) -> None:
        found = stored(EDA, uid="uid-2", operation="operation-7")
        recorded = known(EDA, uid="uid-1", revoked=True)[EDA.name]
        rows = {EDA.name: replace(recorded, operations=frozenset(["operation-7"]))}
        assert compare(spec(known=rows), Observed(namespace(), [found])).delete == (seen(found),)

    def test_operation_does_not_count_once_the_uid_is_known(self) -> None:
        found = stored(EDA, uid="uid-2", operation="operation-7")
        rows = known(EDA, uid="uid-1", operation="operation-7", revoked=True)
        assert compare(spec(known=rows), Observed(namespace(), [found])).delete == ()


class TestForeign:
    @pytest.mark.parametrize("kind", ["User", "Group"])
    def test_rights_of_people_beside_berth_are_shown(self, kind: str) -> None:
        drift = compare(spec(), Observed(namespace(), [by_hand("sneaky", kind=kind, uid="uid-9")]))
        users, groups = (("somebody",), ()) if kind == "User" else ((), ("somebody",))
        assert drift == Drift(foreign=(Foreign("sneaky", users, groups, "ClusterRole view", "uid-9"),))
        assert drift.is_empty

    def test_rights_of_service_accounts_are_the_business_of_the_namespace(self) -> None:
        assert compare(spec(), Observed(namespace(), [by_hand("helm", kind="ServiceAccount")])) == Drift()

    @pytest.mark.parametrize("subjects", [None, []])
    def test_binding_of_nobody_is_nothing(self, subjects: list[object] | None) -> None:
        found = by_hand("empty") | {"subjects": subjects}
        assert compare(spec(), Observed(namespace(), [found])) == Drift()

    def test_our_label_on_a_foreign_binding_does_not_make_it_ours(self) -> None:
        annotations = {OPERATION: "operation-1", INSTALLATION: INSTALLATION_ID}
        found = by_hand("sneaky", uid="uid-9", labels={MANAGED_BY_LABEL: MANAGED_BY}, annotations=annotations)
        assert compare(spec(known=known(EDA, revoked=True)), Observed(namespace(), [found])) == Drift(
            foreign=(Foreign("sneaky", ("somebody",), role="ClusterRole view", uid="uid-9"),)
        )

    def test_who_wrote_it_last_beside_us_and_when_is_told(self) -> None:
        writers = [
            {"manager": "helm", "time": "2026-01-02T00:00:00Z"},
            {"manager": "kubectl-edit", "time": "2026-01-03T00:00:00Z"},
            {"manager": "kubectl-create", "time": "2026-01-01T00:00:00Z"},
        ]
        found = by_hand("sneaky", managedFields=writers, creationTimestamp="2026-01-01T00:00:00Z")
        (foreign,) = compare(spec(), Observed(namespace(), [found])).foreign
        assert foreign.written == Written("kubectl-edit", "2026-01-03T00:00:00Z")

    def test_what_only_berth_wrote_has_the_time_when_it_was_made(self) -> None:
        found = stored(EDA)
        found["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
        (foreign,) = compare(spec(), Observed(namespace(), [found])).foreign
        assert foreign.written == Written("", "2026-01-01T00:00:00Z")


class TestCondemned:
    """An operator, or the guard of a sweep, said of one uid that it may go although no row explains that."""

    def test_ours_without_a_reason_in_the_rows_is_deleted(self) -> None:
        found = stored(EDA, uid="uid-1")
        decided = replace(spec(known=known(EDA, uid="uid-1")), condemned=frozenset(["uid-1"]))
        assert compare(decided, Observed(namespace(), [found])) == Drift(delete=(seen(found),))

    def test_orphan_is_deleted(self) -> None:
        found = stored(EDA, uid="uid-1")
        decided = replace(spec(), condemned=frozenset(["uid-1"]))
        assert compare(decided, Observed(namespace(), [found])) == Drift(delete=(seen(found),))

    def test_what_is_in_the_way_of_a_wish_is_replaced(self) -> None:
        found = stored(EDA, uid="uid-1")
        _second_person(found)
        decided = replace(spec(EDA), condemned=frozenset(["uid-1"]))
        assert compare(decided, Observed(namespace(), [found])) == Drift(replace=((EDA, seen(found)),))

    def test_another_uid_is_another_object(self) -> None:
        decided = replace(spec(), condemned=frozenset(["uid-2"]))
        assert compare(decided, Observed(namespace(), [stored(EDA, uid="uid-1")])).delete == ()

    @pytest.mark.parametrize("edit", ["name", "role"])
    def test_what_our_account_may_not_delete_is_left_alone(self, edit: str) -> None:
        found = stored(EDA, uid="uid-1")
        if edit == "name":
            found["metadata"]["name"] = "berth-editor-x"
        else:
            found["roleRef"]["name"] = "view"
        decided = replace(spec(), condemned=frozenset(["uid-1"]))
        drift = compare(decided, Observed(namespace(), [found]))
        assert drift.delete == ()
        assert [each.uid for each in drift.foreign] == ["uid-1"]


class TestNamespace:
    def test_absent_and_never_seen_is_made_with_all_that_belongs_in_it(self) -> None:
        assert compare(spec(EDA, VERA, uid=""), Observed(None)) == Drift(
            create_namespace=True, create=(EDA, VERA)
        )

    def test_made_by_us_and_the_answer_lost_is_ours(self) -> None:
        assert compare(spec(EDA, uid=""), Observed(namespace("uid-new"))) == Drift(create=(EDA,))

    def test_ours_by_its_uid_stays_ours_without_labels(self) -> None:
        bare = {"metadata": {"name": "avis-fire", "uid": "uid-1"}}
        assert compare(spec(EDA, uid="uid-1"), Observed(bare)) == Drift(create=(EDA,))

    @pytest.mark.parametrize(
        ("uid", "observed", "obstacle"),
        [
            ("uid-1", None, Obstacle.MISSING),
            ("uid-1", namespace("uid-2"), Obstacle.REPLACED),
            ("uid-1", namespace("uid-2", deletionTimestamp="2026-01-01T00:00:00Z"), Obstacle.REPLACED),
            ("uid-1", namespace("uid-1", deletionTimestamp="2026-01-01T00:00:00Z"), Obstacle.TERMINATING),
            ("", namespace("uid-1", deletionTimestamp="2026-01-01T00:00:00Z"), Obstacle.TERMINATING),
            ("", namespace("uid-1", labels={}), Obstacle.FOREIGN),
            ("", namespace("uid-1", labels=None), Obstacle.FOREIGN),
            ("", namespace("uid-1", labels={NAMESPACE_ID_LABEL: "another"}), Obstacle.FOREIGN),
            ("", namespace("uid-1", labels={MANAGED_BY_LABEL: MANAGED_BY}), Obstacle.FOREIGN),
            # Somebody else's, and on its way out: the name is soon free.
            (
                "",
                namespace("uid-1", labels={}, deletionTimestamp="2026-01-01T00:00:00Z"),
                Obstacle.TERMINATING,
            ),
        ],
    )
    def test_obstacle_stops_everything_but_ends_on_the_way_out(
        self, uid: str, observed: Manifest | None, obstacle: Obstacle
    ) -> None:
        found = stored(VERA)
        rows = known(VERA, uid=found["metadata"]["uid"], revoked=True)
        drift = compare(spec(EDA, uid=uid, known=rows), Observed(observed, [found]))
        ends = (seen(found),) if obstacle == Obstacle.TERMINATING else ()
        assert drift == Drift(obstacle=obstacle, delete=ends)
        assert not drift.is_empty


# --- What holds for all of them ------------------------------------------------------------------------------------

PEOPLE = [binding(number, role) for number in (1, 2, 3) for role in ("viewer", "editor", "admin")]
UIDS = ["uid-1", "uid-2", "uid-3"]
OPERATIONS = ["operation-1", "operation-2"]


@st.composite
def wishes(draw: st.DrawFn) -> NamespaceSpec:
    """A namespace as decided: at most one role for each person, and whatever was recorded before."""
    roles = draw(st.tuples(*(st.sampled_from(["", "viewer", "editor", "admin"]) for _person in range(3))))
    wanted = tuple(binding(number, role) for number, role in enumerate(roles, start=1) if role)
    recorded: dict[str, KnownBinding] = {}
    for each in draw(st.lists(st.sampled_from(PEOPLE), unique=True)):
        recorded |= known(
            each,
            uid=draw(st.sampled_from(["", *UIDS])),
            operation=draw(st.sampled_from(OPERATIONS)),
            revoked=draw(st.booleans()),
            proved=draw(st.booleans()),
        )
        late = draw(st.frozensets(st.sampled_from(OPERATIONS)))
        recorded[each.name] = replace(recorded[each.name], operations=recorded[each.name].operations | late)
    condemned = draw(st.frozensets(st.sampled_from(UIDS)))
    decided = spec(*wanted, uid=draw(st.sampled_from(["", "uid-n"])), known=recorded)
    return replace(decided, condemned=condemned)


@st.composite
def clusters(draw: st.DrawFn) -> Observed:
    """What a cluster may hold: ours, ours changed by hand, things with our names, things of others."""
    found: dict[str, Manifest] = {}
    for each in draw(st.lists(st.sampled_from(PEOPLE), unique=True)):
        manifest = stored(each, uid=draw(st.sampled_from(UIDS)), operation=draw(st.sampled_from(OPERATIONS)))
        for edit in draw(
            st.lists(st.sampled_from([_other_role, _second_person, _other_label, _other_membership]))
        ):
            edit(manifest)
        found[each.name] = manifest
    for name in draw(st.lists(st.sampled_from(["sneaky", "helm", "berth-editor-x"]), unique=True)):
        labels = draw(st.sampled_from([{}, {MANAGED_BY_LABEL: MANAGED_BY}]))
        kind = draw(st.sampled_from(["User", "Group", "ServiceAccount"]))
        found[name] = by_hand(name, kind=kind, uid=draw(st.sampled_from(UIDS)), labels=labels)
    place = draw(
        st.sampled_from([None, namespace("uid-n"), namespace("uid-other"), namespace("uid-n", labels={})])
    )
    return Observed(place, draw(st.permutations(list(found.values()))) if place else [])


def is_ours(manifest: Manifest, decided: NamespaceSpec) -> bool:
    """The rule, written a second time: the uid that was recorded, or label and an operation without an answer."""
    record = decided.known.get(manifest["metadata"]["name"])
    if record is None:
        return False
    if record.uid == manifest["metadata"]["uid"]:
        return True
    labels, annotations = (
        manifest["metadata"].get("labels") or {},
        manifest["metadata"].get("annotations") or {},
    )
    return labels.get(MANAGED_BY_LABEL) == MANAGED_BY and annotations.get(OPERATION) in record.operations


def apply(drift: Drift, decided: NamespaceSpec, observed: Observed) -> tuple[NamespaceSpec, Observed]:
    """Do in memory what a pass does in a cluster, and record what it records."""
    place = observed.namespace or namespace("uid-made")
    objects = {manifest["metadata"]["name"]: manifest for manifest in copy.deepcopy(list(observed.bindings))}
    recorded = dict(decided.known)
    for gone in (*drift.delete, *(old for _new, old in drift.replace)):
        assert objects.pop(gone.name)["metadata"]["uid"] == gone.uid
    for number, made in enumerate((*drift.create, *(new for new, _old in drift.replace))):
        assert made.name not in objects
        objects[made.name] = binding_manifest(decided, made, "operation-new")
        objects[made.name]["metadata"]["uid"] = f"uid-made-{number}"
        recorded |= known(made, uid=f"uid-made-{number}", operation="operation-new")
    for kept, old in drift.correct:
        recorded |= known(kept, uid=old.uid, operation="operation-new")
    recorded |= {name: replace(recorded[name], proved=False) for name in drift.returned}
    after = replace(decided, uid=place["metadata"]["uid"], known=recorded)
    return after, Observed(place, list(objects.values()))


@given(wishes(), clusters())
def test_only_our_own_is_touched_and_only_what_the_rows_explain_is_deleted(
    decided: NamespaceSpec, observed: Observed
) -> None:
    drift = compare(decided, observed)
    objects = {manifest["metadata"]["name"]: manifest for manifest in observed.bindings}
    for touched in (*drift.delete, *(old for _new, old in drift.replace)):
        assert is_ours(objects[touched.name], decided) or touched.uid in decided.condemned
        assert objects[touched.name]["metadata"]["uid"] == touched.uid
    for gone in drift.delete:
        assert gone.uid in decided.condemned or decided.known[gone.name].revoked
        assert gone.name not in {each.name for each in decided.bindings}
    without_records = compare(replace(decided, known={}, condemned=frozenset()), observed)
    assert (without_records.delete, without_records.replace) == ((), ())


@given(wishes(), clusters())
def test_every_wish_has_one_answer_or_an_obstacle_stops_everything(
    decided: NamespaceSpec, observed: Observed
) -> None:
    before: tuple[Any, Any] = copy.deepcopy((decided, observed))
    drift = compare(decided, observed)
    assert (decided, observed) == before
    if drift.obstacle is not None:
        assert replace(drift, returned=()) == Drift(obstacle=drift.obstacle)
        assert all(decided.known[name].revoked and decided.known[name].proved for name in drift.returned)
        return
    answers = [
        *(each for each, _old in drift.correct), *drift.create, *(each for each, _old in drift.replace),
        *(each for each, _found in drift.conflicts),
    ]  # fmt: skip
    assert sorted(answers, key=_name) == sorted(decided.bindings, key=_name)


@given(wishes(), clusters())
def test_after_the_pass_nothing_is_left_to_do(decided: NamespaceSpec, observed: Observed) -> None:
    drift = compare(decided, observed)
    if drift.obstacle is not None:
        return
    again = compare(*apply(drift, decided, observed))
    assert again.conflicts == drift.conflicts
    assert replace(again, conflicts=()).is_empty
    assert set(again.foreign) >= set(drift.foreign)


def _name(each: BindingSpec) -> str:
    return each.name


class TestLimitsOfOthers:
    """Under `ask`, what somebody wrote into limits that were made already is asked about, and not written over."""

    def quota(self, **hard: str) -> Manifest:
        labels = {MANAGED_BY_LABEL: MANAGED_BY}
        metadata = {"name": "berth-quota", "labels": labels, "uid": "uid-q", "resourceVersion": "1"}
        return {"kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}

    def seen(self, **hard: str) -> Observed:
        return Observed(namespace(), limits={RESOURCE_QUOTA: [self.quota(**hard)]})

    def decided(self, *, settled: bool, pods: str | None = "20") -> NamespaceSpec:
        return replace(spec(), limits=(LimitSpec("", "pods", pods),), limits_settled=settled)

    @pytest.mark.parametrize("settled", [True, False])
    def test_changed_key_is_asked_about_only_once_the_limits_were_made(self, settled: bool) -> None:
        drift = compare(self.decided(settled=settled), self.seen(pods="50"))
        assert (len(drift.asked), len(drift.limits)) == ((1, 0) if settled else (0, 1))
        assert drift.is_empty is settled

    def test_limit_that_was_taken_away_and_is_back_is_asked_about(self) -> None:
        (change,) = compare(self.decided(settled=True, pods=None), self.seen(pods="50")).asked
        assert change.act == quotas.Act.DELETE

    def test_quota_that_is_gone_is_made_again_in_either_case(self) -> None:
        gone = Observed(namespace(), limits={RESOURCE_QUOTA: []})
        drift = compare(self.decided(settled=True), gone)
        assert [change.act for change in drift.limits] == [quotas.Act.CREATE]

    @pytest.mark.parametrize(
        ("settled", "hard", "told"),
        [
            (True, {"pods": "50"}, [("", "pods", "20", "50")]),
            (True, {"pods": "20000m"}, []),
            (True, {"secrets": "7"}, [("", "pods", "20", ""), ("", "secrets", "", "7")]),
            (False, {"pods": "50", "secrets": "7"}, [("", "secrets", "", "7")]),
            (False, {"pods": "50"}, []),
        ],
        ids=str,
    )
    def test_keys_are_told_with_what_was_decided_and_what_is_there(
        self, settled: bool, hard: dict[str, str], told: list[tuple[str, ...]]
    ) -> None:
        seen = {RESOURCE_QUOTA: [self.quota(**hard)]}
        seen[RESOURCE_QUOTA][0]["metadata"]["managedFields"] = [{"manager": "kubectl", "time": NOON}]
        found = keys_of_others(self.decided(settled=settled), seen)
        assert [list(each.keys) for each in found] == ([told] if told else [])
        ours = seen[RESOURCE_QUOTA][0]["metadata"]
        assert all((each.uid, each.written) == (ours["uid"], Written("kubectl", NOON)) for each in found)

    def test_quota_of_others_is_not_ours_to_tell(self) -> None:
        theirs = self.quota(pods="50")
        theirs["metadata"]["labels"] = {}
        assert keys_of_others(self.decided(settled=True), {RESOURCE_QUOTA: [theirs]}) == ()


def test_every_stray_is_told_once_with_why() -> None:
    conflict, unexplained = stored(EDA), stored(VERA)
    conflict["subjects"] = [{"kind": "Group", "name": "staff"}]
    unexplained["metadata"]["managedFields"] = [{"manager": "kubectl", "time": NOON}]
    decided = spec(EDA, known=known(VERA, uid=unexplained["metadata"]["uid"]))
    found = compare(decided, Observed(namespace(), [conflict, unexplained, by_hand("sneaky")])).strays
    assert {each.name: each.kind for each in found} == {
        EDA.name: Stray.CONFLICT, VERA.name: Stray.UNEXPLAINED, "sneaky": Stray.BESIDE,
    }  # fmt: skip
    assert next(each for each in found if each.name == EDA.name).groups == ("staff",)
    told = next(each for each in found if each.name == VERA.name)
    uid, role = unexplained["metadata"]["uid"], "ClusterRole berth:viewer"
    assert (told.uid, told.role, told.users, told.written) == (
        uid,
        role,
        (VERA.username,),
        Written("kubectl", NOON),
    )
