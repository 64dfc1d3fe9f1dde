"""Workers that stand still right before they create a binding, and die right after. Runs inside Django (`hand.Hand`).

Each is a process of its own, forked before there is any connection, and does what a task of Celery does.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.conf import settings

from clusters import kube
from clusters.api import ROLE_BINDING, Account, Kind, Manifest
from clusters.config import ClusterConfig
from localcluster.processes import dying_with_parent
from namespaces import tasks
from namespaces.models import Namespace
from tests.benchmarks import hand


class _Late:
    """The real adapter, which stops its process before a RoleBinding is created and kills it afterwards."""

    def __init__(self, api: kube.KubeCluster) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        if kind != ROLE_BINDING:
            return self._api.create(kind, manifest)
        os.kill(os.getpid(), signal.SIGSTOP)
        made = self._api.create(kind, manifest)
        os.kill(os.getpid(), signal.SIGKILL)
        return made


def connect(config: ClusterConfig, account: Account) -> _Late:
    """Connect as the worker does, up to the first create of a binding."""
    return _Late(kube.KubeCluster(config, config.credentials[account]))


def stop(namespaces: list[str]) -> list[int]:
    """Let a worker begin in each of these and stand still; return their process ids. RuntimeError if one does not."""
    return [_begin(name) for name in namespaces]


def wake(pid: int) -> float:
    """Let one go on, to its end; return the moment at which it went on."""
    moment = time.monotonic()
    os.kill(pid, signal.SIGCONT)
    _pid, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("a worker that woke ended without creating anything")
    return moment


def serve() -> None:
    """Do what is ordered until stdin ends."""
    acts: dict[str, Callable[..., Any]] = {"stop": stop, "wake": wake}
    hand.serve(acts)


def _begin(name: str) -> int:
    bind = dying_with_parent(signal.SIGKILL)
    pid = os.fork()
    if not pid:
        bind()
        _work(name)
    _pid, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        raise RuntimeError(f"a worker came to no create in {name}")
    return pid


def _work(name: str) -> None:
    """Do the task and end this process, whatever happens."""
    try:
        settings.CLUSTER_CONNECT = f"{__name__}.connect"
        namespace_id = str(Namespace.objects.values_list("pk", flat=True).get(name=name))
        tasks.reconcile_namespace.run(namespace_id=namespace_id)
    except BaseException:  # the child ends here
        traceback.print_exc()
    finally:
        os._exit(1)
