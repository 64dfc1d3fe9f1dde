from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation

from accounts.indexes import LatestFirst


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0013_named_to")]

    operations: ClassVar[list[Operation]] = [
        migrations.AddIndex("user", LatestFirst(fields=["-last_seen_at", "-id"], name="accounts_user_seen")),
    ]
