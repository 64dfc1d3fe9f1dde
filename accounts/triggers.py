"""Database triggers that keep identities what they were when first stored, on SQLite and PostgreSQL.

A page, a command or a mistake that points an identity at another person gives that person's rights away
(authentik GHSA-5wcc-hf24-rf5h): the database refuses it, whatever code asks.
"""

from __future__ import annotations

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_MESSAGE = "person, issuer and subject of an identity never change"
_COLUMNS = ("person_id", "issuer", "subject")


def _changed(differs: str) -> str:
    return " OR ".join(f"OLD.{column} {differs} NEW.{column}" for column in _COLUMNS)


_INSTALL = {
    "sqlite": [
        "CREATE TRIGGER accounts_identity_fixed BEFORE UPDATE ON accounts_identity"
        f" WHEN {_changed('IS NOT')} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION accounts_identity_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_MESSAGE}'; END $$",
        "CREATE TRIGGER accounts_identity_fixed BEFORE UPDATE ON accounts_identity FOR EACH ROW"
        f" WHEN ({_changed('IS DISTINCT FROM')}) EXECUTE FUNCTION accounts_identity_refuse()",
    ],
}
_REMOVE = {
    "sqlite": ["DROP TRIGGER accounts_identity_fixed"],
    "postgresql": [
        "DROP TRIGGER accounts_identity_fixed ON accounts_identity",
        "DROP FUNCTION accounts_identity_refuse()",
    ],
}


def install(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers."""
    for statement in _INSTALL[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def remove(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers, for reversing the migration."""
    for statement in _REMOVE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)
