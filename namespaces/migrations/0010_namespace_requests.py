"""Requests for a namespace of one's own."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def as_before(apps: Any, _schema_editor: Any) -> None:
    """The way back: there were no such requests."""
    apps.get_model("namespaces", "Request").objects.filter(kind="namespace").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("clusters", "0004_throttled"),
        ("namespaces", "0009_membership_ends"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_kind",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_role",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_purpose",
        ),
        migrations.AddField(
            model_name="request",
            name="cluster",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clusters.cluster",
            ),
        ),
        migrations.AddField(
            model_name="request",
            name="name",
            field=models.CharField(blank=True, db_default="", default="", max_length=63),
        ),
        migrations.AddField(
            model_name="request",
            name="pi_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="request",
            name="size",
            field=models.TextField(blank=True, db_default="", default="", max_length=1000),
        ),
        migrations.AlterField(
            model_name="request",
            name="kind",
            field=models.CharField(
                choices=[
                    ("join", "join a namespace"),
                    ("promotion", "get a level"),
                    ("namespace", "get a namespace"),
                ],
                default="join",
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "namespace"), ("state", "pending")),
                fields=("person",),
                name="namespaces_request_one_namespace",
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
                    models.Q(
                        ("cluster__isnull", False),
                        ("kind", "namespace"),
                        ("level", ""),
                        models.Q(("name", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="namespaces_request_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "join"), ("role__in", ["viewer", "editor", "admin"])),
                    models.Q(("kind__in", ("promotion", "namespace")), ("role", "")),
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
                        ("kind", "namespace"),
                        ("purpose", ""),
                        models.Q(("institution", ""), _negated=True),
                        models.Q(("pi_name", ""), _negated=True),
                    ),
                    models.Q(
                        models.Q(("level", "admin"), _negated=True),
                        models.Q(("kind", "namespace"), _negated=True),
                        ("institution", ""),
                        ("purpose", ""),
                    ),
                    _connector="OR",
                ),
                name="namespaces_request_purpose",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, as_before),
    ]
