"""What one namespace should be in the cluster, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BindingSpec:
    """One RoleBinding that should be: exactly one user name with exactly one role."""

    name: str
    role: str
    username: str
    issuer: str
    identity_id: str
    membership_id: str


@dataclass(frozen=True, slots=True)
class KnownBinding:
    """A RoleBinding that we made, or were about to make.

    `uid` is empty until it was seen; `operations` are the uuids of the creates, one of which is in its annotation, that
    were begun and to which nobody has seen the answer: a worker that stood still may send one late. `revoked` says that
    the rows explain why it is not wanted any more: without that, its absence from the wishes is no reason to delete it.
    `proved` says that the API server has answered as it should since then: yes, or no if it is revoked. `fresh` says
    that it was a yes of minutes ago, to the membership as it is now: nobody need ask again.
    """

    uid: str
    operations: frozenset[str]
    role: str
    username: str
    revoked: bool
    proved: bool
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """One key of the quota or of the limits per container: its quantity, or None where a limit was taken away.

    `section` is empty for the quota, else the part of a LimitRange item, such as `defaultRequest`. Keys that no
    LimitSpec names are other people's and stay as they are.
    """

    section: str
    resource: str
    quantity: str | None


@dataclass(frozen=True, slots=True)
class NamespaceSpec:
    """One namespace as decided. `uid` is empty until the namespace was made or found to be ours.

    `confirmed` are uids of namespaces of which an operator said that Berth may work in them, or, of the one that is
    gone, that it may be made again. `condemned` are uids of bindings that may be deleted although no row explains
    their end: an operator said so, or the guard of a sweep. `barred` maps roles of which no binding may be made now to
    the reason, `unknown_roles` are roles that the rows give and this program does not know. `limits_version` counts
    the decisions about limits; `limits_made` says that those were made in the cluster already, and `limits_settled`
    that what others wrote into them since is asked about, not written over.
    """

    name: str
    namespace_id: str
    installation_id: str
    generation: int
    uid: str
    bindings: tuple[BindingSpec, ...]
    known: Mapping[str, KnownBinding] = field(default_factory=dict)
    limits: tuple[LimitSpec, ...] = ()
    confirmed: frozenset[str] = frozenset()
    condemned: frozenset[str] = frozenset()
    barred: Mapping[str, str] = field(default_factory=dict)
    unknown_roles: frozenset[str] = frozenset()
    limits_version: int = 0
    limits_made: bool = False
    limits_settled: bool = False
