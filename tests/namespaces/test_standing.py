"""How somebody's access stands: never active before a yes of the API server, never revoked before its no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import Identity, Level, User
from clusters.models import Cluster, ClusterStatus
from namespaces import standing
from namespaces.access import Role
from namespaces.models import Grant, Membership, Namespace, NamespaceStatus
from namespaces.standing import FINAL, Standing, State
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

MADE = datetime(2026, 2, 1, tzinfo=UTC)
EARLIER = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 2, tzinfo=UTC)
ENDED = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def lab(cluster: Cluster) -> Namespace:
    return factories.NamespaceFactory.create(cluster=cluster)


@pytest.fixture
def member(lab: Namespace) -> Membership:
    """Somebody who was made an editor before anything of these tests happened."""
    return factories.MembershipFactory.create(
        namespace=lab, person=factories.person("Somebody"), role=Role.EDITOR, changed_at=MADE
    )


def grant(member: Membership, state: Grant.State = Grant.State.ACTIVE, **values: object) -> Grant:
    return factories.GrantFactory.create(membership=member, **{"state": state, "proved_at": LATER, **values})


def stands(member: Membership) -> Standing:
    """Return the standing as both readers of it tell it."""
    of_person = standing.of_person(member.person, [member.namespace])[member.namespace_id]
    of_members = standing.of_members(member.namespace)[member.person_id]
    assert of_person == of_members
    return of_person


def follow(lab: Namespace, **values: object) -> None:
    """Let a pass have seen everything."""
    NamespaceStatus.objects.update_or_create(
        namespace=lab, defaults={"observed_generation": Namespace.objects.get(pk=lab.pk).generation, **values}
    )


def end(member: Membership) -> None:
    Membership.objects.filter(pk=member.pk).update(ended_at=ENDED)


class TestNone:
    def test_who_was_never_a_member_has_none(self, lab: Namespace, cast: Cast) -> None:
        assert standing.of_person(cast.otto, [lab]) == {lab.pk: Standing(State.NONE)}

    def test_nobody_is_told_of_who_never_was_a_member(self, lab: Namespace, cast: Cast) -> None:
        assert standing.of_members(lab) == {}


class TestCurrent:
    def test_decided_and_not_yet_tried_is_waiting(self, member: Membership) -> None:
        assert stands(member) == Standing(State.WAITING, Role.EDITOR, member.changed_at)

    @pytest.mark.parametrize("state", [state for state in Grant.State if state != Grant.State.ACTIVE])
    def test_nothing_but_a_proof_makes_it_active(self, member: Membership, state: Grant.State) -> None:
        grant(member, state)
        follow(member.namespace)
        assert stands(member).state != State.ACTIVE

    def test_proved_is_active_since_the_proof(self, member: Membership) -> None:
        grant(member)
        assert stands(member) == Standing(State.ACTIVE, Role.EDITOR, LATER)

    def test_two_identities_are_active_when_both_are_and_since_the_older_proof(
        self, member: Membership
    ) -> None:
        grant(member, proved_at=LATER)
        second = factories.IdentityFactory.create(person=member.person)
        other = grant(member, Grant.State.PENDING, identity=second, proved_at=None)
        assert stands(member).state == State.WAITING
        Grant.objects.filter(pk=other.pk).update(state=Grant.State.ACTIVE, proved_at=EARLIER)
        assert stands(member) == Standing(State.ACTIVE, Role.EDITOR, EARLIER)

    def test_proof_of_another_role_is_none_of_this(self, member: Membership) -> None:
        """The role was changed; the old binding is still there."""
        grant(member, role=Role.VIEWER)
        assert stands(member).state == State.WAITING

    @pytest.mark.parametrize("left", [Grant.State.ACTIVE, Grant.State.REVOKING])
    def test_new_role_is_not_all_while_the_old_one_still_works(
        self, member: Membership, left: Grant.State
    ) -> None:
        """An admin who made an editor of an admin must not read that all is done."""
        grant(member)
        old = grant(member, left, role=Role.ADMIN)
        assert stands(member).state == State.WAITING
        Grant.objects.filter(pk=old.pk).update(state=Grant.State.REVOKED)
        assert stands(member).state == State.ACTIVE

    def test_proof_from_before_somebody_was_removed_is_none_of_their_return(self, member: Membership) -> None:
        """The pass that deletes the old binding may have got no further than that."""
        grant(member)
        end(member)
        again = factories.MembershipFactory.create(
            namespace=member.namespace, person=member.person, role=Role.EDITOR
        )
        assert stands(again).state == State.WAITING

    def test_proof_from_before_a_role_was_given_back_is_none_of_it(self, member: Membership) -> None:
        """Editor, viewer, editor: the pass in between may have got no further than deleting the binding."""
        grant(member, proved_at=EARLIER)
        Membership.objects.filter(pk=member.pk).update(changed_at=LATER)
        member.refresh_from_db()
        assert stands(member).state == State.WAITING
        Grant.objects.update(proved_at=LATER)
        assert stands(member).state == State.ACTIVE

    def test_proof_in_another_namespace_is_none_of_this(self, member: Membership) -> None:
        elsewhere = factories.MembershipFactory.create(
            person=member.person,
            namespace=factories.NamespaceFactory.create(cluster=member.namespace.cluster),
        )
        grant(elsewhere)
        assert stands(member).state == State.WAITING

    def test_refused_by_the_cluster_is_failing_with_its_words(self, member: Membership) -> None:
        failing = grant(member, Grant.State.FAILING, error_message="role not found", since=EARLIER)
        assert stands(member) == Standing(State.FAILING, Role.EDITOR, failing.since, "role not found")

    @pytest.mark.parametrize("state", ["conflict", "degraded", "missing"])
    def test_namespace_in_trouble_is_failing_with_its_words(self, member: Membership, state: str) -> None:
        NamespaceStatus.objects.create(namespace=member.namespace, state=state, error_message="in the way")
        assert stands(member) == Standing(State.FAILING, Role.EDITOR, member.changed_at, "in the way")

    @pytest.mark.parametrize("state", ["waiting", "unreachable"])
    def test_cluster_that_does_not_answer_is_a_wait(self, member: Membership, state: str) -> None:
        NamespaceStatus.objects.create(namespace=member.namespace, state=state, error_message="no answer")
        assert stands(member).state == State.WAITING

    @pytest.mark.parametrize(("state", "expected"), [
        (ClusterStatus.State.REFUSED, State.FAILING), (ClusterStatus.State.FOREIGN, State.FAILING),
        (ClusterStatus.State.UNREACHABLE, State.WAITING), (ClusterStatus.State.UNKNOWN, State.WAITING),
        (ClusterStatus.State.REACHABLE, State.WAITING),
    ])  # fmt: skip
    def test_cluster_that_refuses_everything_is_failing(
        self, member: Membership, state: ClusterStatus.State, expected: State
    ) -> None:
        ClusterStatus.objects.update(state=state, error_message="not ours")
        found = stands(member)
        assert found.state == expected
        assert found.message == ("not ours" if expected == State.FAILING else "")

    def test_what_was_proved_stays_so_while_the_cluster_is_away(self, member: Membership) -> None:
        grant(member)
        follow(member.namespace, state="unreachable")
        ClusterStatus.objects.update(state=ClusterStatus.State.UNREACHABLE)
        assert stands(member) == Standing(State.ACTIVE, Role.EDITOR, LATER)


class TestWithoutEffect:
    def test_member_without_an_identity_cannot_use_it(self, lab: Namespace) -> None:
        member = factories.MembershipFactory.create(namespace=lab)
        assert stands(member).state == State.UNUSABLE

    def test_member_with_a_retired_identity_only_cannot_use_it(self, member: Membership) -> None:
        Identity.objects.update(state=Identity.State.RETIRED)
        assert stands(member).state == State.UNUSABLE

    def test_identity_that_the_cluster_does_not_take_shows_after_the_pass(self, member: Membership) -> None:
        assert stands(member).state == State.WAITING
        follow(member.namespace, state="ready")
        assert stands(member).state == State.UNUSABLE

    def test_guest_waits_for_a_voucher(self, member: Membership) -> None:
        User.objects.filter(pk=member.person_id).update(level=Level.GUEST)
        assert stands(member) == Standing(State.GUEST, Role.EDITOR, member.changed_at)

    @pytest.mark.parametrize("state", [Grant.State.ACTIVE, Grant.State.PENDING, Grant.State.REVOKING])
    def test_user_made_a_guest_is_ending_until_the_cluster_said_no(
        self, member: Membership, state: Grant.State
    ) -> None:
        held = grant(member, state)
        User.objects.filter(pk=member.person_id).update(level=Level.GUEST)
        assert stands(member).state == State.ENDING
        Grant.objects.filter(pk=held.pk).update(state=Grant.State.REVOKED)
        assert stands(member).state == State.GUEST

    @pytest.mark.parametrize("how", ["inactive", "retired"])
    def test_account_or_identity_switched_off_is_ending_until_the_cluster_said_no(
        self, member: Membership, how: str
    ) -> None:
        held = grant(member, Grant.State.REVOKING)
        if how == "inactive":
            User.objects.filter(pk=member.person_id).update(is_active=False)
        else:
            Identity.objects.update(state=Identity.State.RETIRED)
        assert stands(member).state == State.ENDING
        Grant.objects.filter(pk=held.pk).update(state=Grant.State.REVOKED)
        follow(member.namespace)
        assert stands(member).state == State.UNUSABLE


class TestEnded:
    @pytest.mark.parametrize(
        "state", [Grant.State.ACTIVE, Grant.State.PENDING, Grant.State.FAILING, Grant.State.REVOKING]
    )
    def test_nothing_but_a_no_makes_it_revoked(self, member: Membership, state: Grant.State) -> None:
        grant(member, state, error_message="no answer")
        end(member)
        follow(member.namespace)
        assert stands(member) == Standing(State.ENDING, Role.EDITOR, ENDED, "no answer")

    def test_proved_gone_is_revoked_since_the_proof(self, member: Membership) -> None:
        grant(member, Grant.State.REVOKED)
        end(member)
        assert stands(member) == Standing(State.REVOKED, Role.EDITOR, LATER)

    def test_every_identity_and_every_role_must_be_gone(self, member: Membership) -> None:
        grant(member, Grant.State.REVOKED, proved_at=EARLIER)
        second = factories.IdentityFactory.create(person=member.person)
        other = grant(member, Grant.State.REVOKING, identity=second, role=Role.VIEWER)
        end(member)
        assert stands(member).state == State.ENDING
        Grant.objects.filter(pk=other.pk).update(state=Grant.State.REVOKED)
        assert stands(member) == Standing(State.REVOKED, Role.EDITOR, LATER)

    def test_binding_gone_and_still_let_in_is_residual_with_the_reason(self, member: Membership) -> None:
        left = grant(
            member, Grant.State.REVOKING, binding_uid="", error_message='allowed by "sneaky"', since=EARLIER
        )
        end(member)
        assert stands(member) == Standing(State.RESIDUAL, Role.EDITOR, left.since, 'allowed by "sneaky"')

    def test_what_never_reached_a_cluster_is_over_without_a_proof(self, member: Membership) -> None:
        end(member)
        assert stands(member) == Standing(State.REVOKED, Role.EDITOR, None)

    def test_back_again_is_what_is_told(self, member: Membership) -> None:
        grant(member, Grant.State.REVOKED)
        end(member)
        again = factories.MembershipFactory.create(
            namespace=member.namespace, person=member.person, role=Role.VIEWER
        )
        assert stands(again) == Standing(State.WAITING, Role.VIEWER, again.changed_at)

    @pytest.mark.parametrize("order", [("ended", "current"), ("current", "ended")])
    def test_current_membership_is_told_even_when_both_were_made_at_one_moment(
        self, lab: Namespace, order: tuple[str, str]
    ) -> None:
        person = factories.person("Somebody")
        for which in order:
            factories.MembershipFactory.create(
                namespace=lab, person=person, ended_at=ENDED if which == "ended" else None
            )
        Membership.objects.update(created_at=EARLIER)
        assert standing.of_person(person, [lab])[lab.pk].state == State.WAITING


def test_page_of_what_is_final_need_not_look_again() -> None:
    assert {state for state in State if Standing(state).is_final} == FINAL
    assert not {State.WAITING, State.FAILING, State.ENDING, State.RESIDUAL} & FINAL


def test_number_of_queries_does_not_grow(
    cluster: Cluster, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    person = factories.person("Somebody")
    labs = factories.NamespaceFactory.create_batch(4, cluster=cluster)
    for lab in labs:
        grant(factories.MembershipFactory.create(namespace=lab, person=person, changed_at=MADE))
        for _other in range(3):
            grant(factories.MembershipFactory.create(namespace=lab, person=factories.person("Other")))
    with django_assert_num_queries(5):
        assert {each.state for each in standing.of_person(person, labs).values()} == {State.ACTIVE}
    with django_assert_num_queries(5):
        assert len(standing.of_members(labs[0])) == 4


class TestWaitingBefore:
    @pytest.fixture
    def changed(self, cluster: Cluster) -> Callable[..., Namespace]:
        def make(day: int, **values: object) -> Namespace:
            moment = datetime(2026, 5, day, tzinfo=UTC)
            return factories.NamespaceFactory.create(**{"cluster": cluster, "changed_at": moment, **values})

        return make

    def test_counts_those_that_changed_before_and_wait(self, changed: Callable[..., Namespace]) -> None:
        changed(1)
        NamespaceStatus.objects.create(namespace=changed(2))
        mine = changed(3)
        changed(4)
        assert standing.waiting_before(mine) == 2

    def test_does_not_count_what_is_done_or_elsewhere(self, changed: Callable[..., Namespace]) -> None:
        follow(changed(1))
        changed(2, cluster=factories.ClusterFactory.create(name="other"))
        assert standing.waiting_before(changed(3)) == 0


class TestOfIdentity:
    """One identity among several of a person: what it gives is told apart from what the others give."""

    @pytest.fixture
    def second(self, member: Membership) -> Identity:
        return factories.IdentityFactory.create(person=member.person)

    def test_each_has_its_own_proof(self, member: Membership, second: Identity) -> None:
        first = member.person.identities.exclude(pk=second.pk).get()
        grant(member, identity=first)
        assert standing.of_identity(first) == [(member.namespace, Standing(State.ACTIVE, "editor", LATER))]
        ((_namespace, waiting),) = standing.of_identity(second)
        assert waiting.state == State.WAITING

    def test_retired_one_is_ending_until_proved_and_then_gone(
        self, member: Membership, second: Identity
    ) -> None:
        held = grant(member, Grant.State.REVOKING, identity=second)
        Identity.objects.filter(pk=second.pk).update(state=Identity.State.RETIRED)
        second.refresh_from_db()
        assert [each.state for _namespace, each in standing.of_identity(second)] == [State.ENDING]
        Grant.objects.filter(pk=held.pk).update(state=Grant.State.REVOKED, proved_at=LATER)
        assert standing.of_identity(second) == [(member.namespace, Standing(State.REVOKED, "editor", LATER))]

    def test_retired_one_that_never_was_in_a_cluster_is_nowhere(self, member: Membership) -> None:
        unused = factories.IdentityFactory.create(person=member.person, state=Identity.State.RETIRED)
        assert standing.of_identity(unused) == []

    def test_ended_membership_stays_to_be_seen(self, member: Membership, second: Identity) -> None:
        grant(member, Grant.State.REVOKED, identity=second)
        end(member)
        assert standing.of_identity(second) == [(member.namespace, Standing(State.REVOKED, "editor", LATER))]

    def test_questions_do_not_grow_with_the_namespaces(
        self, member: Membership, second: Identity, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _index in range(5):
            factories.MembershipFactory.create(person=member.person)
        with django_assert_max_num_queries(6):
            assert len(standing.of_identity(second)) == 6
