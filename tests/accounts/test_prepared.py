"""Questions that are put together once: the answers are those of the query sets they were made from."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Identity, Level, User
from accounts.prepared import Prepared
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def others(reader: User) -> QuerySet[User, Any]:
    """A rule that looks at the rights of who asks."""
    found = User.objects.exclude(pk=reader.pk)
    if not reader.is_operator:
        found = found.filter(level=reader.level)
    has_identity = Exists(Identity.objects.filter(person=OuterRef("pk")).exclude(person=reader))
    values = ("pk", "name", "is_active", "created_at", "last_seen_at", has_identity)
    return found.order_by("name").values_list(*values)


def test_each_reader_gets_their_own_answer(cast: Cast) -> None:
    question = Prepared(others)
    for _time in range(2):
        for reader in User.objects.all():
            assert question.rows(reader=reader) == list(others(reader))


def test_answer_follows_the_rights_of_the_reader(cast: Cast) -> None:
    question = Prepared(others)
    question.rows(reader=cast.nils)
    for rights in ({"level": Level.ADMIN}, {"is_superuser": True}, {"is_active": False}):
        for name, value in rights.items():
            setattr(cast.nils, name, value)
        assert question.rows(reader=cast.nils) == list(others(cast.nils))


def test_values_come_in_their_places(cast: Cast) -> None:
    def make(one: uuid.UUID, other: uuid.UUID, name: str) -> QuerySet[User, Any]:
        return User.objects.filter(Q(pk=other) | Q(pk=one, name=name)).order_by("name").values_list("name")

    question = Prepared(make)
    otto, eda, nils = cast.otto.pk, cast.eda.pk, cast.nils.pk
    assert question.rows(one=otto, other=eda, name="Otto Brandt") == [("Eda Kaya",), ("Otto Brandt",)]
    assert question.rows(one=otto, other=eda, name="Otto") == [("Eda Kaya",)]
    assert question.rows(name="Eda Kaya", other=nils, one=eda) == [("Eda Kaya",), ("Nils Berg",)]


@pytest.mark.parametrize("text", ["100 %s", "'; DROP TABLE accounts_user; --", "", "{}", "Zoë\\"])
def test_text_is_never_a_part_of_the_statement(db: None, text: str) -> None:
    factories.person(text)
    question = Prepared(lambda name: User.objects.filter(name=name).values_list("name"))
    assert question.rows(name=text) == [(text,)]
    assert question.rows(name="somebody else") == []
    assert question.rows(name="' OR TRUE --") == []


@pytest.mark.parametrize("text", ["100 %s %%s %", "'; DROP TABLE accounts_user; --", "", "{} $1", "Zoë\\"])
def test_what_is_known_is_the_text_that_it_is(cast: Cast, text: str) -> None:
    factories.person(text)
    question = Prepared(
        lambda known, reader: (
            User.objects.exclude(pk=reader.pk).filter(name=known).values_list("name", Value(known))
        )
    )
    assert question.rows(text, reader=cast.nils) == [(text, text)]
    assert question.rows("Eda Kaya", reader=cast.nils) == [("Eda Kaya", "Eda Kaya")]


def test_percent_signs_of_a_statement_stay(cast: Cast) -> None:
    User.objects.filter(pk=cast.ana.pk).update(institution="na K")
    named = User.objects.filter(name__contains=F("institution")).exclude(institution="").order_by("name")
    question = Prepared(lambda reader: named.exclude(pk=reader.pk).values_list("name"))
    assert question.rows(reader=cast.nils) == [("Ana Kim",)]
    assert question.rows(reader=cast.ana) == []


def test_is_in_the_log_of_queries(cast: Cast) -> None:
    question = Prepared(others)
    for _again in range(2):
        with CaptureQueriesContext(connection) as queries:
            question.rows(reader=cast.nils)
        (query,) = queries.captured_queries
        assert query["sql"].startswith("SELECT")


def test_what_is_known_makes_another_question(cast: Cast) -> None:
    question = Prepared(lambda levels: User.objects.filter(level__in=levels).values_list("name"))
    assert question.rows((Level.GUEST,)) == [("Ana Kim",)]
    assert len(question.rows((Level.GUEST, Level.ADMIN))) == 3
    assert question.rows(()) == []


def test_is_made_once_for_all_with_the_same_rights(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made = []

    def make(reader: User) -> QuerySet[User, Any]:
        made.append(reader.level)
        return others(reader)

    question = Prepared(make)
    with django_assert_num_queries(4):
        for reader in (cast.nils, cast.eda, cast.ana, cast.otto):
            question.rows(reader=reader)
    assert made == [Level.USER] * 2 + [Level.GUEST] * 2  # twice, to see that they are the same


@pytest.mark.parametrize(
    "rule",
    [
        lambda reader: User.objects.filter(institution=reader.institution),
        lambda reader: User.objects.filter(pk__in=list(reader.identities.values_list("person", flat=True))),
    ],
)
def test_rule_that_looks_up_more_than_the_rights_is_refused(
    cast: Cast, rule: Callable[[User], QuerySet[User]]
) -> None:
    question = Prepared(lambda reader: rule(reader).values_list("pk"))
    with pytest.raises(ValueError, match="the answer for everybody"):
        question.rows(reader=cast.nils)


def test_is_made_anew_where_a_setting_changes(cast: Cast, settings: Settings) -> None:
    question = Prepared(lambda: User.objects.filter(name=settings.SITE_NAME).values_list("name"))
    for name in ("Ana Kim", "Eda Kaya", "Ana Kim"):
        settings.SITE_NAME = name
        assert question.rows() == [(name,)]


def test_moment_of_this_process_is_refused(db: None) -> None:
    question = Prepared(lambda: User.objects.filter(created_at__lt=timezone.now()).values_list("pk"))
    with pytest.raises(ValueError, match="another one each time"):
        question.rows()


def test_is_planned_once_by_postgresql_and_for_its_constants(cast: Cast) -> None:
    question = Prepared(others)
    for reader in (cast.nils, cast.eda, cast.otto):
        question.rows(reader=reader)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%accounts_identity%'"
            )
            ((statement,),) = cursor.fetchall()
        assert "'user'" in statement
        assert "$2" in statement  # the reader, in two places
        assert "$3" not in statement


@pytest.mark.django_db(transaction=True)
def test_two_threads_do_not_get_each_others_answers(cast: Cast) -> None:
    question = Prepared(others)
    readers = [cast.nils, cast.eda, cast.olga, cast.ana]
    expected = [list(others(reader)) for reader in readers]
    start = threading.Barrier(len(readers))
    found: dict[int, list[Any]] = {}

    def ask(number: int) -> None:
        start.wait()
        found[number] = [question.rows(reader=readers[number]) for _time in range(20)]
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(readers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [expected[number]] * 20 for number in range(len(readers))}
