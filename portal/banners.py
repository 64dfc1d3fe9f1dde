"""The banners of the frame: clusters that Berth cannot reach, or that are still being built.

What the workers saw is in the database. A control plane that runs on this machine also writes down how far it has
come, and that is more honest than "unreachable" while it is being built.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from clusters.config import ClusterConfig, ConfigError
from clusters.models import Cluster, ClusterStatus
from clusters.registry import configured_clusters


@dataclass(frozen=True)
class Banner:
    """A sentence about a cluster, and since when it holds."""

    text: str
    since: datetime | None = None
    detail: str = ""
    is_trouble: bool = True


def cluster_banners() -> list[Banner]:
    """Return a banner for each cluster that cannot do what it is asked now, in one query."""
    try:
        configs = configured_clusters()
    except ConfigError:
        configs = {}
    clusters = Cluster.objects.filter(name__in=configs).select_related("status")
    banners = (_banner(cluster, configs[cluster.name]) for cluster in clusters)
    return [banner for banner in banners if banner is not None]


def _banner(cluster: Cluster, config: ClusterConfig) -> Banner | None:
    local = _local_banner(cluster, config.status_file) if config.status_file else None
    status: ClusterStatus | None = getattr(cluster, "status", None)
    if local or status is None or status.state == ClusterStatus.State.REACHABLE:
        return local
    State = ClusterStatus.State
    names = {"cluster": cluster}
    if status.state == State.UNKNOWN:
        return Banner(_("%(cluster)s has not been contacted yet.") % names, is_trouble=False)
    if status.state == State.UNREACHABLE:
        return Banner(
            _("%(cluster)s does not answer. What is decided meanwhile takes effect by itself when it does.")
            % names,
            status.since,
        )
    if status.state == State.REFUSED:
        return Banner(_("%(cluster)s refuses Berth, so nothing can be changed in it.") % names, status.since)
    if status.state == State.QUARANTINED:
        return Banner(
            _(
                "%(cluster)s has seen a later state of Berth than this one, which was restored from a backup."
                " Nothing is changed in it until an operator has decided about each difference."
            )
            % names,
            status.since,
        )
    return Banner(
        _("%(cluster)s is not the cluster it was, so Berth changes nothing in it.") % names, status.since
    )


def _local_banner(cluster: Cluster, path: Path) -> Banner | None:
    """Return what the control plane on this machine says of itself, None where it is ready or says nothing."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        state, detail, since = said["state"], str(said["detail"]), parse_datetime(said["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = {
        "building": _(
            "%(cluster)s is still being built. What is decided meanwhile takes effect by itself later."
        ),
        "starting": _(
            "%(cluster)s is starting. What is decided meanwhile takes effect by itself in a moment."
        ),
        "stopped": _("%(cluster)s is stopped. What is decided meanwhile takes effect when it runs again."),
        "failed": _("%(cluster)s could not be started."),
    }
    if state not in texts:
        return None
    return Banner(
        texts[state] % {"cluster": cluster}, since, detail, is_trouble=state in {"stopped", "failed"}
    )
