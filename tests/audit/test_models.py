"""The database itself keeps audit events as they are, whatever code runs."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import Event
from audit.record import record

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> Event:
    return record("something.done", by=None, about=None)


def _refused(statement: str, *values: int) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)


def test_event_cannot_be_updated(event: Event) -> None:
    _refused("UPDATE audit_event SET act = 'nothing' WHERE id = %s", event.pk)
    assert Event.objects.get(pk=event.pk).act == "something.done"


def test_event_cannot_be_updated_through_the_model(event: Event) -> None:
    event.actor = "somebody else"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.save()
    assert Event.objects.get(pk=event.pk).actor == ""


def test_event_cannot_be_deleted(event: Event) -> None:
    _refused("DELETE FROM audit_event WHERE id = %s", event.pk)
    assert Event.objects.filter(pk=event.pk).exists()


def test_table_cannot_be_emptied(event: Event) -> None:
    _refused(
        "TRUNCATE audit_event CASCADE" if connection.vendor == "postgresql" else "DELETE FROM audit_event"
    )
    assert Event.objects.filter(pk=event.pk).exists()


def test_event_cannot_be_replaced_by_inserting_over_it(event: Event) -> None:
    """SQLite's REPLACE deletes the old row without asking triggers of DELETE."""
    texts = ("actor", "request_id", "object_type", "object_id", "object_text", "namespace_id", "reason")
    columns = f"id, act, before, after, outcome, {', '.join(texts)}"
    row = "%s, 'nothing', '{}', '{}', 'done'" + ", ''" * len(texts)
    if connection.vendor == "postgresql":
        statement = f"INSERT INTO audit_event ({columns}) VALUES ({row}) ON CONFLICT (id) DO UPDATE SET act = 'nothing'"
    else:
        statement = f"INSERT OR REPLACE INTO audit_event ({columns}) VALUES ({row})"
    _refused(statement, event.pk)
    assert Event.objects.get(pk=event.pk).act == "something.done"


def test_outcome_is_one_of_three(event: Event) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.create(act="something.done", outcome="perhaps")


def test_event_in_words_says_act_and_object() -> None:
    assert (
        str(Event(act="member.added", object_text="nautilus/avis-fire")) == "member.added nautilus/avis-fire"
    )
