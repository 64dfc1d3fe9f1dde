"""Whether the database is newer than this program, by the names of its migrations."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import DjangoAssertNumQueries

from clusters.roles import ROLES
from namespaces import epoch

pytestmark = pytest.mark.django_db


def applied(app: str, name: str) -> None:
    MigrationRecorder(connection).record_applied(app, name)


def test_database_of_this_version_bars_nothing() -> None:
    assert epoch.unknown_migrations() == []
    assert (epoch.newer_migrations(), epoch.reason(), epoch.barred()) == ([], "", {})


@pytest.mark.parametrize("app", ["accounts", "audit", "clusters", "namespaces"])
def test_migration_that_this_program_does_not_have_bars_every_role(app: str) -> None:
    applied(app, "9999_from_the_future")
    assert epoch.newer_migrations() == [f"{app}.9999_from_the_future"]
    assert f"{app}.9999_from_the_future" in epoch.reason()
    assert epoch.barred() == dict.fromkeys(ROLES, epoch.reason())


def test_migrations_of_libraries_say_nothing_about_rights() -> None:
    applied("sessions", "9999_from_the_future")
    assert epoch.unknown_migrations() == ["sessions.9999_from_the_future"]
    assert epoch.barred() == {}


def test_migrations_of_what_is_not_installed_here_are_not_asked_for() -> None:
    applied("elsewhere", "0001_initial")
    assert epoch.unknown_migrations() == []


def test_database_without_any_table_is_not_newer() -> None:
    """Who starts a process on it is told that it waits for migrations."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO elsewhere")
    epoch._recorder.cache_clear()
    try:
        assert epoch.unknown_migrations() == []
    finally:
        epoch._recorder.cache_clear()


def test_one_that_was_squashed_here_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    first = MigrationLoader(None).get_migration("namespaces", "0001_initial")
    monkeypatch.setattr(type(first), "replaces", [("namespaces", "0000_before")])
    applied("namespaces", "0000_before")
    epoch._on_disk.cache_clear()
    try:
        assert epoch.newer_migrations() == []
    finally:
        epoch._on_disk.cache_clear()


def test_it_costs_one_query_and_one_look_at_the_disk(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    epoch.barred()
    looks = epoch._on_disk.cache_info().misses
    with django_assert_num_queries(1):
        epoch.barred()
    assert epoch._on_disk.cache_info().misses == looks
