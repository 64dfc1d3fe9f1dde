"""Asking for reconciliation, and the Celery tasks that do it. A task names the object, never the event.

A message only saves the wait: `reconcile_due` finds whatever is out of date, so a lost, doubled or late message is
harmless.

What a look around finds is shared out by the same messages: all workers work at it, and the lanes keep its order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from uuid import UUID

import structlog
from celery import current_app, shared_task
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from accounts import sessions
from accounts.actions import dormancy, suspensions
from namespaces import departures, search, sweeping
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import Namespace
from namespaces.sweeping import Waiting
from notifications import sending

logger = structlog.get_logger(__name__)

MOST_MESSAGES = 1000
"""How many may wait in a lane before a look around adds none: slow workers are not given the same again and again."""


def request_reconcile(*namespace_ids: UUID, lane: str = CHANGES) -> None:
    """Mark namespaces as changed, in the caller's transaction, and knock once it is committed. The search follows: who
    is in them is part of what they are found by.

    Whatever may end a right says `lane=REVOCATIONS`.
    """
    ids = list(dict.fromkeys(namespace_ids))
    if not ids:
        return
    Namespace.objects.filter(pk__in=ids).update(generation=F("generation") + 1, changed_at=Now())
    search.write(*ids)
    transaction.on_commit(lambda: knock(ids, lane), robust=True)


def knock(namespace_ids: Sequence[UUID], lane: str = CHANGES) -> bool:
    """Tell the workers to look now; return whether the broker took it.

    A broker that is down costs half a second once; the sweep does the rest.
    """
    for namespace_id in namespace_ids:
        arguments = {"namespace_id": str(namespace_id), "hurry": lane == REVOCATIONS}
        try:
            reconcile_namespace.apply_async(kwargs=arguments, queue=lane)
        except OperationalError as error:
            logger.warning(
                "knock lost; the sweep will find the change", namespace_id=str(namespace_id), error=str(error)
            )
            return False
    return True


def request_look(namespace_ids: Sequence[UUID], lane: str = CHANGES) -> None:
    """Let namespaces be due for which nothing was decided, and knock: somebody may have changed their cluster."""
    sweeping.let_be_due(namespace_ids, ends=namespace_ids)
    knock(namespace_ids, lane)


@shared_task
def reconcile_namespace(*, namespace_id: str, hurry: bool = False) -> None:
    """Make one namespace right, if nobody has done it since. One that changes faster than we work, or that owes its
    proofs, comes again, and others have their turn before.
    """
    lane = sweeping.reconcile_if_due(UUID(namespace_id), hurry=hurry)
    if lane is not None:
        knock([UUID(namespace_id)], lane)


@shared_task
def reconcile_due(*, alone: bool = False) -> None:
    """Make right whatever is out of date or due to be looked at again; `alone` where there is no broker.

    Last, those come in again whose suspension is over, and deletions end of which nothing is left: no end of a right
    waits for that.
    """
    _share(sweeping.find_due(), alone=alone)
    suspensions.lift_due()
    departures.finish_due()


@shared_task
def reconcile_neglected() -> None:
    """Make right here what is due for long and nobody is at: no beat may run, or the broker take no message."""
    sweeping.reconcile_each(sweeping.find_neglected())
    suspensions.lift_due()
    departures.finish_due()


@shared_task
def anchor_clusters() -> None:
    """Let the mark in each cluster follow the database."""
    sweeping.anchor_clusters()


@shared_task
def sweep_clusters(*, alone: bool = False) -> None:
    """Compare every cluster as a whole with what was decided, and make right what differs; `alone` without a broker.

    Then, since it comes regularly, forget sessions that have run out and messages of long ago, and see who has not
    logged in for long.
    """
    for differing in sweeping.find_differing():
        _share(differing, alone=alone)
    sessions.forget_expired()
    dormancy.warn_and_suspend()
    sending.forget_old()


def _share(waiting: Sequence[Waiting], *, alone: bool) -> None:
    """Call all workers to what was found, ends of rights before everything else; or do it here if nobody can be called.

    A lane gets no more messages than it has room for: the next look finds whoever was not called.
    """
    lanes = {
        REVOCATIONS: [each.namespace_id for each in waiting if each.ends],
        CHANGES: [each.namespace_id for each in waiting if not each.ends],
    }
    if alone or not all(knock(ids[: _room(lane)], lane) for lane, ids in lanes.items() if ids):
        sweeping.reconcile_each(waiting)


def _room(lane: str) -> int:
    """Return how many messages more a lane may hold; as many as ever while the broker does not say."""
    try:
        with current_app.producer_or_acquire() as producer, _library_errors():
            waiting: int = producer.channel.queue_declare(queue=lane, durable=True).message_count
    except OperationalError:
        return MOST_MESSAGES
    return max(0, MOST_MESSAGES - waiting)


@contextlib.contextmanager
def _library_errors() -> Iterator[None]:
    """Raise OperationalError for whatever the transport raises, as sending a message does."""
    broker = current_app.connection_for_write()  # it knows what that is, and is not connected by being asked
    errors: tuple[type[BaseException], ...] = broker.connection_errors + broker.channel_errors
    try:
        yield
    except errors as error:
        raise OperationalError(str(error)) from error
