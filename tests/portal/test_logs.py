"""Log lines: one event each, as JSON, without secrets, and without tracebacks of what others did wrong."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from portal.logs import hide_secrets, logging_configuration


class Lines:
    """A handler as production has it, writing to memory."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        made = logging_configuration("json")["formatters"]["lines"]
        options = {key: value for key, value in made.items() if key != "()"}
        module, name = made["()"].rsplit(".", 1)
        self.handler.setFormatter(getattr(__import__(module, fromlist=[name]), name)(**options))

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    made = Lines()
    logging.getLogger().addHandler(made.handler)
    yield made
    logging.getLogger().removeHandler(made.handler)


def fail(logger: str, **extra: object) -> None:
    try:
        raise ValueError("what went wrong")  # noqa: TRY301
    except ValueError:
        logging.getLogger(logger).exception("Bad Request: /namespaces/", extra=extra)


@pytest.mark.parametrize(
    ("logger", "extra"),
    [
        ("django.request", {"status_code": 400}),
        ("django.request", {"status_code": 413}),
        ("django.security.Any", {}),
    ],
)
def test_request_that_was_refused_leaves_no_traceback(
    lines: Lines, logger: str, extra: dict[str, object]
) -> None:
    fail(logger, **extra)
    (event,) = lines.read()
    assert event["event"] == "Bad Request: /namespaces/"
    assert "exception" not in event


@pytest.mark.parametrize(("logger", "extra"), [("django.request", {"status_code": 500}), ("namespaces", {})])
def test_fault_of_ours_leaves_its_traceback(lines: Lines, logger: str, extra: dict[str, object]) -> None:
    fail(logger, **extra)
    (event,) = lines.read()
    assert "what went wrong" in event["exception"]


@pytest.mark.parametrize(
    "text",
    [
        "GET /accounts/oidc/cilogon/login/callback/?code=s3cret&state=s3cret", "Authorization: Bearer s3cret.s3cret",
        "token eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzM2NyZXQifQ.s3cret",
    ],
)  # fmt: skip
def test_secrets_are_hidden_by_their_shape(text: str) -> None:
    assert "s3cret" not in hide_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "Forbidden: /invitations/0b5ca0b3-74ad-4d0a-8a35-6cbd1a3a4f0f/12/s3cret_-x/",
        "/accounts/login/?next=%2Finvitations%2F0b5ca0b3-74ad-4d0a-8a35-6cbd1a3a4f0f%2F12%2Fs3cret_-x%2F",
    ],
)
def test_what_opens_an_invitation_is_hidden_and_which_one_it_is_stays(text: str) -> None:
    hidden = hide_secrets(text)
    assert "s3cret" not in hidden
    assert "_-x" not in hidden
    assert "0b5ca0b3-74ad-4d0a-8a35-6cbd1a3a4f0f" in hidden
