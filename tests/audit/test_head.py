"""One event tells a database from an older state of it, and from another one."""

from __future__ import annotations

import pytest
from django.db import transaction

from audit import head
from audit.models import Event
from audit.record import record

pytestmark = pytest.mark.django_db


def act(what: str) -> Event:
    with transaction.atomic():
        return record(what, by=None, about=None, after={"what": what})


def test_empty_record_has_no_newest_event() -> None:
    assert head.newest() == (0, "")


def test_newest_event_is_held() -> None:
    act("one")
    last = act("two")
    number, fingerprint = head.newest()
    assert number == last.pk
    assert head.holds(number, fingerprint)


def test_older_event_is_still_held_when_more_have_come() -> None:
    act("one")
    earlier = head.newest()
    act("two")
    assert head.holds(*earlier)


def test_event_that_is_not_here_is_not_held() -> None:
    act("one")
    number, fingerprint = head.newest()
    assert not head.holds(number + 1, fingerprint)


def test_another_event_under_the_same_number_is_another_event() -> None:
    """After a restore the numbers are given out again."""
    act("one")
    number, _fingerprint = head.newest()
    act("two")
    _number, of_another = head.newest()
    assert not head.holds(number, of_another)
