"""What operators read of what became of a person."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actions import people, suspensions
from accounts.models import Level, User
from audit.models import Event
from namespaces import timeline
from namespaces.access import Role
from namespaces.actions import invitations, members, requests
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ROOT = Path(__file__).resolve().parents[2]
REASON = "We work on the same fires, and Paula knows me."


def told(person: User) -> list[tuple[str, str, str, str]]:
    """Return the entries, the oldest first: what, detail, namespace, by."""
    return [
        (each.what, each.detail, str(each.namespace or ""), str(each.by or ""))
        for each in reversed(timeline.of_person(person))
    ]


def test_of_somebody_who_came_and_went(cast: Cast, fire: Namespace) -> None:
    wish = requests.ask_to_join(namespace=fire, role=Role.VIEWER, reason=REASON, by=cast.ana)
    requests.approve(request=wish, by=cast.paula)
    membership = Membership.objects.get(person=cast.ana)
    members.set_role(membership=membership, role=Role.EDITOR, by=cast.paula)
    suspensions.suspend(person=cast.ana, reason=REASON, until=None, by=cast.olga)
    suspensions.lift(person=cast.ana, by=cast.olga)
    members.remove(membership=membership, by=cast.ana)
    people.set_level(person=cast.ana, level=Level.GUEST, by=cast.olga)
    place, paula, olga = str(fire), "Paula Ilić", "Olga Reyes"
    assert told(cast.ana) == [
        ("asked", "viewer", place, "Ana Kim"),
        ("request approved", "viewer", place, paula),
        ("became a user: somebody vouched for them", "user", "", paula),
        ("became a member", "viewer", place, paula),
        ("got another role", "editor", place, paula),
        ("suspended", "", "", olga),
        ("suspension over", "", "", olga),
        ("left", "", place, "Ana Kim"),
        ("level set", "guest", "", olga),
    ]


def test_of_who_was_invited(cast: Cast, fire: Namespace) -> None:
    made = invitations.invite(namespace=fire, role=Role.VIEWER, by=cast.nils)
    invitations.accept(invitation=made, serial=1, by=cast.ana)
    nils, place = "Nils Berg", str(fire)
    assert told(cast.ana) == [
        ("invited", "viewer", place, nils),
        ("invitation kept for them until they are a user", "viewer", place, "Ana Kim"),
    ]


def test_of_nobody_else(cast: Cast, fire: Namespace) -> None:
    suspensions.suspend(person=cast.otto, reason=REASON, until=None, by=cast.olga)
    assert told(cast.eda) == []
    assert told(cast.olga) == []


def test_has_an_end(cast: Cast) -> None:
    for number in range(timeline.MOST + 1):
        level = Level.USER if number % 2 else Level.GUEST
        people.set_level(person=cast.otto, level=level, by=cast.olga)
    assert len(timeline.of_person(cast.otto)) == timeline.MOST
    assert timeline.of_person(cast.otto)[0].detail == "guest"


def test_asks_as_often_for_many_as_for_few(cast: Cast, fire: Namespace) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            timeline.of_person(cast.otto)
        return len(caught)

    members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)
    few = queries()
    for _number in range(5):
        other = factories.NamespaceFactory.create(cluster=fire.cluster)
        members.add(namespace=other, person=cast.otto, role=Role.VIEWER, by=cast.olga)
    assert queries() == few


def test_every_act_about_people_has_its_words() -> None:
    """An act that was forgotten would be shown as a slug."""
    kinds = ("person", "operator", "identity", "second_factor", "break_glass", "member", "deletion")
    found = {
        act
        for package in ("accounts", "namespaces")
        for file in (ROOT / package).rglob("*.py")
        for act in re.findall(rf"\"((?:{'|'.join(kinds)})\.[a-z_]+)\"", file.read_text())
    }
    assert len(found) > 20
    assert found - timeline.WORDS.keys() - set(timeline.EVERYDAY) == set()


def test_what_was_refused_is_no_part_of_it(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.nils)
    assert client.post(reverse("person_suspend", args=[cast.otto.pk])).status_code == 404
    assert Event.objects.filter(object_id=cast.otto.pk, outcome=Event.Outcome.DENIED).exists()
    assert told(cast.otto) == told(cast.nils) == []
