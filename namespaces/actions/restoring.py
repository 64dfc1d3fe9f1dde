"""After a database was restored from a backup: what would change in a cluster, and an operator's word line by line.

While a cluster is quarantined nothing is written to it. A line goes away when the rows are put right in the pages (a
member removed again, or added again), or when an operator accepts it. When no open line is left, the mark in the
cluster is moved to this database and the workers go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from audit.record import record
from clusters import mark
from clusters.api import ClusterApi
from clusters.models import Cluster, ClusterStatus
from namespaces import anchor, differences, sweeping
from namespaces.actions import drift
from namespaces.differences import Difference
from namespaces.models import Namespace
from namespaces.reconciler.diff import Drift


class RestoreError(Exception):
    """What was asked cannot be done; `args[0]` says why, for people."""


@dataclass(frozen=True)
class Line:
    """One thing that would change in the cluster: `key` names it, `accepted` tells whether an operator has said yes."""

    key: str
    namespace: Namespace
    difference: Difference
    accepted: bool


def is_quarantined(api: ClusterApi, cluster: Cluster) -> bool:
    """Whether the cluster has seen a later database than this one. Raises ClusterError if that could not be seen."""
    return anchor.is_behind(anchor.read(api, cluster)[0])


def lines(api: ClusterApi, cluster: Cluster) -> list[Line]:
    """Return what would change in a cluster if the workers went on now. Nothing is written.

    Raises ClusterError when the cluster could not be seen whole.
    """
    accepted = set(ClusterStatus.objects.get(cluster=cluster).accepted)
    found = []
    for surveyed in sweeping.survey(api, cluster):
        namespace = surveyed.namespace
        for difference in _changes(namespace, surveyed.drift):
            key = _key(namespace, difference)
            found.append(Line(key, namespace, difference, key in accepted))
    return found


def accept(
    api: ClusterApi, cluster: Cluster, *, keys: Collection[str] | None, reason: str, by: User
) -> list[Line]:
    """Accept lines, all of them if no keys are given; return those that are still open.

    Where none is, the quarantine is over. Raises RestoreError for a key that no line has or a cluster that is not
    quarantined, and ClusterError when the cluster could not be seen or the mark not be moved.
    """
    if not is_quarantined(api, cluster):
        raise RestoreError(f"{cluster.name} is not quarantined: there is nothing to accept.")
    present = {line.key: line for line in lines(api, cluster)}
    if unknown := sorted(set(keys or ()) - set(present)):
        raise RestoreError(
            f"No line of {cluster.name} is called {', '.join(unknown)}. Look again: restore diff."
        )
    chosen = present if keys is None else {key: present[key] for key in keys}
    with transaction.atomic():
        status = ClusterStatus.objects.select_for_update().get(cluster=cluster)
        for line in chosen.values():
            _accept_line(line, reason=reason, by=by)
        status.accepted = sorted({*status.accepted, *chosen})
        status.save(update_fields=("accepted",))
    remaining = [line for key, line in present.items() if not line.accepted and key not in chosen]
    if not remaining:
        anchor.move(
            api, cluster
        )  # if this fails, all lines stay accepted, and whoever says so again goes on here
        _finish(cluster, reason=reason, by=by)
    return remaining


@transaction.atomic
def _finish(cluster: Cluster, *, reason: str, by: User) -> None:
    ClusterStatus.objects.filter(cluster=cluster).update(accepted=[])
    record("restore.finished", by=by, about=cluster, reason=reason)


def take_over(api: ClusterApi, cluster: Cluster, *, reason: str, by: User) -> None:
    """Give a new database the installation id that the cluster knows: the old database is lost.

    Raises RestoreError if the ids agree already, and ClusterError when the cluster could not be seen.
    """
    anchor.check_uid(api, cluster)
    found, _manifest = mark.read(api)
    if found.installation in ("", str(cluster.installation_id)):
        raise RestoreError(f"{cluster.name} belongs to this installation already.")
    with transaction.atomic():
        before = {"installation": str(cluster.installation_id)}
        cluster.installation_id = found.installation
        cluster.save(update_fields=("installation_id",))
        cluster.refresh_from_db()
        after = {"installation": found.installation}
        record("restore.installation", by=by, about=cluster, before=before, after=after, reason=reason)


def _changes(namespace: Namespace, found: Drift) -> Iterator[Difference]:
    yield from differences.effects(found, namespace.name)
    orphans = {foreign.uid for foreign in found.foreign if foreign.is_orphan}
    unexplained = {seen.uid for seen in found.unexplained}
    in_the_way = {seen.uid for _binding, seen in found.conflicts}
    for difference in differences.left_alone(found, namespace.name):
        if difference.uid in orphans | unexplained | in_the_way:
            yield difference


def _accept_line(line: Line, *, reason: str, by: User) -> None:
    difference = line.difference
    if difference.sign in "?!":  # no row explains its end: from now on this does
        drift.condemn(
            namespace=line.namespace, name=difference.name, uid=difference.uid, reason=reason, by=by
        )
    record(
        "restore.accepted", by=by, about=line.namespace, namespace_id=line.namespace.pk, reason=reason,
        after={"line": str(difference)},
    )  # fmt: skip


def _key(namespace: Namespace, difference: Difference) -> str:
    """Name a line by the object that it is about, so that it keeps its name when somebody has decided about that."""
    said = f"{namespace.pk}\0{difference.uid or difference}"
    return hashlib.sha256(said.encode()).hexdigest()[:10]
