"""Invitations into a namespace, of one person or of a course."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("namespaces", "0012_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("person", "for one person"), ("course", "for a course")],
                        default="person",
                        max_length=10,
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=120)),
                (
                    "role",
                    models.CharField(
                        choices=[("viewer", "viewer"), ("editor", "editor"), ("admin", "admin")],
                        max_length=10,
                    ),
                ),
                ("address", models.EmailField(blank=True, max_length=254)),
                ("places", models.PositiveSmallIntegerField(default=1)),
                ("institutions", models.JSONField(blank=True, default=list)),
                ("expires_at", models.DateTimeField()),
                ("access_ends_at", models.DateTimeField(blank=True, null=True)),
                ("serial", models.PositiveIntegerField(default=1)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("sent_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "namespace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="namespaces.namespace",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "pk"),
            },
        ),
        migrations.AddField(
            model_name="membership",
            name="invitation",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="memberships",
                to="namespaces.invitation",
            ),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(fields=["created_by", "sent_at"], name="namespaces_invitation_sent"),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                models.F("namespace"),
                django.db.models.functions.text.Lower("address"),
                condition=models.Q(
                    ("accepted_at__isnull", True),
                    ("ended_at__isnull", True),
                    models.Q(("address", ""), _negated=True),
                ),
                name="namespaces_invitation_one_for_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", ["viewer", "editor", "admin"])),
                name="namespaces_invitation_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "person"), ("places", 1)),
                    models.Q(
                        ("accepted_at", None),
                        ("access_ends_at__isnull", False),
                        ("address", ""),
                        ("kind", "course"),
                        ("person", None),
                        ("role__in", ("viewer", "editor")),
                    ),
                    _connector="OR",
                ),
                name="namespaces_invitation_kind",
            ),
        ),
    ]
