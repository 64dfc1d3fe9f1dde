"""Is a cluster ready for Berth? Questions to the cluster itself, and what the answers mean to operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from django.utils.translation import gettext as _

from clusters import attempts, manifests, names, soundness
from clusters.api import (
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    AccessAnswer,
    AccessQuestion,
    Account,
    ClusterApi,
    ClusterError,
    Forbidden,
    Kind,
    Manifest,
    Throttled,
    Unauthorized,
    Unavailable,
)
from clusters.config import ClusterConfig
from clusters.ground import managed_namespaces
from clusters.rights import Right, beyond, expand

_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")


class InspectedCluster(ClusterApi, Protocol):
    """A cluster that also answers questions about the one who asks."""

    def identify(self) -> tuple[str, tuple[str, ...]]: ...

    def review_own_access(self, namespace: str, question: AccessQuestion) -> AccessAnswer: ...

    def review_own_rules(self, namespace: str) -> tuple[list[Manifest], bool]: ...


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is as it should be, a sentence about it, and what to do if not.

    What could not be looked at is not `tried`: good where that is no fault, such as a cluster without namespaces.
    """

    good: bool
    sentence: str
    remedy: str = ""
    tried: bool = True


def _questions(group: str, resource: str, verbs: tuple[str, ...], name: str = "") -> list[AccessQuestion]:
    return [AccessQuestion(verb, resource, group, name=name) for verb in verbs]


# Some of what an account must never be able to do; the rules that the API server lists say the rest.
_MUST_NOT: dict[Account, list[AccessQuestion]] = {
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
# Where the rules of an account are asked for: one namespace of everybody, of the cluster, and of Berth.
_PLACES = ("default", "kube-system", names.SYSTEM_NAMESPACE)
# What the API server gives everybody who is logged in, and every service account (its bootstrap policy): to ask about
# oneself, to read which versions and kinds there are, and public keys.
_OF_EVERYBODY: list[Manifest] = [
    {
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        "verbs": ["create"],
    },
    {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    {
        "apiGroups": ["certificates.k8s.io"],
        "resources": ["clustertrustbundles"],
        "verbs": ["get", "list", "watch"],
    },
    {
        "nonResourceURLs": [
            "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/readyz", "/openapi", "/openapi/*",
            "/version", "/version/", "/.well-known/openid-configuration", "/.well-known/openid-configuration/",
            "/openid/v1/jwks", "/openid/v1/jwks/",
        ],
        "verbs": ["get"],
    },
]  # fmt: skip


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
    yield _refused(worker, NAMESPACE, bare, "P2", _("a namespace without the labels of Berth"))
    managed = next(managed_namespaces(worker), None)
    if managed is None:
        sentence = _("No namespace is managed yet: P1 and the policy about limits could not be tried.")
        yield Finding(True, sentence, tried=False)
        return
    everybody = attempts.changed(
        attempts.binding(managed, ""), subjects=attempts.group("system:authenticated")
    )
    yield _refused(worker, ROLE_BINDING, everybody, "P1", _("a binding of every user"))
    odd = attempts.quota(managed, pods="1e3")
    yield _refused(worker, RESOURCE_QUOTA, odd, "berth-limits", _("an amount that Berth does not write"))


def given_roles(worker: ClusterApi) -> Iterator[Finding]:
    """Look at the roles that Berth gives away, as the worker sees them. Raises ClusterError."""
    altered = soundness.altered_roles(worker)
    for name in altered:
        yield Finding(
            False,
            _("%(role)s is missing or altered: nobody must be granted it.") % {"role": name},
            _("Look who changed it and why, then apply the manifests again."),
        )
    if not altered:
        yield Finding(True, _("The roles that Berth gives away are as they should be."))


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


def _account_findings(account: Account, cluster: InspectedCluster) -> Iterator[Finding]:
    name, _groups = cluster.identify()
    expected = names.service_account(account)
    known = _("%(account)s: the cluster knows it as %(name)s") % {"account": account, "name": name}
    if name == expected:
        yield Finding(True, known)
    else:
        yield Finding(False, _("%(known)s, but the admission policies speak of %(expected)s") % {
            "known": known, "expected": expected,
        })  # fmt: skip
    missing = [q for q in _needed(account) if not cluster.review_own_access("", q).allowed]
    allowed = [_act(q) for q in _MUST_NOT[account] if cluster.review_own_access("", q).allowed]
    rules = {place: cluster.review_own_rules(place) for place in _PLACES}
    for place, (listed, _is_all) in rules.items():
        allowed += [str(right) for right in _surplus(account, place, listed)]
    surplus = list(dict.fromkeys(allowed))
    if missing:
        acts = ", ".join(_act(q) for q in missing)
        sentence = _("%(account)s: may not %(acts)s") % {"account": account, "acts": acts}
        yield Finding(False, sentence, _("Apply the manifests again."))
    if surplus:
        sentence = _("%(account)s: may %(acts)s, which it never should")
        yield Finding(
            False,
            sentence % {"account": account, "acts": ", ".join(surplus)},
            _(
                "Look for the binding that gives this, and delete it: --kubeconfig names those of the account itself."
            ),
        )
    if not missing and not surplus:
        yield Finding(True, _("%(account)s: has its rights, and no more") % {"account": account})
    if not all(is_all for _rules, is_all in rules.values()):
        sentence = _(
            "%(account)s: further rights, which the API server does not list (it asks another authorizer)"
        )
        yield Finding(True, sentence % {"account": account}, tried=False)


def _needed(account: Account) -> list[AccessQuestion]:
    rights = sorted(expand(manifests.account_rules(account)))
    return [AccessQuestion(each.verb, each.resource, each.group, name=each.name) for each in rights]


def _surplus(account: Account, place: str, listed: list[Manifest]) -> list[Right]:
    """Return what the account may do in a namespace, and should not."""
    wanted = manifests.account_rules(account)
    if account == "worker" and place == names.SYSTEM_NAMESPACE:
        wanted = [*wanted, manifests.state_rule()]
    return beyond(expand(listed), expand([*wanted, *_OF_EVERYBODY]))


def _act(question: AccessQuestion) -> str:
    return str(Right(question.group, question.resource, question.verb, question.name))


def _refused(worker: ClusterApi, kind: Kind, manifest: Manifest, policy: str, what: str) -> Finding:
    words = {"policy": policy, "what": what}
    try:
        worker.create(kind, manifest, dry_run=True)
    except Forbidden as error:
        if "ValidatingAdmissionPolicy" in error.message:
            return Finding(True, _("%(policy)s refuses %(what)s.") % words)
        return Finding(False, error.message)
    except (Unavailable, Throttled, Unauthorized) as error:
        return Finding(False, error.message, tried=False)
    except ClusterError as error:
        return Finding(False, error.message)
    sentence = _("%(policy)s is missing: %(what)s was not refused.") % words
    return Finding(False, sentence, _("Apply the manifests; a policy is in force some moments later."))
