"""What a page says with more than words: its logo, and the authors of publications."""

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
    ]
