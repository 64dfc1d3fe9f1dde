"""When somebody was warned for being away, and suspensions that Berth itself makes for it.

Undone, it fails while there is such a suspension: nobody could be named who made it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_deletions"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="warned_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="suspension",
            name="by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
