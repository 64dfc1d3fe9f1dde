"""How somebody's access to a namespace stands, in one value: what was decided, what the cluster answered, when.

Never "active" before the API server said yes as exactly that person, never "revoked" before it said no.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import F, Q
from django.utils.translation import gettext as _

from accounts.models import Identity, User
from clusters.models import ClusterStatus
from namespaces import access
from namespaces.access import Role
from namespaces.models import Grant, Membership, Namespace, NamespaceStatus


class State(StrEnum):
    """What to tell a person about their access."""

    NONE = "none"  # never had any
    GUEST = "guest"  # a member, but a guest: without effect until vouched for
    UNUSABLE = "unusable"  # a member, but no identity of theirs may be used in this cluster
    WAITING = "waiting"  # decided, not yet seen in the cluster
    ACTIVE = "active"  # proved
    FAILING = "failing"  # the cluster refuses or does not do it
    ENDING = "ending"  # ended, not yet proved gone
    RESIDUAL = "residual"  # ended, our binding is gone, but something else still lets them in
    REVOKED = "revoked"  # proved gone; without a moment: nothing of it was ever in the cluster


# Nothing is written to a cluster in one of these, until people have done something about it.
_BARRED = (ClusterStatus.State.REFUSED, ClusterStatus.State.FOREIGN, ClusterStatus.State.QUARANTINED)

FINAL = frozenset({State.NONE, State.GUEST, State.UNUSABLE, State.ACTIVE, State.REVOKED})


@dataclass(frozen=True)
class Standing:
    """`moment` is when it was proved, or since when it is so; `message` is what the cluster said, if it said no.

    `role` is what the row says: a newer version may have written one that this one does not know.
    """

    state: State
    role: str = ""
    moment: datetime | None = None
    message: str = ""

    @property
    def role_label(self) -> str:
        """The role as a word."""
        return access.label(self.role)

    @property
    def is_final(self) -> bool:
        """Whether nothing will change by itself soon: a page that shows it need not look again."""
        return self.state in FINAL


def of_person(person: User, namespaces: Iterable[Namespace]) -> dict[UUID, Standing]:
    """Return the person's standing in each of these namespaces, in a constant number of queries."""
    by_id = {namespace.pk: namespace for namespace in namespaces}
    found = _standings(by_id, Membership.objects.filter(person=person, namespace__in=by_id))
    return {key: found.get((key, person.pk), Standing(State.NONE)) for key in by_id}


def of_identity(identity: Identity) -> list[tuple[Namespace, Standing]]:
    """Return how the access by one identity stands, in every namespace in which it has, had or is to have some."""
    to_have = Q(memberships__person=identity.person_id, memberships__ended_at=None)
    concerned = Q(grants__identity=identity)
    if identity.state == Identity.State.ACTIVE:
        concerned |= to_have
    namespaces = Namespace.objects.filter(concerned).distinct().select_related("cluster")
    by_id = {namespace.pk: namespace for namespace in namespaces.order_by("name")}
    memberships = Membership.objects.filter(person=identity.person_id, namespace__in=by_id)
    found = _standings(by_id, memberships, identity)
    return [(namespace, found[key, identity.person_id]) for key, namespace in by_id.items()]


def of_members(namespace: Namespace, people: Collection[UUID] | None = None) -> dict[UUID, Standing]:
    """Return the standing of everybody who is or was a member of the namespace, or of these people, by person."""
    memberships = Membership.objects.filter(namespace=namespace)
    if people is not None:
        memberships = memberships.filter(person__in=people)
    found = _standings({namespace.pk: namespace}, memberships)
    return {person: standing for (_namespace, person), standing in found.items()}


def waiting_before(namespace: Namespace) -> int:
    """Return how many namespaces of the same cluster have waited longer for it than this one."""
    return (
        Namespace.objects.filter(cluster=namespace.cluster_id, changed_at__lt=namespace.changed_at)
        # Not before itself: SQLite compares moments as texts, with and without the last zeros.
        .exclude(pk=namespace.pk)
        .filter(Q(status__isnull=True) | ~Q(status__observed_generation=F("generation")))
        .count()
    )


def _standings(
    namespaces: dict[UUID, Namespace],
    memberships: Iterable[Membership],
    only: Identity | None = None,
) -> dict[tuple[UUID, UUID], Standing]:
    """Judge the newest membership of each person by all their identities, or by only one; a retired one gives nothing,
    and has what it gave taken back.
    """
    among = Identity.objects.filter(pk=only.pk) if only else Identity.objects.all()
    newest: dict[tuple[UUID, UUID], Membership] = {}
    by_age = (
        F("ended_at").asc(nulls_last=True),
        "created_at",
    )  # the current one last, whatever the clock said
    for membership in memberships.select_related("person").order_by(*by_age):  # type: ignore[attr-defined]
        newest[membership.namespace_id, membership.person_id] = membership
    people = {person for _namespace, person in newest}
    grants: dict[tuple[UUID, UUID], list[Grant]] = defaultdict(list)
    identities = among.filter(person__in=people)
    for grant in Grant.objects.filter(namespace__in=namespaces, identity__in=identities).select_related(
        "identity"
    ):
        grants[grant.namespace_id, grant.identity.person_id].append(grant)
    with_identity = set(identities.filter(state=Identity.State.ACTIVE).values_list("person", flat=True))
    statuses = NamespaceStatus.objects.in_bulk(list(namespaces))
    clusters = {status.cluster_id: status for status in ClusterStatus.objects.all()}
    return {
        key: _judge(
            membership,
            grants[key],
            has_identity=key[1] in with_identity,
            is_over=membership.ended_at is not None or bool(only and only.state != Identity.State.ACTIVE),
            status=statuses.get(key[0]),
            namespace=namespaces[key[0]],
            cluster=clusters.get(namespaces[key[0]].cluster_id),
        )
        for key, membership in newest.items()
    }


def _judge(
    membership: Membership,
    grants: list[Grant],
    *,
    has_identity: bool,
    is_over: bool,
    status: NamespaceStatus | None,
    namespace: Namespace,
    cluster: ClusterStatus | None,
) -> Standing:
    role = membership.role
    if cluster is not None and cluster.state == ClusterStatus.State.QUARANTINED:
        # Whatever these rows prove was true of an earlier day.
        state = State.ENDING if is_over else State.FAILING
        return Standing(state, role, cluster.since, cluster.error_message)
    if is_over:
        return _judge_ended(membership, grants)
    if membership.person.is_guest or not membership.person.is_active or not has_identity:
        if any(grant.state != Grant.State.REVOKED for grant in grants):
            return _judge_ended(membership, grants)
        state = State.GUEST if membership.person.is_guest else State.UNUSABLE
        return Standing(state, role, membership.changed_at)
    current = [grant for grant in grants if grant.role == role and grant.state != Grant.State.REVOKED]
    failing = next((grant for grant in current if grant.state == Grant.State.FAILING), None)
    if failing is not None:
        return Standing(State.FAILING, role, failing.since, failing.error_message)
    active = [grant for grant in current if _is_proved(grant, membership)]
    if active and len(active) == len(current) and not _is_held_as_another(role, grants):
        return Standing(State.ACTIVE, role, min(grant.proved_at for grant in active if grant.proved_at))
    if role not in Role.values:
        words = _("This version of Berth does not know the role %(role)s.") % {"role": role}
        return Standing(State.FAILING, role, membership.changed_at, words)
    if status is not None and status.observed_generation == namespace.generation and not current:
        return Standing(State.UNUSABLE, role, membership.changed_at)
    trouble = _trouble(status, cluster)
    if trouble:
        return Standing(State.FAILING, role, membership.changed_at, trouble)
    return Standing(State.WAITING, role, membership.changed_at)


def _is_proved(grant: Grant, membership: Membership) -> bool:
    """Whether the API server said yes for this membership as it is now.

    A proof of an earlier membership says nothing about this one: its binding is replaced, and not there meanwhile. Nor
    does one from before the last change: a role that was taken away and given back may have been gone in between.
    """
    return (
        grant.state == Grant.State.ACTIVE
        and grant.membership_id == membership.pk
        and grant.proved_at is not None
        and grant.proved_at >= membership.changed_at
    )


def _is_held_as_another(role: str, grants: list[Grant]) -> bool:
    """Whether a role that was changed is still in the cluster. What somebody else gives is not ours to wait for."""
    held = (grant for grant in grants if grant.role != role and grant.state != Grant.State.REVOKED)
    return any(not _is_residual(grant) for grant in held)


def _is_residual(grant: Grant) -> bool:
    """Whether the API server still said yes after our binding was gone (see `reconciliation`)."""
    return grant.state == Grant.State.REVOKING and not grant.binding_uid


def _judge_ended(membership: Membership, grants: list[Grant]) -> Standing:
    role = membership.role
    held = [grant for grant in grants if grant.state != Grant.State.REVOKED]
    residual = [grant for grant in held if _is_residual(grant)]
    if residual:
        return Standing(State.RESIDUAL, role, residual[0].since, residual[0].error_message)
    if held:
        return Standing(State.ENDING, role, membership.ended_at, held[0].error_message)
    proofs = [grant.proved_at for grant in grants if grant.proved_at]
    return Standing(State.REVOKED, role, max(proofs, default=None))


def _trouble(status: NamespaceStatus | None, cluster: ClusterStatus | None) -> str:
    """Return why the cluster does not do it, if it failed for a reason that waiting alone may not mend."""
    if status is not None and status.state in (
        NamespaceStatus.State.CONFLICT,
        NamespaceStatus.State.DEGRADED,
        NamespaceStatus.State.MISSING,
    ):
        return status.error_message
    if cluster is not None and cluster.state in _BARRED:
        return cluster.error_message
    return ""
