"""What a page says with more than words: its logo, the authors of publications, which institution is meant."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0015_takeovers")]

    operations = [
        migrations.CreateModel(
            name="Logo",
            fields=[
                (
                    "namespace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="logo",
                        serialize=False,
                        to="namespaces.namespace",
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("content", models.BinaryField()),
            ],
        ),
        migrations.AddField(
            "publication",
            "authors",
            models.CharField(blank=True, db_default="", default="", max_length=1000),
        ),
        migrations.AddField(
            "namespace", "ror", models.CharField(blank=True, db_default="", default="", max_length=9)
        ),
        migrations.CreateModel(
            name="Organisation",
            fields=[
                ("ror", models.CharField(max_length=9, primary_key=True, serialize=False)),
                ("name", models.CharField(db_index=True, max_length=300)),
                ("other_names", models.TextField(blank=True, max_length=2000)),
                ("country", models.CharField(blank=True, max_length=2)),
                (
                    "status",
                    models.CharField(
                        choices=[("active", "active"), ("inactive", "inactive"), ("withdrawn", "withdrawn")],
                        max_length=10,
                    ),
                ),
                ("folded", models.TextField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(status__in=["active", "inactive", "withdrawn"]),
                        name="namespaces_organisation_status",
                    )
                ]
            },
        ),
    ]
