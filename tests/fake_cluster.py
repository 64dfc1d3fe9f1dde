"""A cluster in memory, at the protocol of `clusters.api`: for long histories, and for faults on command.

It does what `tests/contract/test_cluster_api.py` says, which the real API server passes word for word; a
behaviour that is not in that suite is not in here. It holds what `clusters.manifests` renders, judges every
call by those roles and fences, and adds two hands: `outside` is an administrator with kubectl, and the
methods at the end make calls go wrong.
"""

from __future__ import annotations

import copy
import itertools
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from clusters import guard, manifests, names
from clusters.api import (
    CLUSTER_ROLE,
    CONFIG_MAP,
    KINDS,
    NAMESPACE,
    ROLE_BINDING,
    AccessAnswer,
    AccessQuestion,
    Account,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    Kind,
    Manifest,
    NotFound,
    Page,
    Unavailable,
    WatchEvent,
)
from clusters.config import ClusterConfig
from tests.fake_rules import Rules, invalid_labels

RESERVED = ("kube-*", "openshift-*", "sys*", "istio-system", "cattle-*", "rook-*")
_Key = tuple[str, str]


@dataclass(frozen=True)
class Call:
    """One call that was made, whether or not it succeeded."""

    verb: str
    kind: Kind
    namespace: str
    name: str
    dry_run: bool = False

    @property
    def writes(self) -> bool:
        return self.verb in {"create", "replace", "delete"} and not self.dry_run


@dataclass
class _Fault:
    """What is to go wrong, and with which calls; `after` means that the effect has happened by then."""

    error: ClusterError
    verb: str | None
    kind: Kind | None
    name: str | None
    page: int
    after: bool
    times: int

    def hits(self, call: Call, *, page: int, after: bool) -> bool:
        return (
            self.times > 0
            and self.after == after
            and self.page == page
            and self.verb in {None, call.verb}
            and self.kind in {None, call.kind}
            and self.name in {None, call.name}
        )


@dataclass
class _State:
    """What the cluster holds; shared by all accounts."""

    config: ClusterConfig
    objects: dict[str, dict[_Key, Manifest]] = field(
        default_factory=lambda: {kind.name: {} for kind in KINDS}
    )
    rules: Rules = field(default_factory=Rules)
    version: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    held: set[str] = field(default_factory=set)
    faults: list[_Fault] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    told: deque[WatchEvent] = field(default_factory=lambda: deque(maxlen=500))
    forgotten: int = 0
    news: threading.Condition = field(default_factory=threading.Condition)

    def of(self, kind: Kind) -> dict[_Key, Manifest]:
        return self.objects[kind.name]

    def stamp(
        self, manifest: Manifest, change: Literal["ADDED", "MODIFIED", "DELETED"] = "MODIFIED"
    ) -> Manifest:
        """Give what was written its version, and tell those who watch."""
        manifest["metadata"]["resourceVersion"] = str(next(self.version))
        with self.news:
            if len(self.told) == self.told.maxlen:
                self.forgotten = int(self.told[0].resource_version)
            self.told.append(WatchEvent(change, copy.deepcopy(manifest)))
            self.news.notify_all()
        return manifest

    def drop(self, kind: Kind, key: _Key) -> None:
        """Let an object be gone."""
        self.stamp(self.of(kind).pop(key), "DELETED")

    def forget_news(self) -> None:
        """Let every version up to now be too old for a watch."""
        with self.news:
            self.told.clear()
            self.forgotten = next(self.version)

    def store(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Keep a new object, with what the API server adds to it."""
        stored = copy.deepcopy(manifest)
        stored["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp="2026-01-01T00:00:00Z")
        _complete(kind, stored)
        self.of(kind)[_key(stored)] = self.stamp(stored, "ADDED")
        return stored


class FakeCluster:
    """The cluster as one of our accounts sees it; `acting_as` gives the view of another account."""

    def __init__(
        self, config: ClusterConfig, account: Account = "worker", *, state: _State | None = None
    ) -> None:
        self.account = account
        self._state = state or _State(config)
        if state is None:
            for manifest in manifests.render(config, reserved=RESERVED):
                self.outside.put(manifest)
            for name in ("default", "kube-system"):
                self.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            self._state.forget_news()

    def acting_as(self, account: Account) -> FakeCluster:
        """Return the same cluster as seen by another account."""
        return FakeCluster(self._state.config, account, state=self._state)

    # --- The protocol
    # ------------------------------------------------------------------------------------------

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        guard.check_place(kind, namespace)
        with self._call(Call("get", kind, namespace or "", name)):
            return copy.deepcopy(self._existing(kind, name, namespace))

    def list_pages(self, kind: Kind, namespace: str | None = None, *, limit: int = 500) -> Iterator[Page]:
        if not kind.namespaced or namespace:
            guard.check_place(kind, namespace)
        call = Call("list", kind, namespace or "", "")
        with self._call(call):
            state = self._state
            found = sorted(
                (key, item)
                for key, item in state.of(kind).items()
                if namespace in {None, key[0]} and item["metadata"]["name"] not in state.dropped
            )
            items = [copy.deepcopy(item) for _, item in found]
            version = str(next(state.version))
        starts = list(range(0, len(items), limit)) or [0]
        for number, start in enumerate(starts, start=1):
            if number > 1:
                self._fail(call, page=number)
            yield Page(items[start : start + limit], version, last=start == starts[-1])

    def watch(self, kind: Kind, since: str, *, seconds: int) -> Iterator[WatchEvent]:
        with self._call(Call("watch", kind, "", "")):
            state, last, end = self._state, int(since), time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            with state.news:
                if last < state.forgotten:
                    raise Gone(f"too old resource version: {last}", cause="Expired")
                news = [each for each in state.told if int(each.resource_version) > last]
                if not news:
                    state.news.wait(remaining)
                    continue
            for event in news:
                last = int(event.resource_version)
                if event.object["kind"] == kind.name:
                    yield copy.deepcopy(event)

    def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        name, namespace = guard.place(kind, manifest)
        guard.check_write("create", kind, name, namespace)
        with self._call(Call("create", kind, namespace or "", name, dry_run)):
            stored = copy.deepcopy(manifest)
            self._check_new(kind, stored, namespace)
            if dry_run:
                return stored | {"metadata": {**stored["metadata"], "uid": str(uuid.uuid4())}}
            return copy.deepcopy(self._state.store(kind, stored))

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        name, namespace = guard.place(kind, manifest)
        guard.check_write("replace", kind, name, namespace)
        guard.check_replacement(manifest)
        with self._call(Call("replace", kind, namespace or "", name)):
            current = self._existing(kind, name, namespace)
            if manifest["metadata"]["resourceVersion"] != current["metadata"]["resourceVersion"]:
                raise Conflict(f"{kind.plural} {name!r}: the object has been modified", cause="Conflict")
            self._state.rules.fence_write(self._user, manifest, current, self._namespace(namespace))
            written = {**copy.deepcopy(manifest), "status": current.get("status", {})}
            written["metadata"] = {**current["metadata"], **written["metadata"]}
            if written != current | {"status": written["status"]}:
                self._state.of(kind)[_key(written)] = self._state.stamp(written)
            return copy.deepcopy(self._state.of(kind)[_key(written)])

    def delete(self, kind: Kind, name: str, namespace: str | None = None, *, uid: str) -> None:
        guard.check_place(kind, namespace)
        guard.check_write("delete", kind, name, namespace)
        if not uid:
            raise ValueError("a deletion needs the uid of what it deletes")
        with self._call(Call("delete", kind, namespace or "", name)):
            current = self._existing(kind, name, namespace)
            if current["metadata"]["uid"] != uid:
                raise Conflict(f"{kind.plural} {name!r}: the UID does not match", cause="Conflict")
            self._state.rules.fence_delete(self._user, kind, current, self._namespace(namespace))
            if kind is NAMESPACE:
                self.outside.terminate(name)
            else:
                self._state.drop(kind, _key(current))

    def review_access(self, username: str, namespace: str, question: AccessQuestion) -> AccessAnswer:
        if not username or not namespace:
            raise ValueError("a question about access needs a user name and a namespace")
        call = Call("review", NAMESPACE, namespace, username)
        with self._state.lock:
            self._state.calls.append(call)
            self._fail(call)
            return self._judge(username, namespace, question)

    # --- Hands and ears of the tests
    # -----------------------------------------------------------------------------

    @property
    def outside(self) -> Outside:
        """The administrator of the cluster, whom no rule of ours binds."""
        return Outside(self._state)

    @property
    def calls(self) -> list[Call]:
        """Every call so far, of all accounts; clear it to begin anew."""
        return self._state.calls

    @property
    def writes(self) -> list[Call]:
        return [call for call in self._state.calls if call.writes]

    def settle(self) -> None:
        """Let the controllers work: a namespace that ends loses its content, then itself if nothing holds."""
        with self._state.lock:
            for name in [key[1] for key, item in self._state.of(NAMESPACE).items() if _ending(item)]:
                for kind in KINDS:
                    for key in [key for key in self._state.of(kind) if kind.namespaced and key[0] == name]:
                        self._state.drop(kind, key)
                if name not in self._state.held:
                    self._state.drop(NAMESPACE, ("", name))

    def fail(
        self,
        error: ClusterError,
        *,
        verb: str | None = None,
        kind: Kind | None = None,
        name: str | None = None,
        times: int = 1,
    ) -> None:
        """Make the next calls of this sort raise, without effect. `verb`: get, list, create, …, review."""
        self._state.faults.append(_Fault(error, verb, kind, name, page=1, after=False, times=times))

    def lose_answer(self, *, verb: str, kind: Kind | None = None, name: str | None = None) -> None:
        """Let the next call of this sort have its effect, and its answer get lost."""
        error = Unavailable("The API server did not answer within 10 seconds.")
        self._state.faults.append(_Fault(error, verb, kind, name, page=1, after=True, times=1))

    def expire_list(self, kind: Kind, *, page: int = 2) -> None:
        """Make the next list of this kind impossible to continue at this page."""
        error = Gone("The provided continue parameter is too old.", cause="Expired")
        self._state.faults.append(_Fault(error, "list", kind, None, page=page, after=False, times=1))

    def drop_from_lists(self, *dropped: str) -> None:
        """Leave objects of these names out of every list, as a filtering proxy would; no names: none."""
        self._state.dropped = set(dropped)

    # --- Behind the protocol
    # -------------------------------------------------------------------------------------

    @property
    def _user(self) -> str:
        return names.service_account(self.account)

    def _call(self, call: Call) -> _Running:
        return _Running(self, call)

    def _fail(self, call: Call, *, page: int = 1, after: bool = False) -> None:
        for fault in self._state.faults:
            if fault.hits(call, page=page, after=after):
                fault.times -= 1
                raise fault.error

    def _judge(self, user: str, namespace: str, question: AccessQuestion) -> AccessAnswer:
        return self._state.rules.judge(user, namespace, question, self._state.of(ROLE_BINDING))

    def _authorize(self, call: Call) -> None:
        verb = {"replace": "update"}.get(call.verb, call.verb)
        group = call.kind.api_version.rpartition("/")[0]
        # RBAC judges acts on a namespace inside that namespace.
        place = call.name if call.kind is NAMESPACE else call.namespace
        question = AccessQuestion(verb, call.kind.plural, group, name="" if verb == "create" else call.name)
        if not self._judge(self._user, place, question).allowed:
            message = f"{call.kind.plural} {call.name!r} is forbidden: {self._user} cannot {verb} it"
            raise Forbidden(message, cause="Forbidden")

    def _existing(self, kind: Kind, name: str, namespace: str | None) -> Manifest:
        found = self._state.of(kind).get((namespace or "", name))
        if found is None:
            raise NotFound(f"{kind.plural} {name!r} not found", cause="NotFound")
        return found

    def _namespace(self, name: str | None) -> Manifest | None:
        return self._state.of(NAMESPACE).get(("", name or ""))

    def _check_new(self, kind: Kind, manifest: Manifest, namespace: str | None) -> None:
        """Refuse a new object for the reasons, and in the order, of the API server."""
        name = manifest["metadata"]["name"]
        if kind is ROLE_BINDING and not self._state.rules.may_bind(self._user, manifest["roleRef"]["name"]):
            raise NotFound(f"rolebindings {manifest['roleRef']['name']!r} not found", cause="NotFound")
        place = self._namespace(namespace)
        if kind.namespaced and place is None:
            raise NotFound(f"namespaces {namespace!r} not found", cause="NotFound")
        if place is not None and _ending(place):
            message = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise Forbidden(message, cause="NamespaceTerminating")
        _complete(kind, manifest)
        if problem := invalid_labels(manifest):
            raise Invalid(f"{kind.name} {name!r} is invalid: {problem}", cause="Invalid")
        self._state.rules.fence_create(self._user, self._state.config, kind, manifest, place)
        present = self._state.of(kind).get(_key(manifest))
        if present is not None:
            ending = "object is being deleted: " if _ending(present) else ""
            raise Conflict(f"{ending}{kind.plural} {name!r} already exists", cause="AlreadyExists")


@dataclass
class _Running:
    """One call while it runs: alone, logged, authorised, and failing where it was told to."""

    cluster: FakeCluster
    call: Call

    def __enter__(self) -> None:
        state = self.cluster._state
        state.lock.acquire()
        try:
            state.calls.append(self.call)
            self.cluster._fail(self.call)
            self.cluster._authorize(self.call)
        except ClusterError:
            state.lock.release()
            raise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.cluster._state.lock.release()
        if error is None:
            self.cluster._fail(self.call, after=True)


@dataclass
class Outside:
    """An administrator with kubectl: does what no account of ours may."""

    _state: _State

    def put(self, manifest: Manifest) -> Manifest:
        """Make or overwrite an object of any kind."""
        kind = next((kind for kind in KINDS if kind.name == manifest["kind"]), None)
        if kind is None:
            self._state.rules.put(manifest)
            return manifest
        current = self._state.of(kind).get(_key(manifest))
        if current is None:
            stored = self._state.store(kind, manifest)
            if kind is CLUSTER_ROLE:
                self._state.rules.put(stored)
            return copy.deepcopy(stored)
        written = copy.deepcopy(manifest)
        written["metadata"] = {**current["metadata"], **written["metadata"]}
        _complete(kind, written)
        self._state.of(kind)[_key(written)] = self._state.stamp(written)
        if kind is CLUSTER_ROLE:
            self._state.rules.put(written)
        return copy.deepcopy(written)

    def change(self, kind: Kind, name: str, namespace: str | None, edit: Callable[[Manifest], Any]) -> None:
        """Let `edit` change an object in place."""
        written = self._state.of(kind)[namespace or "", name]
        edit(written)
        self._state.stamp(written)

    def remove(self, kind: Kind, name: str, namespace: str | None = None) -> None:
        self._state.drop(kind, (namespace or "", name))

    def remove_role(self, name: str) -> None:
        """Delete a ClusterRole."""
        self._state.rules.roles.pop(("", name))
        self.remove(CLUSTER_ROLE, name)

    def remove_fences(self) -> None:
        """Delete the admission policies."""
        self._state.rules.fenced = False

    def hold(self, namespace: str) -> None:
        """Put something into the namespace that its end must wait for."""
        self._state.held.add(namespace)

    def release(self, namespace: str) -> None:
        self._state.held.discard(namespace)

    def terminate(self, namespace: str) -> None:
        """Begin the end of a namespace."""
        present = self._state.of(NAMESPACE)["", namespace]
        present["metadata"].setdefault("deletionTimestamp", "2026-01-01T00:00:00Z")
        present["status"] = {"phase": "Terminating"}
        self._state.stamp(present)


def _key(manifest: Manifest) -> _Key:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _ending(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def _complete(kind: Kind, manifest: Manifest) -> None:
    """Fill in what the API server fills in."""
    if kind is NAMESPACE:
        labels = manifest["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = manifest["metadata"]["name"]
        manifest.setdefault("status", {"phase": "Active"})
    if kind is ROLE_BINDING:
        for subject in manifest.get("subjects") or []:
            if subject["kind"] != "ServiceAccount":
                subject.setdefault("apiGroup", "rbac.authorization.k8s.io")
    if kind is CONFIG_MAP and manifest.get("data") == {}:
        del manifest["data"]
