"""What people may do on the platform, for every kind of person (product.md section 3 as one table)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts import policy
from accounts.models import Level, User
from accounts.policy import Reader

READERS: dict[str, Reader] = {
    "anonymous": AnonymousUser(),
    "guest": User(level=Level.GUEST),
    "user": User(level=Level.USER),
    "admin": User(level=Level.ADMIN),
    "operator": User(level=Level.ADMIN, is_superuser=True),
    "operator of level guest": User(level=Level.GUEST, is_superuser=True),
    "inactive user": User(level=Level.USER, is_active=False),
    "inactive admin": User(level=Level.ADMIN, is_active=False),
    "inactive operator": User(level=Level.ADMIN, is_superuser=True, is_active=False),
}
OPERATORS = {"operator", "operator of level guest"}
TABLE: dict[Callable[[Reader], bool], set[str]] = {
    policy.is_known: {"guest", "user", "admin"} | OPERATORS,
    policy.is_operator: OPERATORS,
    policy.may_vouch: {"admin"} | OPERATORS,
    policy.may_see_people: {"admin"} | OPERATORS,
    policy.may_create_namespaces: {"admin"} | OPERATORS,
}


@pytest.mark.parametrize("question", TABLE, ids=lambda question: question.__name__)
@pytest.mark.parametrize("who", READERS)
def test_each_kind_of_person_may_what_the_table_says(question: Callable[[Reader], bool], who: str) -> None:
    assert question(READERS[who]) is (who in TABLE[question])


@pytest.mark.parametrize("who", READERS)
def test_only_operators_set_levels(who: str) -> None:
    assert policy.may_set_level(READERS[who], User()) is (who in OPERATORS)


@pytest.mark.parametrize("who", [name for name in READERS if name != "anonymous"])
def test_nobody_sets_their_own_level(who: str) -> None:
    person = READERS[who]
    assert isinstance(person, User)
    assert not policy.may_set_level(person, person)


@pytest.mark.parametrize("who", READERS)
def test_only_operators_delete_accounts_and_nobody_their_own(who: str) -> None:
    person = READERS[who]
    assert policy.may_delete(person, User()) is (who in OPERATORS)
    assert not isinstance(person, User) or not policy.may_delete(person, person)


@pytest.mark.parametrize("who", READERS)
def test_who_may_give_a_level_that_was_asked_for(who: str) -> None:
    may = {level for level in Level if policy.may_give_level(READERS[who], User(), level)}
    expected = {
        "admin": {Level.USER},
        "operator": set(Level),
        "operator of level guest": set(Level),
    }
    assert may == expected.get(who, set())


@pytest.mark.parametrize("who", [name for name in READERS if name != "anonymous"])
@pytest.mark.parametrize("level", list(Level))
def test_nobody_gives_themselves_a_level(who: str, level: Level) -> None:
    person = READERS[who]
    assert isinstance(person, User)
    assert not policy.may_give_level(person, person, level)
