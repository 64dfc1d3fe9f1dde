"""Session cookies that nobody was given."""

from __future__ import annotations

import pytest
from django.test import Client

from portal.sessions import SessionStore


@pytest.mark.django_db
@pytest.mark.parametrize("value", [r'"abcdefgh\000xyz"', r'"abcdefgh\377xyz"', "abcdefgh-'xyz"])
def test_cookie_that_django_never_made_is_no_session(value: str) -> None:
    assert Client().get("/profile/", headers={"cookie": f"sessionid={value}"}).status_code == 302


def test_only_letters_and_digits_are_a_key() -> None:
    assert SessionStore("abcdefgh\0xyz").session_key is None
    assert SessionStore("abcdefgh12345").session_key == "abcdefgh12345"
