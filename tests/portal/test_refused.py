"""What is recorded of forms that were refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from audit.models import Event
from namespaces.models import Membership, Namespace
from portal import refused
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def recorded() -> list[Event]:
    return list(Event.objects.filter(act=refused.ACT).order_by("pk"))


def place(namespace: Namespace, name: str, *more: object) -> str:
    return reverse(name, args=[namespace.cluster.name, namespace.name, *more])


def test_event_says_who_tried_what_on_which_thing_where(cast: Cast, fire: Namespace) -> None:
    of_eda = Membership.objects.get(person=cast.eda, namespace=fire)
    answered = logged_in(cast.vera).post(place(fire, "member_role", of_eda.pk), {"role": "admin"})
    assert answered.status_code == 403
    (event,) = recorded()
    assert event.outcome == Event.Outcome.DENIED
    assert event.actor == str(cast.vera.pk)
    assert (event.object_type, event.object_id) == ("namespaces.membership", str(of_eda.pk))
    assert event.namespace_id == str(fire.pk)
    assert (event.after, event.reason) == ({"form": "member_role"}, "answered 403")
    assert event.request_id == answered.headers["X-Request-Id"]


def test_what_one_may_not_know_of_is_recorded_and_what_does_not_exist_is_not(
    cast: Cast, hidden: Namespace
) -> None:
    otto = logged_in(cast.otto)
    assert otto.post(place(hidden, "join")).status_code == 404
    assert otto.post(f"/namespaces/{hidden.cluster.name}/avis-nowhere/join/").status_code == 404
    (event,) = recorded()
    assert (event.object_id, event.namespace_id) == (str(hidden.pk), str(hidden.pk))
    assert event.reason == "answered 404"


def test_form_about_nothing_is_recorded_as_that(cast: Cast) -> None:
    assert logged_in(cast.otto).post(reverse("create")).status_code == 403
    (event,) = recorded()
    assert (event.object_id, event.namespace_id, event.after) == ("", "", {"form": "create"})


def test_same_form_about_the_same_thing_is_recorded_once_an_hour(
    cast: Cast, fire: Namespace, hidden: Namespace
) -> None:
    otto, eda = logged_in(cast.otto), logged_in(cast.eda)
    with time_machine.travel(START, tick=False) as clock:
        for _again in range(3):
            otto.post(place(fire, "settings"))
        assert len(recorded()) == 1
        otto.post(place(fire, "leave"))
        otto.post(place(hidden, "settings"))
        eda.post(place(fire, "settings"))
        assert len(recorded()) == 4
        clock.shift(timedelta(hours=1, seconds=1))
        otto.post(place(fire, "settings"))
        assert len(recorded()) == 5


def test_one_person_fills_no_table(cast: Cast, fire: Namespace) -> None:
    otto, eda = logged_in(cast.otto), logged_in(cast.eda)
    with time_machine.travel(START, tick=False):
        for number in range(70):
            other = factories.NamespaceFactory.create(cluster=fire.cluster, name=f"avis-{number}")
            assert otto.post(place(other, "settings")).status_code == 403
        assert len(recorded()) == 60
        eda.post(place(fire, "settings"))
        assert len(recorded()) == 61


def test_form_of_another_site_records_nothing(cast: Cast, fire: Namespace) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.otto)
    assert strict.post(place(fire, "settings")).status_code == 403
    assert recorded() == []


def urls(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        yield from urls(pattern.url_patterns) if isinstance(pattern, URLResolver) else [pattern]


def test_every_part_of_an_address_is_understood() -> None:
    """An address with a key that nobody looks up would record what was refused there about nothing."""
    parts = {part for url in urls(get_resolver().url_patterns) for part in url.pattern.converters}
    others = {
        "row_id",
        "pk",
        "provider_id",
        "handle",
        "serial",
        "proof",
        "digest",
    }  # these say nothing of what others have
    assert parts == set(refused._MODELS) | others
