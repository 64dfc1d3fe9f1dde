"""Mails to addresses of which nothing else is known, and mails that are answered to a person."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def forget_unknown(apps, schema_editor):
    """Before this migration every delivery is to a person."""
    apps.get_model("notifications", "Delivery").objects.filter(person=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_deliveries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="reply_to",
            field=models.EmailField(blank=True, db_default="", default="", max_length=254),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="person",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("person", None)),
                fields=("event", "address"),
                name="notifications_delivery_once_to_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("channel", "mail"), models.Q(("person", None), _negated=True), _connector="OR"
                ),
                name="notifications_delivery_person",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget_unknown),
    ]
