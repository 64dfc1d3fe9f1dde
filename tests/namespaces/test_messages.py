"""Who is told what about requests and members: by the actions, in their transaction."""

from __future__ import annotations

import pytest
from django.db import transaction
from pytest_django import Settings

from accounts.actions import deletions, people
from accounts.errors import Refusal
from accounts.models import Level, User
from namespaces.access import Role
from namespaces.actions import members, requests
from namespaces.models import Membership, Namespace, Request
from notifications.models import Channel, Delivery
from tests.conftest import Cast


@pytest.fixture(autouse=True)
def with_mail(settings: Settings) -> None:
    settings.MAIL_FROM = "berth@portal.example.org"


def told(person: User) -> list[Delivery]:
    return list(Delivery.objects.filter(person=person, channel=Channel.INBOX).order_by("created_at"))


def subjects(person: User) -> list[str]:
    return [delivery.subject for delivery in told(person)]


def everybody_told() -> set[str]:
    return set(Delivery.objects.values_list("person__name", flat=True))


def ask(namespace: Namespace, person: User) -> Request:
    return requests.ask_to_join(
        namespace=namespace, role=Role.EDITOR, reason="Visit http://evil.example now, please.", by=person
    )


class TestRequest:
    def test_admins_are_told_and_led_to_it(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto)
        assert everybody_told() == {"Nils Berg", "Paula Ilić"}
        (message,) = told(cast.nils)
        assert message.subject == "Otto Brandt asks to join avis-fire"
        assert message.link == request.get_absolute_url()
        assert Delivery.objects.filter(person=cast.nils, channel=Channel.MAIL, is_digest=False).count() == 1

    def test_words_of_who_asks_are_in_no_mail(self, cast: Cast, fire: Namespace) -> None:
        ask(fire, cast.ana)
        assert Delivery.objects.exists()
        assert not any("evil" in row.subject + row.text + row.link for row in Delivery.objects.all())

    def test_guests_request_is_told_to_who_may_vouch(self, cast: Cast, fire: Namespace) -> None:
        ask(fire, cast.ana)
        assert everybody_told() == {"Paula Ilić"}

    def test_guests_request_that_no_admin_can_approve_is_told_to_the_operators(
        self, cast: Cast, fire: Namespace
    ) -> None:
        Membership.objects.filter(person=cast.paula).update(role=Role.EDITOR)
        ask(fire, cast.ana)
        assert everybody_told() == {"Olga Reyes"}

    def test_namespace_without_an_admin_who_counts_is_the_operators(
        self, cast: Cast, fire: Namespace
    ) -> None:
        User.objects.filter(pk__in=(cast.nils.pk, cast.paula.pk)).update(is_active=False)
        ask(fire, cast.otto)
        assert everybody_told() == {"Olga Reyes"}

    def test_wish_for_a_level_is_told_to_the_operators_but_who_asks(self, cast: Cast) -> None:
        requests.ask_for_level(level=Level.USER, reason="I work here." * 3, by=cast.ana)
        assert subjects(cast.olga) == ["Ana Kim asks for level user"]
        User.objects.filter(pk=cast.otto.pk).update(is_superuser=True)
        Delivery.objects.all().delete()
        requests.ask_for_level(
            level=Level.ADMIN, reason="I lead a lab." * 3, institution="UC", purpose="Fires", by=cast.otto
        )
        assert everybody_told() == {"Olga Reyes"}

    def test_refused_wish_tells_nobody(self, cast: Cast, fire: Namespace) -> None:
        with pytest.raises(Refusal), transaction.atomic():
            ask(fire, cast.eda)  # who is a member
        assert not Delivery.objects.exists()


class TestAnswer:
    def test_yes_is_told_once_with_the_note(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto)
        requests.approve(request=request, note="Welcome on board.", by=cast.nils)
        assert subjects(cast.otto) == ["You are in: avis-fire"]
        (message,) = told(cast.otto)
        assert message.text == "Nils Berg decided it.\n\nWelcome on board."
        assert message.link == request.get_absolute_url()

    def test_no_is_told_with_the_note(self, cast: Cast, fire: Namespace) -> None:
        requests.deny(request=ask(fire, cast.otto), note="Ask Paula first.", by=cast.nils)
        assert subjects(cast.otto) == ["Your request was denied: avis-fire"]
        assert "Ask Paula first." in told(cast.otto)[0].text

    def test_withdrawing_tells_nobody(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto)
        Delivery.objects.all().delete()
        requests.withdraw(request=request, by=cast.otto)
        assert not Delivery.objects.exists()

    def test_second_decision_tells_nobody_again(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto)
        requests.deny(request=request, note="No.", by=cast.nils)
        with pytest.raises(Refusal), transaction.atomic():
            requests.approve(request=request, by=cast.paula)
        assert len(told(cast.otto)) == 1

    def test_level_that_was_asked_for_is_told(self, cast: Cast) -> None:
        request = requests.ask_for_level(level=Level.USER, reason="I work here." * 3, by=cast.ana)
        requests.approve(request=request, by=cast.paula)
        assert subjects(cast.ana) == ["Your level is user now"]

    def test_guest_who_is_let_in_is_told_once(self, cast: Cast, fire: Namespace) -> None:
        requests.approve(request=ask(fire, cast.ana), by=cast.paula)
        assert subjects(cast.ana) == ["You are in: avis-fire"]


class TestMembers:
    def of(self, namespace: Namespace, person: User) -> Membership:
        return (
            Membership.objects.current()
            .select_related("namespace__cluster")
            .get(namespace=namespace, person=person)
        )

    def test_who_is_added_is_told_by_whom(self, cast: Cast, fire: Namespace) -> None:
        members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        assert subjects(cast.otto) == ["You are a member of avis-fire now, as viewer"]
        assert told(cast.otto)[0].text == "Nils Berg decided it."
        assert everybody_told() == {"Otto Brandt"}

    def test_change_of_role_is_told_and_none_is_not(self, cast: Cast, fire: Namespace) -> None:
        members.set_role(membership=self.of(fire, cast.vera), role=Role.VIEWER, by=cast.nils)
        assert not Delivery.objects.exists()
        members.set_role(membership=self.of(fire, cast.vera), role=Role.EDITOR, by=cast.nils)
        assert subjects(cast.vera) == ["You are editor in avis-fire now"]

    def test_removal_is_told_to_who_is_out(self, cast: Cast, fire: Namespace) -> None:
        members.remove(membership=self.of(fire, cast.vera), by=cast.nils)
        assert subjects(cast.vera) == ["You are not a member of avis-fire any more"]
        assert everybody_told() == {"Vera Lind"}

    def test_leaving_is_told_to_the_admins(self, cast: Cast, fire: Namespace) -> None:
        members.remove(membership=self.of(fire, cast.vera), by=cast.vera)
        assert everybody_told() == {"Nils Berg", "Paula Ilić"}
        assert subjects(cast.nils) == ["Vera Lind has left avis-fire"]

    def test_admin_who_leaves_is_not_told_themselves(self, cast: Cast, fire: Namespace) -> None:
        members.remove(membership=self.of(fire, cast.nils), by=cast.nils)
        assert everybody_told() == {"Paula Ilić"}

    def test_who_is_deleted_is_told_that_and_not_each_membership(self, cast: Cast, fire: Namespace) -> None:
        deletions.ask(by=cast.vera)
        deletions.begin(person=cast.vera, by=cast.olga)
        assert subjects(cast.vera) == ["Your account is being deleted, as you asked"]

    def test_guest_who_is_added_is_told_of_both(self, cast: Cast, fire: Namespace) -> None:
        members.add(namespace=fire, person=cast.ana, role=Role.VIEWER, by=cast.paula)
        assert subjects(cast.ana) == ["You are a user now", "You are a member of avis-fire now, as viewer"]


def test_vouching_alone_tells_of_the_level_only(cast: Cast) -> None:
    people.vouch(person=cast.ana, by=cast.paula)
    assert subjects(cast.ana) == ["You are a user now"]
