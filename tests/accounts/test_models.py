"""People and identities: what the tables themselves refuse, and the small facts of a row."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from django.db.models import ProtectedError

from accounts.models import Identity, Level, LevelChange, User, account_uid
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def test_new_person_is_a_guest_without_rights() -> None:
    person = User.objects.create(name="Somebody")
    person.refresh_from_db()
    assert (person.level, person.is_superuser, person.is_active) == (Level.GUEST, False, True)
    assert person.created_at is not None


def test_levels_include_those_before_them() -> None:
    assert sorted(Level, key=lambda level: level.rank) == [Level.GUEST, Level.USER, Level.ADMIN]


def test_one_level_follows_the_other() -> None:
    assert [level.following for level in Level] == [Level.USER, Level.ADMIN, None]


def test_level_is_one_of_three() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        factories.PersonFactory.create(level="operator")


def test_operator_counts_only_while_active(cast: Cast) -> None:
    assert [person.is_operator for person in (cast.olga, cast.paula)] == [True, False]
    cast.olga.is_active = False
    assert not cast.olga.is_operator


@pytest.mark.parametrize(
    ("name", "email", "words"),
    [
        ("Ana Kim", "ana@example.edu", "Ana Kim"),
        ("", "ana@example.edu", "Person without a name"),
        ("", "", "Person without a name"),
    ],
)
def test_person_in_words(name: str, email: str, words: str) -> None:
    assert str(User(name=name, email=email)) == words


def test_person_in_audit_events_is_an_id_only(cast: Cast) -> None:
    assert not hasattr(cast.ana, "audit_text")


def test_two_people_may_have_one_address() -> None:
    for _index in range(2):
        factories.PersonFactory.create(email="shared@example.edu")
    assert User.objects.filter(email="shared@example.edu").count() == 2


class TestIdentity:
    def test_belongs_to_one_person(self, cast: Cast) -> None:
        known = cast.ana.identities.get()
        with pytest.raises(DatabaseError), transaction.atomic():
            factories.IdentityFactory.create(person=cast.otto, issuer=known.issuer, subject=known.subject)

    @pytest.mark.parametrize("change", [str.upper, lambda text: text + "/", lambda text: " " + text])
    def test_is_compared_byte_by_byte(self, cast: Cast, change: object) -> None:
        """What differs in one character is somebody else, whatever a database likes to think of letters."""
        known = cast.ana.identities.get()
        subject = change(known.subject)  # type: ignore[operator]
        factories.IdentityFactory.create(person=cast.otto, issuer=known.issuer, subject=subject)
        assert Identity.objects.get(issuer=known.issuer, subject=subject).person == cast.otto
        assert Identity.objects.get(issuer=known.issuer, subject=known.subject).person == cast.ana

    def test_subject_is_not_empty(self, cast: Cast) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            factories.IdentityFactory.create(person=cast.ana, subject="")

    def test_state_is_one_of_two(self, cast: Cast) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            cast.ana.identities.update(state="deleted")

    @pytest.mark.parametrize("field", ["issuer", "subject"])
    def test_issuer_and_subject_never_change(self, cast: Cast, field: str) -> None:
        """Grants in clusters, and the login itself, hang on them."""
        identity = cast.ana.identities.get()
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            Identity.objects.filter(pk=identity.pk).update(**{field: "https://elsewhere.example.edu"})
        setattr(identity, field, "https://elsewhere.example.edu")
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            identity.save()

    def test_person_never_changes(self, cast: Cast) -> None:
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            cast.ana.identities.update(person=cast.otto)
        assert cast.ana.identities.count() == 1

    def test_everything_else_may_change(self, cast: Cast) -> None:
        identity = cast.ana.identities.get()
        identity.state, identity.name = Identity.State.RETIRED, "Ana"
        identity.save()
        identity.refresh_from_db()
        assert (identity.state, identity.name) == (Identity.State.RETIRED, "Ana")

    def test_person_with_an_identity_cannot_be_deleted(self, cast: Cast) -> None:
        with pytest.raises(ProtectedError):
            cast.ana.delete()

    def test_audit_text_tells_identities_apart_without_naming_them(self, cast: Cast) -> None:
        ana, otto = cast.ana.identities.get(), cast.otto.identities.get()
        assert ana.audit_text != otto.audit_text
        assert ana.subject not in ana.audit_text
        assert len(ana.audit_text) <= 36


class TestLevelChange:
    @pytest.fixture
    def change(self, cast: Cast) -> LevelChange:
        return LevelChange.objects.create(
            person=cast.ana, act="vouched", before="guest", after="user", by=cast.paula
        )

    def test_is_only_ever_added(self, change: LevelChange) -> None:
        for attempt in (
            lambda: LevelChange.objects.update(after="admin"),
            change.save,
            LevelChange.objects.all().delete,
        ):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                attempt()
        assert LevelChange.objects.get().after == "user"

    @pytest.mark.parametrize(
        "wrong", [{"act": "guessed"}, {"before": "root"}, {"after": "root"}, {"after": "guest"}]
    )
    def test_says_something_that_can_be(self, cast: Cast, wrong: dict[str, str]) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            LevelChange.objects.create(
                person=cast.ana, **{"act": "set", "before": "guest", "after": "user", **wrong}
            )

    def test_keeps_who_did_it_alive(self, change: LevelChange, cast: Cast) -> None:
        cast.paula.identities.all().delete()
        with pytest.raises(ProtectedError):
            cast.paula.delete()

    def test_in_words(self, change: LevelChange) -> None:
        assert str(change) == "guest → user"


class TestAccountUid:
    def test_fits_the_column_of_the_login_library(self) -> None:
        assert len(account_uid("https://idp.example.edu/" + "i" * 231, "s" * 255)) <= 191

    def test_issuer_and_subject_cannot_be_shifted_into_each_other(self) -> None:
        assert account_uid("https://a", "bc") != account_uid("https://ab", "c")
        assert account_uid("https://a", "b") != account_uid("https://A", "b")
