"""The Celery tasks that act: what workers decide by themselves, because a moment has come.

They lie above the actions, which need `tasks` to knock.
"""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from namespaces.actions import ladder


@shared_task
def tend_requests() -> None:
    """Remind who lets requests wait, and write down which have run out.

    Nothing waits for that: whoever decides or reads one judges by the clock.
    """
    ladder.climb(timezone.now())
    ladder.expire()
