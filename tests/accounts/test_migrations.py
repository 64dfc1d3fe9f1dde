"""What the migrations do to rows that are there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction

from accounts.models import LevelChange, User
from audit.record import record
from tests import factories
from tests.conftest import Cast


def back_to(name: str) -> None:
    """Undo all migrations after this one, and do them again."""
    call_command("migrate", "accounts", name, verbosity=0)
    call_command("migrate", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_history_of_levels_begins_with_what_the_events_tell(cast: Cast) -> None:
    with transaction.atomic():
        told = record(
            "person.vouched",
            by=cast.paula,
            about=cast.ana,
            before={"level": "guest"},
            after={"level": "user"},
        )
        record("person.level", by=None, about=cast.otto, before={"level": "user"}, after={"level": "admin"})
        record("person.level", by=cast.olga, about=cast.eda, before={"level": "user"}, after={"level": "x"})
        record("person.level", by=cast.olga, about=None, before={"level": "user"}, after={"level": "guest"})
        record("operator.first", by=None, about=cast.olga, after={"identity": "1"})
    back_to("0007")
    changes = LevelChange.objects.order_by("id")
    assert [(each.person, each.act, each.before, each.after, each.by) for each in changes] == [
        (cast.ana, "vouched", "guest", "user", cast.paula),
        (cast.otto, "set", "user", "admin", None),
    ]
    assert changes[0].at == told.at


@pytest.mark.django_db(transaction=True)
def test_person_was_last_seen_at_the_last_login_of_any_identity(cast: Cast) -> None:
    first, last = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, 0, 0, 0, 5, tzinfo=UTC)
    factories.IdentityFactory.create(person=cast.ana, last_login_at=last)
    factories.IdentityFactory.create(person=cast.ana, last_login_at=first)
    User.objects.filter(pk=cast.eda.pk).update(merged_into=cast.ana, is_active=False)
    back_to("0008")
    assert User.objects.get(pk=cast.ana.pk).last_seen_at == last
    assert User.objects.get(pk=cast.otto.pk).last_seen_at is None
    assert User.objects.filter(last_seen_at=last).get() == cast.ana
    with pytest.raises(DatabaseError, match="stays merged"):
        User.objects.filter(pk=cast.eda.pk).update(merged_into=cast.otto)
