"""Who changed a person's level, when, by which request. What audit events tell of earlier changes is taken over."""

from uuid import UUID

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from audit import triggers

TABLE = "accounts_levelchange"
LEVELS = ("guest", "user", "admin")
CHOICES = [(level, level) for level in LEVELS]
ACTS = {"person.vouched": "vouched", "person.level": "set"}


def take_over(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add a row for each event that says who changed whose level from what to what."""
    change, event = apps.get_model("accounts", "LevelChange"), apps.get_model("audit", "Event")
    people = set(apps.get_model("accounts", "User").objects.values_list("pk", flat=True))
    rows = []
    for each in event.objects.filter(act__in=ACTS, outcome="done").order_by("id").iterator(chunk_size=2000):
        before, after = each.before.get("level"), each.after.get("level")
        person, actor = _uuid(each.object_id), _uuid(each.actor)
        if person not in people or before == after or not {before, after} <= set(LEVELS):
            continue
        rows.append(
            change(
                person_id=person, by_id=actor if actor in people else None, act=ACTS[each.act],
                before=before, after=after, at=each.at,
            )
        )  # fmt: skip
    change.objects.bulk_create(rows, batch_size=1000)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def install(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.install(schema_editor, TABLE)


def remove(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.remove(schema_editor, TABLE)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_suspensions_and_sessions"), ("audit", "0003_acts_that_happen_once")]

    operations = [
        migrations.CreateModel(
            name="LevelChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("vouched", "vouched"),
                            ("set", "set the level"),
                            ("merged", "merged two accounts"),
                            ("first", "first operator"),
                        ],
                        max_length=10,
                    ),
                ),
                ("before", models.CharField(choices=CHOICES, max_length=10)),
                ("after", models.CharField(choices=CHOICES, max_length=10)),
                ("request_id", models.UUIDField(blank=True, null=True)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="level_changes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "change of level",
                "verbose_name_plural": "changes of level",
                "ordering": ("-id",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("act__in", ("vouched", "set", "merged", "first"))),
                        name="accounts_levelchange_act",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("after__in", list(LEVELS)),
                            ("before__in", list(LEVELS)),
                            models.Q(("before", models.F("after")), _negated=True),
                        ),
                        name="accounts_levelchange_levels",
                    ),
                ],
            },
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
        migrations.RunPython(install, remove),
    ]
