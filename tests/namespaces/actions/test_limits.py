"""Deciding what a namespace may use: by operators, as a whole, on the record."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import BadInput, NotAllowed, StateConflict
from audit.models import Event
from namespaces.actions import limits
from namespaces.limits import MOST, Key, Kind
from namespaces.models import Limit, Namespace
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PODS, STORAGE = Key(Kind.QUOTA, "pods"), Key(Kind.QUOTA, "requests.storage")


def decide(
    namespace: Namespace, cast: Cast, amounts: dict[Key, int], who: str = "olga", version: int = 1
) -> Namespace:
    return limits.decide(namespace=namespace, amounts=amounts, version=version, by=getattr(cast, who))


def test_operator_decides_and_it_is_recorded_and_asked_for(cast: Cast, fire: Namespace) -> None:
    made = decide(fire, cast, {PODS: 20, STORAGE: 2**40})
    assert limits.of(fire) == {PODS: 20, STORAGE: 2**40}
    assert (made.limits_version, made.generation) == (2, fire.generation)
    assert Namespace.objects.get(pk=fire.pk).generation > 1
    event = Event.objects.get(act="limits.decided")
    assert (event.actor, event.before) == (str(cast.olga.pk), {})
    assert event.after == {"quota: pods": "20", "quota: requests.storage": "1Ti"}


@pytest.mark.parametrize("who", ["paula", "nils", "eda", "otto", "ana"])
def test_nobody_else_decides(cast: Cast, fire: Namespace, who: str) -> None:
    with Unchanged(), pytest.raises(NotAllowed):
        decide(fire, cast, {PODS: 20}, who)


def test_limit_that_ends_keeps_its_row_without_an_amount(cast: Cast, fire: Namespace) -> None:
    decide(fire, cast, {PODS: 20, STORAGE: 2**40})
    decide(fire, cast, {PODS: 30}, version=2)
    assert limits.of(fire) == {PODS: 30}
    assert Limit.objects.get(resource="requests.storage").amount is None
    decide(fire, cast, {PODS: 30, STORAGE: 2**30}, version=3)
    assert limits.of(fire) == {PODS: 30, STORAGE: 2**30}


def test_decision_made_from_an_old_page_is_told(cast: Cast, fire: Namespace) -> None:
    decide(fire, cast, {PODS: 20})
    with pytest.raises(StateConflict, match="meanwhile"):
        decide(fire, cast, {PODS: 30}, version=1)
    assert limits.of(fire) == {PODS: 20}


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ({Key(Kind.QUOTA, "requests.cpu"): 4000}, "would be refused"),
        ({Key(Kind.DEFAULT, "cpu"): 4000, Key(Kind.MAX, "cpu"): 2000}, "More than"),
    ],
)
def test_limits_that_do_not_fit_together_are_refused_whoever_made_them(
    cast: Cast, fire: Namespace, amounts: dict[Key, int], said: str
) -> None:
    with Unchanged(), pytest.raises(BadInput, match=said) as refused:
        decide(fire, cast, amounts)
    assert refused.value.field == "limits"


@pytest.mark.parametrize(
    "values", [{"amount": -1}, {"amount": MOST + 1}, {"kind": "size"}, {"resource": ""}], ids=str
)
def test_database_refuses_what_must_not_be(fire: Namespace, values: dict[str, object]) -> None:
    row = {"namespace": fire, "kind": "quota", "resource": "pods", "amount": 1}
    with pytest.raises(IntegrityError), transaction.atomic():
        Limit.objects.create(**{**row, **values})


def test_database_refuses_a_second_limit_of_the_same_thing(fire: Namespace) -> None:
    Limit.objects.create(namespace=fire, kind="quota", resource="pods", amount=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Limit.objects.create(namespace=fire, kind="quota", resource="pods", amount=2)
