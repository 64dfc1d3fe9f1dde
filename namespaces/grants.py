"""What is written down about the bindings of a namespace: before each create, and after each pass.

One create is one operation, whose uuid is in the annotation of what it makes. It is open until somebody has seen the
answer, because a worker that stood still, or a message that was on its way for long, may still make it: what carries an
open operation is ours, and what carries any other and has no uid that we noted is a copy.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from audit.models import Event
from audit.record import draft, record_all
from clusters.api import ClusterError, Unavailable
from namespaces import pruning, verdicts
from namespaces.models import Grant, Namespace, NamespaceStatus
from namespaces.reconciler.diff import Seen, gives_the_same
from namespaces.reconciler.reconcile import Granted, Outcome, Revoked
from namespaces.reconciler.spec import BindingSpec, NamespaceSpec

MADE, FOUND = "binding.made", "binding.found"
ENDS = ("binding.ended", "binding.gone", "binding.repaired", "binding.reverted", pruning.PRUNED)
_States = Grant.State


@transaction.atomic
def intend(namespace: Namespace, bindings: Mapping[BindingSpec, Seen | None]) -> dict[str, str]:
    """Write down that bindings are about to be made; return the operation for the annotation of each, by its name.

    Each has the one that was deleted to make room for it, if any: from now on nobody else remembers that.
    """
    # A worker that lost its lease may be at it as well. `store` is called with this row locked, too: of two who lock
    # many rows in any order, each would wait for the other.
    list(NamespaceStatus.objects.select_for_update().filter(pk=namespace.pk).values_list("pk"))
    people = {UUID(binding.identity_id) for binding in bindings}
    ledger = Ledger(Grant.objects.filter(identity__in=people), namespace, bindings)
    operations = {}
    for binding, replaced in bindings.items():
        grant, operation = ledger.of(binding), uuid.uuid4()
        values = _decided(binding) | {
            "operation": operation,
            "unanswered": [*grant.unanswered, str(operation)][-Grant.MOST_UNANSWERED :],
            "error_message": "",
        }
        if replaced is not None:
            ledger.tell_replaced(binding, replaced)
            ledger.tell_end(grant, grant.binding_uid, "binding.gone")
            values["binding_uid"] = ""  # else it stays: that a list lacked it is no proof that it is gone
        ledger.write(grant, _States.PENDING, values)
        operations[binding.name] = str(operation)
    ledger.close()
    return operations


def store(namespace: Namespace, spec: NamespaceSpec, outcome: Outcome, prune: frozenset[str]) -> None:
    """Write down what a pass found of each binding; `prune` could go without a reason. Within a transaction."""
    bindings = {binding.name: binding for binding in spec.bindings}
    ledger = Ledger(Grant.objects.all(), namespace, [bindings[name] for name in outcome.granted])
    for binding, seen in outcome.drift.replace:
        granted = outcome.granted.get(binding.name)
        if granted is None or granted.uid != seen.uid:  # it was deleted
            ledger.tell_replaced(binding, seen)
    deleted = {seen.name: seen for seen in outcome.drift.delete if _was_deleted(seen, outcome)}
    for seen in deleted.values():
        decided = seen.uid in spec.condemned - prune
        act = "binding.reverted" if decided else pruning.PRUNED if seen.uid in prune else "binding.ended"
        ledger.tell_deleted(seen, act)
        grant = ledger.named(seen.name)
        if grant is not None and seen.name not in outcome.revoked:  # it is gone, and its proof is owed
            ledger.write(grant, _States.REVOKING, {})
    for name, granted in outcome.granted.items():
        _store_granted(ledger, bindings[name], granted)
    for name, revoked in outcome.revoked.items():
        if (grant := ledger.named(name)) is not None:
            _store_revoked(ledger, grant, revoked, deleted.get(name))
    ledger.close()


def _store_granted(ledger: Ledger, binding: BindingSpec, granted: Granted) -> None:
    """Store what became of a right that should be."""
    grant = ledger.of(binding)
    state, message = _judged(granted)
    values = _decided(binding) | {"error_message": message[:500]}
    if granted.uid or _is_answered(granted.error):
        values["unanswered"] = [each for each in grant.unanswered if each != granted.operation]
    if granted.uid and granted.uid != grant.binding_uid:
        ledger.tell_end(grant, grant.binding_uid, "binding.gone")  # the name was free for another one
        ledger.tell_made(grant, granted)
        values["binding_uid"] = granted.uid
    ledger.write(grant, state, values, proved=granted.is_proved)


def _judged(granted: Granted) -> tuple[Grant.State, str]:
    if granted.is_proved:
        return _States.ACTIVE, ""
    if granted.error is None:
        return _States.PENDING, granted.doubt
    state = _States.PENDING if verdicts.is_passing(granted.error) else _States.FAILING
    return state, granted.error.message


def _is_answered(error: ClusterError | None) -> bool:
    """Whether the API server refused: then nothing was made, and nothing will be."""
    return error is not None and not isinstance(error, Unavailable)


def _store_revoked(ledger: Ledger, grant: Grant, revoked: Revoked, deleted: Seen | None) -> None:
    """Store what became of a right that is over, whose binding this pass may have `deleted`.

    Residual access is stored as revoking without a uid: our binding is gone, and somebody else lets the person in.

    Where an answer is missing that is not claimed, and what was known stays.
    """
    if revoked.error is not None:
        state = _States.REVOKING if grant.binding_uid else _States(grant.state)
        ledger.write(grant, state, {"error_message": revoked.error.message[:500]})
        return
    if deleted is None or deleted.uid != grant.binding_uid:
        # Whoever tried before may have done it, and the answer was lost. Else somebody else was here.
        ours = grant.state in (_States.PENDING, _States.REVOKING)
        ledger.tell_end(grant, grant.binding_uid, "binding.ended" if ours else "binding.gone")
    operation = None if deleted is None else deleted.operation
    values = {
        "binding_uid": "",
        "unanswered": [each for each in grant.unanswered if each != operation],
        "error_message": revoked.residual[:500],
    }
    state = _States.REVOKED if revoked.is_proved else _States.REVOKING
    ledger.write(grant, state, values, proved=revoked.is_proved)


def _decided(binding: BindingSpec) -> dict[str, object]:
    return {
        "membership_id": UUID(binding.membership_id),
        "username": binding.username,
        "binding_name": binding.name,
    }


def _was_deleted(seen: Seen, outcome: Outcome) -> bool:
    result = outcome.revoked.get(seen.name)
    return result is None or result.gone


class Ledger:
    """The grants of a namespace while something is written down about them, and the events that tell of it.

    Held by nobody else until the transaction ends. All is written at `close`, in a few statements, however much it is.
    """

    def __init__(
        self, held: QuerySet[Grant], namespace: Namespace, bindings: Collection[BindingSpec]
    ) -> None:
        """Hold these grants, and begin one for each of the bindings that has none."""
        self._held = held.select_for_update().filter(namespace=namespace).order_by("pk")
        self._namespace = namespace
        self._read()
        if new := [each for each in bindings if _key(each) not in self._by_key]:
            # Somebody else may begin the same one now: theirs is as good.
            Grant.objects.bulk_create(map(self._begun, new), ignore_conflicts=True)
            self._read()
        self._changed: dict[UUID, Grant] = {}
        self._fields: set[str] = set()
        self._proved: list[UUID] = []
        self._events: list[Event] = []

    def _read(self) -> None:
        self._by_key, self._by_name = {}, {}
        for grant in self._held.all():
            self._by_key[grant.identity_id, grant.role] = self._by_name[grant.binding_name] = grant

    def _begun(self, binding: BindingSpec) -> Grant:
        identity_id, role = _key(binding)
        return Grant(namespace=self._namespace, identity_id=identity_id, role=role, **_decided(binding))

    def of(self, binding: BindingSpec) -> Grant:
        """Return the grant of one of the bindings that were named at the beginning."""
        return self._by_key[_key(binding)]

    def named(self, name: str) -> Grant | None:
        """Return the grant of what has this name in the cluster, if there is one."""
        return self._by_name.get(name)

    def write(
        self, grant: Grant, state: Grant.State, values: Mapping[str, object], *, proved: bool = False
    ) -> None:
        """Note what differs; most passes find nothing new about most bindings."""
        new = {name: value for name, value in values.items() if getattr(grant, name) != value}
        if grant.state != state:
            new |= {"state": state, "since": Now()}
        for name, value in new.items():
            setattr(grant, name, value)
        if new:
            self._changed[grant.pk] = grant
            self._fields.update(name.removesuffix("_id") for name in new)
        if proved:
            self._proved.append(grant.pk)

    def tell_made(self, grant: Grant, granted: Granted) -> None:
        """Tell that a binding was made, once, however often it was lost from sight and found again.

        One whose create we know nothing of was found as decided: somebody made a copy, or these rows were lost.
        """
        made = {"role": grant.role, "uid": granted.uid, "operation": granted.operation}
        self._tell(MADE if granted.operation in grant.unanswered else FOUND, grant, after=made)

    def tell_end(self, grant: Grant, uid: str, act: str) -> None:
        """Tell that a binding is gone, if there was one, once, however often it is found to be gone."""
        if uid:
            self._tell(act, grant, before={"role": grant.role, "uid": uid})

    def tell_deleted(self, seen: Seen, act: str) -> None:
        """Tell that this pass deleted a binding, by its row if there is one."""
        grant = self.named(seen.name)
        if grant is not None:
            self.tell_end(grant, seen.uid, act)
        else:
            self._tell(act, None, before={"binding": seen.name, "uid": seen.uid, "role": seen.role})

    def tell_replaced(self, binding: BindingSpec, seen: Seen) -> None:
        """Tell that another binding took the place of one, and whether somebody had changed it by hand."""
        changed = seen.written.by or not gives_the_same(seen, binding)
        before = {"role": binding.role, "uid": seen.uid}
        if changed:
            before |= {"found": seen.role, "written_by": seen.written.by, "written_at": seen.written.at}
        act = "binding.repaired" if changed else "binding.ended"
        self._tell(act, self._by_key.get(_key(binding)), before=before)

    def _tell(
        self,
        act: str,
        grant: Grant | None,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        about = grant or self._namespace
        self._events.append(
            draft(act, by=None, about=about, namespace_id=self._namespace.pk, before=before, after=after)
        )

    def close(self) -> None:
        """Write everything."""
        if self._changed:
            Grant.objects.bulk_update(self._changed.values(), sorted(self._fields), batch_size=500)
        Grant.objects.filter(pk__in=self._proved).update(proved_at=Now())
        record_all(self._untold())

    def _untold(self) -> list[Event]:
        """Return what nobody has told yet of the binding with this uid."""
        about = {event.object_id for event in self._events}
        uids = {_told(event)[2] for event in self._events}
        # Only those: of a binding that somebody deletes again and again, there are more every day.
        here = Q(object_id__in=about, act__in=(MADE, FOUND, *ENDS))
        same = Q(before__uid__in=uids) | Q(after__uid__in=uids)
        earlier = Event.objects.filter(here, same) if about else ()
        told = {_told(event) for event in earlier}
        untold = {_told(event): event for event in reversed(self._events)}  # of two, the first
        return [event for key, event in reversed(untold.items()) if key not in told]


def _key(binding: BindingSpec) -> tuple[UUID, str]:
    return UUID(binding.identity_id), binding.role


def _told(event: Event) -> tuple[str, bool, object]:
    """Return of what an event tells: the beginning or the end of which binding of which grant."""
    is_end = event.act in ENDS
    return event.object_id, is_end, (event.before if is_end else event.after).get("uid")
