"""One pass over one namespace, on the cluster in memory: order, independence, lost answers, proofs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from clusters.api import (
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    AccessQuestion,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    Kind,
    Manifest,
    NotFound,
    Throttled,
    Unauthorized,
    Unavailable,
)
from clusters.config import load
from clusters.names import LIMITS, MANAGED_BY, MANAGED_BY_LABEL, QUOTA
from clusters.roles import cluster_role, probes, probes_beyond
from namespaces.reconciler import reconcile as module
from namespaces.reconciler.diff import Obstacle, Seen
from namespaces.reconciler.manifests import OPERATION
from namespaces.reconciler.reconcile import Granted, Outcome, Revoked, Rows, observe, reconcile
from namespaces.reconciler.spec import BindingSpec, KnownBinding, LimitSpec, NamespaceSpec
from tests.fake_cluster import FakeCluster
from tests.namespaces.reconciler.objects import binding, spec

CONFIG = load(Path(__file__).parents[2] / "facts" / "clusters.yaml")["nautilus"]
PLACE = "avis-fire"
EDA, VERA, NILS = binding(1), binding(2, "viewer"), binding(3, "admin")
PODS = (LimitSpec("", "pods", "20"),)
DOWN = Unavailable("The API server cannot be reached: the connection was refused.")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster in memory answers at once: what it says first it says after every wait."""
    monkeypatch.setattr(module, "PROOF_DELAYS", (0.0,))


@pytest.fixture
def api() -> FakeCluster:
    return FakeCluster(CONFIG)


@dataclass
class Book:
    """The rows of the tests: what is wanted, what was recorded, and one namespace as decided by it."""

    wanted: list[BindingSpec] = field(default_factory=list)
    known: dict[str, KnownBinding] = field(default_factory=dict)
    uid: str = ""
    revoked: set[str] = field(default_factory=set)

    def rows(self) -> Rows:
        return Rows(wanted=lambda _among: self.wanted, intend=self.intend)

    def intend(self, bindings: Mapping[BindingSpec, Seen | None]) -> dict[str, str]:
        return {each.name: self.operation(each) for each in bindings}

    def operation(self, each: BindingSpec) -> str:
        recorded = self.known.get(each.name)
        if recorded is None or recorded.proved:
            number = int(max(recorded.operations)) + 1 if recorded else 1
            self.known[each.name] = KnownBinding(
                "", frozenset([str(number)]), each.role, each.username, False, False
            )
        return max(self.known[each.name].operations)

    def spec(self) -> NamespaceSpec:
        known = {name: replace(each, revoked=name in self.revoked) for name, each in self.known.items()}
        return spec(*self.wanted, uid=self.uid, known=known)

    def run(self, api: FakeCluster, *, hurry: bool = False) -> Outcome:
        """Make one pass and record what it found, as reconciliation does."""
        api.calls.clear()
        outcome = reconcile(api, self.spec(), self.rows(), hurry=hurry)
        self.uid = self.uid or outcome.namespace_uid
        for name, granted in outcome.granted.items():
            if granted.uid:
                self.known[name] = replace(self.known[name], uid=granted.uid, proved=granted.is_proved)
        for name, revoked in outcome.revoked.items():
            uid = "" if revoked.gone else self.known[name].uid
            self.known[name] = replace(self.known[name], uid=uid, proved=revoked.is_proved)
        return outcome

    def end(self, each: BindingSpec) -> None:
        self.wanted.remove(each)
        self.revoked.add(each.name)
        self.known[each.name] = replace(self.known[each.name], proved=False)


@pytest.fixture
def book(api: FakeCluster) -> Book:
    """A namespace with Eda and Vera in it, made and proved."""
    made = Book([EDA, VERA])
    assert made.run(api).errors == []
    return made


def binding_in(api: FakeCluster, each: BindingSpec) -> Manifest | None:
    try:
        return api.get(ROLE_BINDING, each.name, PLACE)
    except NotFound:
        return None


def written(api: FakeCluster) -> list[tuple[str, str]]:
    return [(call.verb, call.name) for call in api.writes]


def asked(api: FakeCluster, username: str) -> int:
    return len([call for call in api.calls if call.verb == "review" and call.name == username])


def put_by_hand(
    api: FakeCluster, name: str, username: str, *, role: str = "admin", place: str = PLACE, **metadata: object
) -> Manifest:
    """Let an administrator of the cluster bind somebody to a role of Berth."""
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": username}
    return api.outside.put(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": place, **metadata},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_role(role),
            },
            "subjects": [subject],
        }
    )  # fmt: skip


class TestMaking:
    def test_namespace_and_bindings_are_made(self, api: FakeCluster) -> None:
        book = Book([EDA, VERA])
        outcome = book.run(api)
        assert written(api) == [("create", PLACE), ("create", EDA.name), ("create", VERA.name)]
        assert outcome.writes == 3
        assert outcome.errors == []
        assert outcome.namespace_uid == api.get(NAMESPACE, PLACE)["metadata"]["uid"]
        for each in (EDA, VERA):
            found = binding_in(api, each)
            assert found is not None
            assert outcome.granted[each.name].uid == found["metadata"]["uid"]
            assert outcome.granted[each.name].operation == found["metadata"]["annotations"][OPERATION]

    def test_each_right_is_proved_as_exactly_that_person_by_one_question_a_rule(
        self, api: FakeCluster
    ) -> None:
        outcome = Book([EDA, VERA]).run(api)
        assert all(granted.is_proved for granted in outcome.granted.values())
        assert asked(api, EDA.username) == len(probes("editor"))
        assert asked(api, VERA.username) == len(probes("viewer"))

    def test_second_pass_writes_nothing_and_asks_once_a_person(self, api: FakeCluster, book: Book) -> None:
        outcome = book.run(api)
        assert (written(api), outcome.writes, outcome.errors) == ([], 0, [])
        assert outcome.drift.is_empty
        assert all(granted.is_proved for granted in outcome.granted.values())
        assert [asked(api, each.username) for each in (EDA, VERA)] == [1, 1]

    def test_namespace_that_exists_elsewhere_is_never_taken_over(self, api: FakeCluster) -> None:
        api.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
        outcome = Book([EDA]).run(api)
        assert written(api) == []
        assert outcome.drift.obstacle == Obstacle.FOREIGN
        assert not outcome.granted[EDA.name].is_proved

    def test_namespace_that_somebody_makes_at_that_moment_is_never_taken_over(self, api: FakeCluster) -> None:
        api.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
        api.fail(NotFound("not found"), verb="get", kind=NAMESPACE, name=PLACE)
        outcome = Book([EDA]).run(api)
        assert written(api) == [("create", PLACE)]
        assert [error.code for error in outcome.errors] == ["conflict"]
        assert outcome.namespace_uid == ""
        assert outcome.granted == {}

    def test_namespace_whose_making_was_not_answered_is_ours_in_the_next_pass(self, api: FakeCluster) -> None:
        book = Book([EDA])
        api.lose_answer(verb="create", kind=NAMESPACE)
        assert [error.code for error in book.run(api).errors] == ["unavailable"]
        assert book.run(api).errors == []
        assert written(api) == [("create", EDA.name)]

    @pytest.mark.parametrize("name", ["kube-foo", "default", "berth-system", "openshift-x"])
    def test_reserved_name_is_refused_by_worker_and_cluster(self, api: FakeCluster, name: str) -> None:
        decided = replace(spec(EDA, uid=""), name=name)
        if name == "berth-system":
            api.outside.remove(NAMESPACE, name)
        if name == "default":
            api.outside.remove(NAMESPACE, name)
        outcome = reconcile(api, decided, Book([EDA]).rows())
        assert [error.code for error in outcome.errors] == ["forbidden"]
        with pytest.raises(NotFound):
            api.get(NAMESPACE, name)


class TestOrder:
    def test_rights_are_taken_before_others_are_given(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        book.wanted.append(NILS)
        outcome = book.run(api)
        assert written(api) == [("delete", EDA.name), ("create", NILS.name)]
        assert outcome.writes == 2

    def test_delete_that_fails_blocks_neither_the_next_nor_a_create(
        self, api: FakeCluster, book: Book
    ) -> None:
        for each in (EDA, VERA):
            book.end(each)
        book.wanted.append(NILS)
        first = sorted((EDA, VERA), key=lambda each: each.name)[0]
        api.fail(DOWN, verb="delete", name=first.name)
        outcome = book.run(api)
        other = VERA if first == EDA else EDA
        assert binding_in(api, first) is not None
        assert binding_in(api, other) is None
        assert binding_in(api, NILS) is not None
        assert outcome.errors == [DOWN]
        assert (outcome.revoked[first.name].gone, outcome.revoked[first.name].error) == (False, DOWN)
        assert outcome.revoked[other.name].is_proved
        assert outcome.granted[NILS.name].is_proved

    @pytest.mark.parametrize(
        "error",
        [
            DOWN, Invalid("refused"), Forbidden("refused"), Unauthorized("who?"), NotFound("no role"),
            Throttled("slowly", retry_after=3),
        ],
        ids=lambda error: str(error.code),
    )  # fmt: skip
    def test_create_that_fails_blocks_no_other(self, api: FakeCluster, error: ClusterError) -> None:
        api.fail(error, verb="create", name=EDA.name)
        outcome = Book([EDA, VERA]).run(api)
        assert outcome.errors == [error]
        assert outcome.granted[EDA.name].error is error
        assert outcome.granted[VERA.name].is_proved

    def test_proof_that_fails_is_the_trouble_of_that_person_alone(self, api: FakeCluster) -> None:
        api.fail(DOWN, verb="review", name=EDA.username)
        outcome = Book([EDA, VERA]).run(api)
        assert outcome.granted[EDA.name].error is DOWN
        assert outcome.granted[EDA.name].uid
        assert outcome.granted[VERA.name].is_proved
        assert outcome.errors == [DOWN]


class TestHurry:
    def test_proofs_of_what_changed_are_owed(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        book.wanted.append(NILS)
        outcome = book.run(api, hurry=True)
        assert written(api) == [("delete", EDA.name), ("create", NILS.name)]
        assert [call.verb for call in api.calls if call.verb == "review"] == []
        assert outcome.owes_proofs
        assert not outcome.granted[NILS.name].is_proved
        assert outcome.granted.keys() == {NILS.name}, "nothing is said of who was there before"
        assert outcome.revoked == {}

    def test_what_failed_is_told_all_the_same(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        book.wanted.append(NILS)
        api.fail(DOWN, verb="delete", name=EDA.name)
        outcome = book.run(api, hurry=True)
        assert outcome.errors == [DOWN]
        assert outcome.revoked == {EDA.name: Revoked(gone=False, error=DOWN)}
        assert outcome.granted[NILS.name].doubt
        assert outcome.granted.keys() == {NILS.name}

    @pytest.mark.parametrize("error", [DOWN, Throttled("slowly", retry_after=1)], ids=lambda each: each.code)
    def test_where_nothing_could_be_changed_nothing_is_owed(
        self, api: FakeCluster, book: Book, error: ClusterError
    ) -> None:
        """Or it would be tried again and again at once, and the others never be proved."""
        book.end(EDA)
        book.wanted.append(NILS)
        api.fail(error, verb="delete", name=EDA.name)
        api.fail(error, verb="create", name=NILS.name)
        outcome = book.run(api, hurry=True)
        assert not outcome.owes_proofs
        assert outcome.errors == [error, error]
        assert outcome.revoked == {EDA.name: Revoked(gone=False, error=error)}
        assert outcome.granted[NILS.name] == Granted(operation="1", error=error)
        assert outcome.granted[VERA.name].is_proved

    def test_what_was_gone_before_is_proved_at_once(self, api: FakeCluster, book: Book) -> None:
        """A list that lags behind shows it again and again."""
        book.end(EDA)
        api.fail(NotFound("it is not there"), verb="delete", name=EDA.name)
        assert not book.run(api, hurry=True).owes_proofs

    def test_next_pass_proves_it(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        book.run(api, hurry=True)
        outcome = book.run(api)
        assert outcome.revoked[EDA.name].is_proved
        assert asked(api, EDA.username) == len(probes("admin"))

    def test_right_that_is_made_is_proved_by_the_next_pass(self, api: FakeCluster, book: Book) -> None:
        book.wanted.append(NILS)
        outcome = book.run(api, hurry=True)
        assert outcome.owes_proofs
        assert asked(api, NILS.username) == 0
        assert not outcome.granted[NILS.name].is_proved
        assert book.run(api, hurry=True).granted[NILS.name].is_proved
        assert asked(api, NILS.username) == len(probes("admin"))

    def test_where_nothing_is_to_be_changed_all_is_proved_at_once(self, api: FakeCluster, book: Book) -> None:
        outcome = book.run(api, hurry=True)
        assert not outcome.owes_proofs
        assert outcome.granted[VERA.name].is_proved

    def test_limits_come_before_anybody_is_let_in_unless_they_were_made(
        self, api: FakeCluster, book: Book
    ) -> None:
        limited = replace(book.spec(), limits=PODS, bindings=(EDA, VERA, NILS))
        book.wanted.append(NILS)
        api.calls.clear()
        outcome = reconcile(api, limited, book.rows(), hurry=True)
        assert [call.name for call in api.writes] == [QUOTA, NILS.name]
        assert outcome.owes_proofs
        assert outcome.are_limits_made

    @pytest.mark.parametrize("hurry", [False, True])
    def test_limits_that_were_made_are_looked_at_with_the_proofs(
        self, api: FakeCluster, book: Book, *, hurry: bool
    ) -> None:
        """Somebody deleted the quota, and a right is to be made."""
        book.wanted.append(NILS)
        limited = replace(book.spec(), limits=PODS, limits_made=True)
        api.calls.clear()
        outcome = reconcile(api, limited, book.rows(), hurry=hurry)
        assert [call.name for call in api.writes] == [NILS.name, *([] if hurry else [QUOTA])]
        assert outcome.are_limits_made is not hurry
        if hurry:
            assert reconcile(api, limited, book.rows(), hurry=True).are_limits_made
            assert [call.name for call in api.writes] == [NILS.name, QUOTA]

    def test_new_namespace_has_its_limits_before_anybody_is_let_in(self, api: FakeCluster) -> None:
        """Whatever was made under this name before."""
        book = Book([EDA])
        reconcile(api, replace(book.spec(), limits=PODS, limits_made=True), book.rows(), hurry=True)
        assert [call.name for call in api.writes] == [PLACE, QUOTA, EDA.name]

    def test_namespace_of_somebody_else_that_was_confirmed_has_them_first_as_well(
        self, api: FakeCluster, book: Book
    ) -> None:
        """The limits were made in the one that is gone."""
        limited = replace(book.spec(), limits=PODS, limits_made=True, uid="uid-of-the-one-that-is-gone")
        confirmed = replace(limited, bindings=(EDA, VERA, NILS), confirmed=frozenset([book.uid]))
        book.wanted.append(NILS)
        api.calls.clear()
        reconcile(api, confirmed, book.rows(), hurry=True)
        assert [call.name for call in api.writes] == [QUOTA, NILS.name]


class TestManyProofs:
    """Two thousand people may be let in at once, and each is asked about two dozen rules."""

    @pytest.fixture
    def hasty(self, book: Book, monkeypatch: pytest.MonkeyPatch) -> Book:
        """The namespace with Eda and Vera, made and proved. From now on one proof has its turn in each pass."""
        monkeypatch.setattr(module, "MOST_PROVING_SECONDS", 0)
        return book

    def test_those_without_a_turn_are_owed_and_the_next_passes_prove_them(
        self, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_PROVING_SECONDS", 0)
        book = Book([binding(number) for number in range(10, 14)])
        proved: list[int] = []
        for _pass in range(4):
            outcome = book.run(api)
            proved.append(sum(known.proved for known in book.known.values()))
            assert outcome.owes_proofs is (proved[-1] < 4)
            book.known = {name: replace(known, fresh=known.proved) for name, known in book.known.items()}
        assert proved == [1, 2, 3, 4]

    def test_nothing_is_said_of_who_was_proved_before_and_has_no_turn(
        self, api: FakeCluster, hasty: Book
    ) -> None:
        hasty.wanted.append(NILS)
        outcome = hasty.run(api)
        assert outcome.granted.keys() == {NILS.name}, "who was never proved is first"
        assert outcome.granted[NILS.name].is_proved
        assert outcome.owes_proofs

    def test_ends_are_first_and_none_is_claimed_without_its_turn(self, api: FakeCluster, hasty: Book) -> None:
        hasty.wanted.append(NILS)
        for each in (EDA, VERA):
            hasty.end(each)
        outcome = hasty.run(api)
        assert len(outcome.revoked) == 1
        assert outcome.granted == {NILS.name: replace(outcome.granted[NILS.name], doubt=module.NOT_ASKED)}
        assert outcome.owes_proofs

    def test_what_fails_makes_all_wait_as_long_as_that(
        self, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or those without a turn would be tried at once again and again, behind it."""
        monkeypatch.setattr(module, "MOST_PROVING_SECONDS", 0)
        api.fail(DOWN, verb="review", times=1)
        outcome = Book([EDA, VERA]).run(api)
        assert outcome.errors == [DOWN]
        assert not outcome.owes_proofs
        assert sum(granted.doubt == module.NOT_ASKED for granted in outcome.granted.values()) == 1


class TestPortions:
    """The rows are asked once for a number of creates, and once after them."""

    def test_more_than_one_portion_is_made_whole(
        self, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_CREATES_AT_ONCE", 2)
        everybody = [binding(number) for number in range(10, 15)]
        book = Book(everybody)
        sizes: list[int] = []

        def intend(among: Mapping[BindingSpec, Seen | None]) -> dict[str, str]:
            sizes.append(len(among))
            return book.intend(among)

        noted = Rows(wanted=lambda _among: book.wanted, intend=intend)
        outcome = reconcile(api, book.spec(), noted)
        assert sizes == [2, 2, 1]
        assert [name for verb, name in written(api) if name != PLACE] == [each.name for each in everybody]
        assert all(granted.is_proved for granted in outcome.granted.values())

    def test_admins_are_in_the_first(self, api: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MOST_CREATES_AT_ONCE", 1)
        Book([EDA, VERA, NILS]).run(api)
        assert written(api)[1] == ("create", NILS.name)

    def test_create_that_fails_stops_none_of_the_others(
        self, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_CREATES_AT_ONCE", 2)
        api.fail(DOWN, verb="create", name=EDA.name)
        outcome = Book([EDA, VERA, NILS]).run(api)
        assert {name for name, granted in outcome.granted.items() if granted.is_proved} == {
            VERA.name,
            NILS.name,
        }

    @pytest.mark.parametrize(
        ("writes", "stays", "expected"),
        [
            (1, EDA, [("create", EDA), ]),
            (2, VERA, [("create", EDA), ("create", VERA), ("delete", EDA)]),
            (1, VERA, [("create", EDA), ("delete", EDA), ("create", VERA)]),
        ],
        ids=["not made if it was withdrawn", "only what was withdrawn is taken back", "before the next is made"],
    )  # fmt: skip
    def test_what_is_withdrawn_while_they_are_made(
        self,
        api: FakeCluster,
        book: Book,
        writes: int,
        stays: BindingSpec,
        expected: list[tuple[str, BindingSpec]],
    ) -> None:
        """Both are to be made again, in this order. After so many writes, one of them is still wanted."""
        for each in (EDA, VERA):
            api.outside.remove(ROLE_BINDING, each.name, PLACE)
        api.calls.clear()
        rows = Rows(
            wanted=lambda among: [each for each in among if len(api.writes) < writes or each == stays],
            intend=book.intend,
        )
        reconcile(api, book.spec(), rows)
        assert written(api) == [(verb, each.name) for verb, each in expected]


class TestObserving:
    @pytest.mark.parametrize(
        "error", [DOWN, Forbidden("no"), Unauthorized("who?"), Throttled("slowly", retry_after=1), Gone("too old")],
        ids=lambda error: str(error.code),
    )  # fmt: skip
    @pytest.mark.parametrize("verb", ["get", "list"])
    def test_what_cannot_be_seen_is_not_concluded_from(
        self, api: FakeCluster, book: Book, verb: str, error: ClusterError
    ) -> None:
        book.end(EDA)
        api.fail(error, verb=verb)
        with pytest.raises(type(error)):
            book.run(api)
        assert written(api) == []

    def test_list_that_breaks_off_half_way_is_no_list(self, api: FakeCluster, book: Book) -> None:
        for number in range(501):
            put_by_hand(api, f"zz-{number}", "somebody")
        book.end(EDA)
        api.expire_list(ROLE_BINDING, page=2)
        with pytest.raises(Gone):
            book.run(api)
        assert written(api) == []

    def test_all_pages_are_seen(self, api: FakeCluster, book: Book) -> None:
        for number in range(501):
            put_by_hand(api, f"aa-{number:03}", "somebody")
        assert len(observe(api, PLACE).bindings) == 503

    def test_absent_namespace_is_a_positive_answer(self, api: FakeCluster) -> None:
        assert observe(api, "absent-lab").namespace is None


class TestReplacing:
    def edit(self, api: FakeCluster) -> None:
        api.outside.change(
            ROLE_BINDING, EDA.name, PLACE, lambda found: found["subjects"][0].update(name="somebody else")
        )

    def test_ours_changed_by_hand_is_deleted_and_made_again(self, api: FakeCluster, book: Book) -> None:
        old = binding_in(api, EDA)
        self.edit(api)
        outcome = book.run(api)
        assert written(api) == [("delete", EDA.name), ("create", EDA.name)]
        new = binding_in(api, EDA)
        assert old is not None
        assert new is not None
        assert new["subjects"] == old["subjects"]
        assert outcome.granted[EDA.name].uid == new["metadata"]["uid"] != old["metadata"]["uid"]
        assert asked(api, EDA.username) == len(probes("editor"))

    def test_what_cannot_be_deleted_is_not_made_again_and_is_still_wanted(
        self, api: FakeCluster, book: Book
    ) -> None:
        self.edit(api)
        refused = Forbidden("a policy says no")
        api.fail(refused, verb="delete", name=EDA.name)
        outcome = book.run(api)
        assert written(api) == [("delete", EDA.name)]
        assert outcome.granted[EDA.name].error is refused
        assert EDA.name not in outcome.revoked
        assert outcome.errors == [refused]

    def test_gone_meanwhile_is_made_again(self, api: FakeCluster, book: Book) -> None:
        class DeletedByAnother(FakeCluster):
            def delete(self, kind: Kind, name: str, namespace: str | None = None, *, uid: str) -> None:
                self.outside.remove(kind, name, namespace)
                super().delete(kind, name, namespace, uid=uid)

        self.edit(api)
        outcome = book.run(DeletedByAnother(CONFIG, state=api._state))
        assert outcome.errors == []
        assert outcome.granted[EDA.name].is_proved

    def test_said_to_be_gone_and_there_all_the_same_is_a_conflict(self, api: FakeCluster, book: Book) -> None:
        self.edit(api)
        api.fail(NotFound("not found"), verb="delete", name=EDA.name)
        assert isinstance(book.run(api).granted[EDA.name].error, Conflict)

    def test_conflict_is_told_and_not_touched(self, api: FakeCluster, book: Book) -> None:
        put_by_hand(api, NILS.name, "somebody else")
        book.wanted.append(NILS)
        outcome = book.run(api)
        assert written(api) == []
        assert [error.code for error in outcome.errors] == ["conflict"]
        assert NILS.name in outcome.errors[0].message
        assert not outcome.granted[NILS.name].is_proved

    def test_foreign_object_is_left_as_it_is(self, api: FakeCluster, book: Book) -> None:
        before = put_by_hand(api, "sneaky", "somebody", labels={MANAGED_BY_LABEL: MANAGED_BY})
        book.end(EDA)
        book.run(api)
        assert api.get(ROLE_BINDING, "sneaky", PLACE) == before


class TestLostAnswers:
    def test_binding_whose_making_was_not_answered_is_taken_over(self, api: FakeCluster, book: Book) -> None:
        book.wanted.append(NILS)
        api.lose_answer(verb="create", name=NILS.name)
        assert book.run(api).granted[NILS.name].error is not None
        outcome = book.run(api)
        assert written(api) == []
        assert outcome.granted[NILS.name].is_proved

    def test_name_taken_by_the_same_operation_is_ours(self, api: FakeCluster, book: Book) -> None:
        """The list was read before the object showed in it."""
        book.wanted.append(NILS)
        api.lose_answer(verb="create", name=NILS.name)
        book.run(api)
        api.drop_from_lists(NILS.name)
        outcome = book.run(api)
        found = binding_in(api, NILS)
        assert found is not None
        assert outcome.granted[NILS.name].uid == found["metadata"]["uid"]
        assert outcome.errors == []

    def test_name_taken_by_what_is_as_wanted_is_no_trouble(self, api: FakeCluster, book: Book) -> None:
        """A list that was filtered on its way made a binding look absent: it is read, compared and kept."""
        api.drop_from_lists(EDA.name)
        outcome = book.run(api)
        found = binding_in(api, EDA)
        assert found is not None
        assert outcome.granted[EDA.name].uid == found["metadata"]["uid"]
        assert outcome.errors == []

    def test_name_taken_by_something_else_is_a_conflict_and_not_overwritten(
        self, api: FakeCluster, book: Book
    ) -> None:
        book.wanted.append(NILS)
        before = put_by_hand(api, NILS.name, "somebody else")
        api.drop_from_lists(NILS.name)
        outcome = book.run(api)
        assert isinstance(outcome.granted[NILS.name].error, Conflict)
        assert api.get(ROLE_BINDING, NILS.name, PLACE) == before

    def test_name_that_cannot_be_looked_at_is_not_claimed(self, api: FakeCluster, book: Book) -> None:
        api.drop_from_lists(EDA.name)
        api.fail(DOWN, verb="get", kind=ROLE_BINDING)
        outcome = book.run(api)
        assert outcome.granted[EDA.name].error is DOWN
        assert outcome.errors == [DOWN]

    def test_delete_that_was_not_answered_is_proved_in_the_next_pass(
        self, api: FakeCluster, book: Book
    ) -> None:
        book.end(EDA)
        api.lose_answer(verb="delete", name=EDA.name)
        assert not book.run(api).revoked[EDA.name].is_proved
        outcome = book.run(api)
        assert written(api) == []
        assert outcome.revoked[EDA.name].is_proved

    def test_deleted_by_somebody_else_meanwhile_is_as_good(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        api.fail(NotFound("not found"), verb="delete", name=EDA.name)
        outcome = book.run(api)
        assert outcome.errors == []
        assert outcome.revoked[
            EDA.name
        ].residual  # the object is still there: the proof tells, not the answer

    def test_delete_of_another_object_of_that_name_is_refused_by_its_uid(
        self, api: FakeCluster, book: Book
    ) -> None:
        book.end(EDA)
        stale = book.spec()
        api.outside.remove(ROLE_BINDING, EDA.name, PLACE)
        other = put_by_hand(api, EDA.name, "somebody else")
        api.fail(Conflict("the UID does not match"), verb="delete", name=EDA.name)
        reconcile(api, stale, book.rows())
        assert api.get(ROLE_BINDING, EDA.name, PLACE) == other


def withdrawn_meanwhile(api: FakeCluster) -> Rows:
    """Rows that want everything until it is made, and nothing afterwards."""
    return Rows(
        wanted=lambda among: () if any(call.verb == "create" for call in api.calls) else among,
        intend=lambda bindings: {each.name: "operation" for each in bindings},
    )


class TestRowsChangeMeanwhile:
    def test_withdrawn_before_the_create_is_not_made(self, api: FakeCluster, book: Book) -> None:
        decided = replace(book.spec(), bindings=(EDA, VERA, NILS))
        api.calls.clear()
        outcome = reconcile(api, decided, book.rows())
        assert written(api) == []
        assert NILS.name not in outcome.granted

    def test_withdrawn_during_the_create_is_taken_back_at_once(self, api: FakeCluster, book: Book) -> None:
        api.calls.clear()
        rows = withdrawn_meanwhile(api)
        outcome = reconcile(api, replace(book.spec(), bindings=(EDA, VERA, NILS)), rows)
        assert written(api) == [("create", NILS.name), ("delete", NILS.name)]
        assert binding_in(api, NILS) is None
        assert not outcome.granted[NILS.name].is_proved
        assert outcome.writes == 2

    def test_taking_back_that_fails_is_told_and_keeps_the_uid(self, api: FakeCluster, book: Book) -> None:
        api.calls.clear()
        rows = withdrawn_meanwhile(api)
        api.fail(DOWN, verb="delete", name=NILS.name)
        outcome = reconcile(api, replace(book.spec(), bindings=(EDA, VERA, NILS)), rows)
        found = binding_in(api, NILS)
        assert found is not None
        assert outcome.granted[NILS.name].uid == found["metadata"]["uid"]
        assert not outcome.granted[NILS.name].is_proved
        assert outcome.errors == [DOWN]

    def test_operation_is_recorded_before_the_create(self, api: FakeCluster, book: Book) -> None:
        order: list[str] = []

        def intend(bindings: Mapping[BindingSpec, Seen | None]) -> dict[str, str]:
            order.append("recorded")
            assert binding_in(api, NILS) is None
            return {each.name: "operation-9" for each in bindings}

        rows = Rows(wanted=lambda among: among, intend=intend)
        reconcile(api, replace(book.spec(), bindings=(EDA, VERA, NILS)), rows)
        found = binding_in(api, NILS)
        assert order == ["recorded"]
        assert found is not None
        assert found["metadata"]["annotations"][OPERATION] == "operation-9"


class TestProofOfARight:
    @pytest.mark.parametrize("missing", range(len(probes("editor"))))
    def test_one_rule_that_does_not_work_is_a_doubt(self, api: FakeCluster, missing: int) -> None:
        question = probes("editor")[missing]
        role = api._state.rules.roles["", cluster_role("editor")]
        for rule in role["rules"]:
            if question.group in rule["apiGroups"] and question.verb in rule["verbs"]:
                resource = "/".join(filter(None, (question.resource, question.subresource)))
                rule["resources"] = [each for each in rule["resources"] if each != resource]
        granted = Book([EDA]).run(api).granted[EDA.name]
        assert not granted.is_proved
        assert granted.uid
        assert EDA.username in granted.doubt
        assert question.resource in granted.doubt

    def test_role_that_is_gone_is_a_doubt_or_an_error_and_never_a_proof(
        self, api: FakeCluster, book: Book
    ) -> None:
        api.outside.remove_role(cluster_role("editor"))
        assert not book.run(api).granted[EDA.name].is_proved

    def asked(self, api: FakeCluster) -> set[str]:
        return {call.name for call in api.calls if call.verb == "review"}

    def freshly(self, book: Book) -> NamespaceSpec:
        """Return the namespace as decided, with both rights proved a moment ago."""
        decided = book.spec()
        return replace(
            decided, known={name: replace(known, fresh=True) for name, known in decided.known.items()}
        )

    def test_fresh_one_is_not_asked_about_and_nothing_is_said_of_it(
        self, api: FakeCluster, book: Book
    ) -> None:
        api.calls.clear()
        outcome = reconcile(api, self.freshly(book), book.rows())
        assert outcome.granted == {}
        assert self.asked(api) == set()

    def test_fresh_one_of_a_role_that_was_altered_is_asked_about(self, api: FakeCluster, book: Book) -> None:
        altered = replace(self.freshly(book), barred={EDA.role: "The ClusterRole is altered."})
        api.calls.clear()
        assert reconcile(api, altered, book.rows()).granted.keys() == {EDA.name}
        assert self.asked(api) == {EDA.username}

    def test_fresh_one_in_whose_place_there_is_another_is_asked_about(
        self, api: FakeCluster, book: Book
    ) -> None:
        decided = self.freshly(book)
        other = replace(decided.known[EDA.name], uid="another-uid", operations=frozenset({"1"}))
        decided = replace(decided, known={**decided.known, EDA.name: other})
        api.calls.clear()
        assert reconcile(api, decided, book.rows()).granted.keys() == {EDA.name}
        assert self.asked(api) == {EDA.username}

    def test_fresh_one_is_asked_about_where_it_limits_what_an_end_is_asked_about(
        self, api: FakeCluster, book: Book
    ) -> None:
        """Who goes from editor to viewer, and was proved to be a viewer a moment ago: is that still so, and no more?"""
        known = book.spec().known
        decided = replace(
            book.spec(),
            bindings=(VERA,),
            known={
                VERA.name: replace(known[VERA.name], fresh=True),
                EDA.name: replace(known[EDA.name], revoked=True, proved=False, username=VERA.username),
            },
        )
        api.calls.clear()
        reconcile(api, decided, book.rows())
        asked = [call for call in api.calls if call.verb == "review"]
        assert len(asked) == len(probes_beyond("editor", "viewer")) + 1

    def test_what_worked_is_asked_again_in_every_pass(self, api: FakeCluster, book: Book) -> None:
        role = api._state.rules.roles["", cluster_role("viewer")]
        role["rules"] = []
        assert not book.run(api).granted[VERA.name].is_proved

    def test_all_is_asked_again_after_a_change(self, api: FakeCluster, book: Book) -> None:
        api.outside.remove(ROLE_BINDING, EDA.name, PLACE)
        book.run(api)
        assert asked(api, EDA.username) == len(probes("editor"))


class TestProofOfAnEnd:
    def test_gone_and_no_to_everything_is_proved(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        revoked = book.run(api).revoked[EDA.name]
        assert (revoked.gone, revoked.is_proved, revoked.residual) == (True, True, "")
        assert binding_in(api, EDA) is None

    def test_proved_end_is_not_question_for_ever(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        book.run(api)
        outcome = book.run(api)
        assert asked(api, EDA.username) == 0
        assert outcome.revoked == {}

    def test_end_is_proved_when_the_binding_was_gone_before(self, api: FakeCluster, book: Book) -> None:
        api.outside.remove(ROLE_BINDING, EDA.name, PLACE)
        book.end(EDA)
        outcome = book.run(api)
        assert written(api) == []
        assert outcome.revoked[EDA.name].is_proved

    @pytest.mark.parametrize("had", ["viewer", "editor", "admin"])
    @pytest.mark.parametrize("keeps", ["viewer", "editor", "admin"])
    def test_anything_that_still_lets_them_in_is_residual_access(
        self, api: FakeCluster, had: str, keeps: str
    ) -> None:
        """Whatever role they had: one question for every rule of every role is asked."""
        person = binding(7, had)
        book = Book([NILS, person])
        book.run(api)
        put_by_hand(api, "sneaky", person.username, role=keeps)
        book.end(person)
        revoked = book.run(api).revoked[person.name]
        assert revoked.gone
        assert not revoked.is_proved
        assert "sneaky" in revoked.residual
        assert binding_in(api, person) is None

    @pytest.mark.parametrize("question", probes("admin"), ids=str)
    def test_one_single_right_left_over_is_residual_access(
        self, api: FakeCluster, question: AccessQuestion
    ) -> None:
        person = binding(7, "viewer")
        book = Book([person])
        book.run(api)
        resource = "/".join(filter(None, (question.resource, question.subresource)))
        rule = {"apiGroups": [question.group], "resources": [resource], "verbs": [question.verb]}
        api.outside.put({"kind": "Role", "metadata": {"name": "one", "namespace": PLACE}, "rules": [rule]})
        made = put_by_hand(api, "sneaky", person.username)
        made["roleRef"] |= {"kind": "Role", "name": "one"}
        api.outside.put(made)
        book.end(person)
        assert "sneaky" in book.run(api).revoked[person.name].residual

    @pytest.mark.parametrize("of", ["theirs", "another's"])
    def test_role_of_somebody_else_is_a_way_in_although_it_gives_nothing_that_ours_give(
        self, api: FakeCluster, book: Book, of: str
    ) -> None:
        rule = {"apiGroups": ["example.org"], "resources": ["telescopes"], "verbs": ["get"]}
        api.outside.put({"kind": "Role", "metadata": {"name": "one", "namespace": PLACE}, "rules": [rule]})
        made = put_by_hand(api, "sneaky", EDA.username if of == "theirs" else "somebody-else")
        made["roleRef"] |= {"kind": "Role", "name": "one"}
        api.outside.put(made)
        book.end(EDA)
        revoked = book.run(api).revoked[EDA.name]
        words = f'RoleBinding "sneaky/{PLACE}" gives rights to this user'
        assert revoked.residual == (words if of == "theirs" else "")
        assert revoked.is_proved is (of != "theirs")

    def test_residual_access_that_ends_is_proved_later(self, api: FakeCluster, book: Book) -> None:
        put_by_hand(api, "sneaky", EDA.username)
        book.end(EDA)
        assert not book.run(api).revoked[EDA.name].is_proved
        assert not book.run(api).revoked[EDA.name].is_proved
        api.outside.remove(ROLE_BINDING, "sneaky", PLACE)
        assert book.run(api).revoked[EDA.name].is_proved
        assert written(api) == []

    def test_proof_that_cannot_be_had_is_no_proof(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        api.fail(DOWN, verb="review", name=EDA.username)
        outcome = book.run(api)
        assert outcome.revoked[EDA.name].error is DOWN
        assert not outcome.revoked[EDA.name].is_proved
        assert outcome.errors == [DOWN]
        assert book.run(api).revoked[EDA.name].is_proved

    @pytest.mark.parametrize(
        ("old", "new"), [("admin", "editor"), ("admin", "viewer"), ("editor", "viewer"), ("viewer", "admin")]
    )
    def test_change_of_role_proves_that_what_is_beyond_the_new_one_is_gone(
        self, api: FakeCluster, old: str, new: str
    ) -> None:
        before, after = binding(7, old), binding(7, new)
        book = Book([before])
        book.run(api)
        book.end(before)
        book.wanted.append(after)
        outcome = book.run(api)
        assert written(api) == [("delete", before.name), ("create", after.name)]
        assert outcome.revoked[before.name].is_proved
        assert outcome.granted[after.name].is_proved

    def test_old_role_left_over_by_other_means_is_residual_access(self, api: FakeCluster) -> None:
        before, after = binding(7, "admin"), binding(7, "viewer")
        book = Book([before])
        book.run(api)
        put_by_hand(api, "sneaky", before.username, role="editor")
        book.end(before)
        book.wanted.append(after)
        outcome = book.run(api)
        assert "sneaky" in outcome.revoked[before.name].residual
        assert outcome.granted[after.name].is_proved

    def test_rights_in_other_namespaces_are_other_rights(self, api: FakeCluster, book: Book) -> None:
        api.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other-lab"}})
        put_by_hand(api, "sneaky", EDA.username, place="other-lab")
        book.end(EDA)
        assert book.run(api).revoked[EDA.name].is_proved


class TestWaitingForTheCluster:
    """The API server judges by what it last heard: answers to both kinds of questions come a little late."""

    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        slept: list[float] = []
        monkeypatch.undo()
        monkeypatch.setattr("time.sleep", slept.append)
        return slept

    def test_answer_that_comes_late_is_waited_for(
        self, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        role = api._state.rules.roles["", cluster_role("editor")]
        rules, role["rules"] = role["rules"], []
        waits: list[float] = []

        def sleep(delay: float) -> None:
            waits.append(delay)
            if len(waits) == 4:
                role["rules"] = rules

        monkeypatch.undo()
        monkeypatch.setattr("time.sleep", sleep)
        assert Book([EDA]).run(api).granted[EDA.name].is_proved
        assert len(waits) == 4

    def test_waiting_has_an_end(self, api: FakeCluster, waits: list[float]) -> None:
        api._state.rules.roles["", cluster_role("editor")]["rules"] = []
        assert not Book([EDA]).run(api).granted[EDA.name].is_proved
        assert sum(waits) == pytest.approx(sum(module.PROOF_DELAYS))

    @pytest.mark.parametrize("what", ["granted", "revoked"])
    def test_pass_waits_as_long_for_many_as_for_one(
        self, api: FakeCluster, waits: list[float], what: str
    ) -> None:
        """A role that lost a rule makes every proof of every namespace fail: that must not stop the workers."""
        people = [binding(number) for number in range(20)]
        book = Book(list(people))
        book.run(api)
        if what == "granted":
            api._state.rules.roles["", cluster_role("editor")]["rules"] = []
        else:
            for each in people:
                put_by_hand(api, f"sneaky-{each.name}", each.username)
                book.end(each)
        waits.clear()
        outcome = book.run(api)
        proved = [granted.is_proved for granted in outcome.granted.values()]
        proved += [revoked.is_proved for revoked in outcome.revoked.values()]
        assert proved == [False] * 20
        assert sum(waits) <= sum(module.PROOF_DELAYS) + 0.001

    def test_nothing_to_prove_is_nothing_to_wait_for(self, api: FakeCluster, waits: list[float]) -> None:
        Book([]).run(api)
        assert sum(waits) == 0


class TestObstacles:
    def obstruct(self, api: FakeCluster, obstacle: Obstacle) -> None:
        if obstacle == Obstacle.TERMINATING:
            api.outside.hold(PLACE)
            api.outside.terminate(PLACE)
            return
        api.outside.terminate(PLACE)
        api.settle()
        if obstacle == Obstacle.REPLACED:
            api.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})

    @pytest.mark.parametrize("obstacle", [Obstacle.MISSING, Obstacle.REPLACED, Obstacle.TERMINATING])
    def test_nothing_is_written_and_nothing_claimed(
        self, api: FakeCluster, book: Book, obstacle: Obstacle
    ) -> None:
        self.obstruct(api, obstacle)
        book.wanted.append(NILS)
        outcome = book.run(api)
        assert outcome.drift.obstacle == obstacle
        assert written(api) == []
        assert set(outcome.granted) == {EDA.name, VERA.name, NILS.name}
        assert not any(granted.is_proved for granted in outcome.granted.values())

    @pytest.mark.parametrize("obstacle", [Obstacle.MISSING, Obstacle.REPLACED])
    def test_what_ended_is_proved_all_the_same(
        self, api: FakeCluster, book: Book, obstacle: Obstacle
    ) -> None:
        book.end(EDA)
        self.obstruct(api, obstacle)
        outcome = book.run(api)
        assert outcome.revoked[EDA.name].is_proved
        assert written(api) == []

    def test_whom_somebody_lets_in_again_is_not_left_as_proved(self, api: FakeCluster, book: Book) -> None:
        """Nothing is written to a namespace that is not ours, and still we look who is let in there."""
        book.end(EDA)
        self.obstruct(api, Obstacle.REPLACED)
        assert book.run(api).revoked[EDA.name].is_proved
        put_by_hand(api, "sneaky", EDA.username)
        outcome = book.run(api)
        assert outcome.drift.obstacle == Obstacle.REPLACED
        assert "sneaky" in outcome.revoked[EDA.name].residual
        assert written(api) == []

    def test_end_does_not_wait_for_a_namespace_on_its_way_out(self, api: FakeCluster, book: Book) -> None:
        book.end(EDA)
        self.obstruct(api, Obstacle.TERMINATING)
        outcome = book.run(api)
        assert written(api) == [("delete", EDA.name)]
        assert outcome.revoked[EDA.name].is_proved

    def test_binding_that_stays_on_the_way_out_is_not_said_to_be_gone(
        self, api: FakeCluster, book: Book
    ) -> None:
        book.end(EDA)
        self.obstruct(api, Obstacle.TERMINATING)
        api.fail(Unavailable("503"), verb="delete")
        outcome = book.run(api)
        assert not outcome.revoked[EDA.name].gone
        assert not outcome.revoked[EDA.name].is_proved

    def test_termination_is_waited_for_and_others_are_trouble(self, api: FakeCluster, book: Book) -> None:
        self.obstruct(api, Obstacle.TERMINATING)
        waiting = book.run(api).granted[EDA.name]
        assert (waiting.error, bool(waiting.doubt)) == (None, True)
        api.outside.release(PLACE)
        api.settle()
        trouble = book.run(api).granted[EDA.name]
        assert isinstance(trouble.error, Conflict)

    @pytest.mark.parametrize("obstacle", list(Obstacle))
    def test_every_obstacle_has_its_sentence(self, obstacle: Obstacle) -> None:
        assert PLACE in module.obstacle_words(obstacle, PLACE)


class TestLimits:
    PODS, SECRETS = LimitSpec("", "pods", "20"), LimitSpec("", "secrets", "9")

    def limit(self, api: FakeCluster, book: Book, *limits: LimitSpec, settled: bool = False) -> Outcome:
        """Make one pass with these limits decided."""
        api.calls.clear()
        decided = replace(book.spec(), limits=limits, limits_settled=settled)
        return reconcile(api, decided, book.rows())

    def hard(self, api: FakeCluster) -> dict[str, str]:
        found: dict[str, str] = api.get(RESOURCE_QUOTA, QUOTA, PLACE)["spec"]["hard"]
        return found

    def by_hand(self, api: FakeCluster, **hard: str) -> None:
        found = api.get(RESOURCE_QUOTA, QUOTA, PLACE)
        found["spec"]["hard"] |= hard
        api.outside.put(found)

    def test_quota_is_made_once_and_seen_with_those_of_others_in_this_namespace(
        self, api: FakeCluster, book: Book
    ) -> None:
        for place in (PLACE, "other-lab"):
            metadata = {"name": f"theirs-in-{place}", "namespace": place}
            api.outside.put(
                {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {}}}
            )
        assert self.limit(api, book, self.PODS).are_limits_made
        assert self.hard(api) == {"pods": "20"}
        outcome = self.limit(api, book, self.PODS)
        assert api.writes == []
        seen = [each["metadata"]["name"] for each in outcome.limits[RESOURCE_QUOTA]]
        assert sorted(seen) == [QUOTA, f"theirs-in-{PLACE}"]

    def test_what_somebody_changed_is_put_back_and_what_they_added_stays(
        self, api: FakeCluster, book: Book
    ) -> None:
        self.limit(api, book, self.PODS)
        self.by_hand(api, pods="99", configmaps="5")
        assert self.limit(api, book, self.PODS).are_limits_made
        assert self.hard(api) == {"pods": "20", "configmaps": "5"}

    def test_what_somebody_is_asked_about_stays_until_they_answer(self, api: FakeCluster, book: Book) -> None:
        self.limit(api, book, self.PODS)
        self.by_hand(api, pods="99")
        assert self.limit(api, book, self.PODS, settled=True).are_limits_made
        assert self.hard(api) == {"pods": "99"}

    def test_what_was_never_made_is_made_without_asking(self, api: FakeCluster, book: Book) -> None:
        self.limit(api, book, self.PODS, settled=True)
        assert self.hard(api) == {"pods": "20"}

    def test_last_one_that_is_taken_away_takes_the_quota_with_it(self, api: FakeCluster, book: Book) -> None:
        self.limit(api, book, self.PODS)
        assert self.limit(api, book, replace(self.PODS, quantity=None)).are_limits_made
        with pytest.raises(NotFound):
            self.hard(api)

    def test_quota_of_somebody_else_under_our_name_is_named_and_left(
        self, api: FakeCluster, book: Book
    ) -> None:
        metadata = {"name": QUOTA, "namespace": PLACE}
        api.outside.put(
            {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {}}}
        )
        outcome = self.limit(api, book, self.PODS)
        assert not outcome.are_limits_made
        (error,) = outcome.errors
        assert (type(error), error.message) == (
            Conflict,
            f"A ResourceQuota {QUOTA} is there that Berth did not make.",
        )
        assert self.hard(api) == {}

    def test_who_is_faster_is_followed_and_who_is_faster_every_time_is_an_error(
        self, api: FakeCluster, book: Book
    ) -> None:
        self.limit(api, book, self.PODS)
        self.by_hand(api, pods="99")
        api.fail(Conflict("changed meanwhile"), verb="replace", times=1)
        assert self.limit(api, book, self.PODS).errors == []
        self.by_hand(api, pods="99")
        api.fail(Conflict("changed meanwhile"), verb="replace", times=module.LIMIT_ATTEMPTS)
        outcome = self.limit(api, book, self.PODS)
        assert [error.message for error in outcome.errors] == ["changed meanwhile"]
        assert not outcome.are_limits_made

    def test_error_of_one_kind_keeps_nobody_from_the_other(self, api: FakeCluster, book: Book) -> None:
        api.fail(DOWN, verb="create", kind=RESOURCE_QUOTA)
        outcome = self.limit(api, book, self.PODS, LimitSpec("max", "cpu", "4"))
        assert outcome.errors == [DOWN]
        assert not outcome.are_limits_made
        assert api.get(LIMIT_RANGE, LIMITS, PLACE)["spec"]["limits"][0]["max"] == {"cpu": "4"}
