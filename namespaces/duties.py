"""What workers do again and again, when each of it last succeeded, and which of it is late.

A worker that does nothing looks like one that has nothing to do: so each duty writes down its success, and whoever
looks complains when it is too long ago.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from clusters.models import ClusterStatus
from clusters.registry import configured_clusters

LATE_AFTER = 4
"""After so many periods without success a duty is late."""


@dataclass(frozen=True)
class Duty:
    """One thing that is done again and again. `field` of ClusterStatus says when, `period` how often, in seconds.

    `name` is for programs and tells nothing of the site; `failing` says to operators what it means that it is not done.
    """

    name: str
    field: str
    period: float
    failing: Promise


@dataclass(frozen=True)
class Late:
    """A duty that has not succeeded for too long in one cluster; `since` is None where it never has."""

    duty: Duty
    status: ClusterStatus
    since: datetime | None

    @property
    def text(self) -> str:
        """Return a sentence for operators."""
        return str(self.duty.failing) % {"cluster": self.status.cluster}


def duties() -> tuple[Duty, ...]:
    """Return every duty, as often as the settings ask for it."""
    return (
        Duty(
            "reconcile-due", "worked_at", settings.SWEEP_SECONDS,
            _("In %(cluster)s not all is done that is due."),
        ),
        Duty(
            "sweep-clusters", "swept_at", settings.COMPARE_SECONDS,
            _("%(cluster)s is not being compared with the decisions as a whole."),
        ),
        Duty(
            "anchor-clusters", "anchored_at", settings.ANCHOR_SECONDS,
            _("The mark in %(cluster)s does not follow: an older backup of the database might pass for this one."),
        ),
    )  # fmt: skip


def late() -> list[Late]:
    """Return what is late in the clusters that are configured, by the clock of the database, in one query."""
    statuses = ClusterStatus.objects.filter(cluster__name__in=configured_clusters()).annotate(
        **{f"is_late_{duty.field}": _is_late(duty) for duty in duties()}
    )
    return [
        Late(duty, status, getattr(status, duty.field))
        for status in statuses.select_related("cluster").order_by("cluster__name")
        for duty in duties()
        if getattr(status, f"is_late_{duty.field}")
    ]


def _is_late(duty: Duty) -> ExpressionWrapper:
    past = Now() - timedelta(seconds=LATE_AFTER * duty.period)
    never = Q(**{f"{duty.field}__isnull": True}, cluster__created_at__lt=past)
    return ExpressionWrapper(Q(**{f"{duty.field}__lt": past}) | never, output_field=BooleanField())
