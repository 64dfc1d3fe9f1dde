"""To whom a person is named as admin of a namespace.

By hand: Django would make the table anew on SQLite, and the triggers that refer to it would be in the way.
"""

from django.db import migrations, models

AUDIENCES = ("public", "signed_in", "members")
CHOICES = [("public", "everybody"), ("signed_in", "people who are logged in"), ("members", "members only")]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_dormancy")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE accounts_user ADD COLUMN named_to varchar(10) NOT NULL DEFAULT 'signed_in'"
            f" CONSTRAINT accounts_user_named_to CHECK (named_to IN {AUDIENCES})",
            "ALTER TABLE accounts_user DROP COLUMN named_to",
            state_operations=[
                migrations.AddField(
                    "user",
                    "named_to",
                    models.CharField(
                        choices=CHOICES, db_default="signed_in", default="signed_in", max_length=10
                    ),
                ),
                migrations.AddConstraint(
                    "user",
                    models.CheckConstraint(
                        condition=models.Q(named_to__in=AUDIENCES), name="accounts_user_named_to"
                    ),
                ),
            ],
        ),
    ]
