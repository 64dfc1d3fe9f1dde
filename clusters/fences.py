"""The admission policies that fence in our own worker, and the side doors of a namespace.

RBAC judges neither subjects nor labels nor patterns of names: with nothing but its RBAC rights, the worker
could bind every authenticated user to a member role. These policies say the rest, in the cluster itself, so
that a stolen token of the worker does no more than the worker should
(https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/). Patterns of user names
and reserved names come from the same facts as those of the portal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusters import names, roles
from clusters.api import Manifest
from clusters.config import ClusterConfig
from clusters.patterns import cel_list, cel_string, glob, whole

_API = "admissionregistration.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io"
# Who must stay able to touch bindings of managed namespaces: those who end namespaces and collect garbage.
_CONTROLLERS = (
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
)
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_SECTIONS = ("default", "defaultRequest", "max", "min", "maxLimitRequestRatio")
# What namespaces.limits writes, and what the API server makes of it (8192Mi is 8Gi, 1000 pods are 1k): whole numbers,
# in thousandths for CPU alone, in powers of 1024 for bytes alone.
_BYTES = r"(?:(?:requests|limits)[.])?(?:memory|ephemeral-storage)|(?:[^ =]+/)?requests[.]storage"
_AMOUNT = (
    "^(?:[A-Za-z]+ )?(?:"
    "(?:(?:requests|limits)[.])?cpu=[0-9]{1,19}(?:m|[kMGTPE])?"
    f"|(?:{_BYTES})=[0-9]{{1,19}}(?:[kMGTPE]|[KMGTPE]i)?"
    "|[^ =]+=[0-9]{1,19}[kMGTPE]?)$"
)
_MOST = "1Ei"


def fences(
    config: ClusterConfig, *, reserved: Sequence[str], operators_group: str, with_p3: bool
) -> list[Manifest]:
    """Return the policies and their bindings; `reserved` are names with `*` and `?` as wildcards.

    Raises ValueError for a reserved name that is not such a pattern.
    """
    pattern = whole("|".join(glob(name) for name in _all_reserved(reserved)))
    free = f"!%s.matches({cel_string(pattern)})"
    policies = [*_bindings(config, free), *_namespaces(free), *_limits(free)]
    return [*policies, *_side_doors(operators_group)] if with_p3 else policies


def _all_reserved(reserved: Sequence[str]) -> list[str]:
    return [*names.NEVER_MANAGED, *(name for name in reserved if name not in names.NEVER_MANAGED)]


def _bindings(config: ClusterConfig, free: str) -> list[Manifest]:
    """P1: the worker binds one person of a known issuer to one member role, and deletes only our bindings."""
    any_name = cel_string(whole(roles.binding_names()))
    people = " || ".join(f"({trust.cel('s.name')})" for trust in config.issuers)
    named = " || ".join(
        f"(object.roleRef.name == {cel_string(roles.cluster_role(role))}"
        f" && object.metadata.name.matches({cel_string(whole(roles.binding_names(role)))}))"
        for role in roles.ROLES
    )
    variables = {
        "subjects": "object == null ? [] : object.?subjects.orValue([])",
        "forReaper": f"object != null && {_for_reaper('object')}",
        "forMember": f"object != null && ({named})",
    }
    creating = "request.operation != 'CREATE' || "
    validations = {
        "The worker never changes a binding.": "request.operation != 'UPDATE'",
        # By name and role, not by the label: who takes that off must not make a right last for ever.
        "The worker deletes only bindings of Berth.": "request.operation != 'DELETE' || "
        f"(oldObject.roleRef.name in {cel_list(roles.cluster_role(role) for role in roles.ROLES)}"
        f" && oldObject.metadata.name.matches({any_name})) || ({_for_reaper('oldObject')})",
        "The binding must carry the label of Berth.": creating + _labelled("object"),
        "The binding must name a member role, in the role and in its own name.": creating
        + f"(object.roleRef.kind == 'ClusterRole' && object.roleRef.apiGroup == {cel_string(_RBAC)}"
        " && (variables.forReaper || variables.forMember))",
        "The binding must have one subject: a user whose name an issuer of this cluster may make.": creating
        + f"!variables.forMember || ({_one_subject('User')} && variables.subjects.all(s,"
        f" s.?apiGroup.orValue('') == {cel_string(_RBAC)} && ({people})))",
        "Only the reaper may get the role of the reaper.": creating
        + f"!variables.forReaper || ({_one_subject('ServiceAccount')} && variables.subjects.all(s,"
        f" s.name == 'reaper' && s.?namespace.orValue('') == {cel_string(names.SYSTEM_NAMESPACE)}))",
        "Nothing may hold up the end of a binding.": creating + _unattached("object"),
        "The namespace is not managed by Berth.": creating
        + f"({_managed()} && {free % 'request.namespace'})",
    }
    operations = ("CREATE", "UPDATE", "DELETE")
    return _policy("berth-bindings", _rule(_RBAC, ("rolebindings",), operations), validations, variables)


def _for_reaper(thing: str) -> str:
    return (
        f"{thing}.roleRef.name == {cel_string(roles.cluster_role('reaper'))}"
        f" && {thing}.metadata.name == {cel_string(names.REAPER_BINDING)}"
    )


def _namespaces(free: str) -> list[Manifest]:
    """P2: the worker makes namespaces of ours, and never changes or ends one."""
    levels = cel_list(names.POD_SECURITY_LEVELS)
    required = {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.MANAGED_LABEL: "true"}
    labels = "object.metadata.?labels.orValue({})"
    allowed = cel_list((*required, names.NAMESPACE_ID_LABEL, "kubernetes.io/metadata.name"))
    pod_security = cel_string(names.POD_SECURITY_PREFIX)
    creating = "request.operation != 'CREATE' || "
    versions = cel_string(f"^{names.POD_SECURITY_PREFIX}(enforce|audit|warn)-version$")
    validations = {
        "The worker makes namespaces, and never changes or deletes one.": "request.operation == 'CREATE'"
        " && request.?subResource.orValue('') == ''",
        "The namespace must carry the labels of Berth.": creating
        + " && ".join(
            [f"{_label('object', key)} == {cel_string(value)}" for key, value in required.items()]
            + [f"{_label('object', names.NAMESPACE_ID_LABEL)}.matches({cel_string(f'^{_UUID}$')})"]
        ),
        "The namespace must enforce Pod Security, baseline or restricted.": creating
        + f"({_label('object', names.POD_SECURITY_LABEL)} in {levels} && {labels}.all(key,"
        f" !key.startsWith({pod_security}) || key.matches({versions}) || {labels}[key] in {levels}))",
        "The namespace may carry no other labels.": creating
        + f"{labels}.all(key, key in {allowed} || key.startsWith({pod_security}))",
        "The namespace may carry no annotations but those of Berth.": creating
        + f"object.metadata.?annotations.orValue({{}}).all(key, key.startsWith("
        f"{cel_string(names.ANNOTATION_PREFIX)}))",
        "Nothing may hold up the end of a namespace.": creating + _unattached("object"),
        "The name is reserved for the cluster itself.": creating + free % "object.metadata.name",
    }
    resources = ("namespaces", "namespaces/status", "namespaces/finalize")
    return _policy("berth-namespaces", _rule("", resources, ("CREATE", "UPDATE", "DELETE")), validations)


def _limits(free: str) -> list[Manifest]:
    """The worker writes one quota and one limit range in our namespaces, and leaves those of others alone."""
    old_or_new = "(object == null ? oldObject : object)"
    validations = {
        "The worker writes only the quota and the limit range of Berth.": f"{old_or_new}.metadata.name =="
        f" (request.resource.resource == 'resourcequotas' ? {cel_string(names.QUOTA)}"
        f" : {cel_string(names.LIMITS)})",
        "The namespace is not managed by Berth.": f"{_managed()} && {free % 'request.namespace'}",
        "The amounts must be such as Berth writes; those of others stay as they are.": (
            f"variables.amounts.all(part, part.all(each, (each.matches({cel_string(_AMOUNT)})"
            f" && quantity(each.split('=')[1]).compareTo(quantity({cel_string(_MOST)})) <= 0)"
            " || variables.amountsBefore.exists(before, each in before)))"
        ),
    }
    variables = {"amounts": _amounts("object"), "amountsBefore": _amounts("oldObject")}
    rule = _rule("", ("resourcequotas", "limitranges"), ("CREATE", "UPDATE", "DELETE"))
    return _policy("berth-limits", rule, validations, variables)


def _amounts(thing: str) -> str:
    """Return the CEL expression for every amount of a quota or limit range: lists of texts `where=amount`."""
    in_quota = _texts("", f"{thing}.?spec.?hard")
    in_item = " + ".join(_texts(f"{section} ", f"item.?{section}") for section in _SECTIONS)
    return (
        f"{thing} == null ? [] : request.resource.resource == 'resourcequotas' ? [{in_quota}]"
        f" : {thing}.?spec.?limits.orValue([]).map(item, {in_item})"
    )


def _texts(where: str, amounts: str) -> str:
    there = f"{amounts}.orValue({{}})"
    return f"{there}.map(key, {cel_string(where)} + key + '=' + string({there}[key]))"


def _side_doors(operators_group: str) -> list[Manifest]:
    """P3: in managed namespaces nobody else touches our bindings, or lets people in beside them.

    A namespace admin stays free to bind the service accounts of the namespace, as charts do, and to delete a binding
    by which somebody else let people in: that closes a door.
    """
    exempt_users = cel_list((names.service_account("worker"), *_CONTROLLERS))
    exempt_groups = cel_list(("system:masters", operators_group))
    validations = {
        "This binding is kept by Berth: members are added and removed there.": " && ".join(
            f"({thing} == null || !({thing}.metadata.name.startsWith({cel_string(names.BINDING_PREFIX)})"
            f" || {_labelled(thing)}))"
            for thing in ("object", "oldObject")
        ),
        "People get into this namespace through Berth; a binding may name only its own service accounts.": (
            "variables.newNamesAccounts && (request.operation == 'DELETE' || variables.oldNamesAccounts)"
        ),
    }
    variables = {
        "newNamesAccounts": _accounts_only("object"),
        "oldNamesAccounts": _accounts_only("oldObject"),
    }
    conditions = [
        {"name": "nobody-exempt", "expression": f"!(request.userInfo.username in {exempt_users})"},
        {
            "name": "no-exempt-group",
            "expression": f"request.userInfo.?groups.orValue([]).all(g, !(g in {exempt_groups}))",
        },
    ]
    rule = _rule(_RBAC, ("rolebindings",), ("CREATE", "UPDATE", "DELETE"))
    policy, binding = _policy("berth-side-doors", rule, validations, variables)
    policy["spec"]["matchConditions"] = conditions
    policy["spec"]["matchConstraints"]["namespaceSelector"] = {"matchLabels": {names.MANAGED_LABEL: "true"}}
    return [policy, binding]


def _label(thing: str, key: str) -> str:
    return f"{thing}.metadata.?labels[?{cel_string(key)}].orValue('')"


def _labelled(thing: str) -> str:
    return f"{_label(thing, names.MANAGED_BY_LABEL)} == {cel_string(names.MANAGED_BY)}"


def _managed() -> str:
    return f"{_label('namespaceObject', names.MANAGED_LABEL)} == 'true'"


def _unattached(thing: str) -> str:
    """No finalizer keeps the object, and no owner takes it along."""
    return (
        f"({thing}.metadata.?finalizers.orValue([]).size() == 0"
        f" && {thing}.metadata.?ownerReferences.orValue([]).size() == 0)"
    )


def _one_subject(kind: str) -> str:
    return f"variables.subjects.size() == 1 && variables.subjects.all(s, s.kind == {cel_string(kind)})"


def _accounts_only(thing: str) -> str:
    return (
        f"{thing} == null || {thing}.?subjects.orValue([]).all(s, s.kind == 'ServiceAccount'"
        " && s.?namespace.orValue('') == request.namespace)"
    )


def _rule(group: str, resources: Iterable[str], operations: Iterable[str]) -> Manifest:
    return {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": list(operations),
        "resources": list(resources),
    }


def _policy(
    name: str, rule: Manifest, validations: dict[str, str], variables: dict[str, str] | None = None
) -> list[Manifest]:
    """Return a policy about our worker and its binding; `validations`: the message, and what must be true."""
    worker = cel_string(names.service_account("worker"))
    spec: Manifest = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "worker", "expression": f"request.userInfo.username == {worker}"}],
        "validations": [
            # Without a reason a denial is 422, which reads as a mistake in the object.
            {"expression": expression, "message": message, "reason": "Forbidden"}
            for message, expression in validations.items()
        ],
    }
    if variables:
        spec["variables"] = [
            {"name": variable, "expression": expression} for variable, expression in variables.items()
        ]
    metadata = {"name": name, "labels": {"app.kubernetes.io/part-of": "berth"}}
    return [
        {"apiVersion": _API, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": spec},
        {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": dict(metadata),
            "spec": {"policyName": name, "validationActions": ["Deny", "Audit"]},
        },
    ]
