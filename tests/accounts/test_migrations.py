"""What the migrations do to rows that are there."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import transaction

from accounts.models import LevelChange
from audit.record import record
from tests.conftest import Cast


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
    for name in ("0007", "0008"):
        call_command("migrate", "accounts", name, verbosity=0)
    changes = LevelChange.objects.order_by("id")
    assert [(each.person, each.act, each.before, each.after, each.by) for each in changes] == [
        (cast.ana, "vouched", "guest", "user", cast.paula),
        (cast.otto, "set", "user", "admin", None),
    ]
    assert changes[0].at == told.at
