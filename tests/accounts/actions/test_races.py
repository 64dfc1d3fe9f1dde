"""Acts about people that two transactions do at once."""

from __future__ import annotations

import pytest
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import LazySettings

from accounts.actions import identities, merging, people
from accounts.claims import Claims
from accounts.errors import StateConflict
from accounts.issuers import Issuer
from accounts.models import Identity, Level, User
from accounts.provider import admission
from audit.models import Event
from tests import factories
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
