"""The demonstration's data: made once, through the actions, and left alone afterwards."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from accounts import terms
from accounts.models import Identity, Level, User
from audit.models import Event
from localcluster.people import ALEX, ANA, HOU_I, OLGA, DemoPerson
from namespaces.access import Role
from namespaces.actions import members
from namespaces.models import Membership, Namespace
from notifications.models import Delivery

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def demonstration(settings: Settings) -> Settings:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    return settings


def user(person: DemoPerson) -> User:
    return Identity.objects.get(subject=person.subject).person


def admins(name: str) -> set[str]:
    current = Membership.objects.current().filter(namespace__name=name, role=Role.ADMIN)
    return set(current.values_list("person__name", flat=True))


def test_the_namespaces_of_the_model_system_are_there() -> None:
    call_command("seed_demo")
    fire = Namespace.objects.get(name="avis-fire")
    assert (fire.pi_name, fire.institution) == ("Alex Pang", "UC Santa Cruz")
    assert [software.name for software in fire.software.all()] == ["Python"]
    assert Namespace.objects.count() == 13


def test_admins_are_those_of_the_model_system_and_the_operator_steps_back() -> None:
    call_command("seed_demo")
    assert admins("avis-fire") == {"Hou-I Lin", "Alex Pang"}
    assert admins("avis-citizenscience") == {"Fahim Hasan Khan", "Alex Pang"}


def test_every_namespace_has_an_admin() -> None:
    call_command("seed_demo")
    assert all(admins(namespace.name) for namespace in Namespace.objects.all())


def test_levels_are_set_and_the_newcomer_has_never_been_here() -> None:
    call_command("seed_demo")
    assert user(OLGA).is_operator
    assert user(ALEX).level == Level.ADMIN
    assert user(HOU_I).level == Level.USER
    assert not Identity.objects.filter(subject=ANA.subject).exists()


def test_identities_look_as_their_first_login_would_have_made_them() -> None:
    call_command("seed_demo")
    identity = Identity.objects.get(subject=HOU_I.subject)
    assert (identity.issuer, identity.name) == ("https://localhost:18443", "Hou-I Lin")
    assert (identity.entity_id, identity.email) == (HOU_I.entity_id, HOU_I.email)


def test_terms_bind_and_everybody_who_is_here_has_accepted_them() -> None:
    call_command("seed_demo")
    assert terms.in_force() is not None
    assert not any(terms.owed_by(person) for person in User.objects.all())


def test_everything_was_recorded() -> None:
    call_command("seed_demo")
    assert Event.objects.filter(act="namespace.created").count() == Namespace.objects.count()


def test_nobody_is_told_how_it_came_about() -> None:
    assert not Delivery.objects.exists()


def test_a_second_time_nothing_is_made_or_changed() -> None:
    call_command("seed_demo")
    operator = user(OLGA)
    leaving = Membership.objects.current().get(namespace__name="avis-fire", person=user(HOU_I))
    members.remove(membership=leaving, by=operator)
    events = Event.objects.count()
    call_command("seed_demo")
    assert Event.objects.count() == events
    assert admins("avis-fire") == {"Alex Pang"}


def test_with_another_cluster_only_people_are_made() -> None:
    call_command("seed_demo", "--only", "people")
    assert User.objects.count() == 6
    assert not Namespace.objects.exists()


def test_with_another_provider_nobody_is_made() -> None:
    call_command("seed_demo", "--only", "tables")
    assert not User.objects.exists()


def test_an_installation_gets_no_demonstration_people(demonstration: Settings) -> None:
    demonstration.BASE_URL = "https://berth.example.org"
    with pytest.raises(CommandError, match="is no demonstration"):
        call_command("seed_demo")
    assert not User.objects.exists()
