"""Which requests wait for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.models import Level
from namespaces import inbox
from namespaces.access import Role
from namespaces.models import Membership, Namespace, Request, Visibility
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def of(namespace: Namespace, person: object) -> Request:
    return factories.RequestFactory.create(namespace=namespace, person=person)


def test_pending_requests_wait_for_the_admins_alone(cast: Cast, fire: Namespace) -> None:
    request = of(fire, cast.otto)
    waiting = {
        who: list(inbox.to_decide(getattr(cast, who))) for who in ("nils", "paula", "eda", "otto", "olga")
    }
    assert waiting == {"nils": [request], "paula": [request], "eda": [], "otto": [], "olga": []}


@pytest.mark.parametrize("state", ["approved", "denied", "withdrawn", "expired"])
def test_decided_ones_wait_for_nobody(cast: Cast, fire: Namespace, state: str) -> None:
    factories.RequestFactory.create(namespace=fire, person=cast.otto, state=state)
    assert not inbox.to_decide(cast.nils)
    assert not inbox.elsewhere(cast.olga)


def test_ones_own_request_waits_for_others(cast: Cast, fire: Namespace) -> None:
    of(fire, cast.nils)
    assert not inbox.to_decide(cast.nils)
    assert inbox.to_decide(cast.paula).count() == 1


def test_admin_who_became_a_guest_decides_nothing(cast: Cast, fire: Namespace) -> None:
    of(fire, cast.otto)
    cast.nils.level = Level.GUEST
    cast.nils.save(update_fields=["level"])
    assert not inbox.to_decide(cast.nils)


def test_guests_request_waits_for_the_operator_where_no_admin_may_vouch(cast: Cast, fire: Namespace) -> None:
    request = of(fire, cast.ana)
    assert list(inbox.elsewhere(cast.olga)) == [request]
    Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
    assert list(inbox.to_decide(cast.olga)) == [request]
    assert not inbox.elsewhere(cast.olga)


def test_others_than_operators_see_nothing_elsewhere(cast: Cast, fire: Namespace) -> None:
    of(fire, cast.otto)
    assert not inbox.elsewhere(cast.paula)


def test_oldest_comes_first(cast: Cast, fire: Namespace) -> None:
    young, old = of(fire, cast.otto), of(fire, cast.ana)
    Request.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=29))
    assert list(inbox.to_decide(cast.nils)) == [old, young]


def test_who_may_vouch_are_admins_of_the_namespace_before_operators(cast: Cast, fire: Namespace) -> None:
    assert inbox.who_may_vouch(fire) == [cast.paula]
    Membership.objects.filter(namespace=fire, person=cast.paula).update(ended_at=fire.created_at)
    assert inbox.who_may_vouch(fire) == [cast.olga]


def test_requests_come_with_the_people_they_lie_with(cast: Cast, fire: Namespace) -> None:
    request = of(fire, cast.otto)
    assert inbox.with_admins([request], cast.otto) == [(request, [cast.nils, cast.paula])]


def test_who_asked_is_told_no_names_once_the_namespace_is_hidden(cast: Cast, fire: Namespace) -> None:
    request = of(fire, cast.otto)
    Namespace.objects.filter(pk=fire.pk).update(visibility=Visibility.MEMBERS)
    assert inbox.with_admins([request], cast.otto) == [(request, None)]
    assert inbox.with_admins([request], cast.olga) == [(request, [cast.nils, cast.paula])]


def test_request_that_has_run_out_waits_for_nobody(cast: Cast, fire: Namespace) -> None:
    of(fire, cast.otto)
    factories.PromotionFactory.create(person=cast.otto)
    Request.objects.update(created_at=Now() - timedelta(days=30))
    assert not inbox.to_decide(cast.nils)
    assert not inbox.to_decide(cast.olga)
    assert not inbox.elsewhere(cast.olga)
    assert inbox.open_promotion(cast.otto) is None


def test_guest_who_asks_to_become_a_user_waits_for_whoever_may_vouch(cast: Cast, fire: Namespace) -> None:
    wish = factories.PromotionFactory.create(person=cast.ana)
    waiting = {
        who: list(inbox.to_decide(getattr(cast, who))) for who in ("ana", "otto", "nils", "paula", "olga")
    }
    assert waiting == {"ana": [], "otto": [], "nils": [], "paula": [wish], "olga": [wish]}
    assert not inbox.elsewhere(cast.olga)
    assert inbox.open_promotion(cast.ana) == wish


def test_user_who_asks_for_level_admin_waits_for_operators(cast: Cast, fire: Namespace) -> None:
    wish = factories.PromotionFactory.create(person=cast.otto)
    waiting = {
        who: list(inbox.to_decide(getattr(cast, who))) for who in ("ana", "otto", "nils", "paula", "olga")
    }
    assert waiting == {"ana": [], "otto": [], "nils": [], "paula": [], "olga": [wish]}


def test_operators_own_promotion_waits_for_another(cast: Cast) -> None:
    other = factories.PersonFactory.create(is_superuser=True)
    wish = factories.PromotionFactory.create(person=other)
    assert not inbox.to_decide(other)
    assert list(inbox.to_decide(cast.olga)) == [wish]


def test_promotion_lies_with_no_admins_of_a_namespace(cast: Cast, fire: Namespace) -> None:
    wishes = [factories.PromotionFactory.create(person=cast.otto), of(fire, cast.otto)]
    assert inbox.with_admins(wishes, cast.otto) == [(wishes[0], None), (wishes[1], [cast.nils, cast.paula])]
