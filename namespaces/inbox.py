"""Which requests wait for whom, and what somebody asked for: the questions of the requests pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actions import dormancy
from accounts.audience import Audience
from accounts.models import Level, User
from accounts.policy import may_vouch
from namespaces.access import Role
from namespaces.models import Absence, Membership, Namespace, Request, RequestQuerySet, Rung
from namespaces.policy import DEPUTY_ROLES, kept_for_others, may_decide, visible_namespaces

VOUCHING = Q(person__level=Level.ADMIN) | Q(person__is_superuser=True)
"""Of a membership: whoever holds it may vouch for a guest."""

_PARTIES = ("namespace__cluster", "person", "decided_by")


def to_decide(person: User) -> RequestQuerySet:
    """Return the pending requests that wait for this person, oldest first.

    Those of the namespaces they are an admin of, or the deputy of an absent one; for an operator also those that
    climbed up to the operators, and those that no other admin of the namespace can answer: none has logged in for long,
    or a guest asks and none may vouch. Guests who ask to become users wait for everybody who may vouch, users who ask
    for level admin, and whoever asks for a namespace, for the operators.
    """
    pending = _pending_for_others(person)
    mine = Q(namespace__in=_own_admin_memberships(person).values("namespace"))
    mine |= Q(namespace__in=kept_for_others(person).values("namespace"), role__in=DEPUTY_ROLES)
    if may_vouch(person):
        mine |= Q(kind=Request.Kind.PROMOTION, level=Level.USER)
    if person.is_operator:
        mine |= Q(kind__in=(Request.Kind.PROMOTION, Request.Kind.NAMESPACE))
        mine |= Q(rung=Rung.OPERATORS)
        mine |= Q(kind__in=(Request.Kind.JOIN, Request.Kind.TAKEOVER)) & ~Q(_has_living_admin())
        mine |= Q(kind=Request.Kind.JOIN, person__level=Level.GUEST) & ~Q(_has_living_admin(VOUCHING))
    return pending.filter(mine)


def elsewhere(person: User) -> RequestQuerySet:
    """Return the other pending requests that an operator may decide, oldest first; nothing for anybody else."""
    if not person.is_operator:
        return Request.objects.none()
    return _pending_for_others(person).exclude(pk__in=to_decide(person).order_by().values("pk"))


def asked_by(person: User) -> RequestQuerySet:
    """Return what this person asked for, newest first."""
    return Request.objects.asked().filter(person=person).select_related(*_PARTIES)


def open_promotion(person: User) -> Request | None:
    """Return the request for a level that this person waits for."""
    return Request.objects.open().filter(person=person, kind=Request.Kind.PROMOTION).first()


def open_for_namespace(person: User) -> Request | None:
    """Return the request for a namespace of their own that this person waits for."""
    return Request.objects.open().filter(person=person, kind=Request.Kind.NAMESPACE).first()


def of_namespace(namespace: Namespace) -> RequestQuerySet:
    """Return the requests that its admins decide: to join the namespace, and who takes over in it; newest first."""
    kinds = (Request.Kind.JOIN, Request.Kind.TAKEOVER)
    return Request.objects.filter(namespace=namespace, kind__in=kinds).select_related(*_PARTIES)


def admins_of(namespaces: Sequence[Namespace], reader: User) -> dict[object, list[User] | None]:
    """Return the admins of each namespace, by its id, sorted by name, in two queries.

    None where the reader may not know who they are: the namespace was hidden since they asked to join it, or none of
    them is named to others.
    """
    visible = visible_namespaces(reader).filter(pk__in=[namespace.pk for namespace in namespaces])
    unnamed: set[object] = set()
    found: dict[object, list[User] | None] = {namespace.pk: None for namespace in namespaces}
    found |= {key: [] for key in visible.values_list("pk", flat=True)}
    for membership in effective_admins().filter(namespace__in=namespaces).order_by("person__name", "pk"):
        admins = found[membership.namespace_id]
        if admins is None:
            continue
        if Audience.SIGNED_IN.reads(membership.person.named_to):
            admins.append(membership.person)
        else:
            unnamed.add(membership.namespace_id)
    return found | {key: None for key in unnamed if not found[key]}


def with_admins(requests: Sequence[Request], reader: User) -> list[tuple[Request, list[User] | None]]:
    """Return each request with the admins it lies with, as far as the reader may know them (see `admins_of`).

    A promotion lies with no admins of a namespace: None.
    """
    admins = admins_of([request.namespace for request in requests if request.namespace], reader)
    return [(request, admins.get(request.namespace_id)) for request in requests]


def who_may_vouch(namespace: Namespace) -> list[User]:
    """Return who can approve a guest's request: the namespace's admins who may vouch, else the operators."""
    able = effective_admins().filter(VOUCHING, namespace=namespace).order_by("person__name", "person")
    return [membership.person for membership in able] or list(User.objects.operators().order_by("name", "pk"))


def effective_admins() -> QuerySet[Membership]:
    """Return the memberships of admins who count, with the people."""
    return Membership.objects.admins().select_related("person")


def living_admins() -> QuerySet[Membership]:
    """Return the memberships of admins who count and who have logged in not too long ago to answer anybody."""
    return effective_admins().exclude(person__in=dormancy.dormant(settings.DORMANT_DAYS))


def deciders(request: Request) -> list[User]:
    """Return who is told that this request waits for them: the namespace's admins, of a guest those who may vouch, and
    the deputies of who is away; the operators where none of the admins lives, or it has climbed up to them."""
    admins: list[User] = []
    if request.namespace is not None:
        able = VOUCHING if request.person.is_guest and not request.is_takeover else Q()
        living = living_admins().filter(able, namespace=request.namespace).exclude(person=request.person_id)
        admins = [membership.person for membership in living]
    deputies = [absence.deputy for absence in absences(request)]
    found = {person.pk: person for person in (*admins, *deputies)}
    if not admins or request.rung == Rung.OPERATORS:
        found |= {person.pk: person for person in User.objects.operators()}
    return [person for person in found.values() if person.pk != request.person_id]


def all_deciders(request: Request) -> list[User]:
    """Return who is reminded when those with whom it lies do not answer: they, and all admins who count."""
    found = {person.pk: person for person in deciders(request)}
    if request.namespace is not None:
        all_admins = effective_admins().filter(namespace=request.namespace)
        found |= {membership.person_id: membership.person for membership in all_admins}
    return [person for person in found.values() if person.pk != request.person_id]


def pi_of(namespace: Namespace) -> list[User]:
    """Return who of the members with effect has the name of the PI. A name identifies nobody: they are told nothing
    that members may not know."""
    if not namespace.pi_name:
        return []
    members = Membership.objects.with_effect().filter(namespace=namespace, role__in=Role.values)
    named = members.filter(person__name__iexact=namespace.pi_name).select_related("person")
    return [membership.person for membership in named]


def absences(request: Request) -> list[Absence]:
    """Return which admins are away with somebody who decides this request for them: a deputy may work elsewhere."""
    if request.namespace is None:
        return []
    admins = effective_admins().filter(namespace=request.namespace).values("person")
    away = Absence.objects.current().filter(person__in=admins).select_related("person", "deputy")
    found = away.order_by("person__name", "pk")
    return [absence for absence in found if may_decide(absence.deputy, request)]


def absences_told(request: Request, admins: Collection[User]) -> list[Absence]:
    """Return of which of these admins, whom the reader may know, it is said that they are away: where the deputy is
    named to others as well."""
    told = [absence for absence in absences(request) if absence.person in admins]
    return [absence for absence in told if Audience.SIGNED_IN.reads(absence.deputy.named_to)]


def _pending_for_others(person: User) -> RequestQuerySet:
    pending = Request.objects.open().exclude(person=person)
    return pending.select_related(*_PARTIES).order_by("created_at")


def _own_admin_memberships(person: User) -> QuerySet[Membership]:
    return effective_admins().filter(person=person)


def _has_living_admin(able: Q | None = None) -> Exists:
    living = living_admins().filter(able or Q(), namespace=OuterRef("namespace"))
    return Exists(living.exclude(person=OuterRef("person")))
