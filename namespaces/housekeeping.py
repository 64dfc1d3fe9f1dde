"""The Celery tasks that act: what workers decide by themselves, because a moment has come.

They lie above the actions, which need `tasks` to knock.
"""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from namespaces import tasks
from namespaces.actions import ends, invitations, ladder, takeovers


@shared_task
def remind() -> None:
    """Remind who lets requests wait, write down which have run out, warn of memberships that end soon, forget whom
    nobody has heard of again after inviting them, and ask who takes over from admins who may be gone.

    Nothing waits for that: whoever decides or reads a request judges by the clock.
    """
    ladder.climb(timezone.now())
    ladder.expire()
    ends.warn()
    invitations.forget()
    takeovers.look()


@shared_task
def end_memberships() -> None:
    """End the memberships whose moment has come."""
    ends.end_due()


@shared_task
def attend() -> None:
    """Do what has waited for long, because no beat may run, or the broker take no message."""
    ends.end_due()
    tasks.reconcile_neglected()
