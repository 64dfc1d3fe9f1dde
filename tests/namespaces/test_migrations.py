"""What the migrations do to rows that are there."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command

from namespaces.models import Grant, Namespace, Request
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "uid", "is_open"),
    [("pending", "", True), ("failing", "", True), ("active", "uid-1", False), ("revoked", "", False)],
)
def test_latest_create_is_open_where_nobody_saw_its_answer(
    cast: Cast, fire: Namespace, state: str, uid: str, *, is_open: bool
) -> None:
    grant = factories.GrantFactory.create(membership=fire.memberships.get(person=cast.eda))
    Grant.objects.update(state=state, binding_uid=uid, unanswered=["an-earlier-one"])
    for _again in range(2):
        import_module("namespaces.migrations.0006_open_operations").name_the_latest(apps, None)
        grant.refresh_from_db()
        assert grant.unanswered == ["an-earlier-one", *([str(grant.operation)] if is_open else [])]


@pytest.mark.django_db(transaction=True)
def test_way_back_from_promotions_keeps_what_the_earlier_version_can_read(
    cast: Cast, fire: Namespace
) -> None:
    factories.PromotionFactory.create(person=cast.ana)
    for state in ("expired", "denied", "pending"):
        factories.RequestFactory.create(namespace=fire, person=cast.otto, state=state)
    call_command("migrate", "namespaces", "0006", verbosity=0)
    call_command("migrate", verbosity=0)
    states = Request.objects.order_by("state").values_list("kind", "state", "namespace", "level")
    assert list(states) == [("join", state, fire.pk, "") for state in ("denied", "pending", "withdrawn")]


@pytest.mark.django_db(transaction=True)
def test_way_back_from_audiences_hides_whatever_is_not_for_everybody(cast: Cast, fire: Namespace) -> None:
    for name, changes in (
        ("a-unlisted", {"visibility": "unlisted"}),
        ("a-partly", {"pi_name_to": "members"}),
    ):
        factories.NamespaceFactory.create(cluster=fire.cluster, name=name, **changes)
    call_command("migrate", "namespaces", "0010", verbosity=0)
    call_command("migrate", verbosity=0)
    assert dict(Namespace.objects.values_list("name", "visibility")) == {
        "avis-fire": "listed", "a-unlisted": "members", "a-partly": "members",
    }  # fmt: skip
    assert set(Namespace.objects.values_list("pi_name_to", flat=True)) == {"public"}
    assert fire.documents.count() == 3  # what was there already is found


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_way_back_from_takeovers_keeps_what_the_earlier_version_can_read(cast: Cast, fire: Namespace) -> None:
    factories.TakeoverFactory.create(namespace=fire, person=cast.nils)
    factories.TakeoverFactory.create(
        namespace=fire, person=cast.paula, state="approved", successor=cast.eda, decided_by=cast.nils
    )
    joins = factories.RequestFactory.create(namespace=fire, person=cast.nils)
    eda = fire.memberships.get(person=cast.eda)
    fire.memberships.filter(person=cast.nils).update(successor=eda)
    call_command("migrate", "namespaces", "0012", verbosity=0)
    call_command("migrate", verbosity=0)
    assert list(Request.objects.values_list("pk", "kind", "sign")) == [(joins.pk, "join", "")]
    assert fire.memberships.count() == 4
    assert not fire.memberships.exclude(successor=None).exists()
