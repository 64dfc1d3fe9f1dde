"""Who is told what about accounts: by the actions, in their transaction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import break_glass, deletions, identities, merging, people, second_factor, suspensions
from accounts.claims import Claims
from accounts.errors import Refusal
from accounts.models import Identity, Level, User
from namespaces.access import Role
from namespaces.models import Membership, Namespace
from notifications.models import Channel, Choice, Delivery
from tests import factories
from tests.accounts.second_factors import give_app
from tests.conftest import Cast


@pytest.fixture(autouse=True)
def with_mail(settings: Settings) -> None:
    settings.MAIL_FROM = "berth@portal.example.org"


def told(person: User) -> list[Delivery]:
    return list(Delivery.objects.filter(person=person, channel=Channel.INBOX).order_by("created_at"))


def subjects(person: User) -> list[str]:
    return [delivery.subject for delivery in told(person)]


def addresses(person: User) -> set[str]:
    return set(Delivery.objects.filter(person=person, channel=Channel.MAIL).values_list("address", flat=True))


def claims(**values: object) -> Claims:
    return Claims(**{"issuer": factories.ISSUER, "subject": "http://cilogon.org/serverB/users/7", **values})  # type: ignore[arg-type]


class TestIdentities:
    def link(self, person: User) -> Identity:
        return identities.link(
            claims=claims(name="Eda Kaya", email="eda@new.example.org", institution="New University"),
            by=person,
        )

    def test_linking_is_told_at_every_address_with_what_to_do(self, cast: Cast) -> None:
        factories.IdentityFactory.create(person=cast.otto, email="otto@first.example.org")
        self.link(cast.otto)
        assert subjects(cast.otto) == ["An identity was linked to your account"]
        (message,) = told(cast.otto)
        assert "http://cilogon.org/serverB/users/7" in message.text
        assert message.link == "/profile/"
        assert addresses(cast.otto) == {cast.otto.email, "otto@first.example.org", "eda@new.example.org"}

    def test_linking_is_told_to_the_admins_of_their_namespaces_once_each(
        self, cast: Cast, fire: Namespace
    ) -> None:
        rip = factories.NamespaceFactory.create(cluster=fire.cluster, name="avis-rip")
        for person, role in ((cast.eda, Role.VIEWER), (cast.paula, Role.ADMIN), (cast.otto, Role.ADMIN)):
            factories.MembershipFactory.create(namespace=rip, person=person, role=role)
        self.link(cast.eda)
        assert (
            subjects(cast.paula)
            == subjects(cast.nils)
            == subjects(cast.otto)
            == ["Eda Kaya has a further login"]
        )
        ((paulas,), (nils,)) = told(cast.paula), told(cast.nils)
        assert "avis-fire, avis-rip" in paulas.text
        assert "avis-rip" not in nils.text
        assert nils.link == "/namespaces/nautilus/avis-fire/members/"
        assert not told(cast.vera)

    def test_admins_who_are_kept_out_or_guests_are_not_told(self, cast: Cast, fire: Namespace) -> None:
        User.objects.filter(pk=cast.nils.pk).update(is_active=False)
        User.objects.filter(pk=cast.paula.pk).update(level=Level.GUEST)
        self.link(cast.eda)
        assert not told(cast.nils)
        assert not told(cast.paula)

    def test_admin_is_not_told_about_themselves(self, cast: Cast, fire: Namespace) -> None:
        self.link(cast.nils)
        assert subjects(cast.nils) == ["An identity was linked to your account"]
        assert subjects(cast.paula) == ["Nils Berg has a further login"]

    def test_account_that_comes_along_is_told_to_the_admins_as_well(
        self, cast: Cast, fire: Namespace
    ) -> None:
        theirs = cast.ana.identities.get()
        merging.take_over(claims=Claims(issuer=theirs.issuer, subject=theirs.subject), by=cast.eda)
        assert subjects(cast.paula) == ["Eda Kaya has a further login"]
        (message,) = told(cast.eda)
        assert message.subject == "Your accounts were merged"
        assert all(identity.subject in message.text for identity in cast.eda.identities.all())

    def test_membership_that_has_ended_tells_nobody(self, cast: Cast, fire: Namespace) -> None:
        Membership.objects.filter(person=cast.eda).update(ended_at=timezone.now())
        self.link(cast.eda)
        assert not told(cast.paula)

    def test_retiring_is_told_at_the_retired_address_as_well(
        self, cast: Cast, fire: Namespace, settings: Settings
    ) -> None:
        factories.IdentityFactory.create(person=cast.eda, email="eda@old.example.org")
        linked = self.link(cast.eda)
        Delivery.objects.all().delete()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(identities, "may_be_retired", lambda _identity: True)
            identities.retire(identity=linked, by=cast.eda)
        assert subjects(cast.eda) == ["An identity was retired from your account"]
        assert "eda@new.example.org" in addresses(cast.eda)
        assert subjects(cast.paula) == ["Eda Kaya has given up a login"]
        assert addresses(cast.paula) == {cast.paula.email}

    def test_address_of_an_identity_that_was_retired_is_not_written_to_any_more(self, cast: Cast) -> None:
        """The institution that gave it may have given it to somebody else since."""
        factories.IdentityFactory.create(
            person=cast.otto, email="otto@left.example.org", state=Identity.State.RETIRED
        )
        suspensions.suspend(person=cast.otto, reason="Ask me.", until=None, by=cast.olga)
        assert addresses(cast.otto) == {cast.otto.email}


class TestLevels:
    def test_vouching_tells_who_answers_for_them(self, cast: Cast) -> None:
        people.vouch(person=cast.ana, by=cast.paula)
        people.vouch(person=cast.ana, by=cast.paula)  # a user already
        (message,) = told(cast.ana)
        assert message.subject == "You are a user now"
        assert "Paula Ilić vouched for you" in message.text

    def test_level_is_told_and_level_admin_to_the_other_operators(self, cast: Cast) -> None:
        other = factories.person("Omar Haddad", is_superuser=True, level=Level.ADMIN)
        people.set_level(person=cast.otto, level=Level.ADMIN, by=cast.olga)
        assert subjects(cast.otto) == ["You are of level admin now"]
        assert subjects(other) == ["Otto Brandt is of level admin now"]
        assert not told(cast.olga)
        people.set_level(person=cast.otto, level=Level.USER, by=cast.olga)
        assert len(told(other)) == 1

    def test_operators_are_told_of_operators(self, cast: Cast) -> None:
        other = factories.person("Omar Haddad", is_superuser=True, level=Level.ADMIN)
        people.set_operator(person=cast.otto, is_operator=True, by=cast.olga)
        people.set_operator(person=cast.otto, is_operator=False, by=cast.olga)
        assert subjects(other) == [
            "Otto Brandt runs the platform now, as an operator",
            "Otto Brandt is not an operator any more",
        ]
        assert subjects(cast.otto) == [
            "Otto Brandt runs the platform now, as an operator",
            "You are not an operator any more",
        ]

    def test_refused_act_tells_nobody(self, cast: Cast) -> None:
        with pytest.raises(Refusal):
            people.set_level(person=cast.otto, level=Level.ADMIN, by=cast.paula)
        assert not Delivery.objects.exists()


class TestSuspension:
    def test_says_why_and_until_when(self, cast: Cast) -> None:
        until = timezone.now() + timedelta(days=3)
        suspensions.suspend(person=cast.otto, reason="Your key was published.", until=until, by=cast.olga)
        (message,) = told(cast.otto)
        assert message.subject == "Your account is suspended"
        assert "Your key was published." in message.text
        assert message.link == ""  # they could not open it
        assert f"{timezone.localtime(until):%B %Y}" in message.text

    def test_its_end_is_told(self, cast: Cast) -> None:
        suspensions.suspend(person=cast.otto, reason="Ask me.", until=None, by=cast.olga)
        suspensions.lift(person=cast.otto, by=cast.olga)
        assert subjects(cast.otto)[-1] == "Your account is not suspended any more"


class TestBreakGlass:
    def test_every_step_is_told_to_all_operators_at_once(self, cast: Cast) -> None:
        made = break_glass.make(name="Break glass").person
        break_glass.note_use(made)
        break_glass.end()
        assert subjects(cast.olga) == [
            "A break-glass operator was made",
            "A break-glass operator has logged in",
            "A break-glass operator was ended",
        ]
        assert addresses(cast.olga) == {cast.olga.email}
        assert not told(cast.paula)

    def test_refused_logins_are_told_once_an_hour(self, cast: Cast) -> None:
        for _attempt in range(5):
            break_glass.note_refusal()
        assert subjects(cast.olga) == ["Somebody tried to log in as a break-glass operator"]


def test_lost_second_factor_is_told(cast: Cast) -> None:
    give_app(cast.otto)
    second_factor.forget(person=cast.otto, by=None, reason="lost")
    assert subjects(cast.otto) == ["A second factor of your account was removed"]
    second_factor.forget(person=cast.otto, by=None, reason="lost")  # there is none
    assert len(told(cast.otto)) == 1


def test_deletion_is_told_and_then_everything_told_is_forgotten(cast: Cast) -> None:
    Choice.objects.create(person=cast.otto, kind="members", way="off")
    deletions.ask(by=cast.otto)
    deletions.begin(person=cast.otto, by=cast.olga)
    assert subjects(cast.otto) == ["Your account is being deleted, as you asked"]
    assert addresses(cast.otto) == {cast.otto.email}
    deletions.finish(cast.otto)
    assert not Delivery.objects.filter(person=cast.otto).exists()
    assert not Choice.objects.filter(person=cast.otto).exists()


def test_what_others_were_told_does_not_name_who_was_deleted(cast: Cast, fire: Namespace) -> None:
    linked = TestIdentities().link(cast.eda)
    deletions.ask(by=cast.eda)
    deletions.begin(person=cast.eda, by=cast.olga)
    deletions.finish(cast.eda)
    said = [f"{delivery.subject} {delivery.text}" for delivery in Delivery.objects.all()]
    assert not [text for text in said if linked.subject in text or "Eda Kaya" in text]
