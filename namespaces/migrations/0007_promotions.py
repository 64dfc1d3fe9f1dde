"""Requests for a level beside those to join, and an end for those that nobody decides."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def as_before(apps: Any, _schema_editor: Any) -> None:
    """The way back: there were no promotions, and a request that nobody decides is one that was taken back."""
    requests = apps.get_model("namespaces", "Request").objects
    requests.filter(kind="promotion").delete()
    requests.filter(state="expired").update(state="withdrawn")


class Migration(migrations.Migration):
    dependencies = [
        ("namespaces", "0006_open_operations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_kind",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_state",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_role",
        ),
        migrations.AddField(
            model_name="request",
            name="institution",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="request",
            name="level",
            field=models.CharField(
                blank=True,
                choices=[("guest", "guest"), ("user", "user"), ("admin", "admin")],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="request",
            name="purpose",
            field=models.TextField(blank=True, db_default="", default="", max_length=2000),
        ),
        migrations.AlterField(
            model_name="request",
            name="kind",
            field=models.CharField(
                choices=[("join", "join a namespace"), ("promotion", "get a level")],
                default="join",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="namespace",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="requests",
                to="namespaces.namespace",
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="role",
            field=models.CharField(
                blank=True,
                choices=[("viewer", "viewer"), ("editor", "editor"), ("admin", "admin")],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "pending"),
                    ("approved", "approved"),
                    ("denied", "denied"),
                    ("withdrawn", "withdrawn"),
                    ("expired", "expired"),
                ],
                default="pending",
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "promotion"), ("state", "pending")),
                fields=("person",),
                name="namespaces_request_one_promotion",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "join"), ("level", ""), ("namespace__isnull", False)),
                    models.Q(
                        ("kind", "promotion"), ("level__in", ("user", "admin")), ("namespace__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="namespaces_request_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("pending", "approved", "denied", "withdrawn", "expired"))),
                name="namespaces_request_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "join"), ("role__in", ["viewer", "editor", "admin"])),
                    models.Q(("kind", "promotion"), ("role", "")),
                    _connector="OR",
                ),
                name="namespaces_request_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("level", "admin"),
                        models.Q(("institution", ""), _negated=True),
                        models.Q(("purpose", ""), _negated=True),
                    ),
                    models.Q(
                        models.Q(("level", "admin"), _negated=True), ("institution", ""), ("purpose", "")
                    ),
                    _connector="OR",
                ),
                name="namespaces_request_purpose",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, as_before),
    ]
