"""What is written down about the bindings of a namespace: before each create, and after each pass.

One create is one operation, whose uuid is in the annotation of what it makes. It is open until somebody has seen the
answer, because a worker that stood still, or a message that was on its way for long, may still make it: what carries an
open operation is ours, and what carries any other and has no uid that we noted is a copy.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from audit.models import Event
from audit.record import record
from clusters.api import ClusterError, Unavailable
from namespaces import pruning, verdicts
from namespaces.models import Grant, Namespace
from namespaces.reconciler.diff import Seen, gives_the_same
from namespaces.reconciler.reconcile import Granted, Outcome, Revoked
from namespaces.reconciler.spec import BindingSpec, NamespaceSpec

MADE, FOUND = "binding.made", "binding.found"
ENDS = ("binding.ended", "binding.gone", "binding.repaired", "binding.reverted", pruning.PRUNED)
_States = Grant.State


@transaction.atomic
def intend(namespace: Namespace, binding: BindingSpec, replaced: Seen | None) -> str:
    """Write down that a binding is about to be made, and return the operation for its annotation.

    `replaced` was deleted to make room for it: from now on nobody else remembers that.
    """
    key = {"namespace": namespace, "identity_id": UUID(binding.identity_id), "role": binding.role}
    Grant.objects.get_or_create(**key, defaults=_decided(binding))
    grant = Grant.objects.select_for_update().get(**key)
    operation = uuid.uuid4()
    values = _decided(binding) | {
        "operation": operation,
        "unanswered": [*grant.unanswered, str(operation)][-Grant.MOST_UNANSWERED :],
        "error_message": "",
    }
    if replaced is not None:
        _record_replaced(grant, binding, replaced)
        _record_end(grant, grant.binding_uid, "binding.gone")
        values["binding_uid"] = ""  # else it stays: that a list lacked it is no proof that it is gone
    _write(grant, _States.PENDING, values)
    return str(operation)


def store(namespace: Namespace, spec: NamespaceSpec, outcome: Outcome, prune: frozenset[str]) -> None:
    """Write down what a pass found of each binding; `prune` could go without a reason. Within a transaction."""
    rows = {
        grant.binding_name: grant for grant in Grant.objects.select_for_update().filter(namespace=namespace)
    }
    for binding, seen in outcome.drift.replace:
        granted = outcome.granted.get(binding.name)
        if granted is None or granted.uid != seen.uid:  # it was deleted
            _record_replaced(rows.get(binding.name) or namespace, binding, seen)
    deleted = {seen.name: seen for seen in outcome.drift.delete if _was_deleted(seen, outcome)}
    for seen in deleted.values():
        decided = seen.uid in spec.condemned - prune
        act = "binding.reverted" if decided else pruning.PRUNED if seen.uid in prune else "binding.ended"
        _record_deleted(rows.get(seen.name) or namespace, seen, act)
        if seen.name in rows and seen.name not in outcome.revoked:  # it is gone, and its proof is owed
            _write(rows[seen.name], _States.REVOKING, {})
    bindings = {binding.name: binding for binding in spec.bindings}
    proved = [
        *_store_granted(namespace, rows, bindings, outcome.granted),
        *_store_revoked(rows, outcome.revoked, deleted),
    ]
    Grant.objects.filter(pk__in=proved).update(proved_at=Now())


def _store_granted(
    namespace: Namespace,
    rows: Mapping[str, Grant],
    bindings: Mapping[str, BindingSpec],
    found: Mapping[str, Granted],
) -> list[UUID]:
    """Store what became of the rights that should be; return the grants that were proved."""
    proved = []
    for name, granted in found.items():
        grant = rows.get(name) or Grant.objects.create(
            namespace=namespace, identity_id=UUID(bindings[name].identity_id), role=bindings[name].role,
            **_decided(bindings[name]),
        )  # fmt: skip
        state, message = _judged(granted)
        values = _decided(bindings[name]) | {"error_message": message[:500]}
        if granted.uid or _is_answered(granted.error):
            values["unanswered"] = [each for each in grant.unanswered if each != granted.operation]
        if granted.uid and granted.uid != grant.binding_uid:
            _record_end(grant, grant.binding_uid, "binding.gone")  # the name was free for another one
            _record_made(grant, granted)
            values["binding_uid"] = granted.uid
        _write(grant, state, values)
        proved += [grant.pk] if granted.is_proved else []
    return proved


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


def _store_revoked(
    rows: Mapping[str, Grant], found: Mapping[str, Revoked], deleted: Mapping[str, Seen]
) -> list[UUID]:
    """Store what became of the rights that are over; return the grants whose end was proved.

    Residual access is stored as revoking without a uid: our binding is gone, and somebody else lets the person in.

    Where an answer is missing that is not claimed, and what was known stays.
    """
    proved = []
    for name, revoked in found.items():
        grant, seen = rows.get(name), deleted.get(name)
        if grant is None:
            continue
        if revoked.error is not None:
            state = _States.REVOKING if grant.binding_uid else _States(grant.state)
            _write(grant, state, {"error_message": revoked.error.message[:500]})
            continue
        if seen is None or seen.uid != grant.binding_uid:
            # Whoever tried before may have done it, and the answer was lost. Else somebody else was here.
            ours = grant.state in (_States.PENDING, _States.REVOKING)
            _record_end(grant, grant.binding_uid, "binding.ended" if ours else "binding.gone")
        values = {
            "binding_uid": "",
            "unanswered": [each for each in grant.unanswered if seen is None or each != seen.operation],
            "error_message": revoked.residual[:500],
        }
        _write(grant, _States.REVOKED if revoked.is_proved else _States.REVOKING, values)
        proved += [grant.pk] if revoked.is_proved else []
    return proved


def _decided(binding: BindingSpec) -> dict[str, object]:
    return {
        "membership_id": UUID(binding.membership_id),
        "username": binding.username,
        "binding_name": binding.name,
    }


def _write(grant: Grant, state: Grant.State, values: Mapping[str, object]) -> None:
    """Write what differs; most passes find nothing new about most bindings."""
    new = {name: value for name, value in values.items() if getattr(grant, name) != value}
    if grant.state != state:
        new |= {"state": state, "since": Now()}
    if new:
        Grant.objects.filter(pk=grant.pk).update(**new)


def _was_deleted(seen: Seen, outcome: Outcome) -> bool:
    result = outcome.revoked.get(seen.name)
    return result is None or result.gone


def _record_made(grant: Grant, granted: Granted) -> None:
    """Record that a binding was made, once, however often it was lost from sight and found again.

    One whose create we know nothing of was found as decided: somebody made a copy, or these rows were lost.
    """
    told = Event.objects.filter(object_id=str(grant.pk), act__in=(MADE, FOUND), after__uid=granted.uid)
    if not told.exists():
        made = {"role": grant.role, "uid": granted.uid, "operation": granted.operation}
        act = MADE if granted.operation in grant.unanswered else FOUND
        record(act, by=None, about=grant, namespace_id=grant.namespace_id, after=made)


def _record_end(grant: Grant, uid: str, act: str) -> None:
    if uid and not _is_told(grant, uid):
        ended = {"role": grant.role, "uid": uid}
        record(act, by=None, about=grant, namespace_id=grant.namespace_id, before=ended)


def _record_deleted(about: Grant | Namespace, seen: Seen, act: str) -> None:
    """Record the end of a binding that this pass deleted, by its row if there is one."""
    if isinstance(about, Grant):
        _record_end(about, seen.uid, act)
        return
    before = {"binding": seen.name, "uid": seen.uid, "role": seen.role}
    record(act, by=None, about=about, namespace_id=about.pk, before=before)


def _record_replaced(about: Grant | Namespace, binding: BindingSpec, seen: Seen) -> None:
    """Record the end of a binding that another one took the place of, and whether somebody had changed it by hand."""
    if _is_told(about, seen.uid):
        return
    changed = seen.written.by or not gives_the_same(seen, binding)
    before = {"role": binding.role, "uid": seen.uid}
    if changed:
        before |= {"found": seen.role, "written_by": seen.written.by, "written_at": seen.written.at}
    act = "binding.repaired" if changed else "binding.ended"
    place = about.namespace_id if isinstance(about, Grant) else about.pk
    record(act, by=None, about=about, namespace_id=place, before=before)


def _is_told(about: Grant | Namespace, uid: str) -> bool:
    """Whether the end of a binding is recorded already, however often it is found to be gone."""
    return Event.objects.filter(object_id=str(about.pk), act__in=ENDS, before__uid=uid).exists()
