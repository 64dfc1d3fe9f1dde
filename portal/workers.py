"""What the processes of Celery do beside tasks: refuse unsafe settings at their start, and show that they are alive."""

from __future__ import annotations

from typing import Any

from celery import Celery, bootsteps
from celery.beat import Scheduler
from celery.signals import beat_init, worker_init
from django.conf import settings

from portal.health import touch
from portal.start import refuse_unsafe_settings

LIVENESS_SECONDS = 5


class Liveness(bootsteps.StartStopStep):
    """A timer of the worker itself touches a file: a worker that hangs stops touching it.

    `celery inspect ping` would cost a second of computing at each look, and call a worker dead when only the broker is.
    """

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        touch(settings.LIVENESS_FILE)
        self._timer = parent.timer.call_repeatedly(LIVENESS_SECONDS, touch, (settings.LIVENESS_FILE,))

    def stop(self, parent: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()


class LiveScheduler(Scheduler):
    """Beat's schedule in memory, as the code says it, with the same sign of life. A file would only repeat the code."""

    max_interval = LIVENESS_SECONDS

    def tick(self, *args: Any, **kwargs: Any) -> float:
        touch(settings.LIVENESS_FILE)
        return float(super().tick(*args, **kwargs))


def install(app: Celery) -> None:
    """Register all of this with the Celery application."""
    app.steps["worker"].add(Liveness)
    worker_init.connect(_refuse_unsafe_settings, weak=False)
    beat_init.connect(_refuse_unsafe_settings, weak=False)


def _refuse_unsafe_settings(**_kwargs: object) -> None:
    refuse_unsafe_settings()
