"""Adding many people at once: what each line does, and all of them or none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.errors import NotAllowed, StateConflict
from accounts.models import Identity, Level, User
from audit.models import Event
from namespaces.access import Role
from namespaces.actions import adding
from namespaces.actions.adding import Entry, Line
from namespaces.models import Invitation, Membership, Namespace
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def entries(*whom: str, role: Role = Role.EDITOR) -> list[Entry]:
    return [Entry(number, who, role) for number, who in enumerate(whom, start=1)]


def subject(person: User) -> str:
    return person.identities.get().subject


def problems(lines: list[Line]) -> list[str]:
    return [line.problem for line in lines]


class TestJudge:
    def of(self, namespace: Namespace, by: User, *whom: str) -> list[Line]:
        return adding.judge(namespace=namespace, entries=entries(*whom), by=by)

    def test_whole_address_in_any_case_and_identity_find_somebody(self, cast: Cast, fire: Namespace) -> None:
        (line,) = self.of(fire, cast.nils, cast.otto.email.upper())
        assert (line.person, line.is_added) == (cast.otto, True)
        (line,) = self.of(fire, cast.nils, subject(cast.otto))
        assert (line.person, line.is_added) == (cast.otto, True)

    def test_part_of_an_address_and_identity_in_another_case_do_not(
        self, cast: Cast, fire: Namespace
    ) -> None:
        issuer = cast.otto.identities.get().issuer
        Identity.objects.create(person=cast.otto, issuer=issuer, subject="Otto-17")
        said = "Nobody with this address or identity has logged in here yet."
        parts = (cast.otto.email[1:], cast.otto.email.partition("@")[0], "otto-17", cast.otto.name)
        assert problems(self.of(fire, cast.nils, *parts)) == [said] * 4
        both = self.of(fire, cast.nils, "otto-17", "Otto-17")
        assert [line.person for line in both] == [None, cast.otto]

    def test_suspended_person_is_as_unknown_as_nobody(self, cast: Cast, fire: Namespace) -> None:
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        known, unknown = self.of(fire, cast.nils, cast.otto.email, "nobody@example.org")
        assert (known.person, known.problem) == (unknown.person, unknown.problem)

    def test_retired_identity_finds_nobody(self, cast: Cast, fire: Namespace) -> None:
        Identity.objects.filter(person=cast.otto).update(state="retired")
        (line,) = self.of(fire, cast.nils, subject(cast.otto))
        assert line.person is None

    def test_address_of_two_is_nobody_s(self, cast: Cast, fire: Namespace) -> None:
        User.objects.filter(pk=cast.eda.pk).update(email=cast.otto.email)
        (line,) = self.of(fire, cast.nils, cast.otto.email)
        assert "Several people have this address" in line.problem

    def test_same_person_twice(self, cast: Cast, fire: Namespace) -> None:
        lines = self.of(fire, cast.nils, cast.otto.email, subject(cast.otto))
        assert problems(lines) == ["", "The same person as in line 1."]

    def test_member_is_left_as_they_are(self, cast: Cast, fire: Namespace) -> None:
        (line,) = self.of(fire, cast.nils, cast.vera.email)
        assert (line.is_member, line.is_added, line.problem) == (True, False, "")

    def test_guest_needs_somebody_who_vouches(self, cast: Cast, fire: Namespace) -> None:
        (line,) = self.of(fire, cast.nils, cast.ana.email)
        assert line.problem.startswith("A guest:")
        (line,) = self.of(fire, cast.paula, cast.ana.email)
        assert line.is_added

    def test_nobody_adds_themselves_but_an_operator(self, cast: Cast, hidden: Namespace) -> None:
        (line,) = self.of(hidden, cast.nils, cast.nils.email)
        assert line.problem == "Nobody adds themselves."
        (line,) = self.of(hidden, cast.olga, cast.olga.email)
        assert line.is_added

    def test_last_day_that_is_over(self, cast: Cast, fire: Namespace) -> None:
        entry = Entry(1, cast.otto.email, Role.EDITOR, timezone.now() - timedelta(days=1))
        (line,) = adding.judge(namespace=fire, entries=[entry], by=cast.nils)
        assert line.problem == "The last day is over."

    def test_only_what_a_login_names_is_invited_and_one_address_once(
        self, cast: Cast, fire: Namespace
    ) -> None:
        domain = ".".join(letter * 60 for letter in "abcd")
        written = entries(
            "kim@münchen.example",
            "KIM@xn--mnchen-3ya.example",
            f"{'k' * 30}@{domain}.org",
            '"k m"@ou.example',
        )
        lines = adding.judge(namespace=fire, entries=written, inviting=True, by=cast.nils)
        assert [line.is_invited for line in lines] == [True, False, False, False]
        adding.add(namespace=fire, entries=written, together=False, inviting=True, by=cast.nils)
        assert Invitation.objects.get().address == "kim@xn--mnchen-3ya.example"
        again = adding.judge(namespace=fire, entries=written[:1], inviting=True, by=cast.nils)
        assert problems(again) == ["Invited already, and has not come yet."]

    def test_number_of_queries_does_not_grow(self, cast: Cast, fire: Namespace) -> None:
        many = [factories.person(f"Person {number}").email for number in range(20)]
        with CaptureQueriesContext(connection) as few:
            self.of(fire, cast.nils, cast.otto.email)
        with CaptureQueriesContext(connection) as more:
            self.of(fire, cast.nils, *many)
        assert len(more) == len(few)


class TestAdd:
    def test_everybody_in_one_act(self, cast: Cast, fire: Namespace, settings: Settings) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        others = [factories.person(f"Person {number}") for number in range(3)]
        until = timezone.now() + timedelta(days=9)
        listed = [
            *entries(*(person.email for person in others), role=Role.VIEWER),
            Entry(4, cast.otto.email, Role.EDITOR, until),
        ]
        adding.add(namespace=fire, entries=listed, together=True, by=cast.nils)
        made = Membership.objects.current().filter(namespace=fire, added_by=cast.nils)
        assert set(made.values_list("person__name", "role", "ends_at")) == {
            *((person.name, "viewer", None) for person in others),
            ("Otto Brandt", "editor", until),
        }
        assert acts() == ["member.added"] * 4
        assert generation(fire) == fire.generation + 1
        told = Delivery.objects.filter(channel="mail")
        assert {str(delivery.person) for delivery in told} == {
            *(person.name for person in others),
            "Otto Brandt",
        }
        assert told.get(person=cast.otto).subject == "You are a member of avis-fire now, as editor"
        assert Event.objects.exclude(after__until=None).count() == 1

    def test_guests_are_vouched_for(self, cast: Cast, fire: Namespace) -> None:
        adding.add(namespace=fire, entries=entries(cast.ana.email), together=False, by=cast.paula)
        assert User.objects.get(pk=cast.ana.pk).level == Level.USER
        assert acts() == ["person.vouched", "member.added"]

    def test_what_can_be_done_is_done(self, cast: Cast, fire: Namespace) -> None:
        listed = entries("nobody@example.org", cast.otto.email, cast.vera.email)
        lines = adding.add(namespace=fire, entries=listed, together=False, by=cast.nils)
        assert [line.is_added for line in lines] == [False, True, False]
        assert Membership.objects.current().get(person=cast.vera).role == Role.VIEWER

    def test_all_or_nobody(self, cast: Cast, fire: Namespace) -> None:
        listed = entries("nobody@example.org", cast.otto.email)
        with Unchanged(), pytest.raises(StateConflict, match="not every line"):
            adding.add(namespace=fire, entries=listed, together=True, by=cast.nils)

    def test_who_is_in_already_is_no_reason_to_add_nobody(self, cast: Cast, fire: Namespace) -> None:
        listed = entries(cast.vera.email, cast.otto.email)
        adding.add(namespace=fire, entries=listed, together=True, by=cast.nils)
        assert Membership.objects.current().filter(person=cast.otto).exists()

    @pytest.mark.parametrize("whom", [(), ("nobody@example.org",), ("vera",)])
    def test_nobody_to_add(self, cast: Cast, fire: Namespace, whom: tuple[str, ...]) -> None:
        listed = entries(*(cast.vera.email if who == "vera" else who for who in whom))
        with Unchanged(), pytest.raises(StateConflict, match="no line"):
            adding.add(namespace=fire, entries=listed, together=False, by=cast.nils)

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_only_by_who_gives_roles(self, cast: Cast, fire: Namespace, who: str) -> None:
        other = factories.person("Somebody Else")
        with Unchanged(), pytest.raises(NotAllowed):
            adding.add(namespace=fire, entries=entries(other.email), together=False, by=getattr(cast, who))
