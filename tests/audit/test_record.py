"""Events are written with what they record, or not at all."""

from __future__ import annotations

import pytest
import structlog
from django.db import connection, transaction

from accounts.models import User
from audit.models import Event
from audit.record import draft, record, record_all
from namespaces.models import Namespace
from tests import factories
from tests.conftest import Cast


@pytest.mark.django_db(transaction=True)
def test_no_event_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record("something.done", by=None, about=None)
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_none_of_several_events_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record_all([draft("something.done", by=None, about=None)])
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_several_events_keep_their_order() -> None:
    acts = [f"something.{number}" for number in (3, 1, 2)]
    written = record_all([draft(act, by=None, about=None) for act in acts])
    assert list(Event.objects.order_by("pk").values_list("act", flat=True)) == acts
    assert [event.pk for event in written] == list(Event.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_rollback_takes_change_and_event_back_together() -> None:
    with transaction.atomic():
        person = factories.PersonFactory.create(name="Nobody")
        record("person.registered", by=person, about=person)
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_table_is_as_guarded_after_a_test_that_committed_as_before() -> None:
    """Tests that commit lift the triggers when they end: a table left unguarded would make its tests worthless."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit_event'::regclass AND NOT tgisinternal"
            )
        else:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'"
            )
        names = {name for (name,) in cursor.fetchall()}
    assert len(names) >= 2


def test_event_says_who_did_what_to_which_object(cast: Cast, fire: Namespace) -> None:
    event = record(
        "namespace.page",
        by=cast.nils,
        about=fire,
        namespace_id=fire.pk,
        before={"title": ""},
        after={"title": "Fire"},
    )
    event.refresh_from_db()
    assert event.actor == str(cast.nils.pk)
    assert (event.object_type, event.object_id) == ("namespaces.namespace", str(fire.pk))
    assert event.object_text == "nautilus/avis-fire"
    assert event.namespace_id == str(fire.pk)
    assert (event.before, event.after) == ({"title": ""}, {"title": "Fire"})
    assert event.outcome == Event.Outcome.DONE
    assert event.at is not None


def test_berth_itself_is_no_actor(db: None) -> None:
    assert record("something.done", by=None, about=None).actor == ""


def test_event_carries_the_id_of_the_request(db: None) -> None:
    with structlog.contextvars.bound_contextvars(request_id="7e9d"):
        assert record("something.done", by=None, about=None).request_id == "7e9d"


def test_event_names_no_person(cast: Cast) -> None:
    """A person's name and address change and must go when the person goes; events stay for ever."""
    event = record("person.level", by=cast.olga, about=cast.ana)
    stored = " ".join(str(value) for value in Event.objects.filter(pk=event.pk).values_list()[0])
    for word in (cast.ana.name, cast.ana.email, cast.olga.name, cast.olga.email):
        assert word not in stored


def test_event_about_an_identity_does_not_hold_its_subject(cast: Cast) -> None:
    identity = cast.ana.identities.get()
    event = record("identity.refreshed", by=cast.ana, about=identity)
    assert event.object_text
    assert identity.subject not in event.object_text


def test_long_reason_is_cut_to_what_the_column_holds(db: None) -> None:
    event = record("something.done", by=None, about=None, reason="x" * 5000)
    assert len(Event.objects.get(pk=event.pk).reason) == 2000
