"""Who reads each part of a page, and pages that are not listed.

Undone, whatever is not for everybody, or not listed, is for its members only.
"""

from typing import Any

from django.db import migrations, models

PARTS = (
    "title",
    "description",
    "pi_name",
    "institution",
    "field",
    "software",
    "publications",
    "institutions",
)
AUDIENCES = ("public", "signed_in", "members")
CHOICES = [("public", "everybody"), ("signed_in", "people who are logged in"), ("members", "members only")]
VISIBILITIES = [
    ("listed", "everybody: listed in the public directory"),
    ("unlisted", "whoever has its address: not listed, and not in search engines"),
    ("members", "its members only"),
]


def hide(apps: Any, _schema_editor: Any) -> None:
    """The way back: what is not for everybody was hidden as a whole."""
    namespaces = apps.get_model("namespaces", "Namespace").objects
    kept = models.Q(visibility="unlisted")
    for part in PARTS:
        kept |= ~models.Q(**{f"{part}_to": "public"})
    namespaces.filter(kept).update(visibility="members")


def for_audiences() -> models.Q:
    condition = models.Q()
    for part in PARTS:
        condition &= models.Q((f"{part}_to__in", list(AUDIENCES)))
    return condition


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0010_namespace_requests")]

    operations = [
        *(
            migrations.AddField(
                "namespace",
                f"{part}_to",
                models.CharField(choices=CHOICES, db_default="public", default="public", max_length=10),
            )
            for part in PARTS
        ),
        migrations.AddField(
            "namespace", "shown_version", models.PositiveIntegerField(db_default=1, default=1)
        ),
        migrations.AddConstraint(
            "namespace",
            models.CheckConstraint(condition=for_audiences(), name="namespaces_namespace_audiences"),
        ),
        migrations.RemoveConstraint("namespace", "namespaces_namespace_visibility"),
        migrations.AlterField(
            "namespace",
            "visibility",
            models.CharField(choices=VISIBILITIES, default="listed", max_length=10),
        ),
        migrations.RunPython(migrations.RunPython.noop, hide),
        migrations.AddConstraint(
            "namespace",
            models.CheckConstraint(
                condition=models.Q(visibility__in=["listed", "unlisted", "members"]),
                name="namespaces_namespace_visibility",
            ),
        ),
    ]
