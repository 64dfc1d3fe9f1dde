"""What the tests of pages share: a browser for each person, and a directory that knows nothing of other tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from accounts.models import User
from namespaces import directory

Browse = Callable[[User | None], Client]


def show(client: Client, person: User, *, minutes_ago: int = 0) -> None:
    """Let somebody have shown their provider who they are, so long ago; a login does so."""
    identity = person.identities.filter(state="active").first()
    if identity is not None:
        session = client.session
        session["fresh_login"] = {"identity": str(identity.pk), "at": int(time.time()) - 60 * minutes_ago}
        session.save()


@pytest.fixture(autouse=True)
def fresh_directory() -> Iterator[None]:
    directory.forget()
    yield
    directory.forget()


@pytest.fixture
def browse(db: None) -> Browse:
    """Return a function that opens a browser of its own for somebody, logged in or not."""

    def open_browser(person: User | None) -> Client:
        client = Client()
        if person:
            client.force_login(person)
            show(client, person)
        return client

    return open_browser
