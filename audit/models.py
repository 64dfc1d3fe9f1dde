"""The table of audit events. Text and ids only, no foreign keys: a row outlives what it speaks of."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

# Acts that happen once in the life of an installation, whoever tries again and at whatever moment.
ONCE = ("operator.first",)


class Event(models.Model):
    """One act: who did what to which object, and what it changed. Written by `audit.record.record`, by nobody else.

    Rows hold no names or addresses of people. The database refuses UPDATE and DELETE (see `audit.triggers`).
    """

    class Outcome(models.TextChoices):
        DONE = "done"
        DENIED = "denied"
        FAILED = "failed"

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=36, blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    act = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=36, blank=True)
    object_text = models.CharField(max_length=200, blank=True)
    namespace_id = models.CharField(max_length=36, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.DONE)
    reason = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("namespace_id", "id"), name="audit_event_namespace"),
            models.Index(fields=("object_id", "id"), name="audit_event_object"),
        )
        constraints = (
            models.CheckConstraint(
                name="audit_event_outcome", condition=models.Q(outcome__in=("done", "denied", "failed"))
            ),
            models.UniqueConstraint(
                name="audit_event_once", fields=("act",), condition=models.Q(act__in=ONCE)
            ),
        )

    def __str__(self) -> str:
        return f"{self.act} {self.object_text}".strip()
