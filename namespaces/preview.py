"""What a decision will change in the cluster, before it is made: the first half of the reconciler's own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import yaml
from django.utils.translation import gettext as _

from accounts.models import Identity, User
from clusters.api import Manifest
from clusters.models import Cluster
from clusters.registry import configured_clusters
from clusters.roles import ROLES, binding_name
from namespaces import access, seen_limits
from namespaces.access import Role
from namespaces.limits import Amounts, Key, Kind
from namespaces.models import Limit, Membership, Namespace, Request
from namespaces.policy import visible_namespaces
from namespaces.profiles import configured_profiles
from namespaces.reconciler import quotas
from namespaces.reconciler.manifests import binding_manifest, namespace_manifest
from namespaces.reconciler.spec import BindingSpec, LimitSpec, NamespaceSpec


@dataclass(frozen=True)
class Preview:
    """The user names that will get the role, and the objects that will be made, as YAML."""

    usernames: tuple[str, ...]
    manifests: str


def of_request(request: Request, namespace: Namespace) -> Preview:
    """Return what approving this request to join the namespace will make in the cluster."""
    spec, bindings = _spec(namespace), _bindings(request.person_id, namespace.cluster, request.role)
    return _preview(bindings, [binding_manifest(spec, each, _ON_APPROVAL) for each in bindings])


def of_takeover(namespace: Namespace, successor: User, gone: User, *, is_admin: bool) -> Preview:
    """Return what is made in the cluster when somebody takes over: their bindings, unless they are an admin already,
    and the lesser ones of who was admin before, as far as that one counts."""
    spec = _spec(namespace)
    bindings = [] if is_admin else _bindings(successor.pk, namespace.cluster, Role.ADMIN)
    lesser = []
    if gone.is_active and not gone.is_guest:
        lesser = _bindings(gone.pk, namespace.cluster, Role.EDITOR)
    made = [*bindings, *lesser]
    if not made:
        return Preview((), "")
    return _preview(bindings, [binding_manifest(spec, each, _ON_APPROVAL) for each in made])


def of_wished_namespace(request: Request) -> Preview:
    """Return what approving this request for a namespace will make in the cluster, as it was asked for."""
    if request.cluster is None:
        return Preview((), "")
    wished = Namespace(cluster=request.cluster, name=request.name, generation=0)
    limits = tuple(key.spec(amount) for key, amount in sorted(configured_profiles().default.amounts.items()))
    spec, bindings = _spec(wished, limits), _bindings(request.person_id, request.cluster, Role.ADMIN)
    manifests = [
        namespace_manifest(spec),
        *(binding_manifest(spec, each, _ON_APPROVAL) for each in bindings),
        *_limit_manifests(spec),
    ]
    return _preview(bindings, manifests)


_ON_APPROVAL = "(made on approval)"


def _bindings(person_id: UUID, cluster: Cluster, role: str) -> list[BindingSpec]:
    """Return the bindings that a person will have by a role: one for each identity that the cluster knows."""
    config = configured_clusters().get(cluster.name)
    found = []
    for identity in Identity.objects.filter(person=person_id, state=Identity.State.ACTIVE).order_by(
        "created_at"
    ):
        username = config.username(identity.issuer, identity.subject) if config else None
        if username is not None and role in ROLES:  # a newer version may have others
            name = binding_name(role, identity.issuer, identity.subject)
            found.append(BindingSpec(name, role, username, identity.issuer, str(identity.pk), _ON_APPROVAL))
    return found


def _preview(bindings: Sequence[BindingSpec], manifests: Sequence[Manifest]) -> Preview:
    return Preview(
        usernames=tuple(binding.username for binding in bindings),
        manifests=yaml.safe_dump_all(manifests, sort_keys=False, allow_unicode=True),
    )


def of_promotion(request: Request, reader: User) -> list[Membership]:
    """Return which memberships take effect when a guest becomes a user, as far as the reader may know of them."""
    if not request.person.is_guest:
        return []
    known = visible_namespaces(reader).order_by().values("pk")
    found = Membership.objects.current().filter(person=request.person_id, namespace__in=known)
    return list(found.select_related("namespace__cluster").order_by("namespace__name", "pk"))


@dataclass(frozen=True)
class Line:
    """A binding that an identity has, or will have, by a membership; without a name the cluster does not know it."""

    namespace: Namespace
    role: str
    username: str | None

    @property
    def role_label(self) -> str:
        """The role as a word."""
        return access.label(self.role)


def of_identity(person: User, issuer: str, subject: str) -> list[Line]:
    """Return what this identity of the person gives them in the clusters, by namespace: made when it is linked, gone
    when it is retired.
    """
    memberships = Membership.objects.with_effect().filter(person=person).select_related("namespace__cluster")
    clusters = configured_clusters()
    lines = []
    for membership in memberships.order_by("namespace__cluster__name", "namespace__name"):
        config = clusters.get(membership.namespace.cluster.name)
        username = config.username(issuer, subject) if config and membership.role in ROLES else None
        lines.append(Line(membership.namespace, membership.role, username))
    return lines


@dataclass(frozen=True)
class LimitsPreview:
    """What deciding these limits changes: each limit before and after as text, what to know, the objects as YAML."""

    changes: tuple[tuple[Key, str, str], ...]
    warnings: tuple[str, ...]
    manifests: str


def of_limits(namespace: Namespace, amounts: Amounts) -> LimitsPreview:
    """Return what deciding these limits would change, and what that means for what runs now."""
    before = {limit.key: limit.amount for limit in Limit.objects.filter(namespace=namespace)}
    keys = sorted({*before, *amounts})
    changes = [(key, key.text(before.get(key)), key.text(amounts.get(key))) for key in keys]
    in_use = seen_limits.used(namespace)
    warnings = [
        _(
            "%(used)s of %(resource)s are in use, more than %(limit)s. What runs goes on; nothing new starts until "
            "less is used."
        )
        % {"used": key.text(int(in_use[key.resource])), "resource": key.resource, "limit": key.text(amount)}
        for key, amount in sorted(amounts.items())
        if key.kind == Kind.QUOTA and key.resource in in_use and in_use[key.resource] > amount
    ]
    specs = tuple(key.spec(amount) for key, amount in sorted(amounts.items()))
    spec = _spec(namespace, specs)
    manifests = _limit_manifests(spec)
    return LimitsPreview(
        changes=tuple(change for change in changes if change[1] != change[2]),
        warnings=tuple(warnings),
        manifests=yaml.safe_dump_all(manifests, sort_keys=False, allow_unicode=True) if manifests else "",
    )


def _limit_manifests(spec: NamespaceSpec) -> list[Manifest]:
    made = (quotas.change(spec, kind, ()) for kind in quotas.KINDS)
    return [change.manifest for change in made if change is not None]


def _spec(namespace: Namespace, limits: tuple[LimitSpec, ...] = ()) -> NamespaceSpec:
    return NamespaceSpec(
        name=namespace.name,
        namespace_id=str(namespace.pk),
        installation_id=str(namespace.cluster.installation_id),
        generation=namespace.generation + 1,
        uid="",
        bindings=(),
        limits=limits,
    )
