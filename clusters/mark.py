"""The mark that Berth leaves in a cluster: which installation works there, and how far its database has come.

It lies in a ConfigMap that only the worker writes. A database that was restored from an older backup does not know the
event that the mark names, and another installation has another id: in both cases nothing may be written to the cluster
(faults.md, F-27 to F-29). Nothing here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusters.api import CONFIG_MAP, ClusterApi, ClusterError, Manifest, NotFound
from clusters.names import STATE_CONFIG_MAP, SYSTEM_NAMESPACE

_INSTALLATION, _EVENT, _FINGERPRINT = "installation", "event", "fingerprint"


class ForeignCluster(ClusterError):
    """The cluster at this address is not the one it was, or another Berth works in it: nothing is written."""

    code = "foreign"


class Quarantined(ClusterError):
    """The cluster has seen a later state of the database than this one: nothing is written."""

    code = "quarantined"


@dataclass(frozen=True)
class Mark:
    """What the ConfigMap says: the id of the installation, and number and fingerprint of an audit event.

    Empty, and 0, where nobody has left a mark yet.
    """

    installation: str = ""
    event: int = 0
    fingerprint: str = ""


def read(api: ClusterApi) -> tuple[Mark, Manifest]:
    """Return the mark and the ConfigMap that it was read from, for `write`.

    Raises Quarantined for a mark that cannot be read, and NotFound with words for one that is missing.
    """
    try:
        found = api.get(CONFIG_MAP, STATE_CONFIG_MAP, SYSTEM_NAMESPACE)
    except NotFound as error:
        place = f"{SYSTEM_NAMESPACE}/{STATE_CONFIG_MAP}"
        raise NotFound(f"The ConfigMap {place} is missing: apply the manifests.", cause=error.cause) from None
    data = found.get("data") or {}
    event = str(data.get(_EVENT, "0"))
    if not (event.isascii() and event.isdigit()):
        raise Quarantined("The mark of Berth in the cluster cannot be read: somebody has changed it.")
    return Mark(str(data.get(_INSTALLATION, "")), int(event), str(data.get(_FINGERPRINT, ""))), found


def write(api: ClusterApi, found: Manifest, mark: Mark) -> None:
    """Write the mark over what was read; raises Conflict if somebody else did so since."""
    data = {_INSTALLATION: mark.installation, _EVENT: str(mark.event), _FINGERPRINT: mark.fingerprint}
    api.replace(CONFIG_MAP, {**found, "data": data})
