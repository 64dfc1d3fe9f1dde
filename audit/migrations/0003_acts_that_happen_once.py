"""Some acts happen once in the life of an installation: the database holds it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        # A partial index: SQLite does not remake the table for it, so the triggers stay.
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                condition=models.Q(("act__in", ("operator.first",))), fields=("act",), name="audit_event_once"
            ),
        ),
    ]
