"""The steps of a history, drawn by Hypothesis."""

from __future__ import annotations

import sys

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from clusters.api import (
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    Conflict,
    Forbidden,
    Gone,
    Throttled,
    Unauthorized,
    Unavailable,
)
from tests.model.crew import Fate
from tests.model.door import Fault
from tests.model.history import Setting, history
from tests.model.world import CAST, PEOPLE

PLACES = ("avis-fire", "quiet-lab")
anybody, someone = st.sampled_from(PEOPLE), st.sampled_from(CAST)
places, roles = st.sampled_from(PLACES), st.sampled_from(("viewer", "editor", "admin"))
jobs = st.sampled_from(("pass", "hurry", "due", "sweep"))
some = st.integers(0, 30)
calls = st.one_of(st.integers(1, 40), st.sampled_from(("create", "create", "delete", "review", "list")))
names = st.sampled_from((*CAST, "sneaky"))
_LOST = Unavailable("The API server did not answer within 10 seconds.")
ERRORS = (
    Unavailable("The API server answered 503."),
    Throttled("Too many requests.", retry_after=7),
    Gone("The provided continue parameter is too old.", cause="Expired"),
    Unauthorized("Who are you?"),
    Forbidden("You may not."),
    Conflict("The object has been modified.", cause="Conflict"),
)
faults = st.builds(
    Fault,
    error=st.sampled_from(ERRORS),
    verb=st.sampled_from(("", "get", "list", "create", "delete", "review")),
    kind=st.sampled_from((None, ROLE_BINDING, RESOURCE_QUOTA, LIMIT_RANGE, NAMESPACE)),
    times=st.integers(1, 3),
    page=st.sampled_from((1, 1, 2)),
)
lost = st.builds(
    Fault,
    error=st.just(_LOST),
    verb=st.sampled_from(("create", "delete")),
    kind=st.just(ROLE_BINDING),
    lost=st.booleans(),
    late=st.just(True),
)


class History(RuleBasedStateMachine):
    """One history."""

    def __init__(self) -> None:
        super().__init__()
        self._context = history()
        self.world = self._context.__enter__()

    def teardown(self) -> None:
        failure = sys.exc_info()  # then a step has failed, and that is what counts
        try:
            self._context.__exit__(*failure)
        except BaseException:
            self._tell()
            raise
        if failure[0] is not None:
            self._tell()

    def _tell(self) -> None:
        Setting.failed = list(self.world.steps)

    # --- People

    @rule(name=anybody)
    def log_in(self, name: str) -> None:
        self.world.log_in(name)

    @rule(
        name=anybody,
        level=st.sampled_from(("guest", "user", "admin")),
        by=st.sampled_from(("olga", "olga", "paula")),
    )
    def set_level(self, name: str, level: str, by: str) -> None:
        self.world.set_level(name, level, by)

    @rule(name=anybody, by=someone)
    def vouch(self, name: str, by: str) -> None:
        self.world.vouch(name, by)

    @rule(name=anybody, is_active=st.booleans())
    def set_active(self, name: str, is_active: bool) -> None:
        self.world.set_active(name, is_active=is_active)

    @rule(name=someone)
    def second_identity(self, name: str) -> None:
        self.world.second_identity(name)

    # --- Namespaces and memberships

    @rule(place=places, by=st.sampled_from(("paula", "olga")))
    def create_namespace(self, place: str, by: str) -> None:
        self.world.create_namespace(place, by)

    @rule(place=places, pods=st.sampled_from(("", "5", "9")), with_cpu=st.booleans())
    def edit_limits(self, place: str, pods: str, with_cpu: bool) -> None:
        self.world.edit_limits(place, pods, with_cpu=with_cpu)

    @rule(place=places, person=anybody, role=roles, by=someone)
    def add(self, place: str, person: str, role: str, by: str) -> None:
        self.world.add(place, person, role, by)

    @rule(place=places, person=anybody, role=roles)
    def ask(self, place: str, person: str, role: str) -> None:
        self.world.ask(place, person, role)

    @rule(place=places, person=anybody)
    def withdraw(self, place: str, person: str) -> None:
        self.world.withdraw(place, person)

    @rule(place=places, person=anybody, by=someone, yes=st.booleans())
    def decide(self, place: str, person: str, by: str, yes: bool) -> None:
        self.world.decide(place, person, by, yes=yes)

    @rule(place=places, person=anybody, role=roles, by=st.sampled_from(("olga", "nils", "paula")))
    def set_role(self, place: str, person: str, role: str, by: str) -> None:
        self.world.set_role(place, person, role, by)

    @rule(place=places, person=anybody, by=st.sampled_from(("olga", "nils", "paula")))
    def remove(self, place: str, person: str, by: str) -> None:
        self.world.remove(place, person, by)

    @rule(place=places, person=anybody)
    def leave(self, place: str, person: str) -> None:
        self.world.remove(place, person, person)

    # --- Hands in the cluster

    @rule(which=some)
    def hand_deletes(self, which: int) -> None:
        self.world.hand_deletes(which)

    @rule(
        which=some,
        how=st.sampled_from(("swap", "add", "empty", "strip", "label", "forget", "spoof")),
        other=someone,
    )
    def hand_edits(self, which: int, how: str, other: str) -> None:
        self.world.hand_edits(which, how, other)

    @rule(place=places, name=names, person=someone, role=roles, ours=st.booleans())
    def hand_makes(self, place: str, name: str, person: str, role: str, ours: bool) -> None:
        self.world.hand_makes(place, name, person, role, ours=ours)

    @rule(which=some, place=places, name=names, again=st.booleans())
    def hand_copies(self, which: int, place: str, name: str, again: bool) -> None:
        self.world.hand_copies(which, place, name, again=again)

    @rule(place=places)
    def hand_ends_namespace(self, place: str) -> None:
        self.world.hand_ends_namespace(place)

    @rule(place=places, labelled=st.booleans())
    def hand_makes_namespace(self, place: str, labelled: bool) -> None:
        self.world.hand_makes_namespace(place, labelled=labelled)

    @rule()
    def settle(self) -> None:
        self.world.settle()

    @rule(place=places, how=st.sampled_from(("own", "tighten", "key", "strip", "delete")))
    def hand_on_limits(self, place: str, how: str) -> None:
        self.world.hand_on_limits(place, how)

    @rule(role=roles, how=st.sampled_from(("delete", "empty", "restore", "restore")))
    def hand_on_roles(self, role: str, how: str) -> None:
        self.world.hand_on_roles(role, how)

    # --- Faults

    @rule(fault=faults)
    def fault(self, fault: Fault) -> None:
        self.world.fault(fault)

    @rule(fault=lost)
    def lose_answer(self, fault: Fault) -> None:
        self.world.fault(Fault(fault.error, fault.verb, fault.kind, lost=fault.lost, late=not fault.lost))

    @rule(begins=st.booleans())
    def outage(self, begins: bool) -> None:
        self.world.outage(begins=begins)

    @rule(which=st.none() | some)
    def filter(self, which: int | None) -> None:
        self.world.filter(which)

    @rule()
    def calm(self) -> None:
        self.world.calm()

    @rule()
    def lands(self) -> None:
        self.world.lands()

    # --- Work

    @rule(job=jobs, place=places)
    def work(self, job: str, place: str) -> None:
        self.world.work(job, place, Fate())

    @rule(job=jobs, place=places)
    def work_on(self, job: str, place: str) -> None:
        self.world.work(job, place, Fate())

    @rule(job=jobs, place=places, at=calls, late=st.booleans())
    def work_and_die(self, job: str, place: str, at: int | str, late: bool) -> None:
        self.world.work(job, place, Fate(dies_at=at, late=late))

    @rule(job=jobs, place=places, at=calls)
    def begin(self, job: str, place: str, at: int | str) -> None:
        self.world.begin(job, place, Fate(stands_at=at))

    @rule(
        which=some,
        stands_at=st.sampled_from((0, 0, 2, 5, "create", "delete")),
        dies_at=st.sampled_from((0, 0, 1, 2, "review")),
        late=st.booleans(),
    )
    def go_on(self, which: int, stands_at: int, dies_at: int | str, late: bool) -> None:
        self.world.go_on(which, Fate(dies_at, stands_at, late))

    @rule(place=places, person=anybody, role=roles, ends=st.booleans())
    def begin_to_let_in(self, place: str, person: str, role: str, ends: bool) -> None:
        """Somebody is let in, a worker stands still right before it makes the binding, and perhaps that is over."""
        self.world.remove(place, person, "olga")
        self.world.add(place, person, role, "olga")
        self.world.time_passes(61)
        self.world.begin("pass", place, Fate(stands_at="create"))
        if ends:
            self.world.remove(place, person, "olga")

    @rule(which=some, keep=st.booleans())
    def deliver(self, which: int, keep: bool) -> None:
        self.world.deliver(which, keep=keep)

    @rule()
    def lose_messages(self) -> None:
        self.world.lose_messages()

    @rule(seconds=st.sampled_from((5, 61, 700)))
    def time_passes(self, seconds: int) -> None:
        self.world.time_passes(seconds)
