"""Asking for a namespace of one's own, and what operators make of it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from accounts.actions import people
from accounts.errors import BadInput, NotAllowed, StateConflict, TooMany
from accounts.models import Level, User
from audit.models import Event
from clusters.models import Cluster
from namespaces import inbox, policy, preview, reconciliation
from namespaces.access import Role
from namespaces.actions import namespaces, requests
from namespaces.actions.namespaces import Page, Wanted
from namespaces.models import Membership, Namespace, NamespaceStatus, Request
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster
from tests.namespaces.actions.changes import Unchanged, acts

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def ask(cluster: Cluster, by: User, name: str = "river-watch") -> Request:
    return requests.ask_for_namespace(
        cluster=cluster, name=name, pi_name="Alex Pang", institution="UC Merced", size="Ten people, 20 cores.",
        reason="We count the fish of the Merced River with cameras.", by=by,
    )  # fmt: skip


class TestAsk:
    @pytest.mark.parametrize("who", ["otto", "eda", "paula", "olga"])
    def test_everybody_who_is_in(self, cast: Cast, cluster: Cluster, fire: Namespace, who: str) -> None:
        made = ask(cluster, getattr(cast, who))
        stored = Request.objects.get()
        assert (stored.kind, stored.name, stored.cluster, stored.namespace) == (
            "namespace", "river-watch", cluster, None,
        )  # fmt: skip
        assert (made.pi_name, made.institution) == ("Alex Pang", "UC Merced")
        assert Event.objects.get().after == {"name": "river-watch"}

    def test_no_guest(self, cast: Cast, cluster: Cluster) -> None:
        with Unchanged(), pytest.raises(NotAllowed, match="Guests"):
            ask(cluster, cast.ana)

    def test_nobody_who_is_kept_out(self, cast: Cast, cluster: Cluster) -> None:
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        with Unchanged(), pytest.raises(NotAllowed):
            ask(cluster, cast.otto)

    @pytest.mark.parametrize("name", ["kube-system", "river", "my-river", "avis-fire", "River-Watch"])
    def test_name_must_be_one_that_could_be_made(
        self, cast: Cast, cluster: Cluster, fire: Namespace, name: str
    ) -> None:
        with Unchanged(), pytest.raises(BadInput) as refused:
            ask(cluster, cast.otto, name)
        assert refused.value.field == "name"

    def test_one_at_a_time(self, cast: Cast, cluster: Cluster) -> None:
        ask(cluster, cast.otto)
        with Unchanged(), pytest.raises(StateConflict, match="asked already"):
            ask(cluster, cast.otto, "river-birds")

    def test_same_again_rests_after_a_no_and_another_does_not(self, cast: Cast, cluster: Cluster) -> None:
        requests.deny(request=ask(cluster, cast.otto), note="Join avis-fire.", by=cast.olga)
        with Unchanged(), pytest.raises(TooMany):
            ask(cluster, cast.otto)
        ask(cluster, cast.otto, "river-birds")

    def test_a_no_about_one_thing_is_none_about_another(
        self, cast: Cast, cluster: Cluster, fire: Namespace
    ) -> None:
        requests.deny(request=ask(cluster, cast.otto), note="Join avis-fire.", by=cast.olga)
        requests.ask_to_join(namespace=fire, role=Role.EDITOR, reason="As I was told to.", by=cast.otto)

    def test_lies_with_the_operators(self, cast: Cast, cluster: Cluster, settings: Settings) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        wish = ask(cluster, cast.otto)
        told = Delivery.objects.get(channel="mail")
        assert (told.person, told.subject) == (cast.olga, "Otto Brandt asks for a namespace: river-watch")
        assert list(inbox.to_decide(cast.olga)) == [wish]
        assert not inbox.to_decide(cast.paula)

    def test_database_keeps_the_kinds_apart(self, cast: Cast, cluster: Cluster, fire: Namespace) -> None:
        right = {"kind": "namespace", "cluster": cluster, "name": "a-b", "pi_name": "A", "institution": "B"}
        for wrong in (
            {"cluster": None}, {"name": ""}, {"pi_name": ""}, {"institution": ""}, {"level": "user"},
            {"role": "viewer"}, {"purpose": "More."},
        ):  # fmt: skip
            with pytest.raises(IntegrityError), transaction.atomic():
                Request.objects.create(person=cast.otto, reason="Why", **{**right, **wrong})
        Request.objects.create(person=cast.otto, reason="Why", **right)


class TestApprove:
    def test_namespace_is_made_with_who_asked_as_its_admin(
        self, cast: Cast, cluster: Cluster, settings: Settings
    ) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        wish = ask(cluster, cast.otto)
        decided = requests.approve(request=wish, note="Welcome.", by=cast.olga)
        made = Namespace.objects.get()
        assert (made.name, made.pi_name, made.institution, made.created_by) == (
            "river-watch", "Alex Pang", "UC Merced", cast.olga,
        )  # fmt: skip
        membership = Membership.objects.get()
        assert (membership.person, membership.role, membership.added_by) == (cast.otto, "admin", cast.olga)
        wish.refresh_from_db()
        assert (wish.state, wish.namespace, decided.namespace) == ("approved", made, made)
        assert acts() == ["request.made", "request.approved", "namespace.created"]
        told = Delivery.objects.get(channel="mail", person=cast.otto)
        assert told.subject == "Your namespace was made: river-watch"

    def test_with_changes(self, cast: Cast, cluster: Cluster) -> None:
        wanted = Wanted("merced-river", Page(pi_name="Maya Torres", institution="UC Merced"))
        requests.approve(request=ask(cluster, cast.otto), changed=wanted, by=cast.olga)
        made = Namespace.objects.get()
        assert (made.name, made.pi_name) == ("merced-river", "Maya Torres")
        assert Request.objects.get().what == "merced-river"

    def test_becomes_true_in_the_cluster(
        self, cast: Cast, cluster: Cluster, fake_cluster: FakeCluster
    ) -> None:
        wish = ask(cluster, cast.otto)
        shown = preview.of_wished_namespace(wish)
        requests.approve(request=wish, by=cast.olga)
        made = Namespace.objects.get()
        reconciliation.reconcile(made.pk)
        assert NamespaceStatus.objects.get(namespace=made).state == "ready"
        assert shown.usernames == (cast.otto.identities.get().subject,)
        for kind in ("kind: Namespace", "kind: RoleBinding", "kind: ResourceQuota"):
            assert kind in shown.manifests
        assert "name: river-watch" in shown.manifests

    @pytest.mark.parametrize("name", ["kube-system", "avis-fire"])
    def test_name_that_cannot_be_leaves_it_pending(
        self, cast: Cast, cluster: Cluster, fire: Namespace, name: str
    ) -> None:
        wish = ask(cluster, cast.otto)
        wanted = Wanted(name, Page())
        with Unchanged(), pytest.raises((BadInput, StateConflict)):
            requests.approve(request=wish, changed=wanted, by=cast.olga)

    def test_operator_passes_over_the_rules_of_style(self, cast: Cast, cluster: Cluster) -> None:
        wanted = Wanted("river", Page(), override_style=True)
        requests.approve(request=ask(cluster, cast.otto), changed=wanted, by=cast.olga)
        assert Namespace.objects.get().name == "river"

    @pytest.mark.parametrize("who", ["paula", "nils", "otto", "eda"])
    def test_only_by_operators(self, cast: Cast, cluster: Cluster, fire: Namespace, who: str) -> None:
        wish = ask(cluster, cast.otto)
        for act in (requests.approve, requests.deny):
            with Unchanged(), pytest.raises(NotAllowed):
                act(request=wish, note="So be it.", by=getattr(cast, who))

    def test_no_operator_decides_their_own(self, cast: Cast, cluster: Cluster) -> None:
        wish = ask(cluster, cast.olga)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=wish, by=cast.olga)

    def test_admins_of_what_was_made_do_not_see_who_asked_for_what(
        self, cast: Cast, cluster: Cluster
    ) -> None:
        wish = requests.approve(request=ask(cluster, cast.otto), by=cast.olga)
        factories.MembershipFactory.create(namespace=wish.namespace, person=cast.nils, role=Role.ADMIN)
        assert not policy.may_decide(cast.nils, wish)
        assert wish.namespace is not None
        assert not inbox.of_namespace(wish.namespace)

    @pytest.mark.parametrize("state", ["guest", "suspended"])
    def test_not_for_who_cannot_be_an_admin_any_more(self, cast: Cast, cluster: Cluster, state: str) -> None:
        wish = ask(cluster, cast.otto)
        if state == "guest":
            people.set_level(person=cast.otto, level=Level.GUEST, by=cast.olga)
        else:
            User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="cannot be the admin"):
            requests.approve(request=wish, by=cast.olga)

    def test_operators_make_more_than_one_person_may(
        self, cast: Cast, cluster: Cluster, settings: Settings
    ) -> None:
        settings.NAMESPACES_PER_ADMIN = 0
        requests.approve(request=ask(cluster, cast.paula), by=cast.olga)
        assert Membership.objects.get().person == cast.paula

    def test_a_yes_is_not_taken_back_but_a_no_is(self, cast: Cast, cluster: Cluster) -> None:
        denied = requests.deny(request=ask(cluster, cast.otto), note="Join avis-fire.", by=cast.olga)
        requests.undo(request=denied, by=cast.olga)
        requests.approve(request=denied, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="The namespace is made"):
            requests.undo(request=denied, by=cast.olga)

    def test_name_that_was_taken_since(self, cast: Cast, cluster: Cluster) -> None:
        wish = ask(cluster, cast.otto)
        namespaces.create(cluster=cluster, name="river-watch", page=Page(), by=cast.paula)
        with Unchanged(), pytest.raises(StateConflict, match="exists already"):
            requests.approve(request=wish, by=cast.olga)
