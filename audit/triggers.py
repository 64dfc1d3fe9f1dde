"""Database triggers that refuse to change or delete rows of a table, on SQLite and PostgreSQL: of audit events, and of
whatever else is only ever added to.

They hold whatever code runs: a mistake in Berth cannot rewrite what was recorded.
"""

from __future__ import annotations

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

EVENTS = "audit_event"


def _install(table: str) -> dict[str, list[str]]:
    message = "audit events are append-only" if table == EVENTS else f"rows of {table} are append-only"
    return {
        "sqlite": [
            *(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
                for verb in ("update", "delete")
            ),
            # INSERT OR REPLACE deletes the row in its way without asking the trigger of DELETE.
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"  # noqa: S608 - no word of a stranger
            f" WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"
            f" BEGIN SELECT RAISE(ABORT, '{message}'); END",
        ],
        "postgresql": [
            f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{message}'; END $$",
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
        ],
    }


def _remove(table: str) -> dict[str, list[str]]:
    return {
        "sqlite": [f"DROP TRIGGER IF EXISTS {table}_no_{verb}" for verb in ("update", "delete", "replace")],
        "postgresql": [
            f"DROP TRIGGER {table}_no_change ON {table}",
            f"DROP TRIGGER {table}_no_truncate ON {table}",
            f"DROP FUNCTION {table}_refuse()",
        ],
    }


def install(schema_editor: BaseDatabaseSchemaEditor, table: str = EVENTS) -> None:
    """Create the triggers."""
    for statement in _install(table)[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def remove(schema_editor: BaseDatabaseSchemaEditor, table: str = EVENTS) -> None:
    """Drop the triggers: for reversing the migration, and for emptying a test database."""
    for statement in _remove(table)[schema_editor.connection.vendor]:
        schema_editor.execute(statement)
