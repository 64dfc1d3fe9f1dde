"""A pass over a whole cluster that has nothing to change: time, memory, calls to the API server, writes.

Run as a process of its own, like a worker, so that its memory is its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clusters.api import NAMESPACE, ROLE_BINDING, ClusterApi
from tests.benchmarks import rows
from tests.benchmarks.figures import Figure
from tests.stack import Stack

NAMESPACES, MEMBERS, PASSES, WRITERS = 1000, 10, 7, 8
_calls: dict[str, int] = {}


class Counting:
    """The real adapter, with its calls counted."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._api, name)

        def call(*arguments: Any, **options: Any) -> Any:
            _calls[name] = _calls.get(name, 0) + 1
            return self._pages(method(*arguments, **options)) if name == "list_pages" else method(*arguments, **options)

        return call

    @staticmethod
    def _pages(pages: Iterator[Any]) -> Iterator[Any]:
        for page in pages:
            _calls["pages"] = _calls.get("pages", 0) + 1
            yield page


def connect(config: Any, account: Any) -> ClusterApi:
    """Connect as the worker does, counting."""
    from clusters import kube  # noqa: PLC0415

    return Counting(kube.connect(config, account))  # type: ignore[return-value]


def measure(stack: Stack) -> Iterator[Figure]:
    """Fill rows and cluster alike, then look PASSES times."""
    rows.run(stack.environment, "large", str(NAMESPACES), str(MEMBERS))
    command = [sys.executable, "-m", "tests.benchmarks.sweep"]
    done = subprocess.run(command, env=stack.environment, check=True, stdout=subprocess.PIPE, text=True, timeout=1800)
    seen = json.loads(done.stdout.splitlines()[-1])
    what = f"pass over {NAMESPACES} namespaces, {NAMESPACES * MEMBERS} memberships, nothing to change"
    yield Figure(what, seen["seconds"], "s", {"max": 5.0})
    yield Figure(f"{what}: memory of the worker", [seen["megabytes"]], "MB", {"max": 250.0})
    yield Figure(f"{what}: writes", [seen["writes"]], "writes", {"max": 0.0})
    yield Figure(f"{what}: calls to the API server", [seen["calls"]], "calls a pass", {})


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django  # noqa: PLC0415

    django.setup()
    from django.conf import settings  # noqa: PLC0415

    from clusters.models import Cluster  # noqa: PLC0415
    from namespaces import reconciliation  # noqa: PLC0415

    cluster = Cluster.objects.get()
    if os.environ.get("FILLED") is None:
        _fill(cluster)
        # A fresh process for the measurement: filling must not count towards its memory.
        os.environ["FILLED"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "tests.benchmarks.sweep"])
    settings.CLUSTER_CONNECT = "tests.benchmarks.sweep.connect"
    seconds = []
    for _pass in range(PASSES):
        begun = time.perf_counter()
        differing = reconciliation.sweep(cluster)
        seconds.append(time.perf_counter() - begun)
        if differing:
            raise RuntimeError(f"{len(differing)} namespaces differ: not the case that is measured")
    writes = sum(_calls.get(name, 0) for name in ("create", "replace", "delete"))
    calls = (_calls["pages"] + _calls["get"]) / PASSES
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes, "writes": writes, "calls": calls}))


def _fill(cluster: Any) -> None:
    """Make in the cluster what the rows say, and the rows of what was seen there."""
    from uuid import UUID, uuid4  # noqa: PLC0415

    from clusters import kube  # noqa: PLC0415
    from clusters.registry import configured_clusters  # noqa: PLC0415
    from namespaces import desired_state  # noqa: PLC0415
    from namespaces.models import Grant, Namespace, NamespaceStatus  # noqa: PLC0415
    from namespaces.reconciler.manifests import binding_manifest, namespace_manifest  # noqa: PLC0415

    config = configured_clusters()[cluster.name]
    api = kube.connect(config, "worker")
    namespaces = Namespace.objects.filter(cluster=cluster).select_related("cluster")
    specs = list(desired_state.namespace_specs(namespaces, config))

    def fill(spec: Any) -> tuple[NamespaceStatus, list[Grant]]:
        made = api.create(NAMESPACE, namespace_manifest(spec))
        grants = []
        for binding in spec.bindings:
            operation = uuid4()
            uid = api.create(ROLE_BINDING, binding_manifest(spec, binding, str(operation)))["metadata"]["uid"]
            grants.append(
                Grant(
                    namespace_id=UUID(spec.namespace_id), identity_id=UUID(binding.identity_id), role=binding.role,
                    membership_id=UUID(binding.membership_id), username=binding.username, binding_name=binding.name,
                    operation=operation, binding_uid=uid, state=Grant.State.ACTIVE,
                )
            )  # fmt: skip
        status = NamespaceStatus(
            namespace_id=UUID(spec.namespace_id), state="ready", observed_generation=spec.generation,
            attempted_generation=spec.generation, cluster_uid=made["metadata"]["uid"],
        )  # fmt: skip
        return status, grants

    with ThreadPoolExecutor(WRITERS) as pool:
        filled = list(pool.map(fill, specs))
    NamespaceStatus.objects.bulk_create(status for status, _grants in filled)
    Grant.objects.bulk_create((grant for _status, grants in filled for grant in grants), batch_size=2000)


if __name__ == "__main__":
    main()
