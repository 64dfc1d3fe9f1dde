"""From rows to what should be in the cluster, and what ends a right: every way of being switched off, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Identity, Level, User
from clusters.config import ClusterConfig
from clusters.models import Cluster
from clusters.registry import configured_clusters
from clusters.roles import binding_name
from namespaces import desired_state
from namespaces.access import Role
from namespaces.models import Grant, Membership, Namespace, NamespaceStatus
from namespaces.reconciler.spec import KnownBinding, NamespaceSpec
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(cluster: Cluster) -> ClusterConfig:
    return configured_clusters()[cluster.name]


@pytest.fixture
def lab(cluster: Cluster) -> Namespace:
    """A namespace without members."""
    return factories.NamespaceFactory.create(cluster=cluster)


def join(namespace: Namespace, role: Role = Role.EDITOR, **person: object) -> Grant:
    """Make a member with one identity whose right is in the cluster, proved."""
    membership = factories.MembershipFactory.create(
        namespace=namespace, person=factories.person("Somebody", **person), role=role
    )
    return factories.GrantFactory.create(membership=membership)


def wanted(spec: NamespaceSpec) -> set[tuple[str, str, str]]:
    return {(binding.name, binding.role, binding.username) for binding in spec.bindings}


class TestBindings:
    @pytest.mark.parametrize("role", list(Role))
    def test_one_for_each_identity_of_each_member(
        self, lab: Namespace, config: ClusterConfig, role: Role
    ) -> None:
        grant = join(lab, role)
        second = factories.IdentityFactory.create(person=grant.membership.person)
        spec = desired_state.namespace_spec(lab, config)
        assert wanted(spec) == {
            (binding_name(role, each.issuer, each.subject), role, each.subject)
            for each in (grant.identity, second)
        }

    def test_carry_what_explains_them(self, lab: Namespace, config: ClusterConfig) -> None:
        grant = join(lab)
        (binding,) = desired_state.namespace_spec(lab, config).bindings
        assert binding.issuer == grant.identity.issuer
        assert binding.identity_id == str(grant.identity_id)
        assert binding.membership_id == str(grant.membership_id)

    def test_user_name_is_what_the_clusters_file_says(self, lab: Namespace, config: ClusterConfig) -> None:
        grant = join(lab)
        (trust,) = config.issuers
        prefixed = replace(config, issuers=(replace(trust, prefix="cilogon:", pattern="cilogon:http://.*"),))
        (binding,) = desired_state.namespace_spec(lab, prefixed).bindings
        assert binding.username == f"cilogon:{grant.identity.subject}"

    def test_nobody_in_it_is_nothing_to_make(self, lab: Namespace, config: ClusterConfig) -> None:
        spec = desired_state.namespace_spec(lab, config)
        assert (spec.bindings, dict(spec.known)) == ((), {})

    def test_level_admin_and_operators_get_nothing_by_that(
        self, lab: Namespace, config: ClusterConfig, cast: Cast
    ) -> None:
        assert desired_state.namespace_spec(lab, config).bindings == ()

    def test_members_of_other_namespaces_stay_there(self, lab: Namespace, config: ClusterConfig) -> None:
        join(factories.NamespaceFactory.create(cluster=lab.cluster))
        assert desired_state.namespace_spec(lab, config).bindings == ()


class TestSpec:
    def test_names_the_namespace_by_more_than_its_name(self, lab: Namespace, config: ClusterConfig) -> None:
        NamespaceStatus.objects.create(namespace=lab, cluster_uid="uid-1")
        Namespace.objects.filter(pk=lab.pk).update(generation=7)
        lab.refresh_from_db()
        spec = desired_state.namespace_spec(lab, config)
        assert (spec.name, spec.namespace_id, spec.uid, spec.generation) == (
            lab.name,
            str(lab.pk),
            "uid-1",
            7,
        )
        assert spec.installation_id == str(lab.cluster.installation_id)

    def test_uid_is_empty_until_it_was_seen(self, lab: Namespace, config: ClusterConfig) -> None:
        assert desired_state.namespace_spec(lab, config).uid == ""

    def test_number_of_queries_does_not_grow_with_namespaces_or_members(
        self, cluster: Cluster, config: ClusterConfig, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _namespace in range(3):
            lab = factories.NamespaceFactory.create(cluster=cluster)
            for _member in range(3):
                join(lab)
        rows = list(Namespace.objects.select_related("cluster"))
        with django_assert_num_queries(8):
            specs = list(desired_state.namespace_specs(rows, config))
        assert [len(spec.bindings) for spec in specs] == [3, 3, 3]
        assert [len(spec.known) for spec in specs] == [3, 3, 3]


def _end(grant: Grant) -> None:
    Membership.objects.filter(pk=grant.membership_id).update(ended_at="2026-01-01T00:00:00Z")


def _change_role(grant: Grant) -> None:
    Membership.objects.filter(pk=grant.membership_id).update(role=Role.VIEWER)


def _demote(grant: Grant) -> None:
    User.objects.filter(pk=grant.membership.person_id).update(level=Level.GUEST)


def _switch_off(grant: Grant) -> None:
    User.objects.filter(pk=grant.membership.person_id).update(is_active=False)


def _retire(grant: Grant) -> None:
    Identity.objects.filter(pk=grant.identity_id).update(state=Identity.State.RETIRED)


def _end_and_join_as_something_else(grant: Grant) -> None:
    _end(grant)
    factories.MembershipFactory.create(
        namespace=grant.namespace, person=grant.membership.person, role=Role.VIEWER
    )


ENDS: dict[str, Callable[[Grant], None]] = {
    "membership ended": _end,
    "role changed": _change_role,
    "demoted to guest": _demote,
    "account not active": _switch_off,
    "identity retired": _retire,
    "ended and joined again with another role": _end_and_join_as_something_else,
}


@pytest.mark.parametrize("end", ENDS)
class TestEveryEnd:
    def test_right_is_not_wanted_any_more(self, lab: Namespace, config: ClusterConfig, end: str) -> None:
        grant = join(lab)
        (before,) = desired_state.namespace_spec(lab, config).bindings
        assert desired_state.wanted(lab.pk, [before], config) == {before}
        ENDS[end](grant)
        assert grant.binding_name not in {
            binding.name for binding in desired_state.namespace_spec(lab, config).bindings
        }
        assert not desired_state.wanted(lab.pk, [before], config)

    def test_rows_say_positively_that_it_is_over(
        self, lab: Namespace, config: ClusterConfig, end: str
    ) -> None:
        grant = join(lab)
        assert not desired_state.namespace_spec(lab, config).known[grant.binding_name].revoked
        ENDS[end](grant)
        assert desired_state.namespace_spec(lab, config).known[grant.binding_name].revoked

    def test_proof_that_it_was_there_is_no_proof_that_it_is_gone(
        self, lab: Namespace, config: ClusterConfig, end: str
    ) -> None:
        """The grant is still recorded as active, for instance because the worker died after its delete."""
        grant = join(lab)
        assert desired_state.namespace_spec(lab, config).known[grant.binding_name].proved
        ENDS[end](grant)
        assert not desired_state.namespace_spec(lab, config).known[grant.binding_name].proved

    def test_it_ends_for_every_identity_of_the_person_that_it_concerns(
        self, lab: Namespace, config: ClusterConfig, end: str
    ) -> None:
        grant = join(lab)
        second = factories.IdentityFactory.create(person=grant.membership.person)
        factories.GrantFactory.create(membership=grant.membership, identity=second)
        ENDS[end](grant)
        known = desired_state.namespace_spec(lab, config).known.values()
        assert [each.revoked for each in known].count(True) == (1 if end == "identity retired" else 2)

    def test_nobody_else_loses_anything(self, lab: Namespace, config: ClusterConfig, end: str) -> None:
        grant, other = join(lab), join(lab)
        ENDS[end](grant)
        spec = desired_state.namespace_spec(lab, config)
        assert other.binding_name in {binding.name for binding in spec.bindings}
        assert not spec.known[other.binding_name].revoked


SILENCE: dict[str, Callable[[ClusterConfig], ClusterConfig]] = {
    "issuer is missing in the clusters file": lambda config: replace(config, issuers=()),
    "issuer is another one": lambda config: replace(
        config, issuers=(replace(config.issuers[0], issuer="https://other.example.edu"),)
    ),
    "pattern takes other names only": lambda config: replace(
        config, issuers=(replace(config.issuers[0], pattern="http://other[.]org/.*"),)
    ),
}


@pytest.mark.parametrize("silence", SILENCE)
def test_file_that_says_nothing_gives_nothing_and_takes_nothing_away(
    lab: Namespace, config: ClusterConfig, silence: str
) -> None:
    """A slip in a file is no decision: no new binding, and no reason to delete the old one."""
    grant = join(lab)
    spec = desired_state.namespace_spec(lab, SILENCE[silence](config))
    assert spec.bindings == ()
    assert not spec.known[grant.binding_name].revoked


class TestKnown:
    def test_tells_what_was_recorded(self, lab: Namespace, config: ClusterConfig) -> None:
        grant = join(lab, Role.VIEWER)
        known = desired_state.namespace_spec(lab, config).known
        assert known == {
            grant.binding_name: KnownBinding(
                uid=grant.binding_uid, operations=frozenset(), role="viewer", username=grant.username,
                revoked=False, proved=True, fresh=True,
            )
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("state", "proved_if_wanted", "proved_if_over"),
        [
            (Grant.State.PENDING, False, False),
            (Grant.State.ACTIVE, True, False),
            (Grant.State.FAILING, False, False),
            (Grant.State.REVOKING, False, False),
            (Grant.State.REVOKED, False, True),
        ],
    )
    def test_is_proved_only_by_a_proof_of_what_is_wanted_now(
        self,
        lab: Namespace,
        config: ClusterConfig,
        state: Grant.State,
        proved_if_wanted: bool,
        proved_if_over: bool,
    ) -> None:
        grant = join(lab)
        Grant.objects.update(state=state)
        assert desired_state.namespace_spec(lab, config).known[grant.binding_name].proved is proved_if_wanted
        _end(grant)
        assert desired_state.namespace_spec(lab, config).known[grant.binding_name].proved is proved_if_over

    @pytest.mark.parametrize(
        "grant",
        [
            {"proved_at": timezone.now() - desired_state.FRESH},
            {"proved_at": None},
            {"state": Grant.State.FAILING},
            {"state": Grant.State.PENDING},
            {"error_message": "the API server does not let them list pods"},
        ],
        ids=["old", "never", "failing", "pending", "doubted"],
    )
    def test_what_was_not_proved_a_moment_ago_is_asked_about_again(
        self, lab: Namespace, config: ClusterConfig, grant: dict[str, object]
    ) -> None:
        name = join(lab).binding_name
        assert desired_state.namespace_spec(lab, config).known[name].fresh
        Grant.objects.update(**grant)
        assert not desired_state.namespace_spec(lab, config).known[name].fresh

    def test_proof_from_before_the_last_change_of_the_membership_is_not_fresh(
        self, lab: Namespace, config: ClusterConfig
    ) -> None:
        grant = join(lab)
        Membership.objects.update(changed_at=timezone.now() + timedelta(seconds=1))
        assert not desired_state.namespace_spec(lab, config).known[grant.binding_name].fresh

    def test_proof_that_somebody_got_in_is_none_of_their_end(
        self, lab: Namespace, config: ClusterConfig
    ) -> None:
        grant = join(lab)
        _end(grant)
        assert not desired_state.namespace_spec(lab, config).known[grant.binding_name].fresh

    def test_grants_of_other_namespaces_are_not_known_here(
        self, lab: Namespace, config: ClusterConfig
    ) -> None:
        join(factories.NamespaceFactory.create(cluster=lab.cluster))
        assert dict(desired_state.namespace_spec(lab, config).known) == {}


@pytest.mark.parametrize(
    ("change", "has_effect"),
    [
        ({}, True),
        ({"ended_at": "2026-01-01T00:00:00Z"}, False),
        ({"person__level": Level.GUEST}, False),
        ({"person__level": Level.ADMIN}, True),
        ({"person__is_active": False}, False),
    ],
)
def test_membership_with_effect_is_current_and_of_somebody_who_counts(
    lab: Namespace, change: dict[str, object], has_effect: bool
) -> None:
    made = factories.MembershipFactory.create(namespace=lab, **change)
    assert (made in Membership.objects.with_effect()) is has_effect


def test_binding_of_an_earlier_membership_is_not_what_is_wanted_now(
    lab: Namespace, config: ClusterConfig
) -> None:
    grant = join(lab)
    (old,) = desired_state.namespace_spec(lab, config).bindings
    _end(grant)
    factories.MembershipFactory.create(namespace=lab, person=grant.membership.person)
    (new,) = desired_state.namespace_spec(lab, config).bindings
    assert (new.name, new.membership_id == old.membership_id) == (old.name, False)
    assert desired_state.wanted(lab.pk, [old, new], config) == {new}


@pytest.mark.parametrize(
    ("setting", "made", "settled"),
    [("ask", 3, True), ("ask", 2, False), ("ask", 0, False), ("restore", 3, False)],
)
def test_limits_are_settled_once_the_latest_were_made_and_somebody_is_to_be_asked(
    lab: Namespace, config: ClusterConfig, settings: Settings, setting: str, made: int, settled: bool
) -> None:
    settings.LIMITS_DRIFT = setting
    lab.limits_version = 3
    NamespaceStatus.objects.create(namespace=lab, limits_version=made)
    spec = desired_state.namespace_spec(lab, config)
    assert (spec.limits_settled, spec.limits_version) == (settled, 3)
