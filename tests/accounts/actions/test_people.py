"""First login, later logins, vouching, levels, operators and the first one."""

from __future__ import annotations

import uuid

import pytest
from django.db import DatabaseError, transaction

from accounts.actions import break_glass, people
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Identity, Level, LevelChange, User
from audit.models import Event
from namespaces.access import Role
from namespaces.models import Namespace
from tests import factories
from tests.conftest import Cast

CLAIMS = Claims(
    issuer="https://idp.example.edu",
    subject="http://cilogon.org/serverA/users/13600071",
    name="Ana Kim",
    email="ana@example.edu",
    email_verified=True,
    entity_id="urn:mace:incommon:ou.edu",
    institution="University of Oklahoma",
)
pytestmark = pytest.mark.django_db


def acts() -> list[str]:
    return list(Event.objects.values_list("act", flat=True))


def changes(person: User) -> list[tuple[str, str, str, User | None]]:
    """Return the history of somebody's level: what was done, from, to, by whom; the latest first."""
    return [(each.act, each.before, each.after, each.by) for each in person.level_changes.all()]


class TestRegister:
    def test_newcomer_is_a_guest_with_one_identity(self) -> None:
        identity = people.register(person=User(), claims=CLAIMS)
        person = User.objects.get()
        assert (person.level, person.is_superuser, person.is_active) == (Level.GUEST, False, True)
        assert (person.name, person.email, person.institution) == (
            CLAIMS.name,
            CLAIMS.email,
            CLAIMS.institution,
        )
        stored = Identity.objects.get()
        assert stored == identity
        assert (stored.person, stored.issuer, stored.subject) == (person, CLAIMS.issuer, CLAIMS.subject)
        assert (stored.entity_id, stored.email_verified) == (CLAIMS.entity_id, True)
        assert stored.last_login_at is not None
        assert person.last_seen_at == stored.last_login_at
        assert acts() == ["person.registered"]

    def test_whatever_was_set_on_the_new_person_grants_nothing(self) -> None:
        """The login library fills the object from claims and, in one way or another, from what the client
        sent.
        """
        person = User(
            level=Level.ADMIN, is_superuser=True, is_active=False, name="Root", email="root@example.edu"
        )
        person.set_password("secret")
        people.register(person=person, claims=CLAIMS)
        stored = User.objects.get()
        assert (stored.level, stored.is_superuser, stored.is_active) == (Level.GUEST, False, True)
        assert (stored.name, stored.email) == (CLAIMS.name, CLAIMS.email)
        assert not stored.has_usable_password()

    def test_somebody_who_is_stored_already_is_not_overwritten(self, cast: Cast) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            people.register(person=cast.olga, claims=CLAIMS)
        assert User.objects.get(pk=cast.olga.pk).is_superuser
        assert not Event.objects.exists()

    def test_identity_that_is_known_is_nobody_elses(self) -> None:
        people.register(person=User(), claims=CLAIMS)
        with pytest.raises(DatabaseError), transaction.atomic():
            people.register(person=User(), claims=CLAIMS)
        assert (User.objects.count(), Identity.objects.count(), Event.objects.count()) == (1, 1, 1)

    def test_same_subject_of_another_issuer_is_another_person(self) -> None:
        people.register(person=User(), claims=CLAIMS)
        other = Claims(issuer="https://other.example.edu", subject=CLAIMS.subject, email=CLAIMS.email)
        people.register(person=User(), claims=other)
        assert User.objects.count() == 2

    def test_event_holds_no_name_address_or_subject(self) -> None:
        people.register(person=User(), claims=CLAIMS)
        stored = str(Event.objects.values().get())
        for word in (CLAIMS.name, CLAIMS.email, CLAIMS.subject):
            assert word not in stored


class TestWelcomeBack:
    NEWS = Claims(
        issuer="https://elsewhere.example.edu",
        subject="http://cilogon.org/serverA/users/1",
        name="Dr. Ana Kim",
        email="ana.kim@example.edu",
        entity_id="urn:mace:incommon:ucsc.edu",
        institution="UC Santa Cruz",
    )

    def test_what_the_provider_says_is_taken_over(self) -> None:
        identity = people.register(person=User(), claims=CLAIMS)
        people.welcome_back(identity=identity, claims=self.NEWS)
        identity.refresh_from_db()
        person = User.objects.get()
        assert (person.name, person.email, person.institution) == (
            "Dr. Ana Kim",
            self.NEWS.email,
            "UC Santa Cruz",
        )
        assert (identity.name, identity.email, identity.email_verified) == (
            "Dr. Ana Kim",
            self.NEWS.email,
            False,
        )
        assert acts() == ["person.registered", "identity.refreshed"]

    def test_no_right_and_no_identity_changes(self) -> None:
        for level, operator, active in (
            (Level.GUEST, False, True),
            (Level.ADMIN, True, True),
            (Level.USER, False, False),
        ):
            person = factories.PersonFactory.create(level=level, is_superuser=operator, is_active=active)
            identity = factories.IdentityFactory.create(person=person, state=Identity.State.RETIRED)
            key = (identity.issuer, identity.subject)
            people.welcome_back(identity=identity, claims=self.NEWS)
            person.refresh_from_db()
            identity.refresh_from_db()
            assert (person.level, person.is_superuser, person.is_active) == (level, operator, active)
            assert (identity.issuer, identity.subject) == key
            assert identity.state == Identity.State.RETIRED

    def test_login_without_news_is_noted_without_an_event(self) -> None:
        identity = people.register(person=User(), claims=CLAIMS)
        before = identity.last_login_at
        people.welcome_back(identity=identity, claims=CLAIMS)
        identity.refresh_from_db()
        assert identity.last_login_at is not None
        assert before is not None
        assert identity.last_login_at >= before
        assert User.objects.get().last_seen_at == identity.last_login_at
        assert acts() == ["person.registered"]

    def test_event_says_which_fields_changed_and_nothing_of_what_is_in_them(self) -> None:
        identity = people.register(person=User(), claims=CLAIMS)
        people.welcome_back(identity=identity, claims=self.NEWS)
        event = Event.objects.get(act="identity.refreshed")
        assert set(event.after["changed"]) == {"name", "email", "email_verified", "entity_id", "institution"}
        assert "Kim" not in str(Event.objects.values().get(pk=event.pk))


class TestVouch:
    @pytest.mark.parametrize("who", ["olga", "paula"])
    def test_operators_and_people_of_level_admin_may(self, cast: Cast, who: str) -> None:
        assert people.vouch(person=cast.ana, by=getattr(cast, who)).level == Level.USER
        assert User.objects.get(pk=cast.ana.pk).level == Level.USER
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == (
            "person.vouched", str(getattr(cast, who).pk), str(cast.ana.pk),
        )  # fmt: skip
        assert (event.before, event.after) == ({"level": "guest"}, {"level": "user"})

    @pytest.mark.parametrize("who", ["otto", "nils", "ana"])
    def test_nobody_else_may(self, cast: Cast, fire: Namespace, who: str) -> None:
        other = factories.PersonFactory.create(level=Level.GUEST)
        with pytest.raises(NotAllowed):
            people.vouch(person=other, by=getattr(cast, who))
        assert User.objects.get(pk=other.pk).level == Level.GUEST
        assert acts() == []

    def test_somebody_whose_account_is_not_active_may_not(self, cast: Cast) -> None:
        cast.paula.is_active = False
        cast.paula.save(update_fields=["is_active"])
        with pytest.raises(NotAllowed):
            people.vouch(person=cast.ana, by=cast.paula)

    def test_somebody_demoted_since_the_page_was_loaded_may_not(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.paula.pk).update(level=Level.USER)
        with pytest.raises(NotAllowed):
            people.vouch(person=cast.ana, by=cast.paula)
        assert User.objects.get(pk=cast.ana.pk).level == Level.GUEST

    def test_operator_who_is_a_guest_does_not_vouch_for_himself(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.olga.pk).update(level=Level.GUEST)
        cast.olga.refresh_from_db()
        with pytest.raises(NotAllowed):
            people.vouch(person=cast.olga, by=cast.olga)
        assert User.objects.get(pk=cast.olga.pk).level == Level.GUEST

    @pytest.mark.parametrize("who", ["otto", "paula", "olga"])
    def test_who_is_no_guest_stays_what_they_are(self, cast: Cast, who: str) -> None:
        person = getattr(cast, who)
        level = person.level
        people.vouch(person=person, by=cast.olga if who == "paula" else cast.paula)
        assert User.objects.get(pk=person.pk).level == level
        assert acts() == []

    def test_second_of_two_who_vouch_changes_nothing(self, cast: Cast) -> None:
        stale = User.objects.get(pk=cast.ana.pk)
        people.vouch(person=cast.ana, by=cast.paula)
        people.vouch(person=stale, by=cast.olga)
        assert acts() == ["person.vouched"]

    def test_history_says_who_vouched_and_by_which_request(self, cast: Cast) -> None:
        request_id = uuid.uuid4()
        people.vouch(person=cast.ana, by=cast.paula, request_id=request_id)
        people.vouch(person=cast.ana, by=cast.olga)
        assert changes(cast.ana) == [("vouched", "guest", "user", cast.paula)]
        assert cast.ana.level_changes.get().request_id == request_id
        assert Event.objects.get().after == {"level": "user", "request": str(request_id)}

    def test_rollback_leaves_no_history(self, cast: Cast) -> None:
        with transaction.atomic():
            people.vouch(person=cast.ana, by=cast.paula)
            transaction.set_rollback(True)
        assert not LevelChange.objects.exists()

    def test_namespaces_of_the_person_follow(self, cast: Cast, fire: Namespace, hidden: Namespace) -> None:
        factories.MembershipFactory.create(namespace=fire, person=cast.ana)
        people.vouch(person=cast.ana, by=cast.paula)
        assert Namespace.objects.get(pk=fire.pk).generation == fire.generation + 1
        assert Namespace.objects.get(pk=hidden.pk).generation == hidden.generation


class TestSetLevel:
    @pytest.mark.parametrize("level", list(Level))
    def test_operator_sets_any_level(self, cast: Cast, level: Level) -> None:
        other = factories.PersonFactory.create(level=Level.USER if level != Level.USER else Level.GUEST)
        before = other.level
        assert people.set_level(person=other, level=level, by=cast.olga).level == level
        assert User.objects.get(pk=other.pk).level == level
        event = Event.objects.get()
        assert (event.act, event.before, event.after) == ("person.level", {"level": before}, {"level": level})
        assert (event.actor, event.object_id) == (str(cast.olga.pk), str(other.pk))

    def test_history_keeps_every_change_and_no_refusal(self, cast: Cast, hidden: Namespace) -> None:
        people.set_level(person=cast.otto, level=Level.ADMIN, by=cast.olga)
        people.set_level(person=cast.otto, level=Level.ADMIN, by=cast.olga)
        people.set_level(person=cast.otto, level=Level.GUEST, by=cast.olga)
        with pytest.raises(StateConflict):
            people.set_level(person=cast.paula, level=Level.GUEST, by=cast.olga)
        with pytest.raises(NotAllowed):
            people.set_level(person=cast.vera, level=Level.ADMIN, by=cast.paula)
        assert changes(cast.otto) == [
            ("set", "admin", "guest", cast.olga),
            ("set", "user", "admin", cast.olga),
        ]
        assert LevelChange.objects.count() == 2

    @pytest.mark.parametrize("who", ["paula", "nils", "otto", "ana"])
    def test_nobody_else_does(self, cast: Cast, fire: Namespace, who: str) -> None:
        with pytest.raises(NotAllowed):
            people.set_level(person=cast.vera, level=Level.ADMIN, by=getattr(cast, who))
        assert User.objects.get(pk=cast.vera.pk).level == Level.USER
        assert acts() == []

    def test_operator_does_not_set_his_own(self, cast: Cast) -> None:
        same = User.objects.get(pk=cast.olga.pk)
        with pytest.raises(NotAllowed):
            people.set_level(person=same, level=Level.USER, by=cast.olga)
        assert User.objects.get(pk=cast.olga.pk).level == Level.ADMIN

    def test_operator_who_is_no_operator_any_more_does_not(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.olga.pk).update(is_superuser=False)
        with pytest.raises(NotAllowed):
            people.set_level(person=cast.otto, level=Level.ADMIN, by=cast.olga)
        assert User.objects.get(pk=cast.otto.pk).level == Level.USER

    def test_same_level_again_is_no_change(self, cast: Cast, fire: Namespace) -> None:
        people.set_level(person=cast.eda, level=Level.USER, by=cast.olga)
        assert acts() == []
        assert Namespace.objects.get(pk=fire.pk).generation == fire.generation

    def test_level_that_does_not_exist_is_refused_by_the_database(self, cast: Cast) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            people.set_level(person=cast.otto, level="root", by=cast.olga)  # type: ignore[arg-type]
        assert User.objects.get(pk=cast.otto.pk).level == Level.USER

    def test_every_namespace_of_the_person_follows_and_no_other(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        second = factories.NamespaceFactory.create(cluster=fire.cluster)
        factories.MembershipFactory.create(namespace=second, person=cast.eda)
        left = factories.NamespaceFactory.create(cluster=fire.cluster)
        factories.MembershipFactory.create(namespace=left, person=cast.eda, ended_at="2026-01-01T00:00:00Z")
        people.set_level(person=cast.eda, level=Level.GUEST, by=cast.olga)
        raised = {
            name for name, generation in Namespace.objects.values_list("name", "generation") if generation > 1
        }
        assert raised == {fire.name, second.name}

    def test_last_admin_is_not_demoted_to_guest(self, cast: Cast, hidden: Namespace) -> None:
        with pytest.raises(StateConflict, match="last admin of quiet-lab"):
            people.set_level(person=cast.paula, level=Level.GUEST, by=cast.olga)
        assert User.objects.get(pk=cast.paula.pk).level == Level.ADMIN
        assert Namespace.objects.get(pk=hidden.pk).generation == hidden.generation
        assert acts() == []

    def test_last_admin_loses_level_admin_and_stays_admin_of_the_namespace(
        self, cast: Cast, hidden: Namespace
    ) -> None:
        people.set_level(person=cast.paula, level=Level.USER, by=cast.olga)
        assert hidden.memberships.get(person=cast.paula).role == Role.ADMIN

    def test_one_of_two_admins_is_demoted(self, cast: Cast, fire: Namespace) -> None:
        people.set_level(person=cast.nils, level=Level.GUEST, by=cast.olga)
        assert User.objects.get(pk=cast.nils.pk).level == Level.GUEST

    def test_another_admin_who_is_a_guest_does_not_count(self, cast: Cast, hidden: Namespace) -> None:
        factories.MembershipFactory.create(namespace=hidden, person=cast.ana, role=Role.ADMIN)
        with pytest.raises(StateConflict):
            people.set_level(person=cast.paula, level=Level.GUEST, by=cast.olga)

    def test_another_admin_who_is_not_active_does_not_count(self, cast: Cast, hidden: Namespace) -> None:
        inactive = factories.PersonFactory.create(is_active=False)
        factories.MembershipFactory.create(namespace=hidden, person=inactive, role=Role.ADMIN)
        with pytest.raises(StateConflict):
            people.set_level(person=cast.paula, level=Level.GUEST, by=cast.olga)


class TestFirstOperator:
    def test_is_made_operator_and_admin(self, cast: Cast) -> None:
        person = people.make_first_operator(identity=cast.ana.identities.get())
        assert person == cast.ana
        person.refresh_from_db()
        assert (person.is_superuser, person.level) == (True, Level.ADMIN)
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == (people.FIRST_OPERATOR, "", str(cast.ana.pk))

    def test_is_in_the_history_where_the_level_changed(self, cast: Cast) -> None:
        people.make_first_operator(identity=cast.ana.identities.get())
        assert changes(cast.ana) == [("first", "guest", "admin", None)]

    def test_who_was_of_level_admin_has_no_change_of_level(self, cast: Cast) -> None:
        people.make_first_operator(identity=cast.paula.identities.get())
        assert not LevelChange.objects.exists()

    def test_is_made_once_for_ever(self, cast: Cast) -> None:
        people.make_first_operator(identity=cast.ana.identities.get())
        User.objects.update(is_superuser=False)
        for person in (cast.otto, cast.ana):
            with pytest.raises(StateConflict):
                people.make_first_operator(identity=person.identities.get())
        assert not User.objects.filter(is_superuser=True).exists()
        assert acts() == [people.FIRST_OPERATOR]

    def test_marker_is_held_by_the_database(self, cast: Cast) -> None:
        """Two commands at the same moment both find no marker."""
        people.make_first_operator(identity=cast.ana.identities.get())
        with pytest.raises(DatabaseError), transaction.atomic():
            Event.objects.create(act=people.FIRST_OPERATOR)

    def test_namespaces_of_the_first_operator_follow(self, cast: Cast, fire: Namespace) -> None:
        people.make_first_operator(identity=cast.eda.identities.get())
        assert Namespace.objects.get(pk=fire.pk).generation == fire.generation + 1


class TestSetOperator:
    def test_makes_and_ends(self, cast: Cast) -> None:
        for is_operator, act in ((True, "operator.made"), (False, "operator.ended")):
            people.set_operator(person=cast.eda, is_operator=is_operator, by=cast.olga)
            cast.eda.refresh_from_db()
            assert (cast.eda.is_operator, cast.eda.level) == (is_operator, Level.USER)
            event = Event.objects.get(act=act)
            assert (event.actor, event.object_id) == (str(cast.olga.pk), str(cast.eda.pk))
            assert (event.before, event.after) == (
                {"is_superuser": not is_operator},
                {"is_superuser": is_operator},
            )

    @pytest.mark.parametrize("who", ["paula", "nils", "eda", "ana"])
    def test_operators_only(self, who: str, cast: Cast) -> None:
        with pytest.raises(NotAllowed):
            people.set_operator(person=cast.otto, is_operator=True, by=getattr(cast, who))

    def test_nobody_themselves(self, cast: Cast) -> None:
        with pytest.raises(NotAllowed):
            people.set_operator(person=cast.olga, is_operator=False, by=cast.olga)
        assert User.objects.get(pk=cast.olga.pk).is_operator

    def test_who_was_one_a_moment_ago_does_not_count(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.olga.pk).update(is_superuser=False)
        with pytest.raises(NotAllowed):
            people.set_operator(person=cast.eda, is_operator=True, by=cast.olga)

    def test_no_guest_and_nobody_who_is_out(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        for person in (cast.ana, cast.otto):
            with pytest.raises(StateConflict, match="user at least"):
                people.set_operator(person=person, is_operator=True, by=cast.olga)
            assert not User.objects.get(pk=person.pk).is_superuser

    def test_twice_changes_once(self, cast: Cast) -> None:
        for _time in range(2):
            people.set_operator(person=cast.eda, is_operator=True, by=cast.olga)
        assert Event.objects.filter(act="operator.made").count() == 1

    def test_not_a_break_glass_operator(self, cast: Cast) -> None:
        given = break_glass.make(name="Night shift")
        with pytest.raises(StateConflict, match="on the server"):
            people.set_operator(person=given.person, is_operator=False, by=cast.olga)
