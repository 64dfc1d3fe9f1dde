"""What an operator's own credential lets `manage.py cluster check` see: every object that was applied, and P3 at work.

The worker could be given the right to read all of it. It is not: what it may read tells whoever steals its token how
the fences are built, and the operator who applies the manifests may read them anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from clusters import attempts, comparison, names, roles
from clusters.api import NAMESPACE, ROLE_BINDING, ClusterApi, ClusterError, Manifest
from clusters.attack import Verdict, judge
from clusters.config import ClusterConfig
from clusters.diagnosis import Finding
from clusters.ground import managed_namespaces, person_of
from clusters.raw import Answer, RawCluster, Request, collection, create, one

OLDEST = (1, 30)
"""The first version of Kubernetes whose admission policies are not a preview."""
TRIED = ((1, 36), (1, 37))
"""The versions that this version of Berth was tried on."""
SIDE_DOORS = "berth-side-doors"
_NUMBER = re.compile(r"v?(\d+)\.(\d+)")


def version(cluster: RawCluster) -> Finding:
    """Look at the version of the API server. Raises ClusterError where it does not say."""
    said = cluster.exchange(Request("GET", "/version"))
    text = str(said.body.get("gitVersion", "")) if isinstance(said.body, dict) else ""
    found = _NUMBER.match(text)
    if said.status != 200 or not found:
        return Finding(False, _("The API server does not say its version."))
    number = int(found[1]), int(found[2])
    words = {
        "version": text,
        "oldest": _dotted(OLDEST),
        "tried": " and ".join(_dotted(each) for each in TRIED),
    }
    if number < OLDEST:
        return Finding(
            False,
            _("The API server is Kubernetes %(version)s; Berth needs %(oldest)s or newer.") % words,
            _("Update the cluster: older ones have no admission policies, and nothing fences the worker in."),
        )
    return Finding(
        True, _("Kubernetes %(version)s: %(oldest)s or newer is needed, %(tried)s were tried.") % words
    )


def is_same_cluster(operator: ClusterApi, worker: ClusterApi) -> bool:
    """Whether both see one cluster. Raises ClusterError where one of them does not see it."""
    first, second = (api.get(NAMESPACE, "kube-system")["metadata"]["uid"] for api in (operator, worker))
    return bool(first == second)


def objects(operator: RawCluster, wanted: Iterable[Manifest]) -> Iterator[Finding]:
    """Compare everything that was applied with what is rendered now. Raises ClusterError."""
    remedy = _("Look who changed it and why, then apply the manifests again.")
    sound = 0
    for manifest in wanted:
        called = f"{manifest['kind']} {manifest['metadata']['name']}"
        answer = operator.exchange(one(manifest, "GET"))
        if answer.status == 404:
            yield Finding(False, _("%(object)s is missing.") % {"object": called}, _("Apply the manifests."))
        elif answer.status != 200:
            problem = _("%(object)s could not be read: %(problem)s")
            yield Finding(False, problem % {"object": called, "problem": answer.message})
        elif words := comparison.differences(manifest, answer.body):
            yield Finding(False, f"{called}: {'; '.join(words)}.", remedy)
        else:
            sound += 1
    yield Finding(True, _("%(count)d objects are as the manifests say.") % {"count": sound})


def strangers(operator: RawCluster, wanted: Iterable[Manifest]) -> Iterator[Finding]:
    """Name bindings that give our accounts, or our accounts' group, more than the manifests do. Raises ClusterError."""
    known = {collection(each) + "/" + each["metadata"]["name"] for each in wanted}
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        root = collection({"apiVersion": ROLE_BINDING.api_version, "kind": kind, "metadata": {}})
        for item in _all(operator, root):
            shaped = {"apiVersion": ROLE_BINDING.api_version, "kind": kind, "metadata": item["metadata"]}
            ours = [each["name"] for each in item.get("subjects") or [] if _is_ours(each)]
            if ours and one(shaped, "GET").path not in known and not _condemns(item):
                place = item["metadata"].get("namespace")
                words = {
                    "binding": f"{kind} {f'{place}/' if place else ''}{item['metadata']['name']}",
                    "role": item["roleRef"]["name"],
                    "accounts": ", ".join(ours),
                }
                yield Finding(
                    False,
                    _("%(binding)s gives %(accounts)s the role %(role)s.") % words,
                    _("Delete the binding, unless you know why it is there."),
                )


def side_doors(config: ClusterConfig, operator: RawCluster, worker: ClusterApi) -> Finding:
    """Let an admin of a managed namespace try, in a dry run, to let somebody in beside Berth. Raises ClusterError.

    The operator acts as that admin (impersonation): only who may make bindings at all meets the policy.
    """
    admin = _some_admin(config, worker)
    if admin is None:
        return Finding(True, _("No namespace has an admin yet: P3 could not be tried."), tried=False)
    place, username = admin
    friend = attempts.changed(attempts.binding(place, username), name="friend", labels=None)
    request = create(friend).as_dry_run()
    acting = Request(request.method, request.path, request.body, {"Impersonate-User": username})
    answer = operator.exchange(acting)
    verdict, fence = judge(answer)
    if verdict == Verdict.DENIED and fence == SIDE_DOORS:
        return Finding(True, _("P3 refuses a binding that an admin of %(place)s makes.") % {"place": place})
    return _not_refused(answer, place)


def _not_refused(answer: Answer, place: str) -> Finding:
    if 200 <= answer.status <= 299:
        return Finding(
            False,
            _("P3 is missing: admins of %(place)s can let people in beside Berth.") % {"place": place},
            _("Apply the manifests, or say --without-p3 if that is wanted."),
        )
    return Finding(
        False,
        _("P3 could not be tried in %(place)s: %(problem)s") % {"place": place, "problem": answer.message},
        _("The kubeconfig must be of somebody who may act as other users; an admin must be in force there."),
    )


def _some_admin(config: ClusterConfig, worker: ClusterApi) -> tuple[str, str] | None:
    managed = frozenset(managed_namespaces(worker))
    for page in worker.list_pages(ROLE_BINDING):
        for item in page.items:
            place, person = item["metadata"]["namespace"], person_of(item, config)
            if person and place in managed and item["roleRef"]["name"] == roles.cluster_role("admin"):
                return place, person
    return None


def _all(operator: RawCluster, path: str) -> Iterator[Manifest]:
    """Yield every object of a kind, page by page. Raises ClusterError for an answer that is no list."""
    token = ""
    while True:
        answer = operator.exchange(Request("GET", f"{path}?limit=500{f'&continue={token}' if token else ''}"))
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise ClusterError(answer.message)
        yield from answer.body.get("items") or []
        token = (answer.body.get("metadata") or {}).get("continue") or ""
        if not token:
            return


def _is_ours(subject: Manifest) -> bool:
    if subject["kind"] == "Group":
        return bool(subject["name"] == f"system:serviceaccounts:{names.SYSTEM_NAMESPACE}")
    if subject["kind"] == "User":
        return subject["name"] in {names.service_account(account) for account in names.ACCOUNTS}
    return subject.get("namespace") == names.SYSTEM_NAMESPACE and subject["name"] in names.ACCOUNTS


def _condemns(binding: Manifest) -> bool:
    """What the worker makes for the reaper, where a namespace is to end."""
    role = roles.cluster_role("reaper")
    return bool(binding["metadata"]["name"] == names.REAPER_BINDING and binding["roleRef"]["name"] == role)


def _dotted(number: tuple[int, int]) -> str:
    return f"{number[0]}.{number[1]}"
