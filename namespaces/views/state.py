"""The state line: how somebody's access to a namespace stands, kept true while it is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import User
from namespaces import standing
from namespaces.models import Namespace
from namespaces.standing import Standing, State


@dataclass(frozen=True)
class StateLine:
    """A person's standing in a namespace, and how many namespaces the cluster serves before it."""

    namespace: Namespace
    standing: Standing
    before: int = 0

    @property
    def seen(self) -> str:
        """What the page sends back when it asks whether anything has changed."""
        now = f"{self.standing}{self.before}"
        return hashlib.sha256(now.encode()).hexdigest()[:16]


def line(person: User, namespace: Namespace) -> StateLine:
    """Return the state line for the page of one namespace."""
    stands = standing.of_person(person, [namespace])[namespace.pk]
    waits = stands.state == State.WAITING
    return StateLine(namespace, stands, standing.waiting_before(namespace) if waits else 0)


def lines(person: User, namespaces: Sequence[Namespace]) -> list[StateLine]:
    """Return the state lines for a list, in a constant number of queries."""
    stands = standing.of_person(person, namespaces)
    return [StateLine(namespace, stands[namespace.pk]) for namespace in namespaces]


def answer(
    request: HttpRequest, shown: StateLine | None, seen: str, template: str = "namespaces/_state.html"
) -> HttpResponse:
    """Answer the question of a page that shows a state line: nothing new (204), or the line as it is now."""
    if shown is None:
        return HttpResponse(status=286)  # htmx: stop asking
    if seen == shown.seen:
        return HttpResponse(status=204)
    return render(request, template, {"line": shown})
