"""Whether the database is newer than this program: after a rollback, or while two versions run at once.

Rows of a newer version may mean what this program cannot read. Nothing is granted then; what is there stays, and ends
of rights, which the rows say positively, go on.
"""

from __future__ import annotations

from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from clusters.roles import ROLES

OWN = ("accounts", "audit", "clusters", "namespaces")
"""The applications whose rows say who has which right."""


def unknown_migrations() -> list[str]:
    """Return the applied migrations that this program does not have, its libraries' included, in one query.

    None where nothing was applied yet: a database without any table is no newer one.
    """
    if not _recorder().has_table():
        return []
    applied = _recorder().migration_qs.filter(app__in={app for app, _name in _on_disk()})
    return sorted(
        f"{app}.{name}" for app, name in applied.values_list("app", "name") if (app, name) not in _on_disk()
    )


def newer_migrations() -> list[str]:
    """Return those of them that are Berth's own: then rows about rights may mean something else."""
    return [each for each in unknown_migrations() if each.partition(".")[0] in OWN]


def reason() -> str:
    """Return why nobody may be granted anything by this program now, for people; empty if it is not so."""
    newer = newer_migrations()
    if not newer:
        return ""
    return (
        f"The database is newer than this version of Berth, which does not know {newer[-1]}: nobody is granted "
        "anything until the newer version is back. Ends of rights go on."
    )


def barred() -> dict[str, str]:
    """Return all roles, each with that reason; nothing if the database is not newer.

    Asked in each pass and kept in no row: the newer version reads the rows as well, and may grant.
    """
    why = reason()
    return dict.fromkeys(ROLES, why) if why else {}


@cache
def _recorder() -> MigrationRecorder:
    """Return what reads the applied migrations; it remembers that their table is there."""
    return MigrationRecorder(connection)


@cache
def _on_disk() -> frozenset[tuple[str, str]]:
    """Return application and name of each migration that this program has, and of those that one of them replaces."""
    found = MigrationLoader(None).disk_migrations or {}
    replaced = (each for migration in found.values() for each in migration.replaces)
    return frozenset([*found, *replaced])
