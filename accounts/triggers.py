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


_MERGED = "EXISTS (SELECT 1 FROM accounts_user WHERE id = OLD.person_id AND merged_into_id = NEW.person_id)"
_ONCE = "an account that was merged stays merged"
_INSTALL_MERGES = {
    "sqlite": [
        "DROP TRIGGER accounts_identity_fixed",
        "CREATE TRIGGER accounts_identity_fixed BEFORE UPDATE ON accounts_identity"
        " WHEN OLD.issuer IS NOT NEW.issuer OR OLD.subject IS NOT NEW.subject"
        f" OR (OLD.person_id IS NOT NEW.person_id AND NOT {_MERGED})"
        f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
        "CREATE TRIGGER accounts_user_merged_once BEFORE UPDATE ON accounts_user"
        " WHEN OLD.merged_into_id IS NOT NULL AND OLD.merged_into_id IS NOT NEW.merged_into_id"
        f" BEGIN SELECT RAISE(ABORT, '{_ONCE}'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION accounts_identity_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF OLD.issuer IS DISTINCT FROM NEW.issuer OR OLD.subject IS DISTINCT FROM NEW.subject"
        f" OR NOT {_MERGED} THEN RAISE EXCEPTION '{_MESSAGE}'; END IF; RETURN NEW; END $$",
        "CREATE OR REPLACE FUNCTION accounts_user_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_ONCE}'; END $$",
        "CREATE TRIGGER accounts_user_merged_once BEFORE UPDATE ON accounts_user FOR EACH ROW"
        " WHEN (OLD.merged_into_id IS NOT NULL AND OLD.merged_into_id IS DISTINCT FROM NEW.merged_into_id)"
        " EXECUTE FUNCTION accounts_user_refuse()",
    ],
}
_REMOVE_MERGES = {
    "sqlite": [
        "DROP TRIGGER IF EXISTS accounts_user_merged_once",
        "DROP TRIGGER accounts_identity_fixed",
        *_INSTALL["sqlite"],
    ],
    "postgresql": [
        "DROP TRIGGER accounts_user_merged_once ON accounts_user",
        "DROP FUNCTION accounts_user_refuse()",
        _INSTALL["postgresql"][0],
    ],
}


def install_merges(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let identities follow an account that was merged into another, along that one way only."""
    for statement in _INSTALL_MERGES[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def remove_merges(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let identities follow nothing again, for reversing the migration."""
    for statement in _REMOVE_MERGES[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


_HEXADECIMAL = {"sqlite": "OLD.id", "postgresql": "replace(OLD.id::text, '-', '')"}


def _pseudonym(vendor: str) -> str:
    """Return the condition that only the subject changes, to the pseudonym of this row, of somebody who is deleted."""
    return (
        f"OLD.person_id = NEW.person_id AND NEW.subject = 'deleted ' || {_HEXADECIMAL[vendor]} AND EXISTS"  # noqa: S608
        " (SELECT 1 FROM accounts_deletion WHERE person_id = OLD.person_id AND state = 'running')"
    )


_INSTALL_DELETIONS = {
    "sqlite": [
        "DROP TRIGGER accounts_identity_fixed",
        "CREATE TRIGGER accounts_identity_fixed BEFORE UPDATE ON accounts_identity"
        " WHEN OLD.issuer IS NOT NEW.issuer"
        f" OR (OLD.subject IS NOT NEW.subject AND NOT ({_pseudonym('sqlite')}))"
        f" OR (OLD.person_id IS NOT NEW.person_id AND NOT {_MERGED})"
        f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION accounts_identity_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF OLD.issuer IS DISTINCT FROM NEW.issuer OR (OLD.subject IS DISTINCT FROM NEW.subject"
        f" AND NOT ({_pseudonym('postgresql')}))"
        f" OR (OLD.person_id IS DISTINCT FROM NEW.person_id AND NOT {_MERGED})"
        f" THEN RAISE EXCEPTION '{_MESSAGE}'; END IF; RETURN NEW; END $$",
    ],
}
_REMOVE_DELETIONS = {
    "sqlite": _INSTALL_MERGES["sqlite"][:2],
    "postgresql": _INSTALL_MERGES["postgresql"][:1],
}


def install_deletions(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let a pseudonym take the place of the subject while its person is deleted, and nowhere else."""
    for statement in _INSTALL_DELETIONS[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def remove_deletions(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let no subject change again, for reversing the migration."""
    for statement in _REMOVE_DELETIONS[schema_editor.connection.vendor]:
        schema_editor.execute(statement)
