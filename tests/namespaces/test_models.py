"""What the tables of namespaces refuse, whatever code writes to them, and the small facts of a row."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now

from namespaces.access import Role
from namespaces.models import (
    Grant,
    Membership,
    Namespace,
    NamespaceStatus,
    Publication,
    Request,
    Software,
    is_open,
)
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def refused() -> pytest.RaisesExc[DatabaseError]:
    return pytest.raises(DatabaseError)


class TestNamespace:
    def test_name_is_unique_in_its_cluster_only(self, fire: Namespace) -> None:
        factories.NamespaceFactory.create(
            cluster=factories.ClusterFactory.create(name="other"), name=fire.name
        )
        with refused(), transaction.atomic():
            factories.NamespaceFactory.create(cluster=fire.cluster, name=fire.name)

    def test_visibility_is_one_of_two(self, fire: Namespace) -> None:
        with refused(), transaction.atomic():
            Namespace.objects.update(visibility="secret")

    def test_begins_as_a_change_that_the_cluster_must_follow(self, fire: Namespace) -> None:
        status = NamespaceStatus.objects.create(namespace=fire)
        assert fire.generation > status.observed_generation

    def test_in_words(self, fire: Namespace) -> None:
        assert str(fire) == "avis-fire"
        assert fire.audit_text == "nautilus/avis-fire"

    def test_page_tells_what_is_missing(self, fire: Namespace) -> None:
        assert fire.missing_on_page == []
        fire.description, fire.institution, fire.pi_name = "", "", ""
        assert fire.missing_on_page == ["a description", "an institution", "a PI"]

    def test_takes_what_hangs_on_it_along_only_where_that_is_its_page(self, fire: Namespace) -> None:
        """Members, requests and grants are the tombstones of rights in a cluster: nothing cascades over them."""
        with pytest.raises(ProtectedError):
            fire.delete()


class TestMembership:
    def test_one_current_membership_for_a_person_and_a_namespace(self, cast: Cast, fire: Namespace) -> None:
        with refused(), transaction.atomic():
            factories.MembershipFactory.create(namespace=fire, person=cast.eda, role=Role.ADMIN)

    def test_any_number_of_ended_ones(self, cast: Cast, fire: Namespace) -> None:
        for _index in range(2):
            factories.MembershipFactory.create(
                namespace=fire, person=cast.otto, ended_at="2026-01-01T00:00:00Z"
            )
        factories.MembershipFactory.create(namespace=fire, person=cast.otto)
        assert Membership.objects.current().filter(person=cast.otto).count() == 1

    def test_role_is_one_of_three(self, fire: Namespace) -> None:
        for role in ("owner", "", "Admin"):
            with refused(), transaction.atomic():
                Membership.objects.update(role=role)

    @pytest.mark.parametrize("what", ["person", "namespace"])
    def test_keeps_person_and_namespace_alive(self, cast: Cast, fire: Namespace, what: str) -> None:
        membership = fire.memberships.get(person=cast.eda)
        with pytest.raises(ProtectedError):
            getattr(membership, what).delete()

    def test_in_words(self, cast: Cast, fire: Namespace) -> None:
        assert str(fire.memberships.get(person=cast.eda)) == "editor"


class TestRequest:
    def test_one_pending_request_for_a_person_and_a_namespace(self, cast: Cast, fire: Namespace) -> None:
        factories.RequestFactory.create(namespace=fire, person=cast.ana, state=Request.State.DENIED)
        factories.RequestFactory.create(namespace=fire, person=cast.ana)
        with refused(), transaction.atomic():
            factories.RequestFactory.create(namespace=fire, person=cast.ana)

    @pytest.mark.parametrize(
        ("field", "value"), [("state", "expired-maybe"), ("kind", "gift"), ("role", "owner")]
    )
    def test_choices_are_held_by_the_database(self, fire: Namespace, field: str, value: str) -> None:
        factories.RequestFactory.create(namespace=fire)
        with refused(), transaction.atomic():
            Request.objects.update(**{field: value})

    def test_one_pending_promotion_for_a_person(self, cast: Cast) -> None:
        factories.PromotionFactory.create(person=cast.ana, state=Request.State.DENIED)
        factories.PromotionFactory.create(person=cast.ana)
        with refused(), transaction.atomic():
            factories.PromotionFactory.create(person=cast.ana)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"namespace": None},
            {"level": "user"},
            {"role": ""},
            {"institution": "UCSC"},
            {"purpose": "Courses."},
            {"kind": "promotion", "role": "", "level": "user"},
        ],
    )
    def test_request_to_join_has_a_namespace_and_a_role_and_nothing_else(
        self, cast: Cast, fire: Namespace, wrong: dict[str, object]
    ) -> None:
        with refused(), transaction.atomic():
            factories.RequestFactory.create(**{"namespace": fire, "person": cast.ana, **wrong})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"level": "guest"}, {"level": ""}, {"level": "root"}, {"role": "viewer"}, {"kind": "join"},
            {"institution": ""}, {"purpose": ""}, {"level": "user", "purpose": "Courses."},
            {"level": "user", "institution": "UCSC"},
        ],
    )  # fmt: skip
    def test_promotion_has_a_level_and_for_level_admin_institution_and_purpose(
        self, cast: Cast, wrong: dict[str, str]
    ) -> None:
        with refused(), transaction.atomic():
            factories.PromotionFactory.create(**{"person": cast.otto, **wrong})

    def test_promotion_is_about_no_namespace(self, cast: Cast, fire: Namespace) -> None:
        with refused(), transaction.atomic():
            factories.PromotionFactory.create(person=cast.otto, namespace=fire)

    def test_what_nobody_decided_in_time_is_expired_before_it_says_so(self, fire: Namespace) -> None:
        young, old = (factories.RequestFactory.create(namespace=fire) for _index in range(2))
        Request.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=30))
        Request.objects.filter(pk=young.pk).update(created_at=Now() - timedelta(days=29, hours=23))
        old.refresh_from_db()
        young.refresh_from_db()
        assert (old.state_now, old.is_pending, old.ended_at) == ("expired", False, old.expires_at)
        assert (young.state_now, young.is_pending) == ("pending", True)
        assert str(old) == "join a namespace (expired)"
        assert list(Request.objects.open()) == [young]
        assert list(Request.objects.run_out()) == [old]
        assert list(Namespace.objects.filter(is_open("requests__"))) == [fire]

    def test_state_of_a_newer_version_is_shown_as_it_is(self, fire: Namespace) -> None:
        wish = factories.RequestFactory.build(namespace=fire, state="delegated")
        assert (wish.state_label, wish.is_pending) == ("delegated", False)

    def test_is_pending_until_it_ends(self, fire: Namespace) -> None:
        for state in Request.State:
            assert factories.RequestFactory.create(namespace=fire, state=state).is_pending is (
                state == "pending"
            )

    def test_in_words(self, fire: Namespace) -> None:
        assert str(factories.RequestFactory.create(namespace=fire)) == "join a namespace (pending)"


class TestGrant:
    @pytest.fixture
    def grant(self, cast: Cast, fire: Namespace) -> Grant:
        return factories.GrantFactory.create(membership=fire.memberships.get(person=cast.eda))

    def test_one_for_a_namespace_identity_and_role(self, grant: Grant) -> None:
        with refused(), transaction.atomic():
            factories.GrantFactory.create(membership=grant.membership)
        factories.GrantFactory.create(membership=grant.membership, role=Role.VIEWER)

    @pytest.mark.parametrize(("field", "value"), [("state", "perhaps"), ("role", "owner")])
    def test_choices_are_held_by_the_database(self, grant: Grant, field: str, value: str) -> None:
        with refused(), transaction.atomic():
            Grant.objects.update(**{field: value})

    @pytest.mark.parametrize("what", ["membership", "identity"])
    def test_keeps_what_explains_it_alive(self, grant: Grant, what: str) -> None:
        with pytest.raises(ProtectedError):
            getattr(grant, what).delete()

    def test_in_words(self, grant: Grant) -> None:
        assert str(grant) == f"{grant.binding_name}: active"


class TestStatus:
    def test_state_is_one_of_those_that_pages_know(self, fire: Namespace) -> None:
        status = NamespaceStatus.objects.create(namespace=fire)
        assert str(status) == "waiting for the cluster"
        with refused(), transaction.atomic():
            NamespaceStatus.objects.update(state="perhaps")


class TestPage:
    def test_software_and_publications_are_named_once(self, fire: Namespace) -> None:
        Software.objects.create(namespace=fire, name="Python")
        Publication.objects.create(namespace=fire, title="Fire")
        with refused(), transaction.atomic():
            Software.objects.create(namespace=fire, name="Python")
        with refused(), transaction.atomic():
            Publication.objects.create(namespace=fire, title="Fire")

    def test_publications_come_newest_first_and_undated_last(self, fire: Namespace) -> None:
        for title, year in (("B", 2020), ("undated", None), ("A", 2020), ("new", 2024)):
            Publication.objects.create(namespace=fire, title=title, year=year)
        assert [str(each) for each in fire.publications.all()] == ["new", "A", "B", "undated"]
