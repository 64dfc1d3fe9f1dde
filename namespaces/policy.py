"""May this person do this here? The questions; the table is in `access`, the platform's own in `accounts.policy`."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q, QuerySet

from accounts.audience import Audience
from accounts.models import User
from accounts.policy import Reader, is_known, is_operator, may_give_level, may_vouch
from namespaces.access import ANYBODY, BY_ROLE, LOGGED_IN, OPERATOR, Permission, Role
from namespaces.models import REACHABLE, Absence, Membership, Namespace, Request

DEPUTY_ROLES = (Role.VIEWER, Role.EDITOR)
"""What the deputy of an admin who is away may let people in as: nobody gives more than they have themselves."""


def role_of(reader: Reader, namespace: Namespace) -> Role | None:
    """Return the reader's current role in the namespace, or None.

    A guest's membership is without effect, and so is one with a role that only a newer version of Berth knows.
    """
    if not isinstance(reader, User) or not reader.is_active or reader.is_guest:
        return None
    membership = Membership.objects.current().filter(namespace=namespace, person=reader).first()
    return Role(membership.role) if membership and membership.role in Role.values else None


def permissions(reader: Reader, namespace: Namespace) -> frozenset[Permission]:
    """Return everything the reader may do in the namespace; empty if they may not know of it."""
    role = role_of(reader, namespace)
    granted: frozenset[Permission] = BY_ROLE[role] if role else frozenset()
    if isinstance(reader, User) and reader.is_operator:
        granted |= OPERATOR
    if granted or namespace.is_reachable:
        granted |= LOGGED_IN if is_known(reader) else ANYBODY
    return granted


def visible_namespaces(reader: Reader) -> QuerySet[Namespace]:
    """Return the namespaces the reader may know of. Those that are not listed are among them: they are no secret."""
    namespaces = Namespace.objects.select_related("cluster")
    if not is_known(reader):
        return namespaces.filter(visibility__in=REACHABLE)
    if reader.is_superuser:
        return namespaces
    own = Membership.objects.with_effect().filter(person=reader.pk, role__in=Role.values)
    return namespaces.filter(Q(visibility__in=REACHABLE) | Q(pk__in=own.values("namespace")))


def audience_of(reader: Reader, granted: Collection[str]) -> Audience:
    """Return what the reader is to the page of a namespace; `granted` are the names of what they may do there."""
    if Permission.SEE_PEOPLE.name in granted:
        return Audience.MEMBERS
    return Audience.SIGNED_IN if is_known(reader) else Audience.PUBLIC


def permits(reader: Reader, permission: Permission, namespace: Namespace) -> bool:
    """Whether the reader may do this in this namespace."""
    return permission in permissions(reader, namespace)


def may_grant(by: User, role: Role, namespace: Namespace) -> bool:
    """Whether `by` may give this role: nobody raises anyone above themselves."""
    if not permits(by, Permission.MANAGE_MEMBERS, namespace):
        return False
    return by.is_operator or role_of(by, namespace) == Role.ADMIN


def may_ask_for_namespace(reader: Reader) -> bool:
    """Whether the reader may ask for a namespace of their own: everybody who is in."""
    return isinstance(reader, User) and reader.is_active and not reader.is_guest


def may_decide(reader: Reader, request: Request) -> bool:
    """Whether the reader may decide this request, by themselves or for an admin who is away.

    Nobody decides their own; a guest's needs somebody who may vouch."""
    if not isinstance(reader, User) or request.person_id == reader.pk:
        return False
    if request.is_for_namespace:
        return is_operator(reader)
    if request.namespace is None:
        return may_give_level(reader, request.person, request.level)
    if permits(reader, Permission.DECIDE_REQUESTS, request.namespace):
        return True
    return (
        request.role in DEPUTY_ROLES and kept_for_others(reader).filter(namespace=request.namespace).exists()
    )


def may_take_back(reader: Reader, request: Request) -> bool:
    """Whether the reader may take back how this was decided: who decides it by their own right, or did it as a deputy.
    What an admin decided is not for a deputy to undo."""
    if request.namespace is None or not may_decide(reader, request):
        return may_decide(reader, request)
    return request.decided_by_id == reader.pk or permits(
        reader, Permission.DECIDE_REQUESTS, request.namespace
    )


def is_admin_somewhere(person: User) -> bool:
    """Whether requests to join wait for this person: they are an admin who counts of some namespace."""
    return Membership.objects.admins().filter(person=person).exists()


def kept_for_others(deputy: User) -> QuerySet[Membership]:
    """Return the memberships by which somebody who is no admin there decides for one who is away: an editor who counts,
    where that admin counts."""
    away = Absence.objects.current().filter(deputy=deputy.pk).values("person")
    theirs = Membership.objects.admins().filter(person__in=away).values("namespace")
    own = Membership.objects.with_effect().filter(person=deputy.pk, role=Role.EDITOR)
    return own.filter(namespace__in=theirs)


def needs_voucher(reader: Reader, request: Request) -> bool:
    """Whether letting in by this reader fails because the asker is a guest whom the reader may not vouch for."""
    return request.kind == Request.Kind.JOIN and request.person.is_guest and not may_vouch(reader)


def looks_alike(reader: Reader, person: User) -> bool:
    """Whether somebody else's account has the name or the address of the reader: perhaps it is the reader's as well.

    Neither identifies anybody, so this forbids nothing; it is said to whoever decides.
    """
    if not isinstance(reader, User) or reader.pk == person.pk:
        return False
    pairs = ((reader.name, person.name), (reader.email, person.email))
    return any(mine and mine.casefold() == theirs.casefold() for mine, theirs in pairs)
