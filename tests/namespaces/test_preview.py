"""What the approver sees is what the cluster will get."""

from __future__ import annotations

import pytest
import yaml
from pytest_django import Settings

from accounts.models import Identity
from clusters.api import ROLE_BINDING
from clusters.roles import ROLES, binding_name
from namespaces import preview, reconciliation
from namespaces.access import Role
from namespaces.actions import requests
from namespaces.models import Namespace, Request
from namespaces.reconciler.manifests import MEMBERSHIP, OPERATION, REVISION
from namespaces.tasks import request_reconcile
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

CREATED = {"uid", "resourceVersion", "creationTimestamp"}


@pytest.mark.parametrize("role", list(ROLES))
def test_shows_the_binding_that_approval_will_make(
    cast: Cast, fire: Namespace, fake_cluster: FakeCluster, role: str
) -> None:
    reconciliation.reconcile(fire.pk)
    request = factories.RequestFactory.create(namespace=fire, person=cast.otto, role=role)
    shown = preview.of_request(request, fire)
    (manifest,) = yaml.safe_load_all(shown.manifests)
    requests.approve(request=request, by=cast.nils)
    reconciliation.reconcile(fire.pk)
    made = fake_cluster.get(ROLE_BINDING, manifest["metadata"]["name"], fire.name)
    for name in CREATED:
        made["metadata"].pop(name)
    for name in (MEMBERSHIP, OPERATION):
        assert manifest["metadata"]["annotations"].pop(name) == "(made on approval)"
        assert made["metadata"]["annotations"].pop(name)
    assert int(manifest["metadata"]["annotations"][REVISION]) > 1
    assert manifest == made
    assert shown.usernames == (cast.otto.identities.get().subject,)


def test_shows_every_identity_that_counts(cast: Cast, fire: Namespace) -> None:
    factories.IdentityFactory.create(person=cast.ana)
    factories.IdentityFactory.create(person=cast.ana, state=Identity.State.RETIRED)
    factories.IdentityFactory.create(person=cast.ana, issuer="https://unknown.example.edu")
    shown = preview.of_request(factories.RequestFactory.create(namespace=fire, person=cast.ana), fire)
    assert len(shown.usernames) == 2
    assert len(list(yaml.safe_load_all(shown.manifests))) == 2


def test_shows_nothing_for_somebody_whom_the_cluster_cannot_know(cast: Cast, fire: Namespace) -> None:
    stranger = factories.PersonFactory.create()
    shown = preview.of_request(factories.RequestFactory.create(namespace=fire, person=stranger), fire)
    assert (shown.usernames, list(yaml.safe_load_all(shown.manifests))) == ((), [])


def test_shows_nothing_for_a_cluster_that_the_file_does_not_name(
    cast: Cast, fire: Namespace, settings: Settings
) -> None:
    settings.CLUSTERS_FILE = ""
    request: Request = factories.RequestFactory.create(namespace=fire, person=cast.ana, role=Role.ADMIN)
    assert preview.of_request(request, fire).usernames == ()


class TestIdentity:
    """What linking will make and retiring will take away, said before."""

    SUBJECT = "http://cilogon.org/serverA/users/13600999"

    def test_names_what_the_cluster_then_gets(
        self, cast: Cast, fire: Namespace, fake_cluster: FakeCluster
    ) -> None:
        reconciliation.reconcile(fire.pk)
        issuer = cast.eda.identities.get().issuer
        (line,) = preview.of_identity(cast.eda, issuer, self.SUBJECT)
        assert (line.namespace, line.role_label) == (fire, "editor")
        name = binding_name(line.role, issuer, self.SUBJECT)
        factories.IdentityFactory.create(person=cast.eda, issuer=issuer, subject=self.SUBJECT)
        request_reconcile(fire.pk)
        reconciliation.reconcile(fire.pk)
        made = fake_cluster.get(ROLE_BINDING, name, fire.name)
        assert made["subjects"][0]["name"] == line.username
        assert made["roleRef"]["name"] == "berth:editor"

    def test_says_where_it_gives_nothing(self, cast: Cast, fire: Namespace) -> None:
        (line,) = preview.of_identity(cast.eda, "https://unknown.example", self.SUBJECT)
        assert line.username is None

    def test_guest_has_nothing(self, cast: Cast, fire: Namespace) -> None:
        factories.MembershipFactory.create(namespace=fire, person=cast.ana)
        assert preview.of_identity(cast.ana, cast.ana.identities.get().issuer, self.SUBJECT) == []


class TestPromotion:
    def test_memberships_of_a_guest_take_effect_as_far_as_the_reader_may_know(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        left = factories.NamespaceFactory.create(cluster=fire.cluster)
        factories.MembershipFactory.create(namespace=left, person=cast.ana, ended_at="2026-01-01T00:00:00Z")
        secret = factories.NamespaceFactory.create(cluster=fire.cluster, visibility="members")
        known, in_hidden, unknown = (
            factories.MembershipFactory.create(namespace=place, person=cast.ana)
            for place in (fire, hidden, secret)
        )
        wish = factories.PromotionFactory.create(person=cast.ana)
        assert preview.of_promotion(wish, cast.paula) == [known, in_hidden]
        assert set(preview.of_promotion(wish, cast.olga)) == {known, in_hidden, unknown}

    def test_nothing_takes_effect_for_a_user(self, cast: Cast, fire: Namespace) -> None:
        assert preview.of_promotion(factories.PromotionFactory.create(person=cast.eda), cast.olga) == []
