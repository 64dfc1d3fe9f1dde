"""One pass over one namespace: observe, compare, revoke before granting, prove.

Each effect stands on its own: one that fails is recorded and blocks no other. Whatever is returned was answered by the
API server; nothing here remembers anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from clusters.api import (
    NAMESPACE,
    ROLE_BINDING,
    AccessQuestion,
    ClusterApi,
    ClusterError,
    Conflict,
    Forbidden,
    Kind,
    Manifest,
    NotFound,
)
from clusters.roles import HIGHEST_ROLE, ROLES, probes, probes_beyond
from namespaces.reconciler import quotas
from namespaces.reconciler.diff import (
    Drift,
    Observed,
    Obstacle,
    Seen,
    as_seen,
    compare,
    gives_the_same,
    is_as_wanted,
    is_ours,
)
from namespaces.reconciler.manifests import binding_manifest, namespace_manifest
from namespaces.reconciler.spec import BindingSpec, KnownBinding, NamespaceSpec

# The API server reads RBAC from an informer: from a write to the next answer p99 is 95 ms (measured, cluster.md 4).
PROOF_DELAYS = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
MOST_PROVING_SECONDS = 20
"""After so long the proofs that had no turn are owed: what was answered is written down before the lease ends."""
LIMIT_ATTEMPTS = 3  # the controller writes into a quota, too: what we read of it may be old at once
MOST_CREATES_AT_ONCE = 25
"""So many creates are written down at once before they are made."""
NOT_ASKED = "made, and not asked yet"


@dataclass(frozen=True)
class Granted:
    """What became of one binding that should be: its uid, and why it is not proved, if it is not.

    `operation` is the create that made it, or that failed.
    """

    uid: str = ""
    operation: str = ""
    error: ClusterError | None = None
    doubt: str = ""

    @property
    def is_proved(self) -> bool:
        return self.error is None and not self.doubt


@dataclass(frozen=True)
class Revoked:
    """What became of one binding that should not be: whether it is gone, and what still lets the person in."""

    gone: bool
    error: ClusterError | None = None
    residual: str = ""

    @property
    def is_proved(self) -> bool:
        return self.gone and self.error is None and not self.residual


@dataclass
class Outcome:
    """Everything one pass found and did. `writes` counts what the cluster was asked to change.

    `granted` says nothing of a right that was proved minutes ago and is as it was.

    `limits` holds the quotas and ranges of limits that were seen at the end, of each kind that could be listed;
    `are_limits_made` says that both are as decided, or somebody is asked. `seen_uid` is that of the namespace that was
    there, whosever it is. `changed_rights` says that the cluster made or deleted a binding for us. `owes_proofs` says
    that not everybody was asked yet: of those who were not, `granted` holds what was made, as a doubt, and `revoked`
    what could not be deleted.
    """

    drift: Drift
    namespace_uid: str = ""
    seen_uid: str = ""
    granted: dict[str, Granted] = field(default_factory=dict)
    revoked: dict[str, Revoked] = field(default_factory=dict)
    limits: dict[Kind, list[Manifest]] = field(default_factory=dict)
    are_limits_made: bool = False
    changed_rights: bool = False
    owes_proofs: bool = False
    errors: list[ClusterError] = field(default_factory=list)
    writes: int = 0


@dataclass(frozen=True)
class Rows:
    """The pass's way back to the rows: asked right before each create, because rows may change meanwhile.

    `wanted` returns those of these bindings that the rows want now. `intend` writes down that they are about to be
    made and returns the operation of each by its name; it is also told which binding was deleted to make room for a
    new one: from then on nobody remembers it.
    """

    wanted: Callable[[Sequence[BindingSpec]], Collection[BindingSpec]]
    intend: Callable[[Mapping[BindingSpec, Seen | None]], Mapping[str, str]]


def observe(api: ClusterApi, name: str, *, with_limits: bool = False) -> Observed:
    """Return the namespace and *all* its bindings, with all its quotas and ranges of limits if wanted.

    Raises ClusterError: then nothing is known.
    """
    try:
        namespace = api.get(NAMESPACE, name)
    except NotFound:
        return Observed(namespace=None)
    limits = {kind: _all(api, kind, name) for kind in quotas.KINDS} if with_limits else {}
    return Observed(namespace=namespace, bindings=_all(api, ROLE_BINDING, name), limits=limits)


def _all(api: ClusterApi, kind: Kind, namespace: str) -> list[Manifest]:
    return [item for page in api.list_pages(kind, namespace) for item in page.items]


def reconcile(api: ClusterApi, spec: NamespaceSpec, rows: Rows, *, hurry: bool = False) -> Outcome:
    """Make the namespace as decided, and prove every right that should be and every one that should not.

    In a hurry, a pass that made or ended a right owes the proofs, which are most of the work: others wait for theirs
    as well. Limits that were made as decided are looked at when the proofs are; others come before anybody is let in.

    Raises ClusterError when the namespace could not be observed: then nothing was done.
    """
    observed = observe(api, spec.name)
    drift = compare(spec, observed)
    outcome = Outcome(drift, seen_uid=observed.namespace["metadata"]["uid"] if observed.namespace else "")
    if drift.obstacle is None:
        _look_for_ends(api, spec, observed, outcome)
    _revoke(api, spec, outcome)
    is_there = drift.obstacle is None and _ensure_namespace(api, spec, observed, outcome)
    has_limits = spec.limits_made and outcome.namespace_uid == spec.uid
    if is_there and not has_limits:
        _limit(api, spec, outcome)
    if is_there:
        _grant(api, spec, rows, outcome)
    if drift.obstacle is not None:
        _give_up(spec, drift.obstacle, outcome)
    outcome.owes_proofs = hurry and outcome.changed_rights
    if outcome.owes_proofs:
        _put_off(outcome, list(outcome.granted))
    else:
        if is_there and has_limits:
            _limit(api, spec, outcome)
        _prove(api, spec, outcome)
    outcome.errors += [Forbidden(unknown_role_words(role)) for role in sorted(spec.unknown_roles)]
    return outcome


def _put_off(outcome: Outcome, names: Collection[str]) -> None:
    """Say of those that were made that nobody was asked, and nothing of those that were there before."""
    kept = {binding.name for binding, _seen in outcome.drift.correct}
    for name in names:
        granted = outcome.granted.get(name)
        if name in kept:
            outcome.granted.pop(name, None)
        elif granted is not None and granted.is_proved:
            outcome.granted[name] = replace(granted, doubt=NOT_ASKED)


def _look_for_ends(api: ClusterApi, spec: NamespaceSpec, observed: Observed, outcome: Outcome) -> None:
    """Ask by name for what is over, not proved to be, and not in the list, which may have been filtered."""
    listed = {found["metadata"]["name"] for found in observed.bindings}
    wanted = {binding.name for binding in spec.bindings}
    late = []
    for name, known in spec.known.items():
        if not known.revoked or known.proved or name in listed or name in wanted:
            continue
        try:
            found = api.get(ROLE_BINDING, name, spec.name)
        except NotFound:
            continue
        except ClusterError as error:
            outcome.errors.append(error)
            outcome.revoked[name] = Revoked(gone=False, error=error)
            continue
        if is_ours(found, known):
            late.append(as_seen(found))
    outcome.drift = replace(outcome.drift, delete=(*outcome.drift.delete, *late))


def _revoke(api: ClusterApi, spec: NamespaceSpec, outcome: Outcome) -> None:
    for seen in outcome.drift.delete:
        if error := _delete(api, spec, seen, outcome):
            outcome.revoked[seen.name] = Revoked(gone=False, error=error)
    for binding, seen in outcome.drift.replace:
        if binding.role in spec.barred and gives_the_same(seen, binding):
            error = Forbidden(
                spec.barred[binding.role]
            )  # it could not be made again, and lets in whom it should
            outcome.errors.append(error)
            outcome.granted[binding.name] = Granted(seen.uid, seen.operation, error)
        elif error := _delete(api, spec, seen, outcome):
            outcome.granted[binding.name] = Granted(
                seen.uid, seen.operation, error
            )  # the name is still taken


def _delete(api: ClusterApi, spec: NamespaceSpec, seen: Seen, outcome: Outcome) -> ClusterError | None:
    try:
        outcome.writes += 1
        api.delete(ROLE_BINDING, seen.name, spec.name, uid=seen.uid)
        outcome.changed_rights = True
    except NotFound:
        return None  # somebody else was faster; what counts is the proof
    except ClusterError as error:
        outcome.errors.append(error)
        return error
    return None


def _ensure_namespace(api: ClusterApi, spec: NamespaceSpec, observed: Observed, outcome: Outcome) -> bool:
    """Make the namespace if it was not there; return whether it is there now. An existing one is never taken over."""
    if observed.namespace is not None:
        outcome.namespace_uid = observed.namespace["metadata"]["uid"]
        return True
    try:
        outcome.writes += 1
        outcome.namespace_uid = api.create(NAMESPACE, namespace_manifest(spec))["metadata"]["uid"]
        outcome.seen_uid = outcome.namespace_uid
    except ClusterError as error:
        outcome.errors.append(error)
        return False
    return True


def _limit(api: ClusterApi, spec: NamespaceSpec, outcome: Outcome) -> None:
    """Make quota and limits per container as decided; one that fails delays neither the other nor anybody's rights."""
    outcome.are_limits_made = True
    for kind in quotas.KINDS:
        try:
            _limit_one(api, spec, kind, outcome)
        except ClusterError as error:
            outcome.errors.append(error)
            outcome.are_limits_made = False


def _limit_one(api: ClusterApi, spec: NamespaceSpec, kind: Kind, outcome: Outcome) -> None:
    for attempt in range(LIMIT_ATTEMPTS):
        outcome.limits[kind] = seen = _all(api, kind, spec.name)
        change = quotas.change(spec, kind, seen)
        if change is None or quotas.is_asked(spec, change):
            return
        name = change.manifest["metadata"]["name"]
        if change.act == quotas.Act.CONFLICT:
            raise Conflict(f"A {kind.name} {name} is there that Berth did not make.")
        outcome.writes += 1
        try:
            if change.act == quotas.Act.CREATE:
                api.create(kind, change.manifest)
            elif change.act == quotas.Act.REPLACE:
                api.replace(kind, change.manifest)
            else:
                api.delete(kind, name, spec.name, uid=change.manifest["metadata"]["uid"])
        except (Conflict, NotFound):
            if attempt + 1 == LIMIT_ATTEMPTS:
                raise


def _grant(api: ClusterApi, spec: NamespaceSpec, rows: Rows, outcome: Outcome) -> None:
    for binding, seen in outcome.drift.correct:
        outcome.granted[binding.name] = Granted(seen.uid, seen.operation)
    for bindings in _in_portions(spec, outcome):
        _create_wanted(api, spec, rows, bindings, outcome)
    for binding, _seen in outcome.drift.conflicts:
        error = Conflict(f"A RoleBinding {binding.name} is there that Berth did not make.")
        outcome.errors.append(error)
        outcome.granted[binding.name] = Granted(error=error)


def _in_portions(spec: NamespaceSpec, outcome: Outcome) -> Iterator[dict[BindingSpec, Seen | None]]:
    """Yield what is to be made, with what it takes the place of. Who can help the others comes first."""
    new = dict.fromkeys(outcome.drift.create) | dict(outcome.drift.replace)
    ready: dict[BindingSpec, Seen | None] = {}
    for binding in sorted(new, key=lambda each: each.role != HIGHEST_ROLE):
        if binding.name in outcome.granted:
            continue  # its name is taken by one that could not be deleted
        if binding.role in spec.barred:
            barred = Forbidden(spec.barred[binding.role])
            outcome.errors.append(barred)
            outcome.granted[binding.name] = Granted(error=barred)
            continue
        ready[binding] = new[binding]
    bindings = list(ready)
    for first in range(0, len(bindings), MOST_CREATES_AT_ONCE):
        yield {binding: ready[binding] for binding in bindings[first : first + MOST_CREATES_AT_ONCE]}


def _create_wanted(
    api: ClusterApi,
    spec: NamespaceSpec,
    rows: Rows,
    bindings: Mapping[BindingSpec, Seen | None],
    outcome: Outcome,
) -> None:
    """Create those that are still wanted. A right that was withdrawn meanwhile is taken back at once."""
    operations = rows.intend(bindings)
    made: list[BindingSpec] = []
    for binding in bindings:
        wanted = rows.wanted([*made, binding])
        made = _take_back(api, spec, made, wanted, outcome)
        if binding in wanted:
            outcome.granted[binding.name] = _create(api, spec, binding, operations[binding.name], outcome)
            made += [binding] if outcome.granted[binding.name].uid else []
    if made:
        _take_back(api, spec, made, rows.wanted(made), outcome)


def _give_up(spec: NamespaceSpec, obstacle: Obstacle, outcome: Outcome) -> None:
    """Nothing can be done here, and nothing that was proved before may be claimed any longer."""
    words = obstacle_words(obstacle, spec.name)
    for binding in spec.bindings:
        waiting = obstacle == Obstacle.TERMINATING
        outcome.granted[binding.name] = Granted(doubt=words) if waiting else Granted(error=Conflict(words))


def _create(
    api: ClusterApi, spec: NamespaceSpec, binding: BindingSpec, operation: str, outcome: Outcome
) -> Granted:
    try:
        outcome.writes += 1
        seen = as_seen(_create_or_find(api, spec, binding, operation, outcome))
    except ClusterError as error:
        outcome.errors.append(error)
        return Granted(operation=operation, error=error)
    return Granted(seen.uid, seen.operation)


def _create_or_find(
    api: ClusterApi, spec: NamespaceSpec, binding: BindingSpec, operation: str, outcome: Outcome
) -> Manifest:
    """Create it. If the name is taken, read what has it, compare, never overwrite. Raises ClusterError.

    What says what was decided is as good as ours: the answer to an earlier create was lost, or the list lacked it.
    Anything else the next pass judges.
    """
    try:
        made = api.create(ROLE_BINDING, binding_manifest(spec, binding, operation))
    except Conflict:
        found = api.get(ROLE_BINDING, binding.name, spec.name)
        if not is_as_wanted(spec, binding, found):
            raise
        return found
    outcome.changed_rights = True
    return made


def _take_back(
    api: ClusterApi,
    spec: NamespaceSpec,
    made: list[BindingSpec],
    wanted: Collection[BindingSpec],
    outcome: Outcome,
) -> list[BindingSpec]:
    """Delete what is not wanted of what was just made, and return the rest; the next pass proves that it is gone."""
    for binding in made:
        if binding in wanted:
            continue
        granted = outcome.granted[binding.name]
        try:
            outcome.writes += 1
            api.delete(ROLE_BINDING, binding.name, spec.name, uid=granted.uid)
        except ClusterError as error:
            outcome.errors.append(error)
        outcome.granted[binding.name] = replace(granted, doubt="withdrawn while it was made")
    return [binding for binding in made if binding in wanted]


@dataclass
class _Proof:
    """What is asked as one person: the questions that are open, and what the API server said last."""

    username: str
    expected: bool
    questions: list[AccessQuestion]
    reason: str = ""
    error: ClusterError | None = None

    def is_settled(self, api: ClusterApi, namespace: str) -> bool:
        """Ask on until an answer is not as expected; return whether waiting would change nothing."""
        try:
            while self.questions:
                answer = api.review_access(self.username, namespace, self.questions[0])
                if answer.allowed != self.expected:
                    self.reason = answer.reason
                    return False
                del self.questions[0]
        except ClusterError as error:
            self.error = error
        return True

    def as_granted(self, granted: Granted) -> Granted:
        if self.error is not None or not self.questions:
            return replace(granted, error=self.error)
        missing = f"{self.questions[0].verb} {self.questions[0].resource}"
        return replace(granted, doubt=f"the API server does not let {self.username} {missing}")

    def as_revoked(self, way_in: str) -> Revoked:
        if self.error is not None or not self.questions:
            return Revoked(gone=True, error=self.error, residual="" if self.error else way_in)
        return Revoked(gone=True, residual=self.reason or "the API server still says yes")


def _prove(api: ClusterApi, spec: NamespaceSpec, outcome: Outcome) -> None:
    """Ask the API server as each person. A proof that fails is an error of that item alone.

    The waits are shared, so that a pass waits no longer for a hundred answers than for one. What was never proved has
    its turn before what is only to be proved again. Where there are so many that some have no turn, these are owed,
    unless something failed: then all wait as long as that.
    """
    unproved = _unproved_ends(spec, outcome)
    for name, role in _unprovable(spec, unproved).items():
        error = Forbidden(unknown_role_words(role))
        outcome.errors.append(error)
        outcome.revoked[name] = Revoked(gone=True, error=error)
    ends = {
        name: _proof_of_end(spec, known, outcome)
        for name, known in unproved.items()
        if name not in outcome.revoked
    }
    fresh = _fresh(spec, outcome, ending={proof.username for proof in ends.values()})
    rights = {
        name: _proof_of_right(spec, name, outcome)
        for name, granted in outcome.granted.items()
        if granted.uid and granted.is_proved and name not in fresh
    }
    first = {
        name: proof for name, proof in rights.items() if name not in spec.known or not spec.known[name].proved
    }
    late = _ask(api, spec, ends | first | rights)
    outcome.errors += [proof.error for proof in (ends | rights).values() if proof.error is not None]
    outcome.revoked |= {
        name: proof.as_revoked(_way_in(spec, proof.username, outcome))
        for name, proof in ends.items()
        if name not in late
    }
    outcome.granted |= {
        name: proof.as_granted(outcome.granted[name]) for name, proof in rights.items() if name not in late
    }
    for name in fresh:  # what is known of it is as true as before
        del outcome.granted[name]
    _put_off(outcome, late)
    answered = [each for name, each in (outcome.granted | outcome.revoked).items() if name not in late]
    outcome.owes_proofs = bool(late) and all(each.is_proved for each in answered)


def _ask(api: ClusterApi, spec: NamespaceSpec, proofs: Mapping[str, _Proof]) -> set[str]:
    """Ask, and ask again what is not settled; return the names of those that had no turn."""
    until = time.monotonic() + MOST_PROVING_SECONDS
    waiting, asked = list(proofs), set[str]()
    for delay in PROOF_DELAYS:
        if not waiting:
            break
        time.sleep(delay)
        unsettled = []
        for name in waiting:
            if asked and name not in asked and time.monotonic() > until:
                continue  # but one has its turn, however long everything takes
            asked.add(name)
            if not proofs[name].is_settled(api, spec.name):
                unsettled.append(name)
        waiting = unsettled
    return proofs.keys() - asked


def _fresh(spec: NamespaceSpec, outcome: Outcome, *, ending: Collection[str]) -> set[str]:
    """Return the rights that stand as they stood at their proof, which is not old. Large namespaces have many.

    Not of a role that was altered in the cluster: what it allows now, that proof does not say. Nor of somebody another
    right of whom is `ending`: what is asked about that end leaves out what this right allows.
    """
    return {
        binding.name
        for binding, seen in outcome.drift.correct
        if binding.role not in spec.barred
        and binding.username not in ending
        and (known := spec.known.get(binding.name))
        and known.fresh
        and known.uid == seen.uid
    }


def _way_in(spec: NamespaceSpec, username: str, outcome: Outcome) -> str:
    """Return the binding by which somebody else gives this person rights, if one was seen; what they are, nobody asked.

    The questions cover the rights that Berth gives. A role of somebody else may hold others, and is a way in as well.
    """
    found = next((foreign.name for foreign in outcome.drift.foreign if username in foreign.users), None)
    return f'RoleBinding "{found}/{spec.name}" gives rights to this user' if found else ""


def _unproved_ends(spec: NamespaceSpec, outcome: Outcome) -> dict[str, KnownBinding]:
    """Return what is over and was deleted now, was never proved to be gone, or may have come back."""
    wanted = {binding.name for binding in spec.bindings}
    deleted = {seen.name for seen in outcome.drift.delete}
    return {
        name: known
        for name, known in spec.known.items()
        if name not in wanted and name not in outcome.revoked
        if name in deleted or (known.revoked and (name in outcome.drift.returned or not known.proved))
    }


def _unprovable(spec: NamespaceSpec, ends: Mapping[str, KnownBinding]) -> dict[str, str]:
    """Return those of these ends whose proof is left to a newer version, with the role that only that knows.

    What the role allowed, or allows who goes on in it, decides what is to be asked.
    """
    goes_on = {
        known.username: known.role
        for known in spec.known.values()
        if known.role not in ROLES and not known.revoked
    }
    roles = {
        name: goes_on.get(known.username, "") if known.role in ROLES else known.role
        for name, known in ends.items()
    }
    return {name: role for name, role in roles.items() if role}


def _proof_of_right(spec: NamespaceSpec, name: str, outcome: Outcome) -> _Proof:
    """Ask one question per rule of the role; where nothing changed since all were answered, the last one is enough."""
    binding = next(binding for binding in spec.bindings if binding.name == name)
    unchanged = any(kept.name == name for kept, _seen in outcome.drift.correct)
    known = spec.known.get(name)
    questions = list(probes(binding.role))
    again = unchanged and known is not None and known.proved
    return _Proof(binding.username, expected=True, questions=questions[-1:] if again else questions)


def _proof_of_end(spec: NamespaceSpec, known: KnownBinding, outcome: Outcome) -> _Proof:
    """Ask about every rule of every role (CVE-2019-6287); who keeps a role here, only about what went beyond it.

    A role that was wanted when the pass began, and is not held, keeps nothing.
    """
    held = {name for name, granted in outcome.granted.items() if granted.uid and granted.is_proved}
    kept = next(
        (each.role for each in spec.bindings if each.username == known.username and each.name in held), None
    )
    questions = probes_beyond(known.role, kept) if kept else probes(HIGHEST_ROLE)
    return _Proof(known.username, expected=False, questions=list(questions))


def unknown_role_words(role: str) -> str:
    """Return what a role means that only a newer version knows, for people."""
    return f"This version of Berth does not know the role {role}: it gives and proves nothing of it."


def obstacle_words(obstacle: Obstacle, name: str) -> str:
    """Return what an obstacle means, for people."""
    return {
        Obstacle.FOREIGN: f"A namespace {name} exists in the cluster and is not managed by Berth.",
        Obstacle.REPLACED: f"The namespace {name} was deleted in the cluster and another one has its name.",
        Obstacle.MISSING: f"The namespace {name} was deleted in the cluster.",
        Obstacle.TERMINATING: f"The namespace {name} is being deleted in the cluster.",
        Obstacle.UNLABELLED: f"The namespace {name} was confirmed, and still lacks the labels of Berth.",
    }[obstacle]
