"""Deleting an account: asking, withdrawing, what beginning takes, and what finishing leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from accounts import sessions
from accounts.actions import deletions, merging, people, suspensions
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Deletion, Identity, Level, Merge, User, account_uid
from audit.models import Event
from namespaces.access import Role
from namespaces.actions import requests, succession
from namespaces.models import Membership, Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(cast: Cast) -> Deletion:
    """Eda asked to be deleted."""
    return deletions.ask(by=cast.eda)


def stored(person: User) -> User:
    return User.objects.get(pk=person.pk)


class TestAsk:
    def test_changes_nothing_but_that_it_was_asked(self, cast: Cast) -> None:
        made = deletions.ask(by=cast.eda)
        assert (made.person, made.state) == (cast.eda, "asked")
        assert stored(cast.eda).is_active
        assert not stored(cast.eda).is_leaving
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == ("deletion.asked", str(cast.eda.pk), str(made.pk))

    def test_is_done_once(self, cast: Cast, asked: Deletion) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="asked already"):
            deletions.ask(by=cast.eda)

    def test_not_by_the_last_operator(self, cast: Cast) -> None:
        factories.person("Oskar", is_superuser=True, is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="the last operator"):
            deletions.ask(by=cast.olga)
        factories.person("Oda", is_superuser=True)
        deletions.ask(by=cast.olga)

    def test_not_by_somebody_who_is_out(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        with Unchanged(), pytest.raises(NotAllowed):
            deletions.ask(by=cast.eda)


class TestWithdraw:
    def test_can_be_asked_anew_after_that(self, cast: Cast, asked: Deletion) -> None:
        deletions.withdraw(by=cast.eda)
        asked.refresh_from_db()
        assert asked.state == "withdrawn"
        assert asked.ended_at is not None
        assert stored(cast.eda).deletion is None
        assert acts() == ["deletion.asked", "deletion.withdrawn"]
        assert deletions.ask(by=cast.eda) != asked

    def test_not_what_was_not_asked_or_has_begun(self, cast: Cast, asked: Deletion) -> None:
        with Unchanged(), pytest.raises(StateConflict):
            deletions.withdraw(by=cast.nils)
        deletions.begin(person=cast.eda, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict):
            deletions.withdraw(by=cast.eda)


class TestBegin:
    def test_takes_everything_but_the_name(self, cast: Cast, fire: Namespace, asked: Deletion) -> None:
        Client().force_login(cast.eda)
        other = factories.NamespaceFactory.create(cluster=fire.cluster)
        wish = requests.ask_to_join(namespace=other, role=Role.VIEWER, reason="I work there.", by=cast.eda)
        merge = Merge.objects.create(
            kept=cast.eda, emptied=cast.otto, shown=cast.otto.identities.get(), shown_with=cast.eda.identities.get()
        )  # fmt: skip
        before = generation(fire)
        begun = deletions.begin(person=cast.eda, by=cast.olga)
        assert (begun.state, begun.begun_by) == ("running", cast.olga)
        person = stored(cast.eda)
        assert (person.is_active, person.is_leaving, person.name) == (False, True, "Eda Kaya")
        assert not sessions.of(cast.eda).exists()
        assert not Membership.objects.current().filter(person=cast.eda).exists()
        assert Membership.objects.filter(person=cast.eda).count() == 1  # the row that says it was ended
        assert generation(fire) > before
        assert Request.objects.get(pk=wish.pk).state == "withdrawn"
        assert Merge.objects.get(pk=merge.pk).state == "withdrawn"
        assert {"deletion.begun", "member.removed", "request.withdrawn", "merge.withdrawn"} <= set(acts())
        event = Event.objects.get(act="deletion.begun")
        assert (event.actor, event.object_text) == (str(cast.olga.pk), str(cast.eda.pk))

    @pytest.mark.parametrize("who", ["eda", "paula", "nils"])
    def test_only_operators_do(self, cast: Cast, asked: Deletion, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            deletions.begin(person=cast.eda, by=getattr(cast, who))

    def test_nobody_themselves(self, cast: Cast) -> None:
        """So one operator is always left."""
        oskar = factories.person("Oskar", is_superuser=True)
        for operator in (cast.olga, oskar):
            deletions.ask(by=operator)
        with Unchanged(), pytest.raises(NotAllowed):
            deletions.begin(person=User.objects.get(pk=cast.olga.pk), by=cast.olga)
        deletions.begin(person=oskar, by=cast.olga)
        assert not stored(oskar).is_superuser
        with Unchanged(), pytest.raises(NotAllowed):
            deletions.begin(person=cast.olga, by=oskar)

    def test_not_who_did_not_ask_or_withdrew(self, cast: Cast, asked: Deletion) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="does not ask to be deleted"):
            deletions.begin(person=cast.nils, by=cast.olga)
        deletions.withdraw(by=cast.eda)
        with Unchanged(), pytest.raises(StateConflict, match="does not ask to be deleted"):
            deletions.begin(person=cast.eda, by=cast.olga)

    def test_last_admin_of_a_namespace_needs_a_successor(self, cast: Cast, hidden: Namespace) -> None:
        deletions.ask(by=cast.paula)
        with Unchanged(), pytest.raises(StateConflict, match="last admin of quiet-lab"):
            deletions.begin(person=cast.paula, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="last admin of quiet-lab"):
            succession.delete(person=cast.paula, by=cast.olga, successors={})
        assert Deletion.objects.get().state == "asked"
        succession.delete(person=cast.paula, by=cast.olga, successors={hidden.pk: cast.olga})
        admin = Membership.objects.current().get(namespace=hidden)
        assert (admin.person, admin.role) == (cast.olga, Role.ADMIN)

    def test_end_of_a_suspension_lets_nobody_in_again(self, cast: Cast, asked: Deletion) -> None:
        until = timezone.now() + timedelta(days=1)
        suspensions.suspend(person=cast.eda, reason="Lost laptop.", until=until, by=cast.olga)
        deletions.begin(person=cast.eda, by=cast.olga)
        with pytest.raises(StateConflict):
            suspensions.lift(person=cast.eda, by=cast.olga)
        cast.eda.suspensions.update(until=timezone.now() - timedelta(days=1))
        assert suspensions.lift_due() == 0
        assert not stored(cast.eda).is_active

    def test_level_of_who_leaves_stays(self, cast: Cast, asked: Deletion) -> None:
        deletions.begin(person=cast.eda, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="being deleted"):
            people.set_level(person=cast.eda, level=Level.ADMIN, by=cast.olga)


class TestFinish:
    @pytest.fixture
    def begun(self, cast: Cast, asked: Deletion) -> Deletion:
        identity = cast.eda.identities.get()
        uid = account_uid(identity.issuer, identity.subject)
        SocialAccount.objects.create(user=cast.eda, provider="openid_connect", uid=uid)
        EmailAddress.objects.create(user=cast.eda, email=cast.eda.email)
        return deletions.begin(person=cast.eda, by=cast.olga)

    def test_nothing_tells_any_more_who_it_was(self, cast: Cast, begun: Deletion) -> None:
        identity = cast.eda.identities.get()
        Identity.objects.filter(pk=identity.pk).update(entity_id="urn:x", email_verified=True)
        told = [cast.eda.name, cast.eda.email, identity.subject]
        assert deletions.finish(cast.eda)
        person, after = stored(cast.eda), Identity.objects.get(pk=identity.pk)
        assert str(person) == f"Deleted person {str(person.pk)[:8]}"
        assert (person.name, person.email, person.institution) == ("", "", "")
        assert after.subject == f"deleted {identity.pk.hex}"
        assert (after.state, after.name, after.email, after.institution, after.entity_id) == (
            "retired",
            *[""] * 4,
        )
        assert not after.email_verified
        assert not SocialAccount.objects.filter(user=cast.eda).exists()
        assert not EmailAddress.objects.filter(user=cast.eda).exists()
        begun.refresh_from_db()
        assert (begun.state, begun.ended_at is not None) == ("done", True)
        assert acts()[-1] == "deletion.done"
        for model in (User, Identity, Event):
            rows = repr(list(model._default_manager.values()))
            assert not [text for text in told if text in rows]

    @pytest.mark.parametrize("state", ["asked", "withdrawn", "done"])
    def test_happens_only_after_it_was_begun(self, cast: Cast, state: str) -> None:
        made = deletions.ask(by=cast.eda)
        if state == "withdrawn":
            deletions.withdraw(by=cast.eda)
        elif state == "done":
            deletions.begin(person=cast.eda, by=cast.olga)
            deletions.finish(cast.eda)
        with Unchanged():
            assert not deletions.finish(cast.eda)
        made.refresh_from_db()
        assert made.state == state

    def test_who_returns_is_a_new_guest_with_nothing(
        self, cast: Cast, fire: Namespace, begun: Deletion
    ) -> None:
        identity = cast.eda.identities.get()
        claims = Claims(issuer=identity.issuer, subject=identity.subject, name="Eda Kaya")
        deletions.finish(cast.eda)
        made = people.register(person=User(), claims=claims)
        assert made.person_id != cast.eda.pk
        assert (made.person.level, made.person.memberships.count()) == (Level.GUEST, 0)

    def test_login_that_was_on_its_way_brings_no_name_back(self, cast: Cast, begun: Deletion) -> None:
        identity = cast.eda.identities.get()
        claims = Claims(issuer=identity.issuer, subject=identity.subject, name="Eda Kaya")
        deletions.finish(cast.eda)
        people.welcome_back(identity=identity, claims=claims)
        assert (stored(cast.eda).name, Identity.objects.get(pk=identity.pk).name) == ("", "")


class TestDatabase:
    """Subjects change to their pseudonym while their person is being deleted, and nowhere else."""

    def test_not_before(self, cast: Cast, asked: Deletion) -> None:
        identity = cast.eda.identities.get()
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            Identity.objects.filter(pk=identity.pk).update(subject=identity.pseudonym)

    def test_not_to_anything_else_nor_for_anybody_else(self, cast: Cast, asked: Deletion) -> None:
        deletions.begin(person=cast.eda, by=cast.olga)
        identity, other = cast.eda.identities.get(), cast.nils.identities.get()
        for pk, change in (
            (identity.pk, {"subject": "deleted"}),
            (identity.pk, {"subject": other.pseudonym}),
            (identity.pk, {"subject": identity.pseudonym, "issuer": "https://elsewhere.example.edu"}),
            (identity.pk, {"subject": identity.pseudonym, "person": cast.otto}),
            (other.pk, {"subject": other.pseudonym}),
        ):
            with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
                Identity.objects.filter(pk=pk).update(**change)
        Identity.objects.filter(pk=identity.pk).update(subject=identity.pseudonym)

    def test_not_back_nor_later(self, cast: Cast, asked: Deletion) -> None:
        identity = cast.eda.identities.get()
        deletions.begin(person=cast.eda, by=cast.olga)
        deletions.finish(cast.eda)
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            Identity.objects.filter(pk=identity.pk).update(subject=identity.subject)

    def test_one_wish_that_was_not_withdrawn(self, cast: Cast, asked: Deletion) -> None:
        deletions.begin(person=cast.eda, by=cast.olga)
        with pytest.raises(DatabaseError), transaction.atomic():
            Deletion.objects.create(person=cast.eda)

    def test_running_says_who_began(self, cast: Cast, asked: Deletion) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            Deletion.objects.update(state="running")


def test_account_that_is_merged_into_another_asks_no_more(cast: Cast) -> None:
    asked = deletions.ask(by=cast.otto)
    merge = Merge.objects.create(
        kept=cast.eda, emptied=cast.otto, shown=cast.otto.identities.get(), shown_with=cast.eda.identities.get()
    )  # fmt: skip
    merging.approve(merge=merge, by=cast.olga)
    asked.refresh_from_db()
    assert asked.state == "withdrawn"
