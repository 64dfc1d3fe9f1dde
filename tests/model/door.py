"""The door between a worker and a cluster: what goes wrong goes wrong here, and everything is noted here.

A door is opened for each pass, so that what is noted in one is what one pass saw and did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from clusters.api import (
    NAMESPACE,
    AccessAnswer,
    AccessQuestion,
    Account,
    ClusterApi,
    ClusterError,
    Kind,
    Manifest,
    Page,
    Unavailable,
    WatchEvent,
)
from clusters.config import ClusterConfig
from tests.model import crew
from tests.model.book import Right
from tests.model.crew import Fate, Killed

CONNECT = f"{__name__}.connect"
WRITES = frozenset({"create", "replace", "delete"})
PAGE_SIZE = 3  # so that lists have more than one page
_desks: list[Desk] = []


@dataclass(frozen=True)
class Act:
    """A call: `uid` is that of the object that is to be deleted, or that was made."""

    verb: str
    kind: Kind
    place: str
    name: str
    uid: str = ""


@dataclass
class Fault:
    """What goes wrong with the next `times` calls of a sort.

    `lost`: it has its effect, and the answer gets lost. `late`: no answer, and the effect comes when somebody says so.
    """

    error: ClusterError
    verb: str = ""
    kind: Kind | None = None
    times: int = 1
    lost: bool = False
    late: bool = False
    page: int = 1

    def takes(self, act: Act, page: int) -> bool:
        """Whether it hits this call, which it then does once less."""
        hits = (
            self.times > 0
            and self.verb in ("", act.verb)
            and self.kind in (None, act.kind)
            and page == self.page
        )
        self.times -= hits
        return hits


@dataclass
class Desk:
    """What all doors of one history share.

    `wanted` and `truth` are the model's own view: which rights the rows want now, and with which roles a user is let
    into a namespace now. `judge` is asked about each write before it goes out; `effect` and `seen` are told of what was
    written and of what a worker was shown.
    """

    connect: Callable[[ClusterConfig, Account], ClusterApi]
    wanted: Callable[[], frozenset[Right]]
    truth: Callable[[str, str], frozenset[str]]
    judge: Callable[[Door, Act, Manifest | None], None]
    effect: Callable[[Door, Act, Manifest | None], None]
    seen: Callable[[Kind, Manifest], None]
    fate: Fate = field(default_factory=Fate)
    faults: list[Fault] = field(default_factory=list)
    is_down: bool = False
    dropped: set[str] = field(default_factory=set)
    in_flight: list[Callable[[], None]] = field(default_factory=list)
    opened: list[Door] = field(default_factory=list)
    writes: int = 0

    def __post_init__(self) -> None:
        _desks[:] = [self]

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self.faults.clear()
        self.dropped.clear()
        self.is_down = False
        self.fate = Fate()

    @property
    def is_calm(self) -> bool:
        return not (self.is_down or self.dropped or any(fault.times > 0 for fault in self.faults))


def connect(config: ClusterConfig, account: Account) -> ClusterApi:
    """Return the cluster as one of our accounts sees it, behind a new door."""
    desk = _desks[0]
    return Door(desk, desk.connect(config, account))


class Door:
    """A cluster whose calls can go wrong."""

    def __init__(self, desk: Desk, api: ClusterApi) -> None:
        self._desk, self._api = desk, api
        self.acts: list[Act] = []
        self.wanted: list[frozenset[Right]] = []
        self.truths: dict[tuple[str, str], list[frozenset[str]]] = {}
        desk.opened.append(self)

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        act = Act("get", kind, namespace or "", name)
        found: Manifest = self._call(act, lambda: self._api.get(kind, name, namespace))
        self._desk.seen(kind, found)
        return found

    def list_pages(self, kind: Kind, namespace: str | None = None, *, limit: int = 500) -> Iterator[Page]:
        act = Act("list", kind, namespace or "", "")
        pages = self._api.list_pages(kind, namespace, limit=min(limit, PAGE_SIZE))
        number = 0
        while True:
            number += 1
            page = self._call(act, lambda: next(pages, None), page=number)
            if page is None:
                return
            dropped = self._desk.dropped
            items = [item for item in page.items if item["metadata"]["name"] not in dropped]
            for item in items:
                self._desk.seen(kind, item)
            yield Page(items, page.resource_version, page.last)
            if page.last:
                return

    def watch(self, kind: Kind, since: str, *, seconds: int) -> Iterator[WatchEvent]:
        return self._api.watch(kind, since, seconds=seconds)

    def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        metadata = manifest["metadata"]
        act = Act("try" if dry_run else "create", kind, metadata.get("namespace", ""), metadata["name"])
        return self._call(act, lambda: self._api.create(kind, manifest, dry_run=dry_run), manifest)  # type: ignore[no-any-return]

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        metadata = manifest["metadata"]
        act = Act("replace", kind, metadata.get("namespace", ""), metadata["name"], metadata["uid"])
        return self._call(act, lambda: self._api.replace(kind, manifest), manifest)  # type: ignore[no-any-return]

    def delete(self, kind: Kind, name: str, namespace: str | None = None, *, uid: str) -> None:
        act = Act("delete", kind, namespace or "", name, uid)
        self._call(act, lambda: self._api.delete(kind, name, namespace, uid=uid))

    def review_access(self, username: str, namespace: str, question: AccessQuestion) -> AccessAnswer:
        def ask() -> AccessAnswer:
            truth = self._desk.truth(namespace, username)
            self.truths.setdefault((namespace, username), []).append(truth)
            return self._api.review_access(username, namespace, question)

        return self._call(Act("review", NAMESPACE, namespace, username), ask)  # type: ignore[no-any-return]

    def _call(
        self, act: Act, effect: Callable[[], Any], manifest: Manifest | None = None, *, page: int = 1
    ) -> Any:
        desk, worker = self._desk, crew.current()
        fate = worker.fate if worker else desk.fate
        fate.calls += 1
        here = fate.calls
        self._note()
        if act.verb in WRITES:
            desk.judge(self, act, manifest)
            self.acts.append(act)
        if worker and fate.stands_at in (here, act.verb):
            worker.stand()
            fate = worker.fate
            here = fate.calls = 1  # counted anew: this call is its first one
            desk.opened.append(self)  # it does something in another step as well
            self._note()
        dies = fate.dies_at in (here, act.verb)
        if dies and not fate.late:
            raise Killed
        fault = self._fault(act, page)
        if fault is not None and fault.late:
            desk.in_flight.append(lambda: self._land(act, effect, manifest))
        if fault is not None and not fault.lost:
            raise fault.error
        answer = self._do(act, effect, manifest)
        if dies:
            raise Killed
        if fault is not None:
            raise fault.error
        return answer

    def _fault(self, act: Act, page: int) -> Fault | None:
        if self._desk.is_down:
            return Fault(Unavailable("The API server cannot be reached: the connection was refused."))
        return next((fault for fault in self._desk.faults if fault.takes(act, page)), None)

    def _do(self, act: Act, effect: Callable[[], Any], manifest: Manifest | None) -> Any:
        if act.verb not in WRITES:
            return effect()
        self._desk.writes += 1
        answer = effect()
        if act.verb == "create":
            act = Act(act.verb, act.kind, act.place, act.name, answer["metadata"]["uid"])
        self._desk.effect(self, act, answer)
        return answer

    def _land(self, act: Act, effect: Callable[[], Any], manifest: Manifest | None) -> None:
        try:
            self._do(act, effect, manifest)
        except ClusterError:
            return  # nobody hears it

    def _note(self) -> None:
        wanted = self._desk.wanted()
        if not self.wanted or self.wanted[-1] != wanted:
            self.wanted.append(wanted)
