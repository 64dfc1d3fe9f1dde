"""What the search looks at, with the index of each database. `portal.apps` fills it after the last migration."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

AUDIENCES = ["public", "signed_in", "members"]
CHOICES = [("public", "everybody"), ("signed_in", "people who are logged in"), ("members", "members only")]
TABLE, TEXTS = "namespaces_searchdocument", ("heading", "people", "papers", "text")
COLUMNS = ", ".join(TEXTS)


def _vector() -> str:
    """The words of each column with its weight; they are folded already, and hold nothing that means something here."""
    weighed = (
        rf"regexp_replace({column}, '(\S+)', '\1:1{weight}', 'g')::tsvector"
        for column, weight in zip(TEXTS, "ABCD", strict=True)
    )
    return " || ".join(weighed)


def _values(row: str) -> str:
    return ", ".join(f"{row}.{column}" for column in TEXTS)


INSTALL = {
    "postgresql": [
        f"ALTER TABLE {TABLE} ADD COLUMN vector tsvector GENERATED ALWAYS AS ({_vector()}) STORED",
        f"CREATE INDEX namespaces_searchdocument_vector ON {TABLE} USING gin (vector)",
    ],
    "sqlite": [
        f"CREATE VIRTUAL TABLE namespaces_search USING fts5({COLUMNS}, content='{TABLE}', content_rowid='id',"
        " prefix='2 3 4', tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* Co'\")",
        f"CREATE TRIGGER namespaces_search_added AFTER INSERT ON {TABLE} BEGIN"  # noqa: S608
        f" INSERT INTO namespaces_search(rowid, {COLUMNS}) VALUES (NEW.id, {_values('NEW')}); END",
        f"CREATE TRIGGER namespaces_search_removed AFTER DELETE ON {TABLE} BEGIN"  # noqa: S608
        f" INSERT INTO namespaces_search(namespaces_search, rowid, {COLUMNS})"
        f" VALUES ('delete', OLD.id, {_values('OLD')}); END",
    ],
}
REMOVE = {
    "postgresql": [f"ALTER TABLE {TABLE} DROP COLUMN vector"],
    "sqlite": [
        "DROP TRIGGER namespaces_search_added",
        "DROP TRIGGER namespaces_search_removed",
        "DROP TABLE namespaces_search",
    ],
}


def install(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in INSTALL[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def remove(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in REMOVE[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0011_audiences")]

    operations = [
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("audience", models.CharField(choices=CHOICES, max_length=10)),
                ("heading", models.TextField()),
                ("people", models.TextField()),
                ("papers", models.TextField()),
                ("text", models.TextField()),
                (
                    "namespace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="documents",
                        to="namespaces.namespace",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["namespace", "audience"],
                        name="namespaces_searchdocument_namespace_audience",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(audience__in=AUDIENCES),
                        name="namespaces_searchdocument_audience",
                    ),
                ],
            },
        ),
        migrations.RunPython(install, remove),
    ]
