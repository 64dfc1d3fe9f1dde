"""Loading is checking: 404 for what the reader may not know of, 403 for what they may see and not do."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404
from pytest_django import DjangoAssertNumQueries

from accounts.models import Level, User
from namespaces.access import Permission, Role
from namespaces.models import Namespace, Visibility
from namespaces.policy import permissions, visible_namespaces
from namespaces.shortcuts import get_namespace_or_404, get_request_or_404
from tests import factories
from tests.conftest import Cast
from tests.namespaces.test_policy import MATRIX


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("who", MATRIX)
@pytest.mark.django_db
def test_answer_follows_from_what_the_reader_may(who: str, visibility: Visibility) -> None:
    namespace = factories.NamespaceFactory.create(visibility=visibility)
    make, if_listed, if_hidden = MATRIX[who]
    reader = make(namespace)
    allowed = if_hidden if visibility == Visibility.MEMBERS else if_listed
    for permission in Permission:
        if permission in allowed:
            assert (
                get_namespace_or_404(reader, namespace.cluster.name, namespace.name, permission) == namespace
            )
        else:
            with pytest.raises(PermissionDenied if allowed else Http404):
                get_namespace_or_404(reader, namespace.cluster.name, namespace.name, permission)


@pytest.mark.django_db
@pytest.mark.database
def test_what_is_loaded_is_what_the_database_holds(
    cast: Cast, fire: Namespace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    expected = Namespace.objects.select_related("cluster").get(pk=fire.pk)
    for reader in (AnonymousUser(), cast.olga, cast.eda):
        found = get_namespace_or_404(reader, "nautilus", "avis-fire", Permission.SEE_PAGE)
        with django_assert_num_queries(0):
            for one, other in ((found, expected), (found.cluster, expected.cluster)):
                assert type(one) is type(other)
                for field in one._meta.concrete_fields:
                    assert getattr(one, field.attname) == getattr(other, field.attname)
        found.title = "Another"
        found.save()
        fire.refresh_from_db()
        assert fire.title == "Another"
        expected.save()


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("who", MATRIX)
@pytest.mark.django_db
def test_list_holds_what_the_reader_may_know_of(who: str, visibility: Visibility) -> None:
    namespace = factories.NamespaceFactory.create(visibility=visibility)
    reader = MATRIX[who][0](namespace)
    assert (namespace in visible_namespaces(reader)) is bool(permissions(reader, namespace))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("nautilus", "absent-lab"), ("elsewhere", "avis-fire"), ("nautilus", "AVIS-FIRE"), ("nautilus", "avis_fire"),
        ("nautilus", "avis-fire "), ("nautilus", "%"), ("nautilus", ""), ("Nautilus", "avis-fire"),
        ("nautilus", "quiet-lab"),
    ],
)  # fmt: skip
def test_what_does_not_exist_and_what_is_hidden_answer_alike(
    cast: Cast, fire: Namespace, hidden: Namespace, place: str, name: str
) -> None:
    with pytest.raises(Http404) as answer:
        get_namespace_or_404(cast.otto, place, name, Permission.SEE_PAGE)
    assert str(answer.value) == ""


def test_same_name_in_another_cluster_is_another_namespace(cast: Cast, fire: Namespace) -> None:
    other = factories.NamespaceFactory.create(
        cluster=factories.ClusterFactory.create(name="other"), name=fire.name
    )
    found = get_namespace_or_404(cast.otto, "other", fire.name, Permission.SEE_PAGE)
    assert found == other
    with pytest.raises(PermissionDenied):
        get_namespace_or_404(cast.nils, "other", fire.name, Permission.EDIT_PAGE)


class TestRequest:
    def test_who_asked_finds_it(self, cast: Cast, fire: Namespace) -> None:
        request = factories.RequestFactory.create(namespace=fire, person=cast.ana)
        assert get_request_or_404(cast.ana, request.pk) == request

    @pytest.mark.parametrize("who", ["nils", "paula", "olga"])
    def test_who_may_decide_finds_it(self, cast: Cast, fire: Namespace, who: str) -> None:
        request = factories.RequestFactory.create(namespace=fire, person=cast.ana)
        assert get_request_or_404(getattr(cast, who), request.pk) == request

    @pytest.mark.parametrize("who", ["eda", "vera", "otto"])
    def test_nobody_else_finds_it(self, cast: Cast, fire: Namespace, who: str) -> None:
        request = factories.RequestFactory.create(namespace=fire, person=cast.ana)
        with pytest.raises(Http404):
            get_request_or_404(getattr(cast, who), request.pk)

    def test_admin_of_another_namespace_does_not_find_it(self, cast: Cast, hidden: Namespace) -> None:
        request = factories.RequestFactory.create(namespace=hidden, person=cast.ana)
        with pytest.raises(Http404):
            get_request_or_404(cast.nils, request.pk)

    def test_id_that_is_none_is_not_found(self, cast: Cast) -> None:
        with pytest.raises(Http404):
            get_request_or_404(cast.olga, uuid4())

    def test_anonymous_reader_finds_none(self, fire: Namespace) -> None:
        request = factories.RequestFactory.create(namespace=fire)
        with pytest.raises(Http404):
            get_request_or_404(MATRIX["anonymous"][0](fire), request.pk)

    @pytest.mark.parametrize("who", ["ana", "nils"])
    def test_account_that_is_not_active_finds_none(self, cast: Cast, fire: Namespace, who: str) -> None:
        request = factories.RequestFactory.create(namespace=fire, person=cast.ana)
        User.objects.filter(pk=getattr(cast, who).pk).update(is_active=False)
        with pytest.raises(Http404):
            get_request_or_404(User.objects.get(pk=getattr(cast, who).pk), request.pk)

    def test_former_admin_does_not_find_it_any_more(self, cast: Cast, fire: Namespace) -> None:
        request = factories.RequestFactory.create(namespace=fire, person=cast.ana)
        fire.memberships.filter(person=cast.nils).update(ended_at="2026-01-01T00:00:00Z")
        with pytest.raises(Http404):
            get_request_or_404(cast.nils, request.pk)

    def test_admin_demoted_to_guest_does_not_find_it_any_more(self, cast: Cast, fire: Namespace) -> None:
        request = factories.RequestFactory.create(namespace=fire, person=cast.ana)
        User.objects.filter(pk=cast.nils.pk).update(level=Level.GUEST)
        with pytest.raises(Http404):
            get_request_or_404(User.objects.get(pk=cast.nils.pk), request.pk)


def test_list_of_a_member_costs_one_query_however_many_namespaces(
    cast: Cast, fire: Namespace, hidden: Namespace, django_assert_num_queries: object
) -> None:
    for index in range(5):
        other = factories.NamespaceFactory.create(
            cluster=fire.cluster, name=f"lab-quiet{index}", visibility="members"
        )
        factories.MembershipFactory.create(namespace=other, person=cast.eda, role=Role.VIEWER)
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert [namespace.cluster.name for namespace in visible_namespaces(cast.eda)] == ["nautilus"] * 6
