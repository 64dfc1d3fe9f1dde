"""Successors that admins name, and requests about who takes over from one who may be gone."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def as_before(apps: Any, _schema_editor: Any) -> None:
    """The way back: there were no such requests."""
    apps.get_model("namespaces", "Request").objects.filter(kind="takeover").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("clusters", "0004_throttled"),
        ("namespaces", "0014_announcements"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_one_pending",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_kind",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="namespaces_request_role",
        ),
        migrations.AddField(
            model_name="membership",
            name="successor",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="named_by",
                to="namespaces.membership",
            ),
        ),
        migrations.AddField(
            model_name="request",
            name="sign",
            field=models.CharField(
                blank=True,
                choices=[
                    ("suspended", "is suspended"),
                    ("guest", "is a guest now"),
                    ("retired", "has no login left that this cluster knows"),
                    ("away", "has not logged in for long"),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="request",
            name="successor",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="kind",
            field=models.CharField(
                choices=[
                    ("join", "join a namespace"),
                    ("promotion", "get a level"),
                    ("namespace", "get a namespace"),
                    ("takeover", "take over from an admin"),
                ],
                default="join",
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("successor", None),
                    models.Q(("successor", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="namespaces_membership_successor",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "pending"), models.Q(("kind", "takeover"), _negated=True)),
                fields=("namespace", "person"),
                name="namespaces_request_one_pending",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "takeover"), ("state", "pending")),
                fields=("namespace", "person"),
                name="namespaces_request_one_takeover",
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
                    models.Q(("kind", "takeover"), ("level", ""), ("namespace__isnull", False)),
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
                    models.Q(("kind__in", ("promotion", "namespace", "takeover")), ("role", "")),
                    _connector="OR",
                ),
                name="namespaces_request_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "takeover"), ("sign__in", ["suspended", "guest", "retired", "away"])),
                    models.Q(
                        models.Q(("kind", "takeover"), _negated=True), ("sign", ""), ("successor", None)
                    ),
                    _connector="OR",
                ),
                name="namespaces_request_sign",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, as_before),
    ]
