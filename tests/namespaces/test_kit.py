"""What somebody's kubeconfig holds."""

from __future__ import annotations

import pytest

from accounts.models import Identity
from namespaces import kit
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def test_member_has_a_context_per_namespace(cast: Cast, fire: Namespace) -> None:
    other = factories.NamespaceFactory.create(cluster=fire.cluster, name="avis-rip")
    factories.MembershipFactory.create(namespace=other, person=cast.eda)
    (part,) = kit.of(cast.eda)
    assert part.namespaces == ("avis-fire", "avis-rip")
    assert [context.namespace for context in part.contexts] == ["avis-fire", "avis-rip"]
    assert part.username == cast.eda.identities.get().subject


def test_ended_membership_has_none(cast: Cast, fire: Namespace) -> None:
    Membership.objects.filter(person=cast.eda).update(ended_at=fire.created_at)
    (part,) = kit.of(cast.eda)
    assert part.namespaces == ()
    assert [context.namespace for context in part.contexts] == [None]


def test_guest_has_none_whatever_their_memberships_say(cast: Cast, fire: Namespace) -> None:
    factories.MembershipFactory.create(namespace=fire, person=cast.ana)
    (part,) = kit.of(cast.ana)
    assert part.namespaces == ()


def test_identity_that_logged_in_last_is_the_one(cast: Cast, fire: Namespace) -> None:
    newer = factories.IdentityFactory.create(person=cast.eda, last_login_at="2999-01-01T00:00Z")
    (part,) = kit.of(cast.eda)
    assert part.identity == newer


@pytest.mark.parametrize(
    "change",
    [{"state": "retired"}, {"issuer": "https://elsewhere.example"}, {"subject": "robot"}],
)
def test_identity_that_the_cluster_does_not_believe_has_no_part(
    cast: Cast, fire: Namespace, change: dict[str, str]
) -> None:
    person = factories.PersonFactory.create()
    Identity.objects.create(
        **{
            "person": person,
            "issuer": factories.ISSUER,
            "subject": "http://cilogon.org/serverA/users/9",
            **change,
        }
    )
    assert kit.of(person) == []


def test_cluster_that_is_not_configured_has_no_part(cast: Cast, fire: Namespace) -> None:
    elsewhere = factories.NamespaceFactory.create(cluster=factories.ClusterFactory.create(name="atlantis"))
    factories.MembershipFactory.create(namespace=elsewhere, person=cast.eda)
    assert [part.cluster.name for part in kit.of(cast.eda)] == ["nautilus"]
