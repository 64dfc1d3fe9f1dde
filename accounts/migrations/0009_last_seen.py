"""When a person was last seen, in their own row, and what the list of people is sorted and searched by."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def take_over(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill it with the last login of any identity."""
    logins = apps.get_model("accounts", "Identity").objects.filter(person=models.OuterRef("pk"))
    newest = logins.exclude(last_login_at=None).order_by("-last_login_at").values("last_login_at")[:1]
    apps.get_model("accounts", "User").objects.update(last_seen_at=models.Subquery(newest))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_level_changes")]

    operations = [
        migrations.AddField(
            "user", "last_seen_at", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
        migrations.RemoveIndex("user", "accounts_user_name"),
        migrations.AddIndex("user", models.Index(fields=["name", "id"], name="accounts_user_name_id")),
        migrations.AddIndex("user", models.Index(fields=["created_at", "id"], name="accounts_user_created")),
        migrations.AddIndex("identity", models.Index(fields=["subject"], name="accounts_identity_subj")),
    ]
