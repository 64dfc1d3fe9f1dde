"""Pages by key: whoever walks through a list meets every row once, whatever comes and goes meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.exceptions import BadRequest
from django.utils import timezone

from accounts.models import User
from namespaces.views import keyset
from namespaces.views.people import _ORDERS
from tests import factories

SIZE = 3
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ORDERS = pytest.mark.parametrize("order", _ORDERS.values(), ids=_ORDERS)


@pytest.fixture
def crowd(db: None) -> list[User]:
    """Ten people: of two names and of none, seen at three moments and never."""
    moment = timezone.now().replace(microsecond=0)  # SQLite writes one without a fraction otherwise
    names = itertools.cycle(("Ana ~ Kim", "Ana ~ Kim", "", "Şahin"))
    seen = itertools.cycle((moment, None, moment - timedelta(microseconds=1), moment, moment + timedelta(1)))
    return [
        factories.PersonFactory.create(name=name, last_seen_at=at)
        for name, at in itertools.islice(zip(names, seen, strict=False), 10)
    ]


def walk(
    order: keyset.Order, *, backwards: bool = False, after_each: Callable[[], object] = lambda: None
) -> list[UUID]:
    """Return whom the pages show, from the first to the last; or from the last back to the first."""
    key, pages = "", []
    if backwards:
        key = order.write(User.objects.order_by(*order.terms(backwards=True))[0])
        pages = [[UUID(key.rpartition("~")[2])]]
    while not pages or key:
        page = keyset.page(User.objects.all(), order, SIZE, **{"before" if backwards else "after": key})
        assert 0 < len(page.rows) <= SIZE
        pages.append([person.pk for person in page.rows])
        key = page.before if backwards else page.after
        after_each()
    return [person for page in (reversed(pages) if backwards else pages) for person in page]


@ORDERS
@pytest.mark.parametrize("backwards", [False, True], ids=["on", "back"])
def test_everybody_is_met_once_in_order(order: keyset.Order, crowd: list[User], backwards: bool) -> None:
    assert walk(order, backwards=backwards) == [
        person.pk for person in User.objects.order_by(*order.terms(backwards=False))
    ]


@ORDERS
@pytest.mark.parametrize("backwards", [False, True], ids=["on", "back"])
def test_who_comes_between_two_pages_moves_nobody(
    order: keyset.Order, crowd: list[User], backwards: bool
) -> None:
    moments = itertools.chain(
        (crowd[0].last_seen_at, None), itertools.repeat(datetime(1990, 1, 1, tzinfo=UTC))
    )
    names = itertools.chain(("", "Ana ~ Kim", "Zoe"), itertools.repeat("Aaa"))
    coming = iter(range(4))

    def somebody_comes() -> None:
        if next(coming, None) is not None:
            factories.PersonFactory.create(name=next(names), last_seen_at=next(moments))

    there = {person.pk for person in crowd}
    met = walk(order, backwards=backwards, after_each=somebody_comes)
    assert [person for person in met if person in there] == [
        person.pk for person in User.objects.filter(pk__in=there).order_by(*order.terms(backwards=False))
    ]
    assert len(met) == len(set(met))


@ORDERS
def test_the_page_before_shows_what_was_left(order: keyset.Order, crowd: list[User]) -> None:
    everybody = User.objects.all()
    first = keyset.page(everybody, order, SIZE)
    second = keyset.page(everybody, order, SIZE, after=first.after)
    back = keyset.page(everybody, order, SIZE, before=second.before)
    assert (first.before, back.before) == ("", "")
    assert back.rows == first.rows
    assert back.after == first.after


@pytest.mark.django_db
def test_never_seen_come_last() -> None:
    seen = [factories.PersonFactory.create(last_seen_at=at) for at in (None, timezone.now(), None)]
    shown = keyset.page(User.objects.all(), _ORDERS["seen"], 5).rows
    assert shown[0] == seen[1]


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("name", "Ana"), ("name", ID), ("name", "Ana~"), ("name", f"Ana~{ID.upper()}"), ("name", f"Ana~{{{ID}}}"),
        ("name", f"\0~{ID}"), ("name", "~~"), ("seen", f"~{ID}"), ("seen", f"Ana~{ID}"),
        ("seen", f"2026-01-01T00:00:00~{ID}"), ("seen", f"2026-01-01~{ID}"), ("new", f"2026-01-01T00:00:00Z~{ID}"),
        ("seen", f"0001-01-01T00:00:00+14:00~{ID}"), ("seen", f"9999-12-31T23:59:59-14:00~{ID}"),
        ("new", f"2026-01-01T00:00:00+00:00~{ID}"), ("new", f"never~{ID}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.django_db
def test_what_is_no_key_is_refused_by_name(sort: str, key: str, name: str) -> None:
    with pytest.raises(BadRequest, match=f"“{name}”"):
        keyset.page(User.objects.all(), _ORDERS[sort], SIZE, **{name: key})


@pytest.mark.django_db
def test_two_keys_at_once_are_refused() -> None:
    with pytest.raises(BadRequest, match="“before”"):
        keyset.page(User.objects.all(), _ORDERS["name"], SIZE, after=f"a~{ID}", before=f"b~{ID}")
