"""Acts about people that two transactions do at once."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta

import pytest
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Now
from django.test import RequestFactory

from accounts import sessions
from accounts.actions import break_glass, deletions, identities, merging, people, suspensions
from accounts.adapters import AccountAdapter
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict
from accounts.issuers import Issuer
from accounts.models import Identity, Level, Merge, Session, Suspension, User
from accounts.provider import admission
from accounts.sessions import SessionStore
from audit.models import Event
from tests import factories, otp
from tests.accounts import second_factors
from tests.racing import Act, race, rounds

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def test_one_of_two_first_operators_is_made() -> None:
    """Once for ever, so each run needs a database without a first operator: one run per test."""
    one, two = factories.IdentityFactory.create(), factories.IdentityFactory.create()
    for chance in rounds(1):
        finishes = race(
            chance,
            lambda: people.make_first_operator(identity=one),
            lambda: people.make_first_operator(identity=two),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        assert User.objects.filter(is_superuser=True).count() == 1
        assert Event.objects.filter(act=people.FIRST_OPERATOR).count() == 1


def test_guest_vouched_for_by_two_is_vouched_for_once() -> None:
    olga, paula = (
        factories.PersonFactory.create(level=Level.ADMIN, is_superuser=True) for _index in range(2)
    )
    for chance in rounds():
        guest = factories.PersonFactory.create(level=Level.GUEST)
        race(chance, vouch(guest, olga), vouch(guest, paula))
        assert User.objects.get(pk=guest.pk).level == Level.USER
        assert Event.objects.filter(act="person.vouched", object_id=str(guest.pk)).count() == 1


def test_two_operators_who_set_each_others_level_do_not_wait_for_each_other() -> None:
    olga, oskar = (
        factories.PersonFactory.create(level=Level.ADMIN, is_superuser=True) for _index in range(2)
    )
    for chance in rounds():
        level = chance.choice(list(Level))
        race(chance, set_level(oskar, level, olga), set_level(olga, level, oskar))
        assert set(User.objects.values_list("level", flat=True)) == {level}


def test_of_two_operators_who_end_each_other_one_is_left() -> None:
    for chance in rounds():
        User.objects.update(is_superuser=False)
        olga, oskar = (
            factories.PersonFactory.create(level=Level.ADMIN, is_superuser=True) for _index in range(2)
        )
        finishes = race(chance, end_operator(oskar, olga), end_operator(olga, oskar))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [NotAllowed]
        assert User.objects.filter(is_superuser=True).count() == 1


def test_one_who_breaks_the_glass_and_an_operator_leave_one() -> None:
    """Olga ends Oskar while the break-glass operator ends Olga: one of them is left, and nobody waits for ever."""
    given = break_glass.make(name="Night shift").person
    for chance in rounds(50):
        User.objects.exclude(pk=given.pk).update(is_superuser=False)
        olga, oskar = (
            factories.PersonFactory.create(level=Level.ADMIN, is_superuser=True) for _index in range(2)
        )
        finishes = race(chance, end_operator(oskar, olga), suspend(olga, given))
        assert any(finish.won for finish in finishes)
        assert {type(finish.refusal) for finish in finishes if not finish.won} <= {NotAllowed, StateConflict}
        left = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=given.pk)
        assert left.count() == 1


def test_of_two_windows_that_set_up_an_app_one_does() -> None:
    for chance in rounds(20):
        person = factories.person("Eda")
        one, two = (set_up_an_app(person) for _window in range(2))
        finishes = race(chance, one, two)
        assert [finish.refusal for finish in finishes] == [None, None]
        assert Authenticator.objects.filter(user=person, type="totp").count() == 1
        assert Event.objects.filter(act="second_factor.added", actor=str(person.pk)).count() == 1


def test_identity_that_two_people_show_is_linked_to_one() -> None:
    for number, chance in enumerate(rounds()):
        eda, otto = (factories.person(name) for name in ("Eda", "Otto"))
        claims = Claims(issuer="https://issuer.example", subject=f"new-{number}")
        finishes = race(chance, link(claims, eda), link(claims, otto))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert Identity.objects.filter(subject=claims.subject).count() == 1


def test_link_and_first_login_of_one_identity_make_it_one_persons() -> None:
    for number, chance in enumerate(rounds()):
        eda = factories.person("Eda")
        claims = Claims(issuer="https://issuer.example", subject=f"new-{number}")
        login = SocialLogin(user=User(), account=SocialAccount(provider="campus", uid=f"uid-{number}"))
        finishes = race(chance, link(claims, eda), first_login(login, claims))
        identity = Identity.objects.get(subject=claims.subject)
        assert finishes[1].won
        assert login.user == identity.person
        assert finishes[0].won == (identity.person == eda)


def test_one_of_two_last_identities_stays(settings: LazySettings) -> None:
    settings.ISSUERS = (
        Issuer(id="one", name="One", issuer="https://one.example", client_id="c", client_secret="s"),
    )
    for chance in rounds():
        eda = factories.PersonFactory.create()
        one, two = (
            factories.IdentityFactory.create(person=eda, issuer="https://one.example") for _index in range(2)
        )
        finishes = race(chance, retire(one), retire(two))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert eda.identities.filter(state="active").count() == 1


def test_unused_account_that_two_people_show_is_taken_over_by_one() -> None:
    for chance in rounds():
        eda, otto, unused = (factories.person(name) for name in ("Eda", "Otto", "Nobody"))
        User.objects.filter(pk=unused.pk).update(level=Level.GUEST)
        identity = unused.identities.get()
        claims = Claims(issuer=identity.issuer, subject=identity.subject)
        finishes = race(chance, take_over(claims, eda), take_over(claims, otto))
        assert sorted(finish.won for finish in finishes) == [False, True]
        identity.refresh_from_db()
        assert identity.person == (eda if finishes[0].won else otto)


def test_two_accounts_of_which_each_is_to_be_merged_into_the_other_are_merged_once() -> None:
    olga, oskar = (factories.PersonFactory.create(is_superuser=True) for _index in range(2))
    for chance in rounds():
        eda, otto = (factories.person(name) for name in ("Eda", "Otto"))
        one, two = ask_to_merge(eda, otto), ask_to_merge(otto, eda)
        finishes = race(chance, merge(one, olga), merge(two, oskar))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        assert sorted(Merge.objects.values_list("state", flat=True)) == ["done", "withdrawn"]
        Merge.objects.all().delete()


def ask_to_merge(kept: User, emptied: User) -> Merge:
    shown = emptied.identities.get()
    claims = Claims(issuer=shown.issuer, subject=shown.subject)
    return merging.ask(claims=claims, shown_with=kept.identities.get(), by=kept)


def merge(asked: Merge, by: User) -> Act:
    return lambda: merging.approve(
        merge=Merge.objects.select_related("kept", "emptied").get(pk=asked.pk), by=User.objects.get(pk=by.pk)
    )


def take_over(claims: Claims, person: User) -> Act:
    return lambda: merging.take_over(claims=claims, by=User.objects.get(pk=person.pk))


def link(claims: Claims, person: User) -> Act:
    return lambda: identities.link(claims=claims, by=User.objects.get(pk=person.pk))


def first_login(login: SocialLogin, claims: Claims) -> Act:
    return lambda: admission.register(login, claims)


def retire(identity: Identity) -> Act:
    return lambda: identities.retire(
        identity=Identity.objects.get(pk=identity.pk), by=User.objects.get(pk=identity.person_id)
    )


def vouch(person: User, by: User) -> Act:
    return lambda: people.vouch(person=User.objects.get(pk=person.pk), by=User.objects.get(pk=by.pk))


def set_level(person: User, level: Level, by: User) -> Act:
    return lambda: people.set_level(
        person=User.objects.get(pk=person.pk), level=level, by=User.objects.get(pk=by.pk)
    )


def test_of_two_operators_who_suspend_each_other_one_succeeds() -> None:
    olga, oskar = (
        factories.PersonFactory.create(level=Level.ADMIN, is_superuser=True) for _index in range(2)
    )
    for chance in rounds(200):
        finishes = race(chance, suspend(oskar, olga), suspend(olga, oskar))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [NotAllowed]
        operator = User.objects.get(is_superuser=True, is_active=True)
        suspensions.lift(person=User.objects.get(is_active=False), by=operator)


def test_of_three_operators_in_a_ring_one_is_left() -> None:
    ring = [factories.PersonFactory.create(is_superuser=True) for _index in range(3)]
    for chance in rounds():
        race(chance, *(suspend(person, by) for person, by in zip(ring[1:] + ring[:1], ring, strict=True)))
        assert User.objects.filter(is_superuser=True, is_active=True).exists()
        Suspension.objects.all().delete()
        User.objects.update(is_active=True)


def test_who_is_suspended_by_two_is_suspended_once() -> None:
    olga, oskar = (factories.PersonFactory.create(is_superuser=True) for _index in range(2))
    for chance in rounds():
        person = factories.PersonFactory.create()
        finishes = race(chance, suspend(person, olga), suspend(person, oskar))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert Event.objects.filter(act="person.suspended", object_id=str(person.pk)).count() == 1


def test_two_workers_lift_what_is_due_once() -> None:
    olga = factories.PersonFactory.create(is_superuser=True)
    for chance in rounds():
        person = factories.PersonFactory.create()
        suspend(person, olga)()
        Suspension.objects.current().update(until=Now() - timedelta(seconds=1))
        finishes = race(chance, suspensions.lift_due, suspensions.lift_due)
        assert sorted(str(finish.value) for finish in finishes) == ["0", "1"]
        assert Event.objects.filter(act="person.suspension_ended", object_id=str(person.pk)).count() == 1
        assert User.objects.get(pk=person.pk).is_active


def test_login_that_runs_while_its_person_is_suspended_leaves_no_session() -> None:
    olga = factories.PersonFactory.create(is_superuser=True)
    for chance in rounds():
        person = factories.PersonFactory.create()
        identity = factories.IdentityFactory.create(person=person)
        race(chance, enter(person, identity), suspend(person, olga))
        assert not Session.objects.filter(person=person).exists()


def test_deletion_that_is_withdrawn_while_it_begins_is_the_one_or_the_other() -> None:
    olga = factories.PersonFactory.create(is_superuser=True)
    for chance in rounds():
        person = factories.PersonFactory.create()
        asked = deletions.ask(by=person)
        withdrawn, begun = race(chance, withdraw_deletion(person), begin_deletion(person, olga))
        assert withdrawn.won != begun.won
        asked.refresh_from_db()
        assert asked.state == ("withdrawn" if withdrawn.won else "running")
        assert User.objects.get(pk=person.pk).is_active is withdrawn.won


def withdraw_deletion(person: User) -> Act:
    return lambda: deletions.withdraw(by=User.objects.get(pk=person.pk))


def begin_deletion(person: User, by: User) -> Act:
    return lambda: deletions.begin(person=User.objects.get(pk=person.pk), by=User.objects.get(pk=by.pk))


def suspend(person: User, by: User) -> Act:
    reason = "They did what nobody may do."
    return lambda: suspensions.suspend(
        person=User.objects.get(pk=person.pk), reason=reason, until=None, by=User.objects.get(pk=by.pk)
    )


def enter(person: User, identity: Identity) -> Act:
    """The last step of a login, with what was read before."""
    request = RequestFactory().get("/")
    request.session, request.user = SessionStore(), AnonymousUser()
    sessions.will_open_with(request, identity)

    def log_in() -> None:
        with contextlib.suppress(ImmediateHttpResponse):
            AccountAdapter(request).login(request, person)

    return log_in


def end_operator(person: User, by: User) -> Act:
    return lambda: people.set_operator(person=person, is_operator=False, by=by)


def set_up_an_app(person: User) -> Act:
    """Open the page in a window of its own; return what sends its form."""
    client = second_factors.browser(person, shown_minutes_ago=1)
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", client.get(second_factors.ADD_APP).content.decode())
    assert secret
    form = {"code": otp.code(secret[1])}
    return lambda: client.post(second_factors.ADD_APP, form).status_code
