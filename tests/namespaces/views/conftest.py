"""What the tests of pages share: a browser for each person, and a directory that knows nothing of other tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from accounts.models import User
from namespaces import directory

Browse = Callable[[User | None], Client]


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
        return client

    return open_browser
