"""What somebody's kubeconfig holds: for each cluster the identity that it is for, and the namespaces they can use."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Identity, User
from clusters.config import ClusterConfig
from clusters.kubeconfig import Context
from clusters.registry import configured_clusters
from namespaces.models import Membership

DOWNLOADED = "config.downloaded"
"""The act under which the audit trail records a download."""


@dataclass(frozen=True)
class Part:
    """One cluster of the file, and who the person is there. Without namespaces the file only logs in."""

    cluster: ClusterConfig
    identity: Identity
    username: str
    namespaces: tuple[str, ...]

    @property
    def contexts(self) -> list[Context]:
        """The contexts of the file: one per namespace, else one for the cluster alone."""
        trust = self.cluster.trust(self.identity.issuer)
        if trust is None:  # `of` makes no part for an issuer that the cluster does not know
            raise LookupError(self.identity.issuer)
        return [Context(self.cluster, trust, name) for name in self.namespaces or (None,)]


def of(person: User) -> list[Part]:
    """Return the parts of the person's file: one for each cluster that believes one of their identities.

    Of several such identities it is the one that logged in last. A guest's memberships are without effect.
    """
    identities = Identity.objects.filter(person=person, state=Identity.State.ACTIVE)
    newest_first = sorted(identities, key=lambda each: each.last_login_at or each.created_at, reverse=True)
    namespaces = _namespaces(person)
    parts = []
    for cluster in configured_clusters().values():
        names = ((each, cluster.username(each.issuer, each.subject)) for each in newest_first)
        identity, username = next(((each, name) for each, name in names if name), (None, None))
        if identity and username:
            parts.append(Part(cluster, identity, username, tuple(namespaces.get(cluster.name, ()))))
    return parts


def _namespaces(person: User) -> dict[str, list[str]]:
    """Return the names of the namespaces in which the person's membership has effect, by cluster."""
    found: dict[str, list[str]] = {}
    if person.is_guest or not person.is_active:
        return found
    memberships = Membership.objects.current().filter(person=person)
    for cluster, name in memberships.values_list("namespace__cluster__name", "namespace__name").order_by(
        "namespace__name"
    ):
        found.setdefault(cluster, []).append(name)
    return found
