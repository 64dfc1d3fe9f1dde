"""Which clusters there are, and what Berth last saw of each. Connection facts live in a file, never here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from clusters.config import ClusterConfig
from clusters.roles import ROLES


class ClusterManager(models.Manager["Cluster"]):
    def sync(self, configured: Mapping[str, ClusterConfig]) -> None:
        """Make a row, with its status, for each cluster of the clusters file, and take over its title."""
        for name, config in configured.items():
            cluster, _created = self.update_or_create(name=name, defaults={"title": config.title})
            ClusterStatus.objects.get_or_create(cluster=cluster)


class Cluster(models.Model):
    """A cluster named in the clusters file. Rows are never deleted: namespaces and their history hang on them."""

    name = models.SlugField(max_length=63, unique=True)
    title = models.CharField(max_length=200)
    installation_id = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ClusterManager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.title


class ClusterStatus(models.Model):
    """What the workers saw of a cluster. Only reconciliation writes here.

    `worked_at` is when all that was due there had last been done, `swept_at` when it was last compared as a whole.
    `anchored_at` is when the mark in the cluster was last found to be ours (see `namespaces.anchor`), `accepted` are
    the lines of `restore diff` that an operator accepted, `barred` maps roles that nobody may be given now to the
    reason, `unexplained` is how many bindings of ours no row explains and the guard keeps. Until `throttled_until` the
    API server asked us to slow down: only ends of rights are made there.
    """

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("not contacted yet")
        REACHABLE = "reachable", _("reachable")
        UNREACHABLE = "unreachable", _("unreachable")
        REFUSED = "refused", _("refuses us")
        FOREIGN = "foreign", _("is not the cluster it was")
        QUARANTINED = "quarantined", _("has gone further than the database")

    cluster = models.OneToOneField(Cluster, on_delete=models.PROTECT, related_name="status")
    state = models.CharField(max_length=12, choices=State, default=State.UNKNOWN)
    since = models.DateTimeField(db_default=Now())
    contacted_at = models.DateTimeField(null=True, blank=True)
    throttled_until = models.DateTimeField(null=True, blank=True)
    worked_at = models.DateTimeField(null=True, blank=True)
    swept_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=20, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    kube_system_uid = models.CharField(max_length=64, blank=True)
    anchored_at = models.DateTimeField(null=True, blank=True)
    accepted = models.JSONField(default=list, blank=True)
    barred = models.JSONField(default=dict, blank=True)
    unexplained = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "cluster statuses"
        constraints = (
            models.CheckConstraint(
                name="clusters_status_state",
                condition=models.Q(
                    state__in=("unknown", "reachable", "unreachable", "refused", "foreign", "quarantined")
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.cluster}: {self.get_state_display()}"

    @property
    def barred_by_reason(self) -> dict[str, str]:
        """Return for each reason the roles that are given to nobody now, as words."""
        return {
            reason: ", ".join(role for role in ROLES if self.barred.get(role) == reason)
            for reason in self.barred.values()
        }
