"""What the frame says to each reader is what the rules say, whoever asked before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import BreakGlass, Level, User
from namespaces import inbox
from namespaces.access import Role
from namespaces.models import Membership, Namespace, Request
from notifications import reading
from notifications.models import Delivery
from portal import frame
from portal.frame import Frame
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def told(person: User, event: str, **more: object) -> Delivery:
    given = {"kind": "requests", "channel": "inbox", "subject": "Something", **more}
    return Delivery.objects.create(event=event, person=person, **given)


def as_the_rules_say(reader: User) -> tuple[int, int]:
    return inbox.to_decide(reader).count(), reading.unseen(reader.pk).count()


def test_each_reader_is_told_what_waits_for_them(cast: Cast, fire: Namespace, hidden: Namespace) -> None:
    for namespace, person in ((fire, cast.otto), (fire, cast.ana), (hidden, cast.otto), (hidden, cast.olga)):
        factories.RequestFactory.create(namespace=namespace, person=person)
    factories.PromotionFactory.create(person=cast.ana)
    factories.PromotionFactory.create(person=cast.eda)
    told(cast.nils, "one")
    told(cast.nils, "two")
    told(cast.nils, "three", seen_at=Now())
    told(cast.nils, "four", channel="mail", address="nils@example.org")
    told(cast.paula, "one")
    people = User.objects.order_by("name")

    def told_now() -> None:
        for reader in people.all():
            found = frame.of(reader)
            assert (found.to_decide, found.unseen) == as_the_rules_say(reader), reader
            assert found == Frame(found.to_decide, found.unseen)

    told_now()
    assert frame.of(cast.nils) == Frame(to_decide=2, unseen=2)
    assert [frame.of(reader).to_decide for reader in (cast.paula, cast.olga, cast.ana)] == [5, 2, 0]
    Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
    Delivery.objects.filter(event="one").update(seen_at=Now())
    told_now()
    assert frame.of(cast.olga).to_decide == 3  # nobody there may vouch for Ana now
    Request.objects.update(created_at=Now() - timedelta(days=30))
    told_now()
    assert frame.of(cast.nils) == Frame(unseen=1)


def test_reader_whose_rights_change_is_told_what_they_may_decide_now(cast: Cast, fire: Namespace) -> None:
    factories.PromotionFactory.create(person=cast.ana)
    assert frame.of(cast.otto).to_decide == 0
    cast.otto.level = Level.ADMIN
    assert frame.of(cast.otto).to_decide == 1
    cast.otto.is_active = False
    assert frame.of(cast.otto).to_decide == 0


def test_there_may_be_banners(cast: Cast) -> None:
    assert (frame.of(cast.olga).break_glass, frame.of(cast.olga).late_mails) == (False, False)
    BreakGlass.objects.create(person=factories.person("Glass"))
    told(cast.nils, "late", channel="mail", address="nils@example.org", due_at=Now() - timedelta(hours=1))
    assert (frame.of(cast.olga).break_glass, frame.of(cast.olga).late_mails) == (True, True)
    BreakGlass.objects.update(is_current=None, ended_at=Now() - timedelta(days=8))
    Delivery.objects.update(state="sent")
    assert (frame.of(cast.olga).break_glass, frame.of(cast.olga).late_mails) == (False, False)


def test_only_operators_read_of_break_glass(client: Client, cast: Cast) -> None:
    BreakGlass.objects.create(person=factories.person("Glass"))
    for reader, is_told in ((cast.olga, True), (cast.paula, False), (cast.nils, False)):
        client.force_login(reader)
        assert ("break-glass operator" in client.get("/").content.decode()) is is_told


def test_is_asked_in_one_query(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for reader, number in ((cast.olga, 1), (cast.nils, 1), (AnonymousUser(), 0)):
        with django_assert_num_queries(number):
            frame.of(reader)


def test_operators_read_that_memberships_did_not_end(client: Client, cast: Cast, fire: Namespace) -> None:
    edas = Membership.objects.filter(namespace=fire, person=cast.eda)
    words = "Memberships should have ended and did not."
    for ago, is_told in (
        (timedelta(minutes=-5), False),
        (timedelta(minutes=9), False),
        (timedelta(minutes=11), True),
    ):
        edas.update(ends_at=Now() - ago)
        for reader in (cast.olga, cast.nils):
            client.force_login(reader)
            is_expected = is_told and reader is cast.olga
            assert (words in client.get("/").content.decode()) is is_expected
    edas.update(ended_at=Now())
    assert not frame.of(cast.olga).overdue
