"""Variables, their files, and errors that name them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.environment import Environment, _Variables


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(Environment, "ENVIRON", _Variables())
    return Environment()


def test_a_file_wins_and_its_last_line_break_is_not_a_part(
    env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from the file \n")
    monkeypatch.setenv("BERTH_EXAMPLE", "from the variable")
    monkeypatch.setenv("BERTH_EXAMPLE_FILE", str(tmp_path / "secret"))
    assert env.str("BERTH_EXAMPLE") == "from the file "


def test_a_missing_file_is_named(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERTH_EXAMPLE_FILE", "/nonexistent/secret")
    with pytest.raises(ImproperlyConfigured, match="BERTH_EXAMPLE_FILE: /nonexistent/secret cannot be read"):
        env.str("BERTH_EXAMPLE", default="")


@pytest.mark.parametrize("value", ["eight", "8.5", ""])
def test_what_is_no_number_is_refused_with_the_name(
    env: Environment, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("BERTH_EXAMPLE", value)
    with pytest.raises(ImproperlyConfigured, match="BERTH_EXAMPLE cannot be used"):
        env.int("BERTH_EXAMPLE", default=8)


def test_errors_do_not_repeat_a_password(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://berth:geheim@db:port/berth")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL cannot be read") as refused:
        env.db_url("DATABASE_URL")
    assert "geheim" not in str(refused.value)


def test_a_word_that_is_none_of_the_few_is_refused_with_the_name(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BERTH_WORD", "sometimes")
    with pytest.raises(ImproperlyConfigured, match="BERTH_WORD=sometimes is none of: always, never"):
        env.one_of("BERTH_WORD", ("always", "never"), default="never")
    monkeypatch.setenv("BERTH_WORD", "always")
    assert env.one_of("BERTH_WORD", ("always", "never"), default="never") == "always"


NO_SERVER = {
    "EMAIL_HOST": "", "EMAIL_PORT": 25, "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "", "EMAIL_USE_TLS": False,
    "EMAIL_USE_SSL": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("", {}),
        ("smtp://mail.example.org", {"EMAIL_HOST": "mail.example.org"}),
        ("smtp://127.0.0.1:2525", {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": 2525}),
        (
            "smtp+tls://berth:p%40ss@mail.example.org",
            {
                "EMAIL_HOST": "mail.example.org", "EMAIL_PORT": 587, "EMAIL_HOST_USER": "berth",
                "EMAIL_HOST_PASSWORD": "p@ss", "EMAIL_USE_TLS": True,
            },
        ),
        ("smtp+ssl://mail.example.org", {"EMAIL_HOST": "mail.example.org", "EMAIL_PORT": 465, "EMAIL_USE_SSL": True}),
    ],
)  # fmt: skip
def test_mail_server_is_read_from_its_address(
    env: Environment, monkeypatch: pytest.MonkeyPatch, address: str, found: dict[str, object]
) -> None:
    monkeypatch.setenv("BERTH_MAIL_URL", address)
    assert env.mail_server("BERTH_MAIL_URL") == NO_SERVER | found


@pytest.mark.parametrize(
    "address",
    ["mail.example.org", "http://u:geheim@mail.example.org", "smtp://", "smtp://u:geheim@mail:port", "memorymail://"],
)  # fmt: skip
def test_what_is_no_mail_server_is_refused_without_its_password(
    env: Environment, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("BERTH_MAIL_URL", address)
    with pytest.raises(ImproperlyConfigured, match="BERTH_MAIL_URL cannot be read") as refused:
        env.mail_server("BERTH_MAIL_URL")
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("", ""),
        ("https://api.crossref.org", "https://api.crossref.org"),
        ("http://[::1]:80/x/", "http://[::1]:80/x"),
    ],
)
def test_web_address_is_read_without_its_last_slash(
    env: Environment, monkeypatch: pytest.MonkeyPatch, given: str, read: str
) -> None:
    monkeypatch.setenv("BERTH_ADDRESS", given)
    assert env.web_address("BERTH_ADDRESS") == read


@pytest.mark.parametrize(
    "given",
    [
        "api.crossref.org",
        "ftp://x.org",
        "file:///etc/passwd",
        "https://",
        "https://u:p@x.org",
        "https://x.org/?a",
        "http://[",
    ],
)
def test_what_is_no_web_address_is_refused_with_the_name(
    env: Environment, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("BERTH_ADDRESS", given)
    with pytest.raises(ImproperlyConfigured, match="BERTH_ADDRESS"):
        env.web_address("BERTH_ADDRESS")
