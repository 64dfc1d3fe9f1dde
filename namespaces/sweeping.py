"""Everything at once: who is to be looked at now, and comparing whole clusters with the rows.

Messages save the wait; this finds whatever they missed, and whatever somebody changed by hand. What is found can be
shared out among all workers (`namespaces.tasks`), or be worked off here.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import DataError, IntegrityError
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from clusters import diagnosis, soundness
from clusters.api import (
    NAMESPACE,
    ROLE_BINDING,
    ClusterApi,
    ClusterError,
    Forbidden,
    Kind,
    Manifest,
    Unavailable,
)
from clusters.models import Cluster, ClusterStatus
from clusters.names import CANARY_BINDING, SYSTEM_NAMESPACE
from clusters.registry import configured_clusters
from clusters.roles import ROLES, cluster_role
from namespaces import anchor, contact, desired_state, drift, epoch, pruning, seen_limits
from namespaces.models import Grant, Namespace, NamespaceStatus
from namespaces.reconciler import quotas
from namespaces.reconciler.diff import Drift, Foreign, ForeignKeys, Observed, compare, keys_of_others
from namespaces.reconciliation import LATE_CREATES_FOR, reconcile
from namespaces.verdicts import UNPROVED

logger = structlog.get_logger(__name__)

MOST_SECONDS_AT_ONCE = 5
"""How long one process works off what was found, before it looks again who is first now."""

NEGLECTED_SECONDS = 10
"""How long something is due before nobody else can be believed to come: two looks of beat."""

ASKED_SECONDS = 30
"""How often a worker that looks for what is neglected asks a cluster that is away whether it is back."""

OWES_PROOFS = Q(status__error_code=UNPROVED, status__attempted_generation=F("generation"))
"""Of a namespace: everything was done, and the cluster has not confirmed all of it."""


@dataclass(frozen=True)
class Waiting:
    """A namespace that a worker should look at; `ends` says that somebody's right is to end there."""

    namespace_id: UUID
    cluster: Cluster
    ends: bool


def due() -> QuerySet[Namespace]:
    """Return the namespaces that a worker should look at now: changed since the last attempt, or due again.

    Those where somebody's right is to end come first.
    """
    again = Namespace.objects.filter(status__next_reconcile_at__lte=Now())
    return (_untried() | again).order_by(_ends().desc(), "changed_at")


def _untried() -> QuerySet[Namespace]:
    """Return the namespaces that nobody has tried to make right since they were changed."""
    return Namespace.objects.filter(Q(status__isnull=True) | ~Q(status__attempted_generation=F("generation")))


def _ends() -> Case:
    """Of a namespace: whether somebody's right is to end there. Where only proofs are owed, it has ended.

    One whose create was never answered may have come back, for a while.
    """
    held = Grant.objects.exclude(
        Q(unanswered=[]) | Q(since__lte=Now() - LATE_CREATES_FOR), state=Grant.State.REVOKED
    )
    return Case(
        When(OWES_PROOFS, then=Value(False)),
        default=Exists(held.filter(desired_state.OVER, namespace=OuterRef("pk"))),
    )


def due_to_us() -> QuerySet[Namespace]:
    """Narrow that to the namespaces that no other worker is at.

    In a cluster that asked us to slow down, only ends of rights do not wait.
    """
    ours = due().exclude(status__lease_until__gt=Now()).alias(ends=_ends())
    return ours.exclude(cluster__status__throttled_until__gt=Now(), ends=False)


def let_be_due(namespace_ids: Collection[UUID], *, ends: Collection[UUID]) -> None:
    """Let namespaces be looked at now; in those of `ends` somebody's right may be to end.

    One of these that owed no more than proofs may owe more, or a hurry would pass it by.
    """
    statuses = NamespaceStatus.objects.filter(pk__in=namespace_ids)
    statuses.filter(pk__in=ends, error_code=UNPROVED).update(error_code="")
    statuses.update(next_reconcile_at=Now())


def find_due() -> list[Waiting]:
    """Return who is due, in order, in the clusters that answer. One that is down is asked once, not once a namespace.

    Unless somebody was not taken up for long, that is a duty done (`duties`).

    The first who sees it answer again lets all that was not done be due (`contact.note`).
    """
    Cluster.objects.sync(configured_clusters())
    clusters = {cluster.pk: cluster for cluster in Cluster.objects.all() if _answers(cluster)}
    found = due_to_us().filter(cluster__in=clusters).values_list("pk", "cluster", _ends())
    behind = (
        _untried().filter(changed_at__lt=Now() - timedelta(seconds=settings.SWEEP_SECONDS)).values("cluster")
    )
    ClusterStatus.objects.filter(cluster__in=clusters).exclude(cluster__in=behind).update(worked_at=Now())
    return [Waiting(namespace_id, clusters[cluster_id], ends) for namespace_id, cluster_id, ends in found]


def find_neglected() -> list[Waiting]:
    """Return, in order, who is due for long in clusters that answer; nobody while some worker is at something.

    Where no beat runs, nobody else asks a cluster that was away whether it is back.
    """
    if NamespaceStatus.objects.filter(lease_until__gt=Now()).exists():
        return []
    past = Now() - timedelta(seconds=NEGLECTED_SECONDS)
    neglected = due_to_us().filter(Q(changed_at__lt=past) | Q(status__next_reconcile_at__lt=past))
    concerned = Cluster.objects.filter(pk__in=neglected.order_by().values("cluster"))
    clusters = {cluster.pk: cluster for cluster in concerned if _answers_when_asked_seldom(cluster)}
    rows = neglected.filter(cluster__in=clusters).values_list("pk", "cluster", _ends())
    return [Waiting(namespace_id, clusters[cluster_id], ends) for namespace_id, cluster_id, ends in rows]


def find_differing() -> Iterator[list[Waiting]]:
    """Compare the clusters as wholes with the rows, and yield for each who differs, in order. All these are due then.

    What the guard lets go is pruned here, after the others were taken up: that it may go is true of what this
    comparison has counted, and a message that said so could come twice, or late.
    """
    for cluster in Cluster.objects.all():
        try:
            swept = sweep(cluster)
        except ClusterError as error:
            contact.note(cluster, error)
            continue
        except (DataError, IntegrityError):
            logger.exception("what was seen in a cluster cannot be stored", cluster=cluster.name)
            continue  # others are swept all the same
        let_be_due(swept.differing, ends=swept.ends)
        yield [
            Waiting(namespace_id, cluster, namespace_id in swept.ends)
            for namespace_id in swept.differing
            if namespace_id not in swept.prunable
        ]
        _in_turn((cluster, partial(reconcile, each, prune=uids)) for each, uids in swept.prunable.items())


def reconcile_each(waiting: Iterable[Waiting]) -> None:
    """Make these namespaces right, one after the other, as far as they are still due when their turn comes.

    Nobody waits for the proof of another: what owes its proofs has its second turn after everybody's first.
    """
    owing: list[Waiting] = []

    def make_right(each: Waiting) -> None:
        if reconcile_if_due(each.namespace_id) is not None:
            owing.append(each)

    _in_turn((each.cluster, partial(make_right, each)) for each in chain(waiting, _taken_from(owing)))


def _taken_from(owing: list[Waiting]) -> Iterator[Waiting]:
    """Yield what is there when its turn comes; what comes again meanwhile, the next call does."""
    yield from list(owing)


def reconcile_if_due(namespace_id: UUID, *, hurry: bool = False) -> str | None:
    """Make a namespace right unless somebody else has done so, or is at it. Return what `reconcile` returns.

    What is to be made is made at the first turn, and what has changed is proved at the second: others wait as well.
    Where something failed at the last turn, both are done in one, or what fails again and again would put off the
    proofs for ever. In a `hurry`, one that only owes proofs is left to whoever has time.
    """
    waiting = due_to_us().filter(pk=namespace_id).order_by()
    if hurry:
        waiting = waiting.exclude(OWES_PROOFS)
    found = list(waiting.values_list("status__error_code", flat=True))
    return reconcile(namespace_id, hurry=hurry or not any(found)) if found else None


def reconcile_due() -> None:
    """Make right here what is out of date, as far as there is time."""
    reconcile_each(find_due())


def sweep_clusters() -> None:
    """Compare every cluster as a whole with the rows, and make right here what differs, as far as there is time."""
    for waiting in find_differing():
        reconcile_each(waiting)


def anchor_clusters() -> None:
    """Let the mark in each cluster follow the database, or find out that it is ahead."""
    for cluster in Cluster.objects.all():
        if contact.is_down(cluster):
            continue  # `reconcile_due` asks whether it is back
        try:
            anchor.advance(contact.connect(contact.config_of(cluster)), cluster)
        except ClusterError as error:
            contact.note(cluster, error)


def _in_turn(passes: Iterable[tuple[Cluster, Callable[[], object]]]) -> None:
    """Do passes over namespaces while there is time, each cluster's as long as it answers.

    A cluster that has stopped to answer is asked once more, since it may be one namespace alone that makes it fail.
    """
    deadline = time.monotonic() + MOST_SECONDS_AT_ONCE
    away: set[Cluster] = set()
    for cluster, make_right in passes:
        if time.monotonic() > deadline:
            return  # the next call goes on; one task stays below its time limit
        if cluster in away:
            continue
        make_right()
        if not _answers(cluster):
            away.add(cluster)


def _answers(cluster: Cluster) -> bool:
    return not contact.is_down(cluster) or contact.is_back(cluster)


def _answers_when_asked_seldom(cluster: Cluster) -> bool:
    """Whether a cluster answers; one that is away is asked by one of all workers: whoever asks takes no message."""
    if not contact.is_down(cluster):
        return True
    return cache.add(f"asked-{cluster.pk}", True, ASKED_SECONDS) and contact.is_back(cluster)


@dataclass(frozen=True)
class Swept:
    """What a sweep found: namespaces that differ, those of them where a right is to end (they come first), and bindings
    of ours without a row that the guard lets go.
    """

    differing: list[UUID]
    ends: frozenset[UUID]
    prunable: dict[UUID, frozenset[str]]


def sweep(cluster: Cluster) -> Swept:
    """Compare a cluster with the rows by a few paged lists, whatever the number of namespaces; no writes to it.

    Raises ClusterError when the lists could not be had whole: then nothing is known.
    """
    api = contact.connect(contact.config_of(cluster))
    anchor.check(api, cluster)
    ClusterStatus.objects.filter(cluster=cluster).update(barred=_barred(api))
    differing: list[UUID] = []
    ends: list[UUID] = []
    unexplained: dict[UUID, frozenset[str]] = {}
    ours = 0
    strays: dict[UUID, tuple[Foreign, ...]] = {}
    limits: dict[UUID, list[Manifest]] = {}
    keys: dict[UUID, tuple[ForeignKeys, ...]] = {}
    for found in survey(api, cluster):
        if not found.drift.is_empty:
            (ends if found.drift.delete else differing).append(found.namespace.pk)
        if not found.is_there:
            continue
        strays[found.namespace.pk] = found.drift.strays
        if found.limits is not None:
            limits[found.namespace.pk], keys[found.namespace.pk] = found.limits, found.keys
        kinds = (found.drift.correct, found.drift.delete, found.drift.replace, found.drift.unexplained)
        ours += sum(map(len, kinds))
        if uids := pruning.candidates(found.drift):
            unexplained[found.namespace.pk] = uids
    seen_limits.store(limits)
    drift.store(strays)
    drift.store_keys(keys)
    kept = 0
    if epoch.newer_migrations():
        unexplained = {}  # what explains them may stand in rows that only the newer version reads
    if not pruning.allowed(unexplained, ours=ours):
        kept = sum(map(len, unexplained.values()))
        logger.error("bindings without a row are too many to be believed", cluster=cluster.name, number=kept)
        unexplained = {}
    ClusterStatus.objects.filter(cluster=cluster).update(swept_at=Now(), unexplained=kept)
    return Swept([*ends, *differing], frozenset(ends), unexplained)


def _barred(api: ClusterApi) -> dict[str, str]:
    """Return the roles that nobody may be given now, with the reason: what they allow was changed, or no fence bites.

    Taking a role away needs neither and goes on. Raises ClusterError where that could not be seen.
    """
    try:
        wrong = [found for found in diagnosis.fences(api) if not found.good]
        if unanswered := next((found for found in wrong if not found.tried), None):
            raise Unavailable(unanswered.sentence)
        toothless = wrong[0].sentence if wrong else ""
        altered = soundness.altered_roles(api)
    except Forbidden as error:  # the manifests of this version were not applied
        toothless, altered = error.message, []
    if toothless:
        return dict.fromkeys(ROLES, toothless)
    words = "The ClusterRole {} is missing or altered: nobody is granted it until the manifests are applied again."
    return {role: words.format(cluster_role(role)) for role in ROLES if cluster_role(role) in altered}


@dataclass(frozen=True)
class Surveyed:
    """One namespace and what differs in it. `limits` are all its quotas and ranges, None where they could not be seen;
    `keys` is what others wrote into ours.
    """

    namespace: Namespace
    drift: Drift
    limits: list[Manifest] | None
    keys: tuple[ForeignKeys, ...]

    @property
    def is_there(self) -> bool:
        """Whether the namespace is in the cluster, and ours."""
        return self.drift.obstacle is None and not self.drift.create_namespace


def survey(api: ClusterApi, cluster: Cluster) -> Iterator[Surveyed]:
    """Yield each namespace of a cluster with what differs. Nothing is written.

    Raises ClusterError before the first one when the lists could not be had whole.
    """
    namespaces = {item["metadata"]["name"]: item for page in api.list_pages(NAMESPACE) for item in page.items}
    bindings: dict[str, list[Manifest]] = defaultdict(list)
    canary = False
    limits = _limits(api)
    for page in api.list_pages(ROLE_BINDING):
        for item in page.items:
            metadata = item["metadata"]
            bindings[metadata["namespace"]].append(item)
            canary |= metadata["namespace"] == SYSTEM_NAMESPACE and metadata["name"] == CANARY_BINDING
    if not canary:
        raise Unavailable(
            "The list of RoleBindings lacks one that is always there: it was filtered on its way."
        )
    rows = list(Namespace.objects.filter(cluster=cluster).select_related("cluster").order_by("name"))
    specs = desired_state.namespace_specs(rows, contact.config_of(cluster))
    for row, spec in zip(rows, specs, strict=True):
        here = {kind: found.get(spec.name, ()) for kind, found in limits.items()}
        observed = Observed(namespaces.get(spec.name), bindings.get(spec.name, ()), here)
        whole = len(here) == len(quotas.KINDS)
        items = [item for found in here.values() for item in found]
        yield Surveyed(
            row,
            compare(spec, observed),
            limits=items if whole else None,
            keys=keys_of_others(spec, here) if whole else (),
        )


def _limits(api: ClusterApi) -> dict[Kind, dict[str, list[Manifest]]]:
    """Return the quotas and ranges of limits of the whole cluster by kind and namespace.

    A kind that cannot be listed is left out: rights do not wait for limits.
    """
    limits: dict[Kind, dict[str, list[Manifest]]] = {}
    for kind in quotas.KINDS:
        found: dict[str, list[Manifest]] = defaultdict(list)
        try:
            for page in api.list_pages(kind):
                for item in page.items:
                    found[item["metadata"]["namespace"]].append(item)
        except ClusterError as error:
            logger.warning("limits not swept", kind=kind.plural, error=error.message)
        else:
            limits[kind] = found
    return limits
