"""What the processes of Celery do beside tasks: refuse unsafe settings at their start, and show that they are alive."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.beat import Scheduler
from celery.signals import beat_init, worker_init
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from django.conf import settings
from django.utils.module_loading import import_string

from portal.health import touch
from portal.start import refuse_unsafe_settings

logger = structlog.get_logger(__name__)
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


class LiveConsumer(Consumer):
    """The worker's connection to the broker. Its timer stands still while the broker is away; we do not.

    Retries for ever, whatever Celery's settings say: a broker that is away is no reason for a worker to end.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once the broker answers; until then show every second that we are alive."""
        connection = conn.ensure_connection(self._say_that_it_is_away, callback=_wait_alive)
        self.first_connection_attempt = False
        return connection

    def _say_that_it_is_away(self, error: Exception, interval: float) -> None:
        logger.error("the broker does not answer", error=str(error), next_try_in_seconds=interval)


class LiveScheduler(Scheduler):
    """Beat's schedule in memory, as the code says it, with the same sign of life. A file would only repeat the code."""

    max_interval = LIVENESS_SECONDS

    def tick(self, *args: Any, **kwargs: Any) -> float:
        touch(settings.LIVENESS_FILE)
        return float(super().tick(*args, **kwargs))


def install(app: Celery) -> None:
    """Register all of this with the Celery application."""
    app.steps["worker"].add(Liveness)
    app.add_defaults(lambda: {"worker_consumer": f"{__name__}:LiveConsumer"})
    worker_init.connect(_refuse_unsafe_settings, weak=False)
    worker_init.connect(_load_cluster_client, weak=False)
    beat_init.connect(_refuse_unsafe_settings, weak=False)


def _wait_alive() -> None:
    touch(settings.LIVENESS_FILE)
    maybe_shutdown()


def _load_cluster_client(**_kwargs: object) -> None:
    """Load the Kubernetes library before the first task and before the pool forks: it takes two seconds."""
    import_string(settings.CLUSTER_CONNECT)


def _refuse_unsafe_settings(**_kwargs: object) -> None:
    refuse_unsafe_settings()
