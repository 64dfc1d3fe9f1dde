"""Whether the database has the tables that this code needs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from portal import schema


@pytest.mark.django_db
def test_migrations_of_a_newer_version_are_noticed() -> None:
    assert schema.unknown_migrations() == []
    MigrationRecorder(connection).record_applied("accounts", "9999_from_the_future")
    assert schema.unknown_migrations() == ["accounts.9999_from_the_future"]
