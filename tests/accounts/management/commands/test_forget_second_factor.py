"""`manage.py forget_second_factor`."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from accounts.models import User
from audit.models import Event
from tests.accounts.second_factors import give_app
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def forget(person: User, **given: str) -> None:
    identity = person.identities.get()
    call_command(
        "forget_second_factor",
        issuer=given.get("issuer", identity.issuer),
        subject=given.get("subject", identity.subject),
        reason="She called, and I know her voice.",
    )


def test_takes_all_of_one_person_away(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    give_app(cast.olga)
    give_app(cast.paula)
    forget(cast.olga)
    assert [each.user for each in Authenticator.objects.all()] == [cast.paula]
    event = Event.objects.get(act="second_factor.forgotten")
    assert (event.actor, event.object_id, event.reason) == (
        "",
        str(cast.olga.pk),
        "She called, and I know her voice.",
    )
    assert "no second factor any more" in capsys.readouterr().out


def test_nobody_with_this_identity(cast: Cast) -> None:
    with pytest.raises(CommandError, match="nobody has logged in with this identity"):
        forget(cast.olga, subject="nobody")


def test_nothing_to_forget(cast: Cast) -> None:
    with pytest.raises(CommandError, match="has no second factor"):
        forget(cast.olga)
