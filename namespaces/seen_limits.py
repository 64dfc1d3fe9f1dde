"""Quotas and ranges of limits as they were seen in the cluster: storing them, and what the pages say of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from django.db.models.functions import Now

from clusters.api import RESOURCE_QUOTA, Manifest
from clusters.models import ClusterStatus
from clusters.names import MANAGED_BY, MANAGED_BY_LABEL
from namespaces.models import Limit, Namespace, NamespaceStatus, SeenLimits
from namespaces.reconciler import quotas
from namespaces.reconciler.quantities import amount, family, write
from namespaces.reconciler.spec import NamespaceSpec

_Content = dict[str, object]


def store(seen: Mapping[UUID, Sequence[Manifest]]) -> None:
    """Store what was seen in these namespaces; `seen` holds *all* quotas and ranges of limits of each.

    Rows that say it already are left alone, so that a sweep over thousands of namespaces writes what changed.
    """
    known: dict[UUID, dict[tuple[str, str], SeenLimits]] = defaultdict(dict)
    for row in SeenLimits.objects.filter(namespace__in=seen):
        known[row.namespace_id][row.kind, row.name] = row
    gone, new = [], []
    for namespace_id, manifests in seen.items():
        now = {(item["kind"], item["metadata"]["name"]): item for item in manifests}
        gone += [row.pk for key, row in known[namespace_id].items() if key not in now]
        for key, item in now.items():
            content, is_ours = _content(item), quotas.is_ours(item)
            stored = known[namespace_id].get(key)
            if stored is None or (stored.content, stored.is_ours) != (content, is_ours):
                kind, name = key
                new.append(
                    SeenLimits(
                        namespace_id=namespace_id,
                        kind=kind,
                        name=name,
                        is_ours=is_ours,
                        content=content,
                        changed_at=Now(),
                    )
                )
    SeenLimits.objects.filter(pk__in=gone).delete()
    SeenLimits.objects.bulk_create(
        new,
        batch_size=500,
        update_conflicts=True,
        unique_fields=("namespace", "kind", "name"),
        update_fields=("is_ours", "content", "changed_at"),
    )


def _content(item: Manifest) -> _Content:
    spec = item.get("spec") or {}
    if item["kind"] != RESOURCE_QUOTA.name:
        return {"limits": spec.get("limits") or []}
    # What the controller does not list as hard in the status, nobody enforces (`nvidia.com/gpu`).
    return {"hard": spec.get("hard") or {}, "used": (item.get("status") or {}).get("used") or {}}


@dataclass(frozen=True)
class Use:
    """One line of a quota: its resource, what it allows and what is used of it, as text, and the share of it.

    `used` is empty where the cluster has not counted; `share` is in per cent and may be above 100.
    """

    resource: str
    hard: str
    used: str
    free: str
    share: int
    is_known: bool

    @property
    def is_over(self) -> bool:
        return self.share > 100


@dataclass(frozen=True)
class SeenQuota:
    """One quota of a namespace with its lines."""

    name: str
    is_ours: bool
    lines: tuple[Use, ...]


@dataclass(frozen=True)
class Seen:
    """All that limits a namespace in the cluster, and when it was last looked at.

    `is_decided` tells whether operators set any limit, `is_pending` whether the cluster was not yet seen to have it so,
    `is_taken` that it cannot, because others made an object of that name.
    """

    quotas: tuple[SeenQuota, ...]
    other_ranges: tuple[str, ...]
    seen_at: datetime | None
    is_decided: bool
    is_pending: bool
    is_taken: bool


def of(namespace: Namespace) -> Seen:
    """Return what was last seen in the namespace, Berth's own quota first."""
    rows = list(SeenLimits.objects.filter(namespace=namespace))
    found = [
        SeenQuota(row.name, row.is_ours, tuple(_lines(row.content)))
        for row in sorted(rows, key=lambda row: (not row.is_ours, row.name))
        if row.kind == RESOURCE_QUOTA.name
    ]
    ranges = [row.name for row in rows if row.kind != RESOURCE_QUOTA.name and not row.is_ours]
    status = NamespaceStatus.objects.filter(namespace=namespace).first()
    cluster = ClusterStatus.objects.filter(cluster=namespace.cluster_id).first()
    moments = [status.reconciled_at if status else None, cluster.swept_at if cluster else None]
    decided = list(Limit.objects.filter(namespace=namespace))
    acts = _open_acts(namespace, decided, rows)
    return Seen(
        tuple(found),
        tuple(ranges),
        max((each for each in moments if each), default=None),
        is_decided=any(limit.amount is not None for limit in decided),
        is_pending=bool(acts - {quotas.Act.CONFLICT}),
        is_taken=quotas.Act.CONFLICT in acts,
    )


def _open_acts(namespace: Namespace, decided: Sequence[Limit], rows: Sequence[SeenLimits]) -> set[quotas.Act]:
    """Ask what a pass would ask, of what was last seen."""
    spec = NamespaceSpec(
        name=namespace.name,
        namespace_id=str(namespace.pk),
        installation_id="",
        generation=namespace.generation,
        uid="",
        bindings=(),
        limits=tuple(limit.key.spec(limit.amount) for limit in decided),
    )
    seen = {kind: [_as_manifest(row) for row in rows if row.kind == kind.name] for kind in quotas.KINDS}
    changes = (quotas.change(spec, kind, found) for kind, found in seen.items())
    return {change.act for change in changes if change is not None}


def _as_manifest(row: SeenLimits) -> Manifest:
    labels = {MANAGED_BY_LABEL: MANAGED_BY} if row.is_ours else {}
    return {"kind": row.kind, "metadata": {"name": row.name, "labels": labels}, "spec": row.content}


def used(namespace: Namespace) -> dict[str, Fraction]:
    """Return what is used of each resource that some quota of the namespace counts, in the unit of its family."""
    found: dict[str, Fraction] = {}
    for row in SeenLimits.objects.filter(namespace=namespace, kind=RESOURCE_QUOTA.name):
        for resource, quantity in row.content["used"].items():
            try:
                found[resource] = amount(family(resource), quantity)
            except ValueError:
                continue
    return found


def _lines(content: Mapping[str, Mapping[str, str]]) -> list[Use]:
    return [
        _line(resource, hard, content["used"].get(resource))
        for resource, hard in sorted(content["hard"].items())
    ]


def _line(resource: str, hard: str, in_use: str | None) -> Use:
    counted = family(resource)
    try:
        most, now = amount(counted, hard), amount(counted, in_use or "")
    except ValueError:
        return Use(resource, hard, in_use or "", "", 0, is_known=False)
    left = max(most - now, Fraction(0))
    share = int(100 * now / most) if most else (100 if not now else 101)
    texts = [write(counted, int(each)) for each in (most, now, left)]
    return Use(resource, texts[0], texts[1], texts[2], share, is_known=True)
