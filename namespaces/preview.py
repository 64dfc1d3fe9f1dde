"""What an approval will change in the cluster, before it is given: the first half of the reconciler's own code."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from accounts.models import Identity
from clusters.registry import configured_clusters
from clusters.roles import binding_name
from namespaces.models import Request
from namespaces.reconciler.manifests import binding_manifest
from namespaces.reconciler.spec import BindingSpec, NamespaceSpec


@dataclass(frozen=True)
class Preview:
    """The user names that will get the role, and the objects that will be made, as YAML."""

    usernames: tuple[str, ...]
    manifests: str


def of_request(request: Request) -> Preview:
    """Return what approving this join request will make in the cluster."""
    namespace = request.namespace
    config = configured_clusters().get(namespace.cluster.name)
    spec = NamespaceSpec(
        name=namespace.name,
        namespace_id=str(namespace.pk),
        installation_id=str(namespace.cluster.installation_id),
        generation=namespace.generation + 1,
        uid="",
        bindings=(),
    )
    bindings = []
    for identity in Identity.objects.filter(person=request.person_id, state=Identity.State.ACTIVE).order_by(
        "created_at"
    ):
        username = config.username(identity.issuer, identity.subject) if config else None
        if username is not None:
            name = binding_name(request.role, identity.issuer, identity.subject)
            bindings.append(
                BindingSpec(
                    name, request.role, username, identity.issuer, str(identity.pk), "(made on approval)"
                )
            )
    manifests = [binding_manifest(spec, binding, "(made on approval)") for binding in bindings]
    return Preview(
        usernames=tuple(binding.username for binding in bindings),
        manifests=yaml.safe_dump_all(manifests, sort_keys=False, allow_unicode=True),
    )
