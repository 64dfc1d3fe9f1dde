"""What a decision will change in the cluster, before it is made: the first half of the reconciler's own code."""

from __future__ import annotations

from dataclasses import dataclass

import yaml
from django.utils.translation import gettext as _

from accounts.models import Identity, User
from clusters.registry import configured_clusters
from clusters.roles import ROLES, binding_name
from namespaces import access, seen_limits
from namespaces.desired_state import with_effect
from namespaces.limits import Amounts, Key, Kind
from namespaces.models import Limit, Membership, Namespace, Request
from namespaces.policy import visible_namespaces
from namespaces.reconciler import quotas
from namespaces.reconciler.manifests import binding_manifest
from namespaces.reconciler.spec import BindingSpec, LimitSpec, NamespaceSpec


@dataclass(frozen=True)
class Preview:
    """The user names that will get the role, and the objects that will be made, as YAML."""

    usernames: tuple[str, ...]
    manifests: str


def of_request(request: Request, namespace: Namespace) -> Preview:
    """Return what approving this request to join the namespace will make in the cluster."""
    config = configured_clusters().get(namespace.cluster.name)
    spec = _spec(namespace)
    bindings = []
    for identity in Identity.objects.filter(person=request.person_id, state=Identity.State.ACTIVE).order_by(
        "created_at"
    ):
        username = config.username(identity.issuer, identity.subject) if config else None
        if username is not None and request.role in ROLES:  # a newer version may have others
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
    memberships = with_effect(Membership.objects.filter(person=person)).select_related("namespace__cluster")
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
    made = (quotas.change(spec, kind, ()) for kind in quotas.KINDS)
    manifests = [change.manifest for change in made if change is not None]
    return LimitsPreview(
        changes=tuple(change for change in changes if change[1] != change[2]),
        warnings=tuple(warnings),
        manifests=yaml.safe_dump_all(manifests, sort_keys=False, allow_unicode=True) if manifests else "",
    )


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
