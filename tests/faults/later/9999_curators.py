"""What a later version may do to the tables: a role more, and a column that this version knows nothing of."""

from __future__ import annotations

import pkgutil

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import StateApps

from namespaces.migrations import __path__ as OURS

ROLES = ("viewer", "editor", "admin")
MODELS = ("membership", "request", "grant")


def demote(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The way back: there are no curators any more."""
    for model in MODELS:
        apps.get_model("namespaces", model).objects.filter(role="curator").update(role="viewer")


def more_roles(model: str) -> list[Operation]:
    name = f"namespaces_{model}_role"
    check = models.CheckConstraint(name=name, condition=models.Q(role__in=[*ROLES, "curator"]))
    return [migrations.RemoveConstraint(model, name), migrations.AddConstraint(model, check)]


class Migration(migrations.Migration):
    dependencies = [("namespaces", max(module.name for module in pkgutil.iter_modules(OURS)))]
    operations = [
        *(operation for model in MODELS for operation in more_roles(model)),
        migrations.AddField("membership", "weight", models.IntegerField(db_default=1)),
        migrations.RunPython(migrations.RunPython.noop, demote),
    ]
