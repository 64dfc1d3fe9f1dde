"""What the processes of Celery do beside tasks: refuse unsafe settings at their start, show that they are alive, and go
on working while there is no broker.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.beat import Scheduler
from celery.signals import beat_init, worker_init
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string

from portal.liveness import touch
from portal.start import refuse_unsafe_settings

logger = structlog.get_logger(__name__)
LIVENESS_SECONDS = 5
# Nobody listens to them, and a worker whose broker dies before its first heartbeat would wait there for ever, silently.
WITHOUT = {"without_heartbeat": True, "without_gossip": True, "without_mingle": True}


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


class Attention(bootsteps.StartStopStep):
    """A timer of the worker itself does what has waited for long: the broker may be there and take no message (it is
    full), or beat be gone. Not while there is no broker at all: then this timer stands still, and `Duties` are done.
    """

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        entry = parent.app.conf.attention
        arguments = (parent.app, entry["task"], entry["kwargs"])
        self._timer = parent.timer.call_repeatedly(entry["schedule"], _do, arguments)

    def stop(self, parent: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()


class LiveConsumer(Consumer):
    """The worker's connection to the broker. Its timer stands still while the broker is away; we do not.

    Retries for ever, whatever Celery's settings say: a broker that is away is no reason for a worker to end, nor for a
    right that is over to go on. What beat would ask for, the worker then does of itself, one thing at a time.
    """

    def __init__(self, on_task_request: Any, *, worker_options: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(on_task_request, worker_options=worker_options | WITHOUT, **kwargs)
        self._duties: Duties | None = None

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once the broker answers; until then show every second that we are alive, and work.

        Likewise where it answers and then sends us away again and again, because it is full.
        """
        duties = self._duties
        if duties is None or duties.are_over():
            duties = self._duties = Duties(self.app)
        else:
            time.sleep(1)
            duties.wait()
        connection = conn.ensure_connection(self._say_that_it_is_away, callback=duties.wait)
        self.first_connection_attempt = False
        return connection

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give no message back to a broker that is away, and acknowledge none that came over a connection that is no
        more: kombu tries both, and the whole worker ends where it fails.

        One that nobody acknowledged comes again in time, and what it was for is found sooner.
        """
        tasks: Any = getattr(self, "task_consumer", None)
        if tasks is not None:
            tasks.channel.do_restore = False
            tasks.channel.basic_ack = tasks.channel.basic_reject = _leave_unanswered
        super().on_connection_error_after_connected(exc)

    def _say_that_it_is_away(self, error: Exception, interval: float) -> None:
        logger.error("the broker does not answer", error=str(error), next_try_in_seconds=interval)


def _leave_unanswered(_delivery_tag: str, **_options: bool) -> None:
    """Say nothing to the broker about a message."""


class Duties:
    """What a worker that no message reaches does of itself, in its own process: the periodic tasks.

    What is due is looked for at once: the message about it may have been lost with the broker.
    """

    AT_ONCE = "reconcile-due"

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._schedule: dict[str, dict[str, Any]] = app.conf.duties
        begun = self._last = time.monotonic()
        self._next = {
            name: begun + (0 if name == self.AT_ONCE else entry["schedule"])
            for name, entry in self._schedule.items()
        }

    def wait(self) -> None:
        """Show that we are alive, and do what is due; called every second. Raises WorkerShutdown when asked to end."""
        touch(settings.LIVENESS_FILE)
        maybe_shutdown()
        now = time.monotonic()
        for name, entry in self._schedule.items():
            if self._next[name] <= now:
                self._next[name] = now + entry["schedule"]
                _do(self._app, entry["task"], entry["kwargs"])
        self._last = time.monotonic()

    def are_over(self) -> bool:
        """Whether nobody has asked for them for some seconds: the broker was there in between."""
        return time.monotonic() - self._last > LIVENESS_SECONDS


def _do(app: Celery, task: str, arguments: dict[str, Any]) -> None:
    """Do a task here and now. A database that is away is waited for like the broker."""
    try:
        app.tasks[task](**arguments)
    except DatabaseError as error:
        logger.error("what is due cannot be done", task=task, error=str(error))  # noqa: TRY400 - no fault of ours
    finally:
        connections.close_all()  # the children that the pool forks later have none of ours
    touch(settings.LIVENESS_FILE)


class LiveScheduler(Scheduler):
    """Beat's schedule in memory, as the code says it, with the same sign of life. A file would only repeat the code."""

    max_interval = LIVENESS_SECONDS

    def tick(self, *args: Any, **kwargs: Any) -> float:
        touch(settings.LIVENESS_FILE)
        return float(super().tick(*args, **kwargs))


def install(app: Celery) -> None:
    """Register all of this with the Celery application."""
    app.steps["worker"].update((Liveness, Attention))
    app.add_defaults(lambda: {"worker_consumer": f"{__name__}:LiveConsumer"})
    worker_init.connect(_refuse_unsafe_settings, weak=False)
    worker_init.connect(_load_cluster_client, weak=False)
    beat_init.connect(_refuse_unsafe_settings, weak=False)


def _load_cluster_client(**_kwargs: object) -> None:
    """Load the Kubernetes library before the first task and before the pool forks: it takes two seconds."""
    import_string(settings.CLUSTER_CONNECT)


def _refuse_unsafe_settings(**_kwargs: object) -> None:
    refuse_unsafe_settings()
