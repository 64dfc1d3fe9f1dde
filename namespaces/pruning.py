"""How many bindings of ours may go although no row explains their end: few at once, and never more.

Rows explain every end that was decided. What is left over is the trace of a mistake, in the rows or in a file: a
handful may be cleaned up, a large number is never believed (faults.md, F-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from audit.models import Event
from clusters.roles import HIGHEST_ROLE
from namespaces.reconciler.diff import Drift, role_text

PRUNED = "binding.pruned"
AT_LEAST, SHARE = 5, 0.10
PERIOD = timedelta(hours=1)


def candidates(drift: Drift) -> frozenset[str]:
    """Return the uids of bindings of ours in one namespace that no row wants and none explains.

    The last admin of a namespace is none: somebody must be left who can put it right.
    """
    admin = role_text(HIGHEST_ROLE)
    stays = any(binding.role == HIGHEST_ROLE for binding, _seen in drift.correct)
    return frozenset(seen.uid for seen in drift.unexplained if stays or seen.role != admin)


def without_a_row(drift: Drift) -> frozenset[str]:
    """Return the uids of everything in one namespace that is of this Berth and that no row wants or explains.

    For an operator who says how many may go: those of which the rows know nothing at all are among them.
    """
    orphans = (foreign.uid for foreign in drift.foreign if foreign.is_orphan)
    return frozenset([*(seen.uid for seen in drift.unexplained), *orphans])


def allowed(found: Mapping[UUID, frozenset[str]], *, ours: int) -> bool:
    """Whether all these may go, of so many bindings of ours in the cluster, with those of the last hour."""
    recent = Event.objects.filter(act=PRUNED, at__gte=Now() - PERIOD).count()
    return recent + sum(map(len, found.values())) <= max(AT_LEAST, SHARE * ours)
