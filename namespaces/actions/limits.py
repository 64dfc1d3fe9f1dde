"""What a namespace may use: deciding it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import User
from audit.record import record
from namespaces.access import Permission
from namespaces.limits import Amounts, Key, missing_defaults, problems
from namespaces.models import Limit, Namespace
from namespaces.policy import permits
from namespaces.tasks import request_reconcile


@transaction.atomic
def decide(*, namespace: Namespace, amounts: Amounts, version: int, by: User) -> Namespace:
    """Set all limits of a namespace; what is not among them is limited no more.

    `version` is the `limits_version` that the decision was made from. Raises NotAllowed, BadInput (limits), and
    StateConflict if somebody else decided meanwhile.
    """
    if not permits(people.as_stored(by), Permission.DECIDE_LIMITS, namespace):
        raise NotAllowed(_("Only operators decide what a namespace may use."))
    for key, words in problems(amounts):
        raise BadInput("limits", f"{key.kind.label}, {key.resource}: {words}")
    for key in missing_defaults(amounts):
        raise BadInput("limits", needs_default(key))
    won = Namespace.objects.filter(pk=namespace.pk, limits_version=version).update(
        limits_version=F("limits_version") + 1
    )
    if not won:
        raise StateConflict(
            _("Somebody else decided these limits meanwhile. Look at them again before you save.")
        )
    before = of(namespace)
    store(namespace, amounts)
    record(
        "limits.decided", by=by, about=namespace, namespace_id=namespace.pk,
        before=_as_text(before), after=_as_text(amounts),
    )  # fmt: skip
    request_reconcile(namespace.pk)
    namespace.refresh_from_db()
    return namespace


def of(namespace: Namespace) -> dict[Key, int]:
    """Return the limits of a namespace as they are decided now."""
    limits = Limit.objects.filter(namespace=namespace, amount__isnull=False)
    return {limit.key: limit.amount for limit in limits if limit.amount is not None}


def store(namespace: Namespace, amounts: Amounts) -> None:
    """Write the rows: for other actions, after their own checks, in their transaction.

    A limit that ends keeps its row, without an amount: only that allows its key to be removed from the cluster.
    """
    for limit in Limit.objects.filter(namespace=namespace):
        amount = amounts.get(limit.key)
        if limit.amount != amount:
            limit.amount = amount
            limit.save(update_fields=["amount"])
    known = {limit.key for limit in Limit.objects.filter(namespace=namespace)}
    Limit.objects.bulk_create(
        Limit(namespace=namespace, kind=key.kind, resource=key.resource, amount=amount)
        for key, amount in amounts.items()
        if key not in known
    )


def needs_default(key: Key) -> str:
    """Return why a quota cannot stand without a default per container, in words."""
    return _(
        "With this quota on %(resource)s, pods that do not say how much they need would be refused. "
        "Say what they get: %(kind)s."
    ) % {"resource": key.resource, "kind": key.kind.label}


def _as_text(amounts: Amounts) -> dict[str, object]:
    return {f"{key.kind}: {key.resource}": key.text(amount) for key, amount in sorted(amounts.items())}
