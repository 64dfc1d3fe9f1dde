"""Which requests wait for whom, and what somebody asked for: the questions of the requests pages."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Level, User
from accounts.policy import may_vouch
from namespaces.access import Role
from namespaces.models import Membership, Namespace, Request, RequestQuerySet
from namespaces.policy import visible_namespaces

_PARTIES = ("namespace__cluster", "person", "decided_by")


def to_decide(person: User) -> RequestQuerySet:
    """Return the pending requests that wait for this person, oldest first.

    Those of the namespaces they are an admin of; for an operator also those that no admin of the namespace can
    approve: a guest asks and none of the admins may vouch. Guests who ask to become users wait for everybody who may
    vouch, users who ask for level admin for the operators.
    """
    pending = _pending_for_others(person)
    mine = Q(namespace__in=_own_admin_memberships(person).values("namespace"))
    if may_vouch(person):
        mine |= Q(kind=Request.Kind.PROMOTION, level=Level.USER)
    if person.is_operator:
        mine |= Q(kind=Request.Kind.PROMOTION)
        mine |= Q(kind=Request.Kind.JOIN, person__level=Level.GUEST) & ~Q(_has_admin_who_vouches())
    return pending.filter(mine)


def elsewhere(person: User) -> RequestQuerySet:
    """Return the other pending requests that an operator may decide, oldest first; nothing for anybody else."""
    if not person.is_operator:
        return Request.objects.none()
    return _pending_for_others(person).exclude(pk__in=to_decide(person).order_by().values("pk"))


def asked_by(person: User) -> RequestQuerySet:
    """Return what this person asked for, newest first."""
    return Request.objects.filter(person=person).select_related(*_PARTIES)


def open_promotion(person: User) -> Request | None:
    """Return the request for a level that this person waits for."""
    return Request.objects.open().filter(person=person, kind=Request.Kind.PROMOTION).first()


def of_namespace(namespace: Namespace) -> RequestQuerySet:
    """Return the requests about a namespace, newest first."""
    return Request.objects.filter(namespace=namespace).select_related(*_PARTIES)


def admins_of(namespaces: Sequence[Namespace], reader: User) -> dict[object, list[User] | None]:
    """Return the admins of each namespace, by its id, sorted by name, in two queries.

    None where the reader may not know who they are: the namespace was hidden since they asked to join it.
    """
    visible = visible_namespaces(reader).filter(pk__in=[namespace.pk for namespace in namespaces])
    found: dict[object, list[User] | None] = {namespace.pk: None for namespace in namespaces}
    found |= {key: [] for key in visible.values_list("pk", flat=True)}
    for membership in effective_admins().filter(namespace__in=namespaces).order_by("person__name", "pk"):
        admins = found[membership.namespace_id]
        if admins is not None:
            admins.append(membership.person)
    return found


def with_admins(requests: Sequence[Request], reader: User) -> list[tuple[Request, list[User] | None]]:
    """Return each request with the admins it lies with, as far as the reader may know them (see `admins_of`).

    A promotion lies with no admins of a namespace: None.
    """
    admins = admins_of([request.namespace for request in requests if request.namespace], reader)
    return [(request, admins.get(request.namespace_id)) for request in requests]


def who_may_vouch(namespace: Namespace) -> list[User]:
    """Return who can approve a guest's request: the namespace's admins who may vouch, else the operators."""
    vouching = Q(level=Level.ADMIN) | Q(is_superuser=True)
    admins = effective_admins().filter(namespace=namespace).values("person")
    able = User.objects.filter(vouching, is_active=True, pk__in=admins).order_by("name", "pk")
    return list(able) or list(User.objects.operators().order_by("name", "pk"))


def effective_admins() -> QuerySet[Membership]:
    """Return the memberships of admins who count: not of guests, and of nobody who is kept out."""
    current = Membership.objects.current().filter(role=Role.ADMIN, person__is_active=True)
    return current.exclude(person__level=Level.GUEST).select_related("person")


def deciders(request: Request) -> list[User]:
    """Return who is told that this request waits for them: the namespace's admins, of a guest those who may vouch;
    else the operators."""
    operators = User.objects.operators()
    if request.namespace is None:
        found = list(operators)
    elif request.person.is_guest:
        found = who_may_vouch(request.namespace)
    else:
        admins = effective_admins().filter(namespace=request.namespace)
        found = [membership.person for membership in admins] or list(operators)
    return [person for person in found if person.pk != request.person_id]


def _pending_for_others(person: User) -> RequestQuerySet:
    pending = Request.objects.open().exclude(person=person)
    return pending.select_related(*_PARTIES).order_by("created_at")


def _own_admin_memberships(person: User) -> QuerySet[Membership]:
    return effective_admins().filter(person=person)


def _has_admin_who_vouches() -> Exists:
    able = Q(person__level=Level.ADMIN) | Q(person__is_superuser=True)
    return Exists(effective_admins().filter(able, namespace=OuterRef("namespace")))
