"""The latest create of a grant without a uid was open without being named: name it, like all others."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def name_the_latest(apps: Any, _schema_editor: Any) -> None:
    """Add the operation of each create to which nobody has seen the answer."""
    grants = apps.get_model("namespaces", "Grant").objects
    waiting = grants.filter(binding_uid="", state__in=("pending", "failing", "revoking"))
    for grant in waiting.iterator(chunk_size=2000):
        if str(grant.operation) not in grant.unanswered:
            grant.unanswered = [*grant.unanswered, str(grant.operation)]
            grant.save(update_fields=["unanswered"])


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0005_seen_by_others")]

    # Backwards nothing is undone: that an operation is named twice changes nothing.
    operations = [migrations.RunPython(name_the_latest, migrations.RunPython.noop)]
