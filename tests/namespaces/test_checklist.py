"""The way from the first login to the first command."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from namespaces import checklist
from namespaces.access import Role
from namespaces.actions import config, members, requests
from namespaces.models import Namespace
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def step(person: User) -> tuple[list[str], str]:
    """Return the steps that are done, and the next one."""
    steps = checklist.of(person, now=timezone.now())
    return [each.name for each in steps if each.is_done], "".join(each.name for each in steps if each.is_next)


def test_newcomer_looks_for_the_group(cast: Cast, fire: Namespace) -> None:
    assert step(cast.ana) == (["login"], "find")


def test_who_has_asked_waits(cast: Cast, fire: Namespace) -> None:
    requests.ask_to_join(namespace=fire, role=Role.EDITOR, reason="I work with the group.", by=cast.ana)
    assert step(cast.ana) == (["login", "find", "ask"], "in")


def test_guests_membership_does_not_tick_getting_in(cast: Cast, fire: Namespace) -> None:
    cast.eda.level = "guest"
    assert step(cast.eda) == (["login", "find", "ask"], "in")


def test_guests_download_does_not_tick_the_file(cast: Cast, fire: Namespace) -> None:
    config.download(login="browser", by=cast.ana)
    assert step(cast.ana) == (["login"], "find")


def test_who_is_in_gets_the_file_then_runs_a_command(cast: Cast, fire: Namespace) -> None:
    members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)
    assert step(cast.otto)[1] == "file"
    config.download(login="browser", by=cast.otto)
    assert step(cast.otto) == (["login", "find", "ask", "in", "file"], "command")


def test_list_goes_away_a_day_after_the_download(cast: Cast, fire: Namespace) -> None:
    config.download(login="browser", by=cast.eda)
    assert checklist.of(cast.eda, now=timezone.now() + timedelta(hours=23))
    assert checklist.of(cast.eda, now=timezone.now() + timedelta(hours=25)) == []
