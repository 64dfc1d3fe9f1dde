"""What people are told, and what they chose about mails."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Choice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                (
                    "way",
                    models.CharField(
                        choices=[("at_once", "at once"), ("daily", "once a day"), ("off", "not by mail")],
                        max_length=10,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mail_choices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "choice about mails",
                "verbose_name_plural": "choices about mails",
                "constraints": [
                    models.UniqueConstraint(fields=("person", "kind"), name="notifications_choice_one"),
                    models.CheckConstraint(
                        condition=models.Q(("way__in", ("at_once", "daily", "off"))),
                        name="notifications_choice_way",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("event", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=20)),
                (
                    "channel",
                    models.CharField(choices=[("inbox", "in the page"), ("mail", "by mail")], max_length=10),
                ),
                ("address", models.EmailField(blank=True, max_length=254)),
                ("subject", models.CharField(max_length=300)),
                ("text", models.TextField(blank=True)),
                ("link", models.CharField(blank=True, max_length=300)),
                ("is_digest", models.BooleanField(default=False)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("sent", "sent"), ("failed", "given up")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("lease_holder", models.UUIDField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                (
                    "about",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at", "id"],
                        name="notifications_delivery_due",
                    ),
                    models.Index(
                        fields=["person", "-created_at", "-id"], name="notifications_delivery_inbox"
                    ),
                    models.Index(
                        condition=models.Q(("channel", "inbox"), ("seen_at", None)),
                        fields=["person"],
                        name="notifications_delivery_unseen",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "channel", "person", "address"), name="notifications_delivery_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ("inbox", "mail"))),
                        name="notifications_delivery_channel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "sent", "failed"))),
                        name="notifications_delivery_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("address", ""), ("channel", "inbox")),
                            models.Q(("channel", "mail"), models.Q(("address", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="notifications_delivery_address",
                    ),
                ],
            },
        ),
    ]
