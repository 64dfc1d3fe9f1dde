"""The way from rows to the cluster and back, on the cluster in memory: what is stored, and when it is tried again."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import people
from accounts.models import Identity, Level, User
from audit.models import Event
from clusters import manifests
from clusters.api import (
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    ClusterApi,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    Manifest,
    NotFound,
    Throttled,
    Unauthorized,
    Unavailable,
)
from clusters.models import Cluster, ClusterStatus
from clusters.names import QUOTA
from clusters.registry import configured_clusters
from clusters.roles import binding_name, cluster_role, probes
from namespaces import anchor, desired_state, limits, reconciliation, standing, sweeping
from namespaces.access import Role
from namespaces.actions import limits as limit_actions
from namespaces.actions import members
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import DriftDecision, Grant, Membership, Namespace, NamespaceStatus, SeenBinding
from namespaces.reconciler.manifests import OPERATION, binding_manifest, namespace_manifest
from namespaces.standing import State
from portal.celery import app
from tests import factories, fake_connection
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster
from tests.namespaces.reconciler.test_reconcile import put_by_hand
from tests.namespaces.test_desired_state import ENDS, SILENCE

pytestmark = pytest.mark.django_db
DOWN = Unavailable("The API server cannot be reached: the connection was refused.")
UNTOUCHED = Grant.State.ACTIVE


def status(namespace: Namespace) -> NamespaceStatus:
    return NamespaceStatus.objects.get(namespace=namespace)


def membership(namespace: Namespace, person: User) -> Membership:
    return Membership.objects.current().get(namespace=namespace, person=person)


def grant(namespace: Namespace, person: User, role: str) -> Grant:
    return Grant.objects.get(namespace=namespace, identity__person=person, role=role)


def name_of(person: User, role: str) -> str:
    identity = person.identities.get()
    return binding_name(role, identity.issuer, identity.subject)


def bound(api: FakeCluster, namespace: Namespace, person: User, role: str) -> bool:
    """Whether the binding is in the cluster, and whether it works: both, or neither."""
    subject = person.identities.get().subject
    try:
        api.get(ROLE_BINDING, name_of(person, role), namespace.name)
    except NotFound:
        there = False
    else:
        there = True
    works = all(api.review_access(subject, namespace.name, question).allowed for question in probes(role))
    assert there is works
    return there


def stands(namespace: Namespace, person: User) -> State:
    fresh = Namespace.objects.get(pk=namespace.pk)
    return standing.of_person(User.objects.get(pk=person.pk), [fresh])[namespace.pk].state


def _binding(namespace: Namespace, person: User, *, operation: str) -> Manifest:
    """Return the object that a worker makes for the one right that this person has now."""
    spec = desired_state.namespace_spec(namespace, configured_clusters()["nautilus"])
    username = person.identities.get().subject
    wanted = next(each for each in spec.bindings if each.username.endswith(username))
    return binding_manifest(spec, wanted, operation)


def seconds_until_next(namespace: Namespace) -> float:
    return (status(namespace).next_reconcile_at - timezone.now()).total_seconds()


def let_time_pass(namespace: Namespace) -> None:
    """Whatever was to be done later is due now."""
    NamespaceStatus.objects.filter(namespace=namespace).update(
        next_reconcile_at=timezone.now() - timedelta(seconds=1)
    )
    ClusterStatus.objects.update(throttled_until=None)


def let_proofs_age(namespace: Namespace) -> None:
    """Every proof of a right was made a while ago."""
    old = F("proved_at") - desired_state.FRESH - timedelta(seconds=1)
    Grant.objects.filter(namespace=namespace).update(proved_at=old)


class TestPass:
    def test_what_was_decided_is_made_and_proved(self, cast: Cast, fire: Namespace, api: FakeCluster) -> None:
        reconciliation.reconcile(fire.pk)
        for person, role in (
            (cast.nils, "admin"),
            (cast.paula, "admin"),
            (cast.eda, "editor"),
            (cast.vera, "viewer"),
        ):
            assert bound(api, fire, person, role)
            row = grant(fire, person, role)
            found = api.get(ROLE_BINDING, row.binding_name, fire.name)
            assert (row.state, row.binding_uid) == (Grant.State.ACTIVE, found["metadata"]["uid"])
            assert found["metadata"]["annotations"]["berth.internal/operation"] == str(row.operation)
            assert row.proved_at is not None
            assert row.membership == membership(fire, person)
            assert stands(fire, person) == State.ACTIVE

    def test_status_says_what_was_seen(self, fire: Namespace, api: FakeCluster) -> None:
        reconciliation.reconcile(fire.pk)
        found = status(fire)
        assert (found.state, found.error_code, found.error_message, found.attempts) == ("ready", "", "", 0)
        assert found.observed_generation == found.attempted_generation == fire.generation
        assert found.cluster_uid == api.get(NAMESPACE, fire.name)["metadata"]["uid"]
        assert (found.lease_holder, found.lease_until) == (None, None)
        assert found.reconciled_at is not None
        assert 0.9 * 600 - 5 <= seconds_until_next(fire) <= 1.1 * 600

    def test_second_pass_writes_nothing(self, made: Namespace, api: FakeCluster) -> None:
        reconciliation.reconcile(made.pk)
        assert api.writes == []

    def test_right_that_was_proved_just_now_is_not_asked_about_again(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        before = grant(made, cast.eda, "editor").proved_at
        api.calls.clear()
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert len([call for call in api.calls if call.verb == "review"]) == len(probes("viewer"))
        assert grant(made, cast.eda, "editor").proved_at == before
        assert stands(made, cast.eda) == stands(made, cast.otto) == State.ACTIVE

    def test_proof_of_a_while_ago_is_made_anew(self, cast: Cast, made: Namespace) -> None:
        let_proofs_age(made)
        before = grant(made, cast.eda, "editor").proved_at
        reconciliation.reconcile(made.pk)
        after = grant(made, cast.eda, "editor").proved_at
        assert before is not None
        assert after is not None
        assert after > before

    def test_member_who_is_added_gets_in(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        assert stands(made, cast.otto) == State.WAITING
        reconciliation.reconcile(made.pk)
        assert bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.ACTIVE
        assert [call.verb for call in api.writes] == ["create"]

    def test_role_that_is_changed_ends_and_the_new_one_begins(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.set_role(membership=membership(made, cast.eda), role=Role.VIEWER, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert [bound(api, made, cast.eda, role) for role in ("viewer",)] == [True]
        assert [call.verb for call in api.writes] == ["delete", "create"]
        assert grant(made, cast.eda, "editor").state == Grant.State.REVOKED
        assert stands(made, cast.eda) == State.ACTIVE

    def test_member_who_is_removed_is_out_and_it_is_proved(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        assert stands(made, cast.eda) == State.ENDING
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.eda, "editor")
        row = grant(made, cast.eda, "editor")
        assert (row.state, row.binding_uid) == (Grant.State.REVOKED, "")
        assert stands(made, cast.eda) == State.REVOKED
        assert [call.verb for call in api.writes] == ["delete"]

    def test_member_who_comes_back_starts_anew(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        old = grant(made, cast.eda, "editor")
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        members.add(namespace=made, person=cast.eda, role=Role.EDITOR, by=cast.nils)
        assert stands(made, cast.eda) == State.WAITING
        reconciliation.reconcile(made.pk)
        new = grant(made, cast.eda, "editor")
        assert bound(api, made, cast.eda, "editor")
        assert (new.pk, new.operation == old.operation) == (old.pk, False)
        assert stands(made, cast.eda) == State.ACTIVE

    def test_member_removed_and_added_before_a_pass_is_bound_for_the_new_membership(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        again = members.add(namespace=made, person=cast.eda, role=Role.EDITOR, by=cast.nils)
        reconciliation.reconcile(made.pk)
        found = api.get(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        assert found["metadata"]["annotations"]["berth.internal/membership"] == str(again.pk)
        assert grant(made, cast.eda, "editor").membership == again

    def test_second_identity_gets_the_same(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        second = factories.IdentityFactory.create(person=cast.eda)
        members.on_person_changed(User, person=cast.eda)
        reconciliation.reconcile(made.pk)
        assert Grant.objects.get(identity=second).state == Grant.State.ACTIVE
        assert api.review_access(second.subject, made.name, probes("editor")[-1]).allowed

    def test_pass_that_saw_nothing_calls_nobody(self, made: Namespace, api: FakeCluster) -> None:
        api.fail(DOWN, times=100)
        assert reconciliation.reconcile(made.pk) is None

    def test_namespace_that_does_not_exist_is_nothing_to_do(self, api: FakeCluster) -> None:
        reconciliation.reconcile(uuid.uuid4())
        assert api.calls == []


@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_a_right_ends_it_in_the_cluster(
    cast: Cast, made: Namespace, api: FakeCluster, end: str
) -> None:
    ENDS[end](grant(made, cast.eda, "editor"))
    reconciliation.reconcile(made.pk)
    row = Grant.objects.get(namespace=made, binding_name=name_of(cast.eda, "editor"))
    with pytest.raises(NotFound):
        api.get(ROLE_BINDING, row.binding_name, made.name)
    assert row.state == Grant.State.REVOKED
    beyond = probes("editor")[-1]
    assert not api.review_access(row.username, made.name, beyond).allowed
    for person, role in ((cast.nils, "admin"), (cast.paula, "admin"), (cast.vera, "viewer")):
        assert bound(api, made, person, role)


@pytest.mark.parametrize("silence", SILENCE)
def test_clusters_file_that_forgets_an_issuer_takes_nothing_away(
    made: Namespace, api: FakeCluster, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = SILENCE[silence](configured_clusters()["nautilus"])
    monkeypatch.setattr(reconciliation, "configured_clusters", lambda: {"nautilus": silent})
    Namespace.objects.update(generation=5)
    reconciliation.reconcile(made.pk)
    assert api.writes == []
    assert set(Grant.objects.values_list("state", flat=True)) == {UNTOUCHED}


class TestEmptyTables:
    def test_empty_table_of_memberships_takes_nothing_away(self, made: Namespace, api: FakeCluster) -> None:
        kept = list(Membership.objects.all())
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM namespaces_membership")
        try:
            reconciliation.reconcile(made.pk)
            assert api.writes == []
            assert sweeping.sweep(made.cluster).differing == []
        finally:
            Membership.objects.bulk_create(kept)
        assert set(Grant.objects.values_list("state", flat=True)) == {UNTOUCHED}

    def test_empty_table_of_grants_is_written_anew_from_what_is_there(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        before = grant(made, cast.eda, "editor").binding_uid
        Grant.objects.all().delete()
        reconciliation.reconcile(made.pk)
        assert api.writes == []
        row = grant(made, cast.eda, "editor")
        assert (row.state, row.binding_uid) == (Grant.State.ACTIVE, before)

    def test_lost_status_is_written_anew_and_the_namespace_is_still_ours(
        self, made: Namespace, api: FakeCluster
    ) -> None:
        NamespaceStatus.objects.all().delete()
        reconciliation.reconcile(made.pk)
        assert api.writes == []
        assert status(made).state == NamespaceStatus.State.READY


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "state", "shortest", "longest"),
        [
            (DOWN, "unreachable", 0, 5),
            (Throttled("slowly", retry_after=7), "unreachable", 5, 7),
            (Gone("too old"), "waiting", 0, 5),
            (Unauthorized("who are you?"), "degraded", 295, 300),
            (Forbidden("you may not"), "degraded", 295, 300),
            (Invalid("a policy says no"), "degraded", 295, 300),
            (Conflict("taken"), "conflict", 295, 300),
        ],
        ids=lambda value: getattr(value, "code", None),
    )
    @pytest.mark.parametrize("where", ["get", "list"])
    def test_what_stops_a_pass_is_stored_and_tried_again(
        self, cast: Cast, made: Namespace, api: FakeCluster, where: str,
        error: ClusterError, state: str, shortest: float, longest: float,
    ) -> None:  # fmt: skip
        before = list(Grant.objects.order_by("pk").values())
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(error, verb=where, kind=NAMESPACE if where == "get" else ROLE_BINDING)
        began = timezone.now() - timedelta(milliseconds=1)  # SQLite knows no shorter time
        reconciliation.reconcile(made.pk)
        found = status(made)
        assert (found.state, found.error_code, found.error_message) == (state, error.code, error.message)
        assert (found.attempts, found.observed_generation, found.attempted_generation) == (1, 1, 2)
        assert (found.lease_holder, found.lease_until) == (None, None)
        assert began + timedelta(seconds=shortest) <= found.next_reconcile_at
        assert seconds_until_next(made) <= longest
        assert list(Grant.objects.order_by("pk").values()) == before
        assert api.writes == []
        assert stands(made, cast.eda) == State.ACTIVE

    @pytest.mark.parametrize(
        ("error", "state"),
        [
            (DOWN, Grant.State.PENDING),
            (Throttled("slowly", retry_after=7), Grant.State.PENDING),
            (Forbidden("being terminated", cause="NamespaceTerminating"), Grant.State.PENDING),
            (Unauthorized("who are you?"), Grant.State.FAILING),
            (Forbidden("you may not"), Grant.State.FAILING),
            (Invalid("a policy says no"), Grant.State.FAILING),
            (NotFound("there is no such role"), Grant.State.FAILING),
        ],
        ids=lambda value: getattr(value, "cause", None) or getattr(value, "code", None),
    )
    def test_what_stops_one_right_is_stored_with_it(
        self, cast: Cast, made: Namespace, api: FakeCluster, error: ClusterError, state: Grant.State
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(error, verb="create", kind=ROLE_BINDING)
        reconciliation.reconcile(made.pk)
        row = grant(made, cast.otto, "viewer")
        assert (row.state, row.error_message, row.proved_at) == (state, error.message, None)
        assert status(made).error_code == error.code
        assert stands(made, cast.otto) == (State.FAILING if state == Grant.State.FAILING else State.WAITING)
        assert stands(made, cast.eda) == State.ACTIVE
        assert status(made).observed_generation == 1
        let_time_pass(made)
        sweeping.reconcile_due()
        assert stands(made, cast.otto) == State.ACTIVE
        assert status(made).attempts == 0

    def test_long_message_is_cut_to_what_the_column_holds(self, made: Namespace, api: FakeCluster) -> None:
        api.fail(Invalid("x" * 5000), verb="list")
        reconciliation.reconcile(made.pk)
        assert len(status(made).error_message) == 500

    def test_namespace_that_begins_to_end_is_waited_for(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(Forbidden("being terminated", cause="NamespaceTerminating"), verb="create")
        reconciliation.reconcile(made.pk)
        assert status(made).state == NamespaceStatus.State.WAITING
        assert 25 <= seconds_until_next(made) <= 30

    def test_pauses_grow_to_a_minute_and_are_spread(self, made: Namespace, api: FakeCluster) -> None:
        longest: list[float] = []
        for attempt in range(9):
            waits = []
            for _try in range(12):
                NamespaceStatus.objects.update(attempts=attempt)
                api.fail(DOWN, verb="list")
                reconciliation.reconcile(made.pk)
                waits.append(seconds_until_next(made))
            assert max(waits) <= min(5 * 2**attempt, 60)
            assert len({round(wait, 3) for wait in waits}) > 1
            longest.append(max(waits))
        assert max(longest) > 20

    def test_what_is_not_yet_confirmed_is_looked_at_soon_and_then_less_often(
        self, made: Namespace, api: FakeCluster
    ) -> None:
        """A role in the cluster that lost a rule makes every proof of every namespace fail until somebody mends it."""
        api._state.rules.roles["", cluster_role("editor")]["rules"] = []
        let_proofs_age(made)
        waits = []
        for _attempt in range(8):
            reconciliation.reconcile(made.pk)
            assert (status(made).state, status(made).error_code) == ("waiting", "unproved")
            waits.append(seconds_until_next(made))
        assert waits[0] <= 2
        assert 30 <= max(waits) <= 60

    def test_error_of_ours_is_loud_and_the_namespace_is_not_lost(
        self, made: Namespace, api: FakeCluster, cast: Cast
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)

        def stumble(_verb: str) -> None:
            raise ZeroDivisionError

        fake_connection.meddle(stumble)
        with pytest.raises(ZeroDivisionError):
            reconciliation.reconcile(made.pk)
        fake_connection._meddlers.clear()
        sweeping.reconcile_due()
        assert stands(made, cast.otto) == State.WAITING  # somebody died with the lease
        NamespaceStatus.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweeping.reconcile_due()
        assert stands(made, cast.otto) == State.ACTIVE


class TestLostAnswers:
    def test_create_is_made_once_and_taken_over(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.lose_answer(verb="create", kind=ROLE_BINDING)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.otto) == State.WAITING
        operation = grant(made, cast.otto, "viewer").operation
        reconciliation.reconcile(made.pk)
        row = grant(made, cast.otto, "viewer")
        assert (row.state, row.operation) == (Grant.State.ACTIVE, operation)
        assert len(api.writes) == 1

    def test_what_was_made_unseen_goes_when_it_is_over(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.lose_answer(verb="create", kind=ROLE_BINDING)
        reconciliation.reconcile(made.pk)
        members.remove(membership=membership(made, cast.otto), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.REVOKED

    def test_what_was_made_unseen_goes_even_when_an_older_one_was_seen(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Seen but not confirmed; deleted by hand; made again unseen; over: nothing of it may stay."""
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(DOWN, verb="review", name=cast.otto.identities.get().subject)
        reconciliation.reconcile(made.pk)
        assert grant(made, cast.otto, "viewer").binding_uid
        api.outside.remove(ROLE_BINDING, name_of(cast.otto, "viewer"), made.name)
        api.lose_answer(verb="create", kind=ROLE_BINDING)
        reconciliation.reconcile(made.pk)
        members.remove(membership=membership(made, cast.otto), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.REVOKED

    def test_create_that_comes_after_the_end_is_recognised_and_goes(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """A worker stood still right before its create, another one proved the end, and then the first one woke up."""
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(DOWN, verb="create")
        reconciliation.reconcile(made.pk)
        late = _binding(made, cast.otto, operation=str(grant(made, cast.otto, "viewer").operation))
        members.remove(membership=membership(made, cast.otto), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.otto) == State.REVOKED
        api.outside.put(late)
        sweeping.sweep_clusters()
        assert not bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.REVOKED
        ended = Event.objects.filter(act="binding.ended", object_text=name_of(cast.otto, "viewer"))
        assert ended.count() == 1

    def test_create_that_comes_late_is_recognised_after_many_more(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(DOWN, verb="create")
        reconciliation.reconcile(made.pk)
        late = _binding(made, cast.otto, operation=str(grant(made, cast.otto, "viewer").operation))
        for _round in range(3):
            members.remove(membership=membership(made, cast.otto), by=cast.nils)
            reconciliation.reconcile(made.pk)
            members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
            reconciliation.reconcile(made.pk)
        members.remove(membership=membership(made, cast.otto), by=cast.nils)
        reconciliation.reconcile(made.pk)
        api.outside.put(late)
        sweeping.sweep_clusters()
        assert not bound(api, made, cast.otto, "viewer")

    def test_who_may_yet_be_let_in_late_is_looked_after_in_each_sweep(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(DOWN, verb="create")
        reconciliation.reconcile(made.pk)
        members.remove(membership=membership(made, cast.otto), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert seconds_until_next(made) <= 7.5
        Grant.objects.filter(namespace=made).update(since=timezone.now() - timedelta(minutes=11))
        reconciliation.reconcile(made.pk)
        assert seconds_until_next(made) > 60

    def test_copy_of_a_binding_that_was_seen_is_not_ours(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        copied = api.get(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        del copied["metadata"]["uid"], copied["metadata"]["resourceVersion"]
        api.outside.put(copied)
        sweeping.sweep_clusters()
        assert bound(api, made, cast.eda, "editor")
        assert stands(made, cast.eda) == State.RESIDUAL

    def test_copy_that_is_as_decided_is_recorded_whatever_is_written_on_it(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Else the pass would end there each time, and nothing of the namespace be written down any more."""
        copied = api.get(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        api.outside.remove(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        del copied["metadata"]["uid"], copied["metadata"]["resourceVersion"]
        copied["metadata"]["annotations"][OPERATION] = "\0" * 1000
        api.outside.put(copied)
        reconciliation.reconcile(made.pk)
        written = Event.objects.get(act="binding.found").after["operation"]
        assert len(written) <= 64
        assert written.isprintable()
        assert stands(made, cast.eda) == State.ACTIVE

    def test_delete_is_proved_though_nobody_saw_it_happen(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        api.lose_answer(verb="delete")
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.ENDING
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.REVOKED
        assert len(api.writes) == 1

    def test_worker_that_dies_after_the_delete_leaves_an_end_that_is_proved_later(
        self, cast: Cast, made: Namespace, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)

        def die(*_arguments: object) -> None:
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(reconciliation, "_store", die)
            with pytest.raises(SystemExit):
                reconciliation.reconcile(made.pk)
        NamespaceStatus.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweeping.reconcile_due()
        assert stands(made, cast.eda) == State.REVOKED
        assert len(api.writes) == 1

    def test_list_that_lacks_a_binding_does_not_lose_it(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        api.drop_from_lists(name_of(cast.eda, "editor"))
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.ACTIVE
        api.drop_from_lists()
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.eda, "editor")


def test_refusal_that_waits_for_people_does_not_hold_up_what_waits_for_the_cluster(
    cast: Cast, made: Namespace, api: FakeCluster
) -> None:
    members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
    api.fail(Forbidden("you may not"), verb="create")
    api._state.rules.roles["", cluster_role("editor")]["rules"] = []
    let_proofs_age(made)
    reconciliation.reconcile(made.pk)
    assert status(made).state == NamespaceStatus.State.DEGRADED
    assert seconds_until_next(made) <= 2


class TestAudit:
    """Each write to the cluster has one event of Berth's own, found in the cluster by its operation."""

    def events(self, namespace: Namespace) -> list[tuple[str, str]]:
        acts = ("namespace.made", "binding.made", "binding.ended", "binding.repaired", "binding.pruned")
        found = Event.objects.filter(namespace_id=str(namespace.pk), act__in=acts)
        return [(event.act, event.after.get("role") or event.before.get("role", "")) for event in found]

    def test_first_pass_tells_what_it_made(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        assert sorted(self.events(made)) == sorted(
            [
                ("namespace.made", ""),
                *(("binding.made", role) for role in ("admin", "admin", "editor", "viewer")),
            ]
        )
        row = grant(made, cast.eda, "editor")
        event = Event.objects.get(act="binding.made", object_id=str(row.pk))
        assert event.actor == ""
        assert event.after["uid"] == row.binding_uid
        annotations = api.get(ROLE_BINDING, row.binding_name, made.name)["metadata"]["annotations"]
        assert event.after["operation"] == annotations["berth.internal/operation"]

    def test_pass_that_writes_nothing_tells_nothing(self, made: Namespace) -> None:
        before = Event.objects.count()
        reconciliation.reconcile(made.pk)
        assert Event.objects.count() == before

    def test_every_write_is_told_once(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        before = len(self.events(made))
        members.set_role(membership=membership(made, cast.eda), role=Role.VIEWER, by=cast.nils)
        members.remove(membership=membership(made, cast.vera), by=cast.nils)
        api.outside.change(
            ROLE_BINDING,
            name_of(cast.nils, "admin"),
            made.name,
            lambda found: found["subjects"][0].update(name="x"),
        )
        reconciliation.reconcile(made.pk)
        told = self.events(made)[before:]
        assert len(told) == len(api.writes) == 5
        assert sorted(told) == [
            ("binding.ended", "editor"), ("binding.ended", "viewer"), ("binding.made", "admin"),
            ("binding.made", "viewer"), ("binding.repaired", "admin"),
        ]  # fmt: skip

    def test_write_whose_answer_was_lost_is_told_once_when_it_is_seen(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        before = len(self.events(made))
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.lose_answer(verb="create", kind=ROLE_BINDING)
        reconciliation.reconcile(made.pk)
        assert self.events(made)[before:] == []
        reconciliation.reconcile(made.pk)
        assert self.events(made)[before:] == [("binding.made", "viewer")]
        members.remove(membership=membership(made, cast.otto), by=cast.nils)
        api.lose_answer(verb="delete")
        for _pass in range(2):
            reconciliation.reconcile(made.pk)
        assert self.events(made)[before:] == [("binding.made", "viewer"), ("binding.ended", "viewer")]

    def test_right_that_was_taken_back_at_once_is_told_twice(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        before = len(self.events(made))
        joined = members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)

        def withdraw(verb: str) -> None:
            if verb == "create":
                members.remove(membership=joined, by=cast.nils)

        fake_connection.meddle(withdraw)
        reconciliation.reconcile(made.pk)
        assert self.events(made)[before:] == [("binding.made", "viewer"), ("binding.ended", "viewer")]

    def test_binding_that_somebody_else_deleted_is_not_told_as_ours(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Nor is the copy that they made of it: its uid is another, and our operation in it is over."""
        before = len(self.events(made))
        name = name_of(cast.eda, "editor")
        copied = api.get(ROLE_BINDING, name, made.name)
        api.outside.remove(ROLE_BINDING, name, made.name)
        api.outside.put(copied)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        for _pass in range(2):
            reconciliation.reconcile(made.pk)
        told = Event.objects.filter(namespace_id=str(made.pk), act__startswith="binding.")[before - 1 :]
        assert [event.act for event in told] == ["binding.gone"]
        assert api.get(ROLE_BINDING, name, made.name)["subjects"] == copied["subjects"]
        assert name in grant(made, cast.eda, "editor").error_message
        assert grant(made, cast.eda, "editor").state == Grant.State.REVOKING

    def test_who_lost_the_lease_tells_nothing(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        before = len(self.events(made))
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)

        def take(verb: str) -> None:
            if verb == "create":
                NamespaceStatus.objects.update(lease_holder=uuid.uuid4())

        fake_connection.meddle(take)
        reconciliation.reconcile(made.pk)
        assert self.events(made)[before:] == []
        fake_connection._meddlers.clear()
        NamespaceStatus.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweeping.reconcile_due()
        assert self.events(made)[before:] == [("binding.made", "viewer")]


class TestChangesMeanwhile:
    def once(self, verb: str, act: Callable[[], object]) -> None:
        """Let something happen right before the first call of this sort."""
        happened: list[bool] = []

        def meddler(name: str) -> None:
            if name == verb and not happened:
                happened.append(True)
                act()

        fake_connection.meddle(meddler)

    def test_change_during_a_pass_is_followed_at_once(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        let_proofs_age(made)
        self.once(
            "review_access",
            lambda: members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils),
        )
        reconciliation.reconcile(made.pk)
        assert bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.ACTIVE
        assert status(made).observed_generation == 2

    def test_pass_claims_only_the_generation_that_it_read(
        self, cast: Cast, made: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconciliation, "MOST_ROUNDS", 1)
        let_proofs_age(made)
        self.once(
            "review_access",
            lambda: members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils),
        )
        reconciliation.reconcile(made.pk)
        assert (status(made).observed_generation, Namespace.objects.get(pk=made.pk).generation) == (1, 2)
        assert made in sweeping.due()

    def test_changes_without_end_do_not_hold_a_worker(self, made: Namespace, api: FakeCluster) -> None:
        passes: list[str] = []

        def change(verb: str) -> None:
            if verb == "get":
                passes.append(verb)
                Namespace.objects.filter(pk=made.pk).update(generation=len(passes) + 10)

        fake_connection.meddle(change)
        assert reconciliation.reconcile(made.pk) == REVOCATIONS
        assert len(passes) == 3 * reconciliation.MOST_ROUNDS  # kube-system, the mark and the namespace
        assert made in sweeping.due()

    def test_right_withdrawn_while_it_is_made_does_not_stay(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        joined = members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        self.once("create", lambda: members.remove(membership=joined, by=cast.nils))
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.otto, "viewer")
        assert [call.verb for call in api.writes] == ["create", "delete"]
        assert stands(made, cast.otto) == State.REVOKED

    def test_right_withdrawn_before_it_is_made_is_not_made(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        joined = members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        self.once("list_pages", lambda: members.remove(membership=joined, by=cast.nils))
        reconciliation.reconcile(made.pk)
        assert api.writes == []
        assert stands(made, cast.otto) == State.REVOKED


class TestLease:
    def test_somebody_elses_lease_is_respected(self, made: Namespace, api: FakeCluster) -> None:
        NamespaceStatus.objects.update(
            lease_holder=uuid.uuid4(),
            lease_until=timezone.now() + timedelta(seconds=30),
            error_message="theirs",
        )
        before = NamespaceStatus.objects.values().get()
        reconciliation.reconcile(made.pk)
        assert api.calls == []
        assert NamespaceStatus.objects.values().get() == before

    def test_lease_of_somebody_who_died_is_taken(self, made: Namespace, api: FakeCluster) -> None:
        NamespaceStatus.objects.update(
            lease_holder=uuid.uuid4(), lease_until=timezone.now() - timedelta(milliseconds=50)
        )
        reconciliation.reconcile(made.pk)
        assert api.calls != []
        assert status(made).lease_holder is None

    def test_lease_is_held_during_the_pass_and_not_for_ever(
        self, made: Namespace, settings: Settings
    ) -> None:
        seen: list[float] = []

        def look(_verb: str) -> None:
            until = status(made).lease_until
            assert until is not None
            seen.append((until - timezone.now()).total_seconds())

        fake_connection.meddle(look)
        reconciliation.reconcile(made.pk)
        assert settings.LEASE_SECONDS - 10 < min(seen) <= max(seen) <= settings.LEASE_SECONDS

    def test_task_ends_before_its_lease_and_the_lease_before_the_message_returns(
        self, settings: Settings
    ) -> None:
        assert app.conf.task_soft_time_limit < app.conf.task_time_limit < settings.LEASE_SECONDS
        assert app.conf.broker_transport_options.get("visibility_timeout", 3600) > settings.LEASE_SECONDS

    @pytest.mark.parametrize("fails", [False, True])
    def test_who_lost_the_lease_writes_nothing(
        self, cast: Cast, made: Namespace, api: FakeCluster, fails: bool
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        other = uuid.uuid4()

        def take(verb: str) -> None:
            if verb == "list_pages":
                NamespaceStatus.objects.update(
                    lease_holder=other,
                    lease_until=timezone.now() + timedelta(seconds=30),
                    error_message="theirs",
                )

        fake_connection.meddle(take)
        if fails:
            api.fail(DOWN, verb="list")
        reconciliation.reconcile(made.pk)
        found = status(made)
        assert (found.lease_holder, found.error_message, found.observed_generation) == (other, "theirs", 1)
        assert grant(made, cast.eda, "editor").state == UNTOUCHED
        assert stands(made, cast.eda) == State.ENDING
        # What it changed in the cluster nobody has seen: somebody looks again at once.
        assert (found.next_reconcile_at <= timezone.now()) is not fails


class TestNamespaceInTheWay:
    def make_foreign(self, api: FakeCluster, name: str) -> None:
        api.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def test_unmanaged_one_is_never_taken_over(self, cast: Cast, fire: Namespace, api: FakeCluster) -> None:
        self.make_foreign(api, fire.name)
        before = api.get(NAMESPACE, fire.name)
        for _pass in range(3):
            reconciliation.reconcile(fire.pk)
        assert api.writes == []
        assert api.get(NAMESPACE, fire.name) == before
        found = status(fire)
        assert (found.state, found.error_code, found.cluster_uid) == ("conflict", "foreign", "")
        assert "not managed by Berth" in found.error_message
        assert stands(fire, cast.eda) == State.FAILING
        assert 295 <= seconds_until_next(fire) <= 300

    def test_unmanaged_one_that_goes_makes_room(self, cast: Cast, fire: Namespace, api: FakeCluster) -> None:
        self.make_foreign(api, fire.name)
        reconciliation.reconcile(fire.pk)
        api.outside.remove(NAMESPACE, fire.name)
        let_time_pass(fire)
        sweeping.reconcile_due()
        assert stands(fire, cast.eda) == State.ACTIVE

    def test_deleted_one_is_not_made_again(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        api.outside.terminate(made.name)
        api.settle()
        reconciliation.reconcile(made.pk)
        assert api.writes == []
        assert (status(made).state, status(made).error_code) == ("missing", "missing")
        assert stands(made, cast.eda) == State.FAILING

    def test_another_one_under_the_old_name_gets_nothing(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        uid = status(made).cluster_uid
        api.outside.terminate(made.name)
        api.settle()
        copy = {"berth.internal/namespace-id": str(made.pk), "app.kubernetes.io/managed-by": "berth"}
        api.outside.put(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name, "labels": copy}}
        )
        for _pass in range(2):
            reconciliation.reconcile(made.pk)
        assert api.writes == []
        found = status(made)
        assert (found.state, found.error_code, found.cluster_uid) == ("conflict", "replaced", uid)
        assert stands(made, cast.eda) == State.FAILING

    def test_another_one_is_taken_once_an_operator_confirmed_it(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        api.outside.terminate(made.name)
        api.settle()
        self.make_foreign(api, made.name)
        uid = api.get(NAMESPACE, made.name)["metadata"]["uid"]
        reconciliation.reconcile(made.pk)
        self.confirm(made, uid)
        reconciliation.reconcile(made.pk)
        assert api.writes == []  # it lacks the labels without which our policies let nobody in
        assert (status(made).state, status(made).error_code) == ("conflict", "unlabelled")
        labels = namespace_manifest(desired_state.namespace_spec(made, configured_clusters()["nautilus"]))
        api.outside.put(labels)
        reconciliation.reconcile(made.pk)
        assert status(made).cluster_uid == uid
        assert stands(made, cast.eda) == State.ACTIVE

    def test_confirmation_of_another_uid_confirms_nothing(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        self.confirm(made, "of-another-one")
        api.outside.terminate(made.name)
        api.settle()
        reconciliation.reconcile(made.pk)
        assert api.writes == []
        assert status(made).state == "missing"

    def test_deleted_one_is_made_again_once_an_operator_confirmed_that(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        uid = status(made).cluster_uid
        api.outside.terminate(made.name)
        api.settle()
        reconciliation.reconcile(made.pk)
        self.confirm(made, uid)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.ACTIVE
        assert status(made).cluster_uid == api.get(NAMESPACE, made.name)["metadata"]["uid"] != uid
        api.outside.terminate(made.name)
        api.settle()
        api.calls.clear()
        reconciliation.reconcile(made.pk)
        assert api.writes == []  # the one that was made since is another matter
        assert status(made).state == "missing"

    def test_confirmation_of_another_one_does_not_make_that_again_when_it_is_deleted_in_turn(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        api.outside.terminate(made.name)
        api.settle()
        spec = desired_state.namespace_spec(made, configured_clusters()["nautilus"])
        uid = api.outside.put(namespace_manifest(spec))["metadata"]["uid"]
        reconciliation.reconcile(made.pk)
        self.confirm(made, uid)
        reconciliation.reconcile(made.pk)
        assert status(made).cluster_uid == uid
        api.outside.terminate(made.name)
        api.settle()
        api.calls.clear()
        reconciliation.reconcile(made.pk)
        assert api.writes == []
        assert status(made).state == "missing"

    def confirm(self, namespace: Namespace, uid: str) -> None:
        DriftDecision.objects.create(
            namespace=namespace,
            kind="Namespace",
            name=namespace.name,
            uid=uid,
            act="confirm",
            reason="It was us.",
        )

    def test_one_on_its_way_out_is_waited_for(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        api.outside.hold(made.name)
        api.outside.terminate(made.name)
        reconciliation.reconcile(made.pk)
        assert api.writes == []
        assert (status(made).state, status(made).error_code) == ("waiting", "terminating")
        assert 25 <= seconds_until_next(made) <= 30
        assert stands(made, cast.eda) == State.WAITING

    def test_right_that_ended_with_its_namespace_is_proved(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        api.outside.terminate(made.name)
        api.settle()
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.REVOKED


class TestBesideBerth:
    @pytest.mark.parametrize("by", ["pass", "sweep"])
    def test_access_that_others_gave_is_remembered_and_forgotten(
        self, made: Namespace, api: FakeCluster, by: str
    ) -> None:
        def look() -> None:
            if by == "pass":
                reconciliation.reconcile(made.pk)
            else:
                sweeping.sweep(made.cluster)

        put_by_hand(api, "sneaky", "somebody", place=made.name)
        look()
        assert list(SeenBinding.objects.values_list("name", "users")) == [("sneaky", ["somebody"])]
        api.outside.remove(ROLE_BINDING, "sneaky", made.name)
        look()
        assert not SeenBinding.objects.exists()


class TestHurry:
    """A right ends at once, and the proof of it comes when nobody else waits for the end of a right."""

    def test_end_is_made_and_not_claimed_before_it_is_proved(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        assert reconciliation.reconcile(made.pk, hurry=True) == CHANGES
        assert not bound(api, made, cast.eda, "editor")
        assert stands(made, cast.eda) == State.ENDING
        assert stands(made, cast.nils) == State.ACTIVE
        assert (status(made).state, status(made).error_code, status(made).attempts) == (
            "waiting",
            "unproved",
            0,
        )
        assert Event.objects.filter(act="binding.ended", object_text=name_of(cast.eda, "editor")).count() == 1
        sweeping.reconcile_due()
        assert stands(made, cast.eda) == State.REVOKED
        assert Event.objects.filter(act="binding.ended", object_text=name_of(cast.eda, "editor")).count() == 1

    def test_right_that_is_given_back_is_not_called_active_by_the_proof_from_before_its_end(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Its membership was the same all the time, and the cluster went away before anybody proved the end."""
        people.set_level(person=cast.eda, level=Level.GUEST, by=cast.olga)
        reconciliation.reconcile(made.pk, hurry=True)
        assert not bound(api, made, cast.eda, "editor")
        people.vouch(person=cast.eda, by=cast.paula)
        assert stands(made, cast.eda) == State.WAITING
        reconciliation.reconcile(made.pk, hurry=True)
        assert stands(made, cast.eda) == State.WAITING
        reconciliation.reconcile(made.pk, hurry=True)
        assert stands(made, cast.eda) == State.ACTIVE

    def test_limits_that_changed_meanwhile_are_made_as_well(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        before = status(made).limits_version
        amounts = {limits.Key(limits.Kind.QUOTA, "pods"): 7}
        limit_actions.decide(namespace=made, amounts=amounts, version=made.limits_version, by=cast.olga)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk, hurry=True)
        assert api.get(RESOURCE_QUOTA, QUOTA, made.name)["spec"]["hard"] == {"pods": "7"}
        assert status(made).limits_version == before + 1

    def test_limits_that_were_made_before_are_looked_at_with_the_proofs(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        amounts = {limits.Key(limits.Kind.QUOTA, "pods"): 7}
        limit_actions.decide(namespace=made, amounts=amounts, version=made.limits_version, by=cast.olga)
        reconciliation.reconcile(made.pk)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        api.outside.remove(RESOURCE_QUOTA, QUOTA, made.name)
        reconciliation.reconcile(made.pk, hurry=True)
        with pytest.raises(NotFound):
            api.get(RESOURCE_QUOTA, QUOTA, made.name)
        sweeping.reconcile_due()
        assert api.get(RESOURCE_QUOTA, QUOTA, made.name)["spec"]["hard"] == {"pods": "7"}

    def test_right_is_made_and_not_claimed_before_it_is_proved(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        assert reconciliation.reconcile(made.pk, hurry=True) == CHANGES
        assert bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.WAITING
        assert stands(made, cast.nils) == State.ACTIVE
        assert Event.objects.filter(act="binding.made", object_text=name_of(cast.otto, "viewer")).count() == 1
        sweeping.reconcile_due()
        assert stands(made, cast.otto) == State.ACTIVE
        assert Event.objects.filter(act="binding.made", object_text=name_of(cast.otto, "viewer")).count() == 1

    def test_steady_changes_do_not_put_the_proofs_off_for_ever(
        self, cast: Cast, made: Namespace, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A script lets somebody in and out, each time right before a pass reads the rows."""
        claim = anchor.claim

        def change_and_claim(api: ClusterApi, cluster: Cluster) -> None:
            current = Membership.objects.current().filter(namespace=made, person=cast.otto).first()
            if current is None:
                members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
            else:
                members.remove(membership=current, by=cast.nils)
            claim(api, cluster)

        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        monkeypatch.setattr(anchor, "claim", change_and_claim)
        assert reconciliation.reconcile(made.pk, hurry=True) == REVOCATIONS
        assert [call.verb for call in api.writes] == ["delete", "create", "delete", "create"]
        assert stands(made, cast.eda) == State.REVOKED

    def test_nothing_is_owed_where_nothing_changed(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        assert reconciliation.reconcile(made.pk, hurry=True) is None


class TestResidualAccess:
    def test_is_shown_with_its_reason_until_it_ends(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        put_by_hand(api, "sneaky", cast.eda.identities.get().subject, place=made.name)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.RESIDUAL
        assert "sneaky" in grant(made, cast.eda, "editor").error_message
        assert (status(made).state, status(made).error_code) == ("ready", "residual")
        assert 25 <= seconds_until_next(made) <= 30
        api.outside.remove(ROLE_BINDING, "sneaky", made.name)
        let_time_pass(made)
        sweeping.reconcile_due()
        assert stands(made, cast.eda) == State.REVOKED
        assert grant(made, cast.eda, "editor").error_message == ""

    @pytest.mark.database
    def test_is_shown_whatever_the_name_of_the_binding(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        put_by_hand(api, "sneaky\0", cast.eda.identities.get().subject, place=made.name)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.RESIDUAL
        assert "sneaky" in grant(made, cast.eda, "editor").error_message

    def test_names_that_cannot_be_shown_end_no_sweep_and_hide_behind_none(
        self, made: Namespace, api: FakeCluster
    ) -> None:
        names = ("sneaky", "sneaky\0", "sneaky\x1b[1A", "sneaky\ufffd", "sneaky\u202e")
        for name in names:
            put_by_hand(api, name, f"somebody{name}", role=f"admin{name}", place=made.name)
        for _time in range(2):
            sweeping.sweep(made.cluster)
        seen = list(SeenBinding.objects.all())
        assert len(seen) == len(names)
        assert all((row.name + row.role + row.users[0]).isprintable() for row in seen)

    def test_foreign_binding_is_left_where_it_is(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        before = put_by_hand(api, "sneaky", cast.eda.identities.get().subject, place=made.name)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert api.get(ROLE_BINDING, "sneaky", made.name) == before

    def test_is_not_claimed_because_a_question_went_unanswered(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        api.fail(DOWN, verb="review", name=cast.eda.identities.get().subject)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.ENDING
        assert grant(made, cast.eda, "editor").error_message == DOWN.message

    def test_is_not_claimed_because_nothing_was_ever_there(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(DOWN, verb="create", kind=ROLE_BINDING)
        reconciliation.reconcile(made.pk)
        members.remove(membership=membership(made, cast.otto), by=cast.nils)
        api.fail(DOWN, verb="review", name=cast.otto.identities.get().subject)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.otto) == State.ENDING

    def test_is_not_claimed_because_the_delete_failed(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        for lost in (False, True):
            person = cast.otto if lost else cast.eda
            if lost:
                members.add(namespace=made, person=person, role=Role.EDITOR, by=cast.nils)
                api.lose_answer(verb="create", kind=ROLE_BINDING)
                reconciliation.reconcile(made.pk)
            members.remove(membership=membership(made, person), by=cast.nils)
            api.fail(Forbidden("a policy says no"), verb="delete")
            reconciliation.reconcile(made.pk)
            assert stands(made, person) == State.ENDING
            assert grant(made, person, "editor").error_message == "a policy says no"
            assert status(made).state == NamespaceStatus.State.DEGRADED

    def test_does_not_hide_what_is_not_confirmed_yet(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        put_by_hand(api, "sneaky", cast.eda.identities.get().subject, place=made.name)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        api._state.rules.roles["", cluster_role("viewer")]["rules"] = []
        let_proofs_age(made)
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.eda) == State.RESIDUAL
        assert status(made).state == NamespaceStatus.State.WAITING
        assert status(made).observed_generation == 1
        assert seconds_until_next(made) <= 2


class TestCluster:
    def test_first_contact_remembers_which_cluster_it_is(self, made: Namespace, api: FakeCluster) -> None:
        found = ClusterStatus.objects.get()
        assert found.kube_system_uid == api.get(NAMESPACE, "kube-system")["metadata"]["uid"]
        assert found.state == ClusterStatus.State.REACHABLE
        assert found.contacted_at is not None

    def test_another_cluster_under_this_name_gets_no_write(self, cast: Cast, made: Namespace) -> None:
        config = configured_clusters()["nautilus"]
        other = FakeCluster(config)
        fake_connection.put(config, other)
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        sweeping.reconcile_due()
        sweeping.sweep_clusters()
        assert other.writes == []
        assert ClusterStatus.objects.get().state == ClusterStatus.State.FOREIGN
        assert status(made).state == NamespaceStatus.State.CONFLICT
        assert stands(made, cast.otto) == State.FAILING
        assert stands(made, cast.eda) == State.ENDING
        assert stands(made, cast.vera) == State.ACTIVE

    @pytest.mark.parametrize(
        ("error", "state"),
        [(DOWN, "unreachable"), (Unauthorized("who?"), "refused"), (Forbidden("no"), "refused")],
        ids=lambda value: getattr(value, "code", None),
    )
    def test_says_since_when_it_is_away_and_comes_back_by_itself(
        self, made: Namespace, api: FakeCluster, error: ClusterError, state: str
    ) -> None:
        api.fail(error, verb="get", name="kube-system", times=2)
        reconciliation.reconcile(made.pk)
        first = ClusterStatus.objects.get()
        assert (first.state, first.error_code, first.error_message) == (state, error.code, error.message)
        reconciliation.reconcile(made.pk)
        assert ClusterStatus.objects.get().since == first.since
        reconciliation.reconcile(made.pk)
        back = ClusterStatus.objects.get()
        assert (back.state, back.error_code, back.error_message) == ("reachable", "", "")
        assert back.since > first.since

    def test_cluster_that_the_file_does_not_name_any_more_is_waited_for(
        self, cast: Cast, made: Namespace, api: FakeCluster, settings: Settings
    ) -> None:
        settings.CLUSTERS_FILE = ""
        reconciliation.reconcile(made.pk)
        sweeping.reconcile_due()
        assert "nautilus" in status(made).error_message
        assert stands(made, cast.eda) == State.ACTIVE
        assert api.calls == []


@pytest.fixture
def second_cluster(api: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """A cluster `aaa`, whose turn comes before `nautilus`."""
    config = configured_clusters()["nautilus"]
    both = {"nautilus": config, "aaa": replace(config, name="aaa", title="First")}
    monkeypatch.setattr(reconciliation, "configured_clusters", lambda: both)
    Cluster.objects.sync(both)
    return fake_connection.of(both["aaa"])


class TestBarredRoles:
    """Who gets a role must be sure what it allows, and that a fence stands behind the worker."""

    @staticmethod
    def widen(api: FakeCluster) -> None:
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        api.outside.put(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": cluster_role("viewer")},
                "rules": rules,
            }
        )

    def test_role_that_was_altered_is_given_to_nobody_and_taken_away_as_always(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        self.widen(api)
        sweeping.sweep_clusters()
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        members.remove(membership=membership(made, cast.vera), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.FAILING
        assert "berth:viewer is missing or altered" in status(made).error_message
        assert not bound(api, made, cast.vera, "viewer")

    def test_other_roles_are_given_meanwhile(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        self.widen(api)
        sweeping.sweep_clusters()
        members.add(namespace=made, person=cast.otto, role=Role.EDITOR, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert bound(api, made, cast.otto, "editor")

    def test_role_that_is_put_right_is_given_again(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        self.widen(api)
        sweeping.sweep_clusters()
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        reconciliation.reconcile(made.pk)
        config = configured_clusters()["nautilus"]
        for manifest in manifests.render(config, reserved=()):
            if manifest["metadata"]["name"] == cluster_role("viewer"):
                api.outside.put(manifest)
        sweeping.sweep_clusters()
        assert stands(made, cast.otto) == State.ACTIVE

    def test_without_a_fence_nobody_is_let_in(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        api.outside.remove_fences()
        sweeping.sweep_clusters()
        members.add(namespace=made, person=cast.otto, role=Role.EDITOR, by=cast.nils)
        members.remove(membership=membership(made, cast.vera), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.otto, "editor")
        assert not bound(api, made, cast.vera, "viewer")

    def test_question_about_a_fence_that_got_no_answer_bars_nobody(
        self, made: Namespace, api: FakeCluster
    ) -> None:
        api.fail(DOWN, verb="create", kind=NAMESPACE)
        with pytest.raises(Unavailable):
            sweeping.sweep(made.cluster)
        assert ClusterStatus.objects.get().barred == {}

    def test_role_that_was_deleted_is_one_that_was_altered(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        api.outside.remove_role(cluster_role("editor"))
        sweeping.sweep_clusters()
        assert set(ClusterStatus.objects.get().barred) == {"editor"}


class TestDue:
    def test_lost_message_is_healed(self, cast: Cast, made: Namespace) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        sweeping.reconcile_due()
        assert stands(made, cast.otto) == State.ACTIVE

    def test_those_where_a_right_is_to_end_come_first(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        older = factories.NamespaceFactory.create(cluster=made.cluster, changed_at="2020-01-01T00:00Z")
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        assert list(sweeping.due()) == [made, older]
        reconciliation.reconcile(made.pk)
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        assert list(sweeping.due()) == [older, made]

    def test_new_namespace_is_due(self, fire: Namespace, api: FakeCluster) -> None:
        assert list(sweeping.due()) == [fire]
        sweeping.reconcile_due()
        assert list(sweeping.due()) == []

    def test_what_is_as_decided_is_left_alone(self, made: Namespace, api: FakeCluster) -> None:
        sweeping.reconcile_due()
        assert api.calls == []

    def test_proof_that_is_old_is_due(self, made: Namespace, api: FakeCluster) -> None:
        let_time_pass(made)
        sweeping.reconcile_due()
        assert api.calls != []
        assert list(sweeping.due()) == []

    def test_what_failed_is_not_tried_again_before_its_time(
        self, made: Namespace, api: FakeCluster, cast: Cast
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(Invalid("a policy says no"), verb="create")
        reconciliation.reconcile(made.pk)
        api.calls.clear()
        sweeping.reconcile_due()
        assert api.calls == []

    def test_new_change_is_tried_at_once_though_the_last_one_failed(
        self, made: Namespace, api: FakeCluster, cast: Cast
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        api.fail(Invalid("a policy says no"), verb="create")
        reconciliation.reconcile(made.pk)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        sweeping.reconcile_due()
        assert stands(made, cast.eda) == State.REVOKED

    @pytest.mark.parametrize("known_to_be_down", [False, True])
    def test_cluster_that_does_not_answer_is_asked_once(
        self, made: Namespace, api: FakeCluster, known_to_be_down: bool
    ) -> None:
        factories.NamespaceFactory.create_batch(5, cluster=made.cluster)
        if known_to_be_down:
            ClusterStatus.objects.update(state=ClusterStatus.State.UNREACHABLE)
        api.fail(DOWN, times=100)
        sweeping.reconcile_due()
        assert 1 <= len(api.calls) <= 2  # the one that noticed, and one to be sure
        assert ClusterStatus.objects.get().state == ClusterStatus.State.UNREACHABLE

    def test_all_is_made_when_it_is_back(self, made: Namespace, api: FakeCluster, cast: Cast) -> None:
        labs = factories.NamespaceFactory.create_batch(3, cluster=made.cluster)
        for lab in labs:
            factories.MembershipFactory.create(namespace=lab, person=cast.otto)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        api.fail(DOWN, times=4)
        for _try in range(3):
            sweeping.reconcile_due()
        assert api._state.faults[-1].times == 0
        sweeping.reconcile_due()
        assert {stands(lab, cast.otto) for lab in labs} == {State.ACTIVE}
        assert stands(made, cast.eda) == State.REVOKED

    def test_one_namespace_that_always_fails_does_not_delay_the_others(
        self, made: Namespace, api: FakeCluster, cast: Cast
    ) -> None:
        """The API server answers 500 whenever it is asked about this one, which has waited longest."""
        poison = factories.NamespaceFactory.create(cluster=made.cluster, changed_at="2026-01-01T00:00:00Z")
        lab = factories.NamespaceFactory.create(cluster=made.cluster)
        factories.MembershipFactory.create(namespace=lab, person=cast.otto)
        api.fail(Unavailable("The API server answered 500."), name=poison.name, times=1000)
        for _round in range(2):
            sweeping.reconcile_due()
        assert stands(lab, cast.otto) == State.ACTIVE

    def test_one_cluster_that_is_down_does_not_delay_another(
        self, cast: Cast, fire: Namespace, api: FakeCluster, second_cluster: FakeCluster
    ) -> None:
        factories.NamespaceFactory.create_batch(3, cluster=Cluster.objects.get(name="aaa"))
        second_cluster.fail(DOWN, times=100)
        sweeping.reconcile_due()
        assert stands(fire, cast.eda) == State.ACTIVE
        assert len(second_cluster.calls) <= 2

    def test_clusters_of_the_file_get_their_rows(self, db: None, settings: Settings) -> None:
        settings.CLUSTER_CONNECT = fake_connection.CONNECT
        sweeping.reconcile_due()
        assert Cluster.objects.get().title == "Nautilus"
        assert ClusterStatus.objects.count() == 1

    def test_work_is_bounded_and_the_next_call_goes_on(
        self, cluster: Cluster, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        factories.NamespaceFactory.create_batch(7, cluster=cluster)
        _clock_that_jumps(monkeypatch, seconds=2)
        left = []
        while sweeping.due().exists():
            sweeping.reconcile_due()
            left.append(sweeping.due().count())
        assert len(left) > 1
        assert left == sorted(left, reverse=True)
        assert len(set(left)) == len(left)


def _clock_that_jumps(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """Let so many seconds pass between every two looks at the clock."""
    now = [0.0]

    def monotonic() -> float:
        now[0] += seconds
        return now[0]

    monkeypatch.setattr("time.monotonic", monotonic)


class TestSweep:
    @pytest.mark.parametrize("how", ["deleted", "person swapped", "role widened", "label stripped"])
    def test_change_made_by_hand_is_healed(
        self, cast: Cast, made: Namespace, api: FakeCluster, how: str
    ) -> None:
        name = name_of(cast.eda, "editor")
        if how == "deleted":
            api.outside.remove(ROLE_BINDING, name, made.name)
        elif how == "person swapped":
            api.outside.change(
                ROLE_BINDING, name, made.name, lambda it: it["subjects"][0].update(name="other")
            )
        elif how == "role widened":
            api.outside.change(
                ROLE_BINDING, name, made.name, lambda it: it["roleRef"].update(name="berth:admin")
            )
        else:
            api.outside.change(ROLE_BINDING, name, made.name, lambda it: it["metadata"].pop("labels"))
        assert sweeping.sweep(made.cluster).differing == [made.pk]
        sweeping.sweep_clusters()
        assert bound(api, made, cast.eda, "editor")
        assert not api.review_access("other", made.name, probes("viewer")[0]).allowed
        assert sweeping.sweep(made.cluster).differing == []
        assert stands(made, cast.eda) == State.ACTIVE

    def test_right_that_is_over_and_comes_back_by_hand_is_told(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        """Somebody applies an old copy of the whole namespace. It is not what Berth made, and not Berth's to delete."""
        copy = api.get(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        reconciliation.reconcile(made.pk)
        api.outside.put(copy)
        sweeping.sweep_clusters()
        assert bound(api, made, cast.eda, "editor")
        assert stands(made, cast.eda) == State.RESIDUAL
        api.outside.remove(ROLE_BINDING, copy["metadata"]["name"], made.name)
        let_time_pass(made)
        sweeping.reconcile_due()
        assert stands(made, cast.eda) == State.REVOKED

    def test_nothing_to_change_costs_some_calls_and_no_write(self, made: Namespace, api: FakeCluster) -> None:
        for lab in factories.NamespaceFactory.create_batch(4, cluster=made.cluster):
            reconciliation.reconcile(lab.pk)
        api.calls.clear()
        sweeping.sweep_clusters()
        assert api.writes == []
        assert Counter((call.verb, call.kind.name) for call in api.calls) == {
            ("get", "ConfigMap"): 1, ("get", "Namespace"): 1, ("get", "ClusterRole"): 4,
            ("create", "Namespace"): 1, ("create", "RoleBinding"): 1, ("create", "ResourceQuota"): 1,  # dry runs
            ("list", "LimitRange"): 1, ("list", "Namespace"): 2, ("list", "ResourceQuota"): 1,
            ("list", "RoleBinding"): 1,
        }  # fmt: skip
        assert ClusterStatus.objects.get().swept_at is not None

    def test_only_what_differs_is_touched(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        for lab in factories.NamespaceFactory.create_batch(3, cluster=made.cluster):
            reconciliation.reconcile(lab.pk)
        api.outside.remove(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        api.calls.clear()
        sweeping.sweep_clusters()
        assert [(call.verb, call.namespace) for call in api.writes] == [("create", made.name)]

    def test_filtered_list_is_no_list(self, cast: Cast, made: Namespace, api: FakeCluster) -> None:
        members.remove(membership=membership(made, cast.eda), by=cast.nils)
        api.drop_from_lists("berth-state", name_of(cast.vera, "viewer"))
        with pytest.raises(Unavailable, match="filtered"):
            sweeping.sweep(made.cluster)
        sweeping.sweep_clusters()
        assert api.writes == []
        assert ClusterStatus.objects.get().state == ClusterStatus.State.UNREACHABLE
        assert ClusterStatus.objects.get().swept_at is None

    @pytest.mark.parametrize("kind", [NAMESPACE, ROLE_BINDING], ids=lambda kind: kind.name)
    def test_list_that_expires_half_way_is_no_list(
        self, made: Namespace, api: FakeCluster, kind: object
    ) -> None:
        for number in range(501):
            api.outside.put(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"other-{number}"}}
            )
            put_by_hand(api, f"zz-{number}", "somebody", place=made.name)
        api.outside.terminate(made.name)
        api.expire_list(kind)  # type: ignore[arg-type]
        sweeping.sweep_clusters()
        assert api.writes == []
        assert status(made).state == NamespaceStatus.State.READY
        sweeping.sweep_clusters()
        assert status(made).error_code == "terminating"

    @pytest.mark.parametrize("trouble", ["down", "not in the file", "foreign", "refused"])
    def test_one_cluster_in_trouble_does_not_delay_another(
        self, cast: Cast, made: Namespace, api: FakeCluster, second_cluster: FakeCluster, trouble: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        if trouble == "down":
            second_cluster.fail(DOWN, times=100)
        elif trouble == "refused":
            second_cluster.fail(Forbidden("no"), times=100)
        elif trouble == "foreign":
            ClusterStatus.objects.filter(cluster__name="aaa").update(kube_system_uid="another")
        else:
            only = {"nautilus": configured_clusters()["nautilus"]}
            monkeypatch.setattr(reconciliation, "configured_clusters", lambda: only)
        api.outside.remove(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        sweeping.sweep_clusters()
        assert bound(api, made, cast.eda, "editor")
        assert second_cluster.writes == []

    def test_work_is_bounded_and_the_next_call_goes_on(
        self, cluster: Cluster, api: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for lab in factories.NamespaceFactory.create_batch(6, cluster=cluster):
            reconciliation.reconcile(lab.pk)
            api.outside.terminate(lab.name)
        api.settle()
        _clock_that_jumps(monkeypatch, seconds=2)
        sweeping.sweep_clusters()
        assert 0 < NamespaceStatus.objects.filter(state="missing").count() < 6

    def test_change_that_no_pass_has_seen_yet_is_found_too(self, cast: Cast, made: Namespace) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        sweeping.sweep_clusters()
        assert stands(made, cast.otto) == State.ACTIVE


def test_level_that_is_lost_ends_every_right_and_comes_back_with_it(
    cast: Cast, made: Namespace, api: FakeCluster
) -> None:
    people.set_level(person=cast.eda, level=Level.GUEST, by=cast.olga)
    sweeping.reconcile_due()
    assert not bound(api, made, cast.eda, "editor")
    assert stands(made, cast.eda) == State.GUEST
    people.vouch(person=cast.eda, by=cast.paula)
    sweeping.reconcile_due()
    assert bound(api, made, cast.eda, "editor")
    assert stands(made, cast.eda) == State.ACTIVE
    assert Identity.objects.count() == 7


class TestWhatIsKeptForDecisions:
    def test_uid_that_is_there_is_kept_also_where_it_is_not_ours(
        self, cast: Cast, made: Namespace, api: FakeCluster
    ) -> None:
        ours = status(made).cluster_uid
        assert status(made).seen_uid == ours
        api.outside.remove(NAMESPACE, made.name)
        reconciliation.reconcile(made.pk)
        assert (status(made).seen_uid, status(made).cluster_uid) == ("", ours)
        bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name}}
        theirs = api.outside.put(bare)["metadata"]["uid"]
        reconciliation.reconcile(made.pk)
        assert (status(made).error_code, status(made).seen_uid) == ("replaced", theirs)
        assert status(made).cluster_uid == ours

    def test_limits_that_could_not_be_made_are_not_said_to_be(
        self, cast: Cast, fire: Namespace, api: FakeCluster
    ) -> None:
        limit_actions.store(fire, {limits.Key(limits.Kind.QUOTA, "pods"): 20})
        api.fail(DOWN, verb="create", kind=RESOURCE_QUOTA)
        reconciliation.reconcile(fire.pk)
        assert status(fire).limits_version == 0
        reconciliation.reconcile(fire.pk)
        assert status(fire).limits_version == fire.limits_version
