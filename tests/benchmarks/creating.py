"""A client that does nothing but create RoleBindings through `clusters.kube`. Runs inside Django (`rows.run`)."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from clusters import kube
from clusters.api import ROLE_BINDING
from clusters.models import Cluster
from clusters.registry import configured_clusters
from clusters.roles import binding_name
from namespaces import desired_state
from namespaces.models import Namespace
from namespaces.reconciler.manifests import binding_manifest
from namespaces.reconciler.spec import BindingSpec


def create(threads: int, number: int, *, round_: int, first: int) -> float:
    """Create so many bindings by so many threads in the namespaces from `first` on; return how many a second."""
    cluster = Cluster.objects.get()
    config = configured_clusters()[cluster.name]
    api = kube.KubeCluster(config, config.credentials["worker"])
    chosen = list(Namespace.objects.select_related("cluster").order_by("created_at", "name")[first:])
    specs = list(desired_state.namespace_specs(chosen, config))
    issuer = config.issuers[0].issuer
    manifests = []
    for count in range(number):
        subject = f"http://cilogon.org/serverA/users/{800000 + round_ * 100000 + count}"
        name = binding_name("editor", issuer, subject)
        binding = BindingSpec(name, "editor", subject, issuer, str(uuid.uuid4()), str(uuid.uuid4()))
        manifests.append(binding_manifest(specs[count % len(specs)], binding, str(uuid.uuid4())))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _thread: api.identify(), range(threads)))  # connections are open from here on
        begun = time.perf_counter()
        list(pool.map(lambda manifest: api.create(ROLE_BINDING, manifest), manifests))
        return number / (time.perf_counter() - begun)
