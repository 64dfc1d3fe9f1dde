"""The Celery application: the doorbell. The database is the queue (docs/architecture.md)."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from django.conf import settings
from kombu import Exchange, Queue

from namespaces.lanes import CHANGES, REVOCATIONS
from notifications import MESSAGES
from portal import workers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("berth")

_WORKER_TRANSPORT = {
    "queue_order_strategy": "priority",  # as listed in task_queues
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 15,
}
# A page never waits for a broker: half a second and no retry, the sweep does the rest.
_WEB_TRANSPORT = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "retry_on_timeout": False,
}


# How often at least a worker looks for what is out of date.
LOOK_SECONDS, LOOK_ALONE_SECONDS = 5.0, 2.0


# How often they look for messages that wait: for a day's mails, for what failed before, or because a knock was lost.
MESSAGES_SECONDS = 15.0


# How often they look for requests that nobody answers and memberships that end soon: those are counted in days.
REMIND_SECONDS = 300.0

_HOUSEKEEPING = "namespaces.housekeeping"


def _every(seconds: float, task: str, *, of: str = "namespaces.tasks", **arguments: bool) -> dict[str, Any]:
    return {"task": f"{of}.{task}", "schedule": seconds, "kwargs": arguments}


def be_impatient(**_kwargs: object) -> None:
    """Let this process, which sends messages and takes none, wait for a broker no longer than a page does."""
    app.conf.broker_transport_options = _WEB_TRANSPORT


def _configuration() -> dict[str, object]:
    """Everything about Celery, read when the application is first used."""
    return {
        "broker_url": settings.BROKER_URL,
        "broker_transport_options": _WORKER_TRANSPORT if settings.IS_WORKER else _WEB_TRANSPORT,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_publish_retry": False,
        # A worker takes from the first queue as long as there is something in it: nobody's end waits behind a heap.
        "task_queues": [
            Queue(lane, Exchange(lane), routing_key=lane) for lane in (REVOCATIONS, CHANGES, MESSAGES)
        ],
        "task_default_queue": CHANGES,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": True,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        # hard limit < lease (60 s) < visibility timeout
        "task_soft_time_limit": 40,
        "task_time_limit": 50,
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 1000,
        "worker_soft_shutdown_timeout": 20,
        "broker_channel_error_retry": True,  # a Redis that is full refuses; that is no reason for a worker to end
        # A pass that is ended on its way holds its lease for a minute; one that is done twice does no harm.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        # Each is one of namespaces.duties, which says how long it may stay away.
        "beat_schedule": {
            # It is short, and what it finds may be ends of rights: it does not wait behind a heap.
            "reconcile-due": _every(min(LOOK_SECONDS, settings.SWEEP_SECONDS), "reconcile_due")
            | {"options": {"queue": REVOCATIONS}},
            "sweep-clusters": _every(settings.COMPARE_SECONDS, "sweep_clusters"),
            "anchor-clusters": _every(settings.ANCHOR_SECONDS, "anchor_clusters"),
            "end-memberships": _every(LOOK_SECONDS, "end_memberships", of=_HOUSEKEEPING)
            | {"options": {"queue": REVOCATIONS, "expires": LOOK_SECONDS}},
            "remind": _every(REMIND_SECONDS, "remind", of=_HOUSEKEEPING),
            # One that waited until the next is worth nothing: they do not heap up.
            "send-messages": _every(MESSAGES_SECONDS, "send_due", of="notifications.tasks")
            | {"options": {"queue": MESSAGES, "expires": MESSAGES_SECONDS}},
        },
        # What each worker does of itself while there is no broker. Nobody tells it of a change: it looks more often.
        "duties": {
            "reconcile-due": _every(
                min(LOOK_ALONE_SECONDS, settings.SWEEP_SECONDS), "reconcile_due", alone=True
            ),
            "sweep-clusters": _every(settings.COMPARE_SECONDS, "sweep_clusters", alone=True),
            "anchor-clusters": _every(settings.ANCHOR_SECONDS, "anchor_clusters"),
            "end-memberships": _every(LOOK_ALONE_SECONDS, "end_memberships", of=_HOUSEKEEPING),
            "remind": _every(REMIND_SECONDS, "remind", of=_HOUSEKEEPING),
            "send-messages": _every(MESSAGES_SECONDS, "send_due", of="notifications.tasks"),
        },
        # What each worker does of itself while there is one, in case that no message reaches anybody.
        "attention": _every(LOOK_SECONDS, "attend", of=_HOUSEKEEPING),
    }


app.add_defaults(_configuration)
app.autodiscover_tasks(["namespaces", "notifications"])
app.autodiscover_tasks(["namespaces"], related_name="housekeeping")
workers.install(app)
worker_process_init.connect(be_impatient, weak=False)  # a child of a worker: what it does, its parent took
