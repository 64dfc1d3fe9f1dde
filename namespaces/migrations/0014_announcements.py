"""What admins write to the members of their namespaces."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("namespaces", "0013_invitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Announcement",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "role",
                    models.CharField(
                        blank=True,
                        choices=[("viewer", "viewer"), ("editor", "editor"), ("admin", "admin")],
                        max_length=10,
                    ),
                ),
                ("subject", models.CharField(max_length=150)),
                ("text", models.TextField(max_length=5000)),
                ("recipients", models.PositiveIntegerField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "namespace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="announcements",
                        to="namespaces.namespace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "pk"),
                "indexes": [
                    models.Index(fields=["namespace", "created_at"], name="namespaces_announcement_place"),
                    models.Index(fields=["created_by", "created_at"], name="namespaces_announcement_by"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ("", "viewer", "editor", "admin"))),
                        name="namespaces_announcement_role",
                    )
                ],
            },
        ),
    ]
