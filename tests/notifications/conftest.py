"""A mail server, and the settings of an installation that sends mails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests import mail_server
from tests.mail_server import MailServer


@pytest.fixture
def mails(settings: Settings) -> Iterator[MailServer]:
    """A mail server that this installation sends to."""
    with mail_server.running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.MAIL_FROM = "Berth <berth@portal.example.org>"
        settings.BASE_URL = "https://portal.example.org"
        yield server
