"""Is this the cluster, and is this the database? Asked before anything is written to a cluster.

The answer is in the cluster: the uid of its kube-system, and the mark that the worker leaves there (`clusters.mark`).
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from audit import head
from clusters import mark
from clusters.api import NAMESPACE, ClusterApi, Conflict, Manifest
from clusters.mark import ForeignCluster, Mark, Quarantined
from clusters.models import Cluster, ClusterStatus


def check(api: ClusterApi, cluster: Cluster) -> tuple[Mark, Manifest]:
    """Return the mark of a cluster that is the one it was and has seen no later database than this one.

    Raises ForeignCluster or Quarantined, or another ClusterError when that could not be seen.
    """
    found, manifest = read(api, cluster)
    if not is_behind(found):
        return found, manifest
    raise Quarantined(
        "The cluster has seen a later state of the database: this one is a restored backup. Nothing is written to the"
        " cluster until an operator has seen what would change and accepted it (manage.py restore)."
    )


def read(api: ClusterApi, cluster: Cluster) -> tuple[Mark, Manifest]:
    """Return the mark of a cluster that is the one it was and belongs to this installation, however old the database.

    Raises ForeignCluster, or another ClusterError when that could not be seen.
    """
    check_uid(api, cluster)
    found, manifest = mark.read(api)
    if found.installation not in ("", str(cluster.installation_id)):
        raise ForeignCluster(
            f"The cluster belongs to another installation of Berth, {found.installation}. Nothing is written to it."
        )
    return found, manifest


def is_behind(found: Mark) -> bool:
    """Whether this database is not the one that left the mark, or an older state of it."""
    return found.event > 0 and not head.holds(found.event, found.fingerprint)


def check_uid(api: ClusterApi, cluster: Cluster) -> None:
    """Raise ForeignCluster for another cluster than the one first met under this name (by its kube-system)."""
    uid = api.get(NAMESPACE, "kube-system")["metadata"]["uid"]
    status = ClusterStatus.objects.get(cluster=cluster)
    if not status.kube_system_uid:
        ClusterStatus.objects.filter(cluster=cluster, kube_system_uid="").update(kube_system_uid=uid)
    elif status.kube_system_uid != uid:
        raise ForeignCluster("The cluster at this address is not the one it was. Nothing is written to it.")


def claim(api: ClusterApi, cluster: Cluster) -> None:
    """Check, and leave the id of this installation where no mark is yet, so that no other one comes after us."""
    found, manifest = check(api, cluster)
    if found.installation:
        return
    try:
        mark.write(api, manifest, Mark(str(cluster.installation_id)))
    except Conflict:  # somebody was faster: perhaps another installation
        check(api, cluster)


def advance(api: ClusterApi, cluster: Cluster) -> None:
    """Let the mark follow the database. Raises ClusterError as `check` does: a mark is never moved back."""
    found, manifest = check(api, cluster)
    event, fingerprint = head.newest()
    wanted = Mark(str(cluster.installation_id), event, fingerprint)
    if event > found.event or not found.installation:
        try:
            mark.write(api, manifest, wanted)
        except Conflict:
            return  # another worker does the same
    old = Q(anchored_at__isnull=True) | Q(anchored_at__lt=Now() - timedelta(seconds=settings.ANCHOR_SECONDS))
    ClusterStatus.objects.filter(old, cluster=cluster).update(anchored_at=Now())


def move(api: ClusterApi, cluster: Cluster) -> None:
    """Let the mark name this database as it is now, wherever it was: an operator has accepted that.

    Raises ClusterError as `read` does.
    """
    _found, manifest = read(api, cluster)
    mark.write(api, manifest, Mark(str(cluster.installation_id), *head.newest()))
