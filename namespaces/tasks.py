"""Asking for reconciliation, and the Celery tasks that do it. A task names the object, never the event.

A message only saves the wait: `reconcile_due` finds whatever is out of date, so a lost, doubled or late message is
harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog
from celery import shared_task
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from namespaces import reconciliation, sweeping
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import Namespace

logger = structlog.get_logger(__name__)


def request_reconcile(*namespace_ids: UUID, lane: str = CHANGES) -> None:
    """Mark namespaces as changed, in the caller's transaction, and knock once it is committed.

    Whatever may end a right says `lane=REVOCATIONS`.
    """
    ids = list(dict.fromkeys(namespace_ids))
    if not ids:
        return
    Namespace.objects.filter(pk__in=ids).update(generation=F("generation") + 1, changed_at=Now())
    transaction.on_commit(lambda: knock(ids, lane), robust=True)


def knock(namespace_ids: Sequence[UUID], lane: str = CHANGES) -> None:
    """Tell the workers to look now. A broker that is down costs half a second once; the sweep does the rest."""
    for namespace_id in namespace_ids:
        try:
            asked = {"namespace_id": str(namespace_id), "hurry": lane == REVOCATIONS}
            reconcile_namespace.apply_async(kwargs=asked, queue=lane)
        except OperationalError as error:
            logger.warning(
                "knock lost; the sweep will find the change", namespace_id=str(namespace_id), error=str(error)
            )
            return


@shared_task
def reconcile_namespace(*, namespace_id: str, hurry: bool = False) -> None:
    """Make one namespace right. One that changes faster than we work, or that owes its proofs after a hurry, comes
    again, and others have their turn before.
    """
    lane = reconciliation.reconcile(UUID(namespace_id), hurry=hurry)
    if lane is not None:
        knock([UUID(namespace_id)], lane)


@shared_task
def reconcile_due() -> None:
    """Make right whatever is out of date or due to be looked at again."""
    sweeping.reconcile_due()


@shared_task
def anchor_clusters() -> None:
    """Let the mark in each cluster follow the database."""
    sweeping.anchor_clusters()


@shared_task
def sweep_clusters() -> None:
    """Compare every cluster as a whole with what was decided, and make right what differs."""
    sweeping.sweep_clusters()
