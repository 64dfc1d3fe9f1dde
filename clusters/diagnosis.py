"""Is a cluster ready for Berth? Questions to the cluster itself, and what the answers mean to operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from django.utils.translation import gettext as _

from clusters import names, roles
from clusters.api import (
    NAMESPACE,
    ROLE_BINDING,
    AccessAnswer,
    AccessQuestion,
    Account,
    ClusterApi,
    ClusterError,
    Forbidden,
    Kind,
    Manifest,
)
from clusters.config import ClusterConfig

_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")


class InspectedCluster(ClusterApi, Protocol):
    """A cluster that also answers questions about the one who asks."""

    def identify(self) -> tuple[str, tuple[str, ...]]: ...

    def review_own_access(self, namespace: str, question: AccessQuestion) -> AccessAnswer: ...


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is as it should be, and a sentence about it."""

    good: bool
    sentence: str


def _questions(group: str, resource: str, verbs: tuple[str, ...], name: str = "") -> list[AccessQuestion]:
    return [AccessQuestion(verb, resource, group, name=name) for verb in verbs]


# What an account must be able to do everywhere, and some of what it must never be able to do.
_MUST: dict[str, list[AccessQuestion]] = {
    "worker": [
        *_questions("", "namespaces", (*_READ, "create")),
        *_questions(_RBAC, "rolebindings", (*_READ, "create", "delete")),
        *(
            q
            for r in (*roles.ROLES, "reaper")
            for q in _questions(_RBAC, "clusterroles", ("bind",), f"berth:{r}")
        ),
        *_questions("", "resourcequotas", ("list", "create", "update", "delete")),
        *_questions("", "limitranges", ("list", "create", "update", "delete")),
        *_questions("authorization.k8s.io", "subjectaccessreviews", ("create",)),
    ],
    "observer": [*_questions("", "nodes", _READ), *_questions("", "pods", _READ)],
    "reaper": [],
}
_MUST_NOT: dict[str, list[AccessQuestion]] = {
    "worker": [
        *_questions("", "namespaces", ("update", "patch", "delete")),
        *_questions(_RBAC, "rolebindings", ("update", "patch", "deletecollection")),
        *_questions(_RBAC, "clusterroles", ("bind",), "cluster-admin"),
        *_questions(_RBAC, "clusterroles", ("escalate", "create", "update")),
    ],
    "observer": [
        *_questions("", "pods", ("create", "delete")),
        *_questions("", "namespaces", ("create", "delete")),
    ],
    "reaper": [*_questions("", "namespaces", ("get", "delete")), *_questions("", "pods", _READ)],
}
for _account in _MUST_NOT.values():
    _account += [*_questions("", "secrets", _READ), *_questions("", "users", ("impersonate",))]


def accounts(
    config: ClusterConfig, connect: Callable[[ClusterConfig, Account], InspectedCluster]
) -> Iterator[Finding]:
    """Look at each account of ours: is it let in, under the name that the policies know, with its rights?"""
    each: Account
    for each in ("worker", "observer", "reaper"):
        try:
            yield from _account_findings(each, connect(config, each))
        except ClusterError as error:
            yield Finding(False, f"{each}: {error.message}")


def fences(worker: ClusterApi) -> Iterator[Finding]:
    """Try what the admission policies must refuse; dry runs pass through admission and store nothing."""
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fence-probe"}}
    yield _refused(worker, NAMESPACE, bare, _("a namespace without the labels of Berth"))
    managed = _managed_namespace(worker)
    if managed is None:
        yield Finding(True, _("No namespace is managed yet: the policy about bindings could not be tried."))
        return
    yield _refused(worker, ROLE_BINDING, _binding_of_everybody(managed), _("a binding of every user"))


def token(
    config: ClusterConfig, text: str, connect: Callable[[ClusterConfig, str], InspectedCluster]
) -> Finding:
    """Compare the name that the cluster gives the holder of an ID token with the one Berth would bind."""
    try:
        claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return Finding(False, _("This is no ID token."))
    issuer, subject = str(claims.get("iss", "")), str(claims.get("sub", ""))
    expected = config.username(issuer, subject)
    if expected is None:
        problem = _(
            "Berth would bind nobody of issuer %(issuer)s with the subject %(subject)s in this cluster."
        )
        return Finding(False, problem % {"issuer": issuer, "subject": subject})
    try:
        actual, _groups = connect(config, text).identify()
    except ClusterError as error:
        return Finding(False, _("The cluster refuses the token: %(problem)s") % {"problem": error.message})
    if actual != expected:
        problem = _(
            "The cluster calls the holder %(actual)s, Berth would bind %(expected)s:"
            " the prefix of the API server and the one in the clusters file differ."
        )
        return Finding(False, problem % {"actual": actual, "expected": expected})
    return Finding(True, _("The cluster and Berth agree on the name %(name)s.") % {"name": actual})


def _account_findings(account: str, cluster: InspectedCluster) -> Iterator[Finding]:
    name, _groups = cluster.identify()
    expected = names.service_account(account)
    known = _("%(account)s: the cluster knows it as %(name)s") % {"account": account, "name": name}
    if name == expected:
        yield Finding(True, known)
    else:
        yield Finding(False, _("%(known)s, but the admission policies speak of %(expected)s") % {
            "known": known, "expected": expected,
        })  # fmt: skip
    missing = [q for q in _MUST[account] if not cluster.review_own_access("", q).allowed]
    surplus = [q for q in _MUST_NOT[account] if cluster.review_own_access("", q).allowed]
    for wrong, sentence in (
        (missing, _("%(account)s: may not %(acts)s")),
        (surplus, _("%(account)s: may %(acts)s, which it never should")),
    ):
        if wrong:
            acts = ", ".join(f"{q.verb} {q.resource}{f' {q.name}' if q.name else ''}" for q in wrong)
            yield Finding(False, sentence % {"account": account, "acts": acts})
    if not missing and not surplus:
        yield Finding(True, _("%(account)s: has its rights, and no more") % {"account": account})


def _managed_namespace(worker: ClusterApi) -> str | None:
    for page in worker.list_pages(NAMESPACE):
        for item in page.items:
            metadata = item["metadata"]
            managed = (metadata.get("labels") or {}).get(names.MANAGED_LABEL) == "true"
            if managed and "deletionTimestamp" not in metadata:
                return str(metadata["name"])
    return None


def _binding_of_everybody(namespace: str) -> Manifest:
    """Return a binding that is right in everything but its subject."""
    name = roles.binding_name("viewer", "", "")
    labels = {names.MANAGED_BY_LABEL: names.MANAGED_BY}
    return {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.name,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": roles.cluster_role("viewer")},
        "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": "system:authenticated"}],
    }


def _refused(worker: ClusterApi, kind: Kind, manifest: Manifest, what: str) -> Finding:
    try:
        worker.create(kind, manifest, dry_run=True)
    except Forbidden:
        return Finding(True, _("The fence refuses %(what)s.") % {"what": what})
    except ClusterError as error:
        return Finding(False, error.message)
    return Finding(False, _("The fence is missing: %(what)s was not refused.") % {"what": what})
