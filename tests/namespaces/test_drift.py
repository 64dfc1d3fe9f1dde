"""What others gave beside Berth is stored as it is seen, and told with the people in it."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from namespaces import drift
from namespaces.models import Grant, Namespace, NamespaceStatus, SeenBinding
from namespaces.reconciler.diff import Foreign
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SNEAKY = Foreign("sneaky", ("somebody",), (), "ClusterRole view")


def test_binding_is_told_with_the_people_whom_berth_knows(cast: Cast, fire: Namespace) -> None:
    subject = cast.eda.identities.get().subject
    drift.store({fire.pk: [Foreign("sneaky", (subject, "nobody"), ("staff",), "Role wide")]})
    (found,) = drift.of(fire)
    assert (found.binding.name, found.binding.role, found.binding.groups) == (
        "sneaky",
        "Role wide",
        ["staff"],
    )
    assert found.people == ((subject, "Eda Kaya"), ("nobody", ""))


def test_user_name_with_a_prefix_is_known_from_the_grants(cast: Cast, fire: Namespace) -> None:
    membership = factories.MembershipFactory.create(namespace=fire, person=cast.otto)
    factories.GrantFactory.create(membership=membership, username="oidc:otto")
    drift.store({fire.pk: [Foreign("sneaky", ("oidc:otto",), (), "")]})
    assert drift.of(fire)[0].people == (("oidc:otto", "Otto Brandt"),)


def test_what_stays_keeps_its_age_what_changes_is_new_and_what_went_is_gone(
    fire: Namespace, hidden: Namespace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    drift.store({fire.pk: [SNEAKY], hidden.pk: [SNEAKY]})
    since = SeenBinding.objects.get(namespace=fire).since
    with django_assert_num_queries(1):
        drift.store({fire.pk: [SNEAKY]})
    assert SeenBinding.objects.get(namespace=fire).since == since
    drift.store({fire.pk: [Foreign("sneaky", ("another",), (), "ClusterRole view")]})
    assert SeenBinding.objects.get(namespace=fire).users == ["another"]
    drift.store({fire.pk: []})
    assert [row.namespace for row in SeenBinding.objects.all()] == [hidden]


def test_names_that_no_column_holds_are_told_each_and_stay_what_they_are(
    fire: Namespace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The API server takes a name of a RoleBinding, or of a role, of any length: whoever writes one ends no sweep."""
    hostile = [
        Foreign("n" * 253 + "1", ("u" * 3000,), (), "ClusterRole " + "r" * 400),
        Foreign("n" * 253 + "2", ("eve",), (), "ClusterRole " + "r" * 401),
    ]
    drift.store({fire.pk: hostile})
    assert len({line.binding.name for line in drift.of(fire)}) == 2
    with django_assert_num_queries(1):
        drift.store({fire.pk: hostile})


def test_command_that_is_shown_runs_nothing_else(fire: Namespace) -> None:
    drift.store({fire.pk: [Foreign("x; echo $(id)", ("somebody",), (), "ClusterRole view")]})
    shown = "kubectl delete rolebinding 'x; echo $(id)' --namespace avis-fire"
    assert drift.of(fire)[0].command == shown


@pytest.mark.parametrize(
    ("state", "code", "told"),
    [
        ("conflict", "foreign", True), ("degraded", "forbidden", True), ("missing", "missing", True),
        ("ready", "residual", False), ("ready", "", False), ("waiting", "unproved", False), ("unreachable", "", False),
    ],
)  # fmt: skip
def test_only_what_waiting_does_not_mend_is_trouble(
    fire: Namespace, state: str, code: str, told: bool
) -> None:
    NamespaceStatus.objects.create(namespace=fire, state=state, error_code=code)
    assert bool(drift.in_trouble()) is told


def test_access_that_others_go_on_giving_is_told_until_it_ends(cast: Cast, fire: Namespace) -> None:
    membership = factories.MembershipFactory.create(namespace=fire, person=cast.otto)
    grant = factories.GrantFactory.create(
        membership=membership, state=Grant.State.REVOKING, binding_uid="", error_message="RoleBinding sneaky"
    )
    assert list(drift.residual([fire])) == [grant]
    Grant.objects.update(state=Grant.State.REVOKED)
    assert not drift.residual().exists()
