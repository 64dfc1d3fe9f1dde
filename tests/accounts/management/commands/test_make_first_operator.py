"""The first operator is made by a command, once."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Identity, Level, User
from audit.models import Event
from tests import factories
from tests.conftest import Cast

SUBJECT = "http://cilogon.org/serverA/users/1"


def make(issuer: str = factories.ISSUER, subject: str = SUBJECT) -> str:
    out = StringIO()
    call_command("make_first_operator", issuer=issuer, subject=subject, stdout=out)
    return out.getvalue()


@pytest.fixture
def identity(cast: Cast) -> Identity:
    User.objects.update(is_superuser=False)
    cast.otto.identities.all().delete()
    made: Identity = factories.IdentityFactory.create(person=cast.otto, subject=SUBJECT)
    return made


def test_person_of_the_identity_becomes_operator(identity: Identity, cast: Cast) -> None:
    assert make() == f"Otto Brandt ({SUBJECT}) is the first operator.\n"
    cast.otto.refresh_from_db()
    assert cast.otto.is_operator
    assert cast.otto.level == Level.ADMIN
    assert list(User.objects.filter(is_superuser=True)) == [cast.otto]
    assert Event.objects.get().act == "operator.first"


def test_it_works_once_even_if_every_operator_is_gone(identity: Identity, cast: Cast) -> None:
    make()
    User.objects.update(is_superuser=False)
    other = cast.eda.identities.get()
    with pytest.raises(CommandError, match="was made already"):
        make(other.issuer, other.subject)
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        (factories.ISSUER, "http://cilogon.org/serverA/users/2"),
        ("https://elsewhere.example", SUBJECT),
        (factories.ISSUER, f"{SUBJECT} "),
    ],
)
def test_identity_that_has_not_logged_in_is_explained(identity: Identity, issuer: str, subject: str) -> None:
    with pytest.raises(CommandError) as error:
        make(issuer, subject)
    assert f'--issuer "{issuer}" --subject "{subject}": nobody has logged in' in str(error.value)
    assert "Log in once in a browser" in str(error.value)
    assert (factories.ISSUER in str(error.value)) is True
    assert not User.objects.filter(is_superuser=True).exists()


def test_retired_identity_and_inactive_person_are_refused(identity: Identity) -> None:
    Identity.objects.update(state=Identity.State.RETIRED)
    with pytest.raises(CommandError, match="may not log in"):
        make()
    Identity.objects.update(state=Identity.State.ACTIVE)
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="may not log in"):
        make()
