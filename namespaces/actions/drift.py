"""What becomes of something in a cluster that is not as decided: operators say it, of one object as they saw it.

Each decision carries what the person saw. If that has changed meanwhile, nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import User
from audit.record import record
from namespaces import drift
from namespaces.access import Permission, Role
from namespaces.actions import limits, members
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.limits import Key, amount_of, key_at
from namespaces.models import (
    DriftDecision,
    Limit,
    Membership,
    Namespace,
    NamespaceStatus,
    SeenBinding,
    SeenKeys,
)
from namespaces.policy import permits
from namespaces.reconciler.diff import is_member_binding
from namespaces.tasks import request_reconcile

LONGEST = timedelta(days=365)
"""For how long something may be left alone at most."""

_Acts, _Kinds = DriftDecision.Act, DriftDecision.Kind
_Row = TypeVar("_Row", bound=SeenBinding | SeenKeys)


@dataclass(frozen=True)
class Adopted:
    """What an adoption made: the membership, and whether the binding beside it is taken away by Berth."""

    membership: Membership
    is_condemned: bool


@transaction.atomic
def adopt(*, row: SeenBinding, role: Role, reason: str, by: User) -> Adopted:
    """Make the one person whom a binding names a member. The binding itself goes, if Berth may delete it.

    Raises NotAllowed, and StateConflict if it has changed, names somebody else, or they are a member already.
    """
    if (named := drift.person_of(row)) is not None:
        members.lock_to_let_in(row.namespace, named)
    namespace = _hold(row.namespace, by)
    row = _as_it_was(row)
    person = drift.person_of(row)
    if person is None:
        raise StateConflict(_("This binding does not name exactly one person whom Berth knows."))
    membership = members.grant_membership(namespace=namespace, person=person, role=role, by=by)
    condemned = is_member_binding(row.name, row.role)
    if condemned:
        _decide(row, _Acts.REVERT, reason, by)
    record(
        "drift.adopted", by=by, about=membership, namespace_id=namespace.pk, reason=reason,
        before={"binding": row.name, "uid": row.uid, "role": row.role}, after={"role": role},
    )  # fmt: skip
    request_reconcile(namespace.pk, lane=REVOCATIONS if condemned else CHANGES)
    return Adopted(membership, condemned)


@transaction.atomic
def revert(*, row: SeenBinding, reason: str, by: User) -> DriftDecision:
    """Let Berth delete a binding. Raises NotAllowed, and StateConflict if it has changed or is out of our reach."""
    namespace = _hold(row.namespace, by)
    row = _as_it_was(row)
    if not is_member_binding(row.name, row.role):
        raise StateConflict(
            _(
                "Berth may delete only bindings that have its names. Somebody with more rights must delete this."
            )
        )
    decision = _decide(row, _Acts.REVERT, reason, by)
    record(
        "drift.reverted", by=by, about=decision, namespace_id=namespace.pk, reason=reason,
        before={"binding": row.name, "uid": row.uid, "role": row.role},
    )  # fmt: skip
    request_reconcile(namespace.pk, lane=REVOCATIONS)
    return decision


@transaction.atomic
def leave(*, row: SeenBinding | SeenKeys, reason: str, until: date, by: User) -> DriftDecision:
    """Leave something as it is until the end of a day, a year from now at most. Then it is asked about again.

    Raises NotAllowed, BadInput (until), and StateConflict if it has changed.
    """
    namespace = _hold(row.namespace, by)
    problem = problem_of_end(until)
    if problem:
        raise BadInput("until", problem)
    now = _as_it_was(row)
    decision = _decide(now, _Acts.LEAVE, reason, by, until=until)
    record(
        "drift.left", by=by, about=decision, namespace_id=namespace.pk, reason=reason,
        after={"uid": now.uid, "until": until.isoformat()},
    )  # fmt: skip
    return decision


def problem_of_end(until: date) -> str:
    """Return why something cannot be left alone until this day, in words; empty if it can."""
    today = timezone.localdate()
    if until <= today:
        return _("Give a day that is still to come.")
    if until > today + LONGEST:
        return _("At most a year from now.")
    return ""


@transaction.atomic
def adopt_limits(*, row: SeenKeys, reason: str, by: User) -> Namespace:
    """Decide the limits as somebody wrote them into the cluster.

    Raises NotAllowed, BadInput (limits), and StateConflict if they have changed or cannot be decided.
    """
    namespace = _hold(row.namespace, by)
    row = _as_it_was(row)
    amounts = limits.of(namespace)
    for section, resource, decided, found in row.keys:
        key = _key_or_refuse(row, section, resource)
        if key.text(amounts.get(key)) != decided:
            raise StateConflict(_changed())
        amount = amount_of(key, found) if found else None
        if found and amount is None:
            raise StateConflict(
                _("“%(quantity)s” of %(resource)s is nothing that Berth can decide.")
                % {"quantity": found, "resource": resource}
            )
        amounts.pop(key, None)
        if amount is not None:
            amounts[key] = amount
    record("drift.limits_adopted", by=by, about=row, namespace_id=namespace.pk, reason=reason)
    return limits.decide(namespace=namespace, amounts=amounts, version=namespace.limits_version, by=by)


@transaction.atomic
def revert_limits(*, row: SeenKeys, reason: str, by: User) -> None:
    """Make the limits as they were decided, and take away what nobody decided.

    Raises NotAllowed, and StateConflict if they have changed or hold what Berth cannot take away.
    """
    namespace = _hold(row.namespace, by)
    row = _as_it_was(row)
    for section, resource, _decided, _found in row.keys:
        key = _key_or_refuse(row, section, resource)
        # Only a row without an amount allows the key to be removed from the cluster.
        Limit.objects.get_or_create(namespace=namespace, kind=key.kind, resource=key.resource)
    Namespace.objects.filter(pk=namespace.pk).update(limits_version=F("limits_version") + 1)
    record(
        "drift.limits_reverted", by=by, about=row, namespace_id=namespace.pk, reason=reason,
        before={"keys": row.keys},
    )  # fmt: skip
    request_reconcile(namespace.pk)


@transaction.atomic
def confirm(*, namespace: Namespace, uid: str, reason: str, by: User) -> DriftDecision:
    """Let Berth go on in the namespace of this uid, or, if that one is gone, make it again.

    Raises NotAllowed, and StateConflict if another one is there by now.
    """
    namespace = _hold(namespace, by)
    status = NamespaceStatus.objects.filter(pk=namespace.pk, error_code__in=drift.CONFIRMABLE).first()
    if status is None or not uid or drift.uid_to_confirm(status) != uid:
        raise StateConflict(_changed())
    decision = _store(namespace, _Kinds.NAMESPACE, namespace.name, uid, _Acts.CONFIRM, reason, by)
    record(
        "drift.confirmed", by=by, about=decision, namespace_id=namespace.pk, reason=reason, after={"uid": uid}
    )
    request_reconcile(namespace.pk)
    return decision


@transaction.atomic
def take_back(*, decision: DriftDecision, by: User) -> None:
    """End a decision. Raises NotAllowed, and StateConflict if it has ended already."""
    namespace = _hold(decision.namespace, by)
    if not DriftDecision.objects.filter(pk=decision.pk, ended_at__isnull=True).update(ended_at=Now()):
        raise StateConflict(_("This decision has ended already."))
    record(
        "drift.taken_back", by=by, about=decision, namespace_id=namespace.pk,
        before={"act": decision.act, "uid": decision.uid},
    )  # fmt: skip
    request_reconcile(namespace.pk)


def _hold(namespace: Namespace, by: User) -> Namespace:
    """Take the lock of the namespace, and return it as it is stored now, if `by` decides about drift there."""
    members.lock(namespace)
    if not permits(people.as_stored(by), Permission.DECIDE_DRIFT, namespace):
        raise NotAllowed(_("Only operators decide what becomes of this."))
    return Namespace.objects.select_related("cluster").get(pk=namespace.pk)


def _as_it_was(row: _Row) -> _Row:
    """Return the row if the cluster still has what it says, as far as Berth has seen: what changes is a new row."""
    rows = type(row)._default_manager.select_related("namespace__cluster")
    found: _Row | None = rows.filter(pk=row.pk).first()  # type: ignore[assignment]
    if found is None:
        raise StateConflict(_changed())
    return found


def _changed() -> str:
    return _("What is in the cluster has changed meanwhile, and nothing was decided. Look at it again.")


def _key_or_refuse(row: SeenKeys, section: str, resource: str) -> Key:
    key = key_at(section, resource)
    if key is None:
        raise StateConflict(
            _("Berth cannot decide “%(key)s” of %(object)s. Leave it alone, or edit the object with kubectl.")
            % {"key": f"{section} {resource}".strip(), "object": f"{row.kind} {row.name}"}
        )
    return key


def condemn(*, namespace: Namespace, name: str, uid: str, reason: str, by: User) -> DriftDecision:
    """Let the end of one binding be decided, which no row explains, in the caller's transaction."""
    return _store(namespace, _Kinds.ROLE_BINDING, name, uid, _Acts.REVERT, reason, by)


def _decide(
    row: SeenBinding | SeenKeys, act: DriftDecision.Act, reason: str, by: User, *, until: date | None = None
) -> DriftDecision:
    kind = _Kinds.ROLE_BINDING if isinstance(row, SeenBinding) else _Kinds.LIMITS
    return _store(row.namespace, kind, row.name, row.uid, act, reason, by, until=until)


def _store(
    namespace: Namespace,
    kind: DriftDecision.Kind,
    name: str,
    uid: str,
    act: DriftDecision.Act,
    reason: str,
    by: User,
    *,
    until: date | None = None,
) -> DriftDecision:
    """Make the decision the one that holds; an earlier one about the same object has ended by that."""
    DriftDecision.objects.filter(namespace=namespace, kind=kind, uid=uid, ended_at__isnull=True).update(
        ended_at=Now()
    )
    return DriftDecision.objects.create(
        namespace=namespace, kind=kind, name=name, uid=uid, act=act, reason=reason, decided_by=by, until=until
    )
