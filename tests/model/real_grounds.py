"""A real API server as the ground of histories: one that nobody else uses, and whose controllers stand still.

Without controllers nothing changes but by the hands of a history, so that what was listed is true until the next
write. What they would do to a namespace that ends, `settle` does.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from clusters import kube, names
from clusters.api import (
    CLUSTER_ROLE,
    CONFIG_MAP,
    KINDS,
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    AccessAnswer,
    AccessQuestion,
    Account,
    ClusterApi,
    Kind,
    Manifest,
    Page,
    WatchEvent,
)
from clusters.config import ClusterConfig
from localcluster.admin_api import AdminApi
from localcluster.layout import Layout

_Key = tuple[str, str, str]
_Answer = TypeVar("_Answer")
_ROLES = f"/apis/{CLUSTER_ROLE.api_version}/clusterroles"
_BEACON = "model-beacon"
PATIENCE_SECONDS = 30
INSIDE = (ROLE_BINDING, RESOURCE_QUOTA, LIMIT_RANGE, CONFIG_MAP)
"""The kinds of which a namespace that ends is emptied."""


class RealGrounds:
    """The cluster as an administrator sees it."""

    def __init__(self, layout: Layout, places: tuple[str, ...]) -> None:
        self._admin = AdminApi(layout)
        self._places = places
        self._seen: dict[_Key, Manifest] | None = None
        self._numbers = itertools.count()
        self.written_by: object = None
        self._rules = {name: copy.deepcopy(rules) for name, rules in self.roles().items()}
        self._light_the_beacon()

    def begin(self) -> None:
        """Let everything be as before the first history."""
        for kind, _place, name in [*self.all()]:
            if kind == NAMESPACE.name and name in self._places:
                self.terminate(name)
        self.settle()
        for name, rules in self._rules.items():
            if name.startswith("berth:") and self.roles().get(name) != rules:
                self.set_rules(name, rules)
        mark = self._admin.expect("GET", _path(CONFIG_MAP, names.SYSTEM_NAMESPACE, names.STATE_CONFIG_MAP))
        if mark.pop("data", None):
            self._write("PUT", _path(CONFIG_MAP, names.SYSTEM_NAMESPACE, names.STATE_CONFIG_MAP), mark)

    # --- What a history needs -----------------------------------------------------------------------------------

    def connect(self, config: ClusterConfig, account: Account) -> ClusterApi:
        return _Watched(kube.connect(config, account), self)

    def all(self) -> dict[_Key, Manifest]:
        if self._seen is None:
            self._seen = {}
            for kind in KINDS:
                for found in self._admin.expect("GET", _path(kind))["items"]:
                    metadata = found["metadata"]
                    key = kind.name, metadata.get("namespace", ""), metadata["name"]
                    if _BEACON not in key:
                        self._seen[key] = {"apiVersion": kind.api_version, "kind": kind.name, **found}
        return self._seen

    def roles(self) -> dict[str, list[Any]]:
        return {
            name: found.get("rules") or []
            for (kind, _place, name), found in self.all().items()
            if kind == CLUSTER_ROLE.name
        }

    def put(self, manifest: Manifest) -> None:
        kind = next(each for each in KINDS if each.name == manifest["kind"])
        metadata = manifest["metadata"]
        place, name = metadata.get("namespace", ""), metadata["name"]
        if (kind.name, place, name) in self.all():
            self._write("PUT", _path(kind, place, name), manifest)
        else:
            self._write("POST", _path(kind, place), manifest)

    def change(self, kind: Kind, place: str, name: str, edit: Callable[[Manifest], Any]) -> None:
        written = copy.deepcopy(self.all()[kind.name, place, name])
        edit(written)
        self._write("PUT", _path(kind, place, name), written)

    def remove(self, kind: Kind, place: str, name: str) -> None:
        self._write("DELETE", _path(kind, place, name))

    def set_rules(self, role: str, rules: list[Any] | None) -> None:
        if rules is None:
            self.remove(CLUSTER_ROLE, "", role)
            return
        made = {"apiVersion": CLUSTER_ROLE.api_version, "kind": CLUSTER_ROLE.name, "metadata": {"name": role}}
        self.put({**made, "rules": copy.deepcopy(rules)})

    def terminate(self, place: str) -> None:
        self._write("DELETE", _path(NAMESPACE, "", place))

    def settle(self) -> None:
        """Empty each namespace that ends, and let it go, as the controllers would."""
        for (kind, _none, place), found in list(self.all().items()):
            if kind != NAMESPACE.name or "deletionTimestamp" not in found["metadata"]:
                continue
            for inside in INSIDE:
                self._write("DELETE", _path(inside, place))
            ending = self._admin.expect("GET", _path(NAMESPACE, "", place))
            ending["spec"]["finalizers"] = []
            self._write("PUT", f"{_path(NAMESPACE, '', place)}/finalize", ending)

    # --- What was written, and whether the API server knows it when it judges --------------------------------------

    def forget(self, by: object) -> None:
        """Somebody has written: what was listed is old."""
        self._seen, self.written_by = None, by

    def catch_up(self) -> None:
        """Return when the API server judges by everything that was written: it reads roles and bindings a moment later.

        Who writes last waits for it in a proof; here it is about what others wrote meanwhile. A role and a binding are
        changed, and their effect comes after that of all that was written before.
        """
        self.written_by = None
        name = f"{_BEACON}-{next(self._numbers)}"
        self._light_the_beacon(name)
        question = {"namespace": _BEACON, "verb": "get", "resource": "configmaps", "name": name}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        body = {**review, "spec": {"user": name, "resourceAttributes": question}}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._admin.expect("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
            if answer["status"]["allowed"]:
                return
            assert time.monotonic() < deadline, "the API server does not follow what is written"

    def _light_the_beacon(self, name: str = _BEACON) -> None:
        metadata = {"name": _BEACON}
        rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get"]}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _BEACON}
        self._replace(NAMESPACE, "", {"metadata": metadata}, only_once=True)
        self._replace(CLUSTER_ROLE, "", {"metadata": metadata, "rules": [rule]})
        self._replace(
            ROLE_BINDING, _BEACON, {"metadata": metadata, "roleRef": reference, "subjects": [subject]}
        )

    def _replace(self, kind: Kind, place: str, body: Manifest, *, only_once: bool = False) -> None:
        manifest = {"apiVersion": kind.api_version, "kind": kind.name, **body}
        path = _path(kind, place, _BEACON)
        if self._admin.call("GET", path)[0] == 404:
            self._admin.expect("POST", _path(kind, place), manifest)
        elif not only_once:
            self._admin.expect("PUT", path, manifest)

    def _write(self, method: str, path: str, body: Manifest | None = None) -> None:
        self._admin.expect(method, path, body)
        self.forget(by=self)


class _Watched:
    """The cluster as one of our accounts sees it; whoever asks for a right sees what others wrote before."""

    def __init__(self, api: ClusterApi, grounds: RealGrounds) -> None:
        self._api, self._grounds = api, grounds

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        return self._api.get(kind, name, namespace)

    def list_pages(self, kind: Kind, namespace: str | None = None, *, limit: int = 500) -> Iterator[Page]:
        return self._api.list_pages(kind, namespace, limit=limit)

    def watch(self, kind: Kind, since: str, *, seconds: int) -> Iterator[WatchEvent]:
        return self._api.watch(kind, since, seconds=seconds)

    def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        return self._written(lambda: self._api.create(kind, manifest, dry_run=dry_run))

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        return self._written(lambda: self._api.replace(kind, manifest))

    def delete(self, kind: Kind, name: str, namespace: str | None = None, *, uid: str) -> None:
        self._written(lambda: self._api.delete(kind, name, namespace, uid=uid))

    def review_access(self, username: str, namespace: str, question: AccessQuestion) -> AccessAnswer:
        if self._grounds.written_by not in (None, self):
            self._grounds.catch_up()
        return self._api.review_access(username, namespace, question)

    def _written(self, write: Callable[[], _Answer]) -> _Answer:
        try:
            return write()
        finally:
            self._grounds.forget(by=self)


def _path(kind: Kind, place: str = "", name: str = "") -> str:
    group = "/api/v1" if kind.api_version == "v1" else f"/apis/{kind.api_version}"
    inside = f"/namespaces/{place}" if place else ""
    return f"{group}{inside}/{kind.plural}" + (f"/{name}" if name else "")
