"""The database lets identities follow an account that was merged into another, and nothing else."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from accounts import triggers


def install(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.install_merges(schema_editor)


def remove(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.remove_merges(schema_editor)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_merges")]
    operations = [migrations.RunPython(install, remove)]
