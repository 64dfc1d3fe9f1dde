"""What an operator decides while something is measured. Runs inside Django, as the other end of `hand.Hand`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from accounts.actions import suspensions
from accounts.errors import Refusal
from accounts.models import User
from namespaces import tasks
from namespaces.access import Role
from namespaces.actions import limits, members
from namespaces.limits import Key, Kind
from namespaces.models import Grant, Membership, Namespace
from tests.benchmarks import hand

WATCHED = 4  # of the editors of each namespace; those after them are the generator's


@cache
def operator() -> User:
    """Return who decides."""
    made, _created = User.objects.get_or_create(
        name="Olga Operator", defaults={"is_superuser": True, "level": "admin", "password": "!"}
    )
    return made


def remove(namespace: str, subject: str) -> float:
    """Remove somebody; return when that was committed."""
    membership = _current(namespace, subject)
    return _committed(lambda: members.remove(membership=membership, by=operator()))


def add(namespace: str, subject: str) -> float:
    """Let somebody in as an editor; return when that was committed."""
    person = User.objects.get(identities__subject=subject)
    row = Namespace.objects.select_related("cluster").get(name=namespace)
    return _committed(lambda: members.add(namespace=row, person=person, role=Role.EDITOR, by=operator()))


def plan(number: int, seed: int) -> list[tuple[str, str]]:
    """Choose by chance so many editors to be removed, as (namespace, subject); no generator touches them.

    Raises ValueError if there are not so many.
    """
    found: list[tuple[str, str]] = []
    for namespace, subjects in _editors().items():
        found += [(namespace, subject) for subject in subjects[:WATCHED]]
    return random.Random(seed).sample(sorted(found), number)


def plan_suspensions(number: int, seed: int) -> dict[str, list[str]]:
    """Choose by chance so many people, as {subject: their namespaces}, each of which keeps an admin when all are
    suspended.

    Raises ValueError if there are not so many.
    """
    places: dict[str, list[str]] = {}
    admins: dict[str, set[str]] = {}
    rows = Membership.objects.current().exclude(person__identities=None)
    for subject, name, role in rows.values_list("person__identities__subject", "namespace__name", "role"):
        places.setdefault(subject, []).append(name)
        if role == Role.ADMIN:
            admins.setdefault(name, set()).add(subject)
    chosen: dict[str, list[str]] = {}
    for subject in random.Random(seed).sample(sorted(places), len(places)):
        without = {subject, *chosen}
        if len(chosen) < number and all(admins[name] - without for name in places[subject] if name in admins):
            chosen[subject] = sorted(places[subject])
    if len(chosen) < number:
        raise ValueError(f"{len(chosen)} people can be suspended, not {number}")
    return chosen


def suspend(subject: str) -> float:
    """Suspend somebody; return when that was committed."""
    person = User.objects.get(identities__subject=subject)
    reason = "Their laptop was stolen."
    return _committed(lambda: suspensions.suspend(person=person, reason=reason, until=None, by=operator()))


def strangers(number: int, seed: int, besides: list[str]) -> list[tuple[str, str]]:
    """Choose by chance so many (namespace, subject) where that person is no member, in other namespaces than these."""
    inside = set(Membership.objects.current().values_list("namespace__name", "person__identities__subject"))
    names = sorted(Namespace.objects.exclude(name__in=besides).values_list("name", flat=True))
    subjects = sorted(User.objects.exclude(identities=None).values_list("identities__subject", flat=True))
    chance = random.Random(seed)
    found: set[tuple[str, str]] = set()
    while len(found) < number:
        pair = (chance.choice(names), chance.choice(subjects))
        if pair not in inside:
            found.add(pair)
    return sorted(found)


def knock(namespaces: list[str]) -> float:
    """Call the workers for these; return when that began."""
    ids = list(Namespace.objects.filter(name__in=namespaces).values_list("pk", flat=True))
    begun = time.monotonic()
    tasks.knock(ids)
    return begun


def join(first: int, namespaces: int, members_each: int) -> list[str]:
    """Make many memberships at once, of people without one there, and call nobody; return the namespaces' names.

    Raises ValueError if there are not so many people.
    """
    chosen = list(Namespace.objects.order_by("created_at", "name")[first : first + namespaces])
    people = list(User.objects.exclude(identities=None).order_by("pk"))
    made = []
    for row in chosen:
        inside = set(Membership.objects.filter(namespace=row).values_list("person", flat=True))
        fresh = [person for person in people if person.pk not in inside][:members_each]
        if len(fresh) < members_each:
            raise ValueError(f"{len(fresh)} people could join {row.name}, not {members_each}")
        made += [Membership(namespace=row, person=person, role=Role.EDITOR) for person in fresh]
    with transaction.atomic():
        Membership.objects.bulk_create(made)
        Namespace.objects.filter(pk__in=[row.pk for row in chosen]).update(generation=F("generation") + 1)
    return [row.name for row in chosen]


def newest(namespaces: list[str]) -> list[tuple[str, str]]:
    """Return who came last to each of these, as (namespace, subject)."""
    memberships = Membership.objects.current().filter(namespace__name__in=namespaces).order_by("created_at")
    return list(dict(memberships.values_list("namespace__name", "person__identities__subject")).items())


def unsettled(namespaces: list[str]) -> int:
    """Return in how many of these a worker has not yet looked at the latest decision."""
    chosen = Namespace.objects.filter(name__in=namespaces)
    return chosen.exclude(status__observed_generation=F("generation"), status__lease_holder=None).count()


def unproved(namespace: str) -> int:
    """Return how many members of a namespace the API server has not yet said yes to."""
    active = Grant.objects.filter(
        membership=OuterRef("pk"), state=Grant.State.ACTIVE, proved_at__isnull=False
    )
    return Membership.objects.current().filter(~Exists(active), namespace__name=namespace).count()


class Generator:
    """Changes by chance, each through a real action: a role, a member that goes or comes back, a limit."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._places = [
            (namespace, subject)
            for namespace, subjects in _editors().items()
            for subject in subjects[WATCHED:]
        ]
        self._left = list(self._places)

    def change(self) -> str:
        """Change something in the next namespace of a shuffled round through all; return what."""
        if not self._left:
            self._left = list(self._places)
        namespace, subject = self._left.pop(self._chance.randrange(len(self._left)))
        row = Namespace.objects.select_related("cluster").get(name=namespace)
        act = self._chance.choices(("limits", "role", "membership"), (1, 2, 2))[0]
        if act == "limits":
            amounts = {Key(Kind.QUOTA, "pods"): self._chance.randrange(10, 500)}
            limits.decide(namespace=row, amounts=amounts, version=row.limits_version, by=operator())
            return act
        present = Membership.objects.current().filter(namespace=row, person__identities__subject=subject)
        membership = present.select_related("namespace__cluster", "person").first()
        if membership is None:
            add(namespace, subject)
        elif act == "role":
            role = Role.VIEWER if membership.role == Role.EDITOR else Role.EDITOR
            members.set_role(membership=membership, role=role, by=operator())
        else:
            members.remove(membership=membership, by=operator())
        return act


def generate(per_second: float, seconds: float, seed: int) -> dict[str, Any]:
    """Change something so often for so long, never faster; return how many changes that became, and how long."""
    generator = Generator(seed)
    begun = time.monotonic()
    done = 0
    while (passed := time.monotonic() - begun) < seconds:
        if done / per_second > passed:
            time.sleep(done / per_second - passed)
        try:
            generator.change()
        except Refusal:
            continue  # somebody else was faster, or suspended the person
        done += 1
    return {"done": done, "seconds": time.monotonic() - begun}


def serve() -> None:
    """Do what is ordered until stdin ends."""
    acts: dict[str, Callable[..., Any]] = {
        "remove": remove, "add": add, "plan": plan, "strangers": strangers, "knock": knock, "join": join,
        "plan_suspensions": plan_suspensions, "suspend": suspend, "generate": generate,
        "newest": newest, "unsettled": unsettled, "unproved": unproved,
    }  # fmt: skip
    hand.serve(acts)


def _committed(act: Callable[[], object]) -> float:
    """Return the moment right after the commit, before anybody was called."""
    moments: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: moments.append(time.monotonic()))
        act()
    return moments[0]


def _current(namespace: str, subject: str) -> Membership:
    current = Membership.objects.current().select_related("namespace__cluster", "person")
    return current.get(namespace__name=namespace, person__identities__subject=subject)


def _editors() -> dict[str, list[str]]:
    """Return the subjects of the editors of each namespace, in a fixed order."""
    rows = Membership.objects.current().filter(role=Role.EDITOR)
    found: dict[str, list[str]] = {}
    for namespace, subject in rows.values_list("namespace__name", "person__identities__subject"):
        found.setdefault(namespace, []).append(subject)
    return {namespace: sorted(subjects) for namespace, subjects in sorted(found.items())}
