"""Each unsafe setting alone makes one error with an id; the safe ones together make none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from portal import checks

STRONG = "k7Rw2PzV9xQe4TnB8mYc1LsD6hJf3GaU0oXiNvEbMtKqZrWpSy"
PRODUCTION: dict[str, Any] = {
    "SECOND_FACTOR": "operators",
    "DEBUG": False,
    "SECRET_KEY": STRONG,
    "ALLOWED_HOSTS": ["berth.example.org"],
    "BASE_URL": "https://berth.example.org",
    "SECURE": True,
    "TRUSTED_PROXIES": 1,
    "SESSION_COOKIE_NAME": "__Host-sessionid",
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_NAME": "__Host-csrftoken",
    "CSRF_COOKIE_SECURE": True,
    "BROKER_URL": "redis://:password@redis.example.org:6379/0",
    "BIND": "0.0.0.0:8080",
    "EMAIL_HOST": "mail.example.org",
    "EMAIL_HOST_PASSWORD": "password",
    "EMAIL_USE_TLS": True,
    "MAIL_FROM": "Berth <berth@example.org>",
    "IS_WORKER": False,
}


@pytest.fixture
def production(settings: Settings) -> Settings:
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return settings


@pytest.fixture
def demonstration(settings: Settings) -> Settings:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]  # the test client's own host is not among them
    return settings


def found() -> list[str | None]:
    messages = [
        *checks.check_production(None),
        *checks.check_broker(None),
        *checks.check_sqlite(None),
        *checks.check_mail(None),
    ]
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def test_safe_settings_pass(production: Settings) -> None:
    assert found() == []


def test_the_demonstration_passes(demonstration: Settings) -> None:
    assert checks.is_demonstration()
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", True, "portal.E001"),
        ("SECRET_KEY", "insecure-key-for-commands-only", "portal.E002"),
        ("SECRET_KEY", STRONG[:49], "portal.E002"),
        ("SECRET_KEY", "a" * 60, "portal.E002"),
        ("SECRET_KEY", "change-me-" + STRONG, "portal.E002"),
        ("ALLOWED_HOSTS", [], "portal.E003"),
        ("ALLOWED_HOSTS", ["*"], "portal.E003"),
        ("SECURE", False, "portal.E004"),
        ("SESSION_COOKIE_SECURE", False, "portal.E005"),
        ("SESSION_COOKIE_NAME", "sessionid", "portal.E005"),
        ("CSRF_COOKIE_SECURE", False, "portal.E005"),
        ("CONTENT_SECURITY_POLICY", None, "portal.E006"),
        ("CONTENT_SECURITY_POLICY", {"DIRECTIVES": {"script-src": ["'unsafe-inline'"]}}, "portal.E006"),
        ("TRUSTED_PROXIES", 0, "portal.E007"),
        ("BROKER_URL", "redis://redis.example.org:6379/0", "portal.E008"),
        ("BROKER_URL", "amqp://rabbit.example.org", "portal.E009"),
        ("SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies", "portal.E015"),
        ("SESSION_ENGINE", "django.contrib.sessions.backends.cached_db", "portal.E015"),
        ("SECOND_FACTOR", "nobody", "portal.E022"),
        ("MAIL_FROM", "", "portal.E023"),
        ("MAIL_FROM", "nobody in particular", "portal.E023"),
        ("MAIL_FROM", "Berth <berth@example.org>, Other <other@example.org>", "portal.E023"),
        ("MAIL_FROM", "Berth\r <berth@example.org>", "portal.E023"),
        ("EMAIL_USE_TLS", False, "portal.E024"),
        ("AUTHENTICATION_BACKENDS", ["django.contrib.auth.backends.RemoteUserBackend"], "portal.E016"),
    ],
)
def test_an_unsafe_setting_is_refused(production: Settings, name: str, value: object, expected: str) -> None:
    setattr(production, name, value)
    assert found() == [expected]


def test_workers_need_a_mail_server_where_mails_are_written(production: Settings) -> None:
    production.EMAIL_HOST = ""
    assert found() == []  # the web process writes them down, and does not know the password
    production.IS_WORKER = True
    assert found() == ["portal.E023"]


def test_mail_server_on_this_machine_may_be_told_a_password(production: Settings) -> None:
    production.EMAIL_USE_TLS, production.EMAIL_HOST = False, "127.0.0.1"
    assert found() == []


@pytest.mark.parametrize(("warning", "expected"), [(14, []), (0, ["portal.E025"]), (365, ["portal.E025"])])
def test_who_is_away_is_warned_before_they_are_suspended(
    production: Settings, warning: int, expected: list[str]
) -> None:
    production.DORMANT_DAYS, production.DORMANT_WARNING_DAYS, production.SUSPEND_DORMANT = 365, warning, True
    assert found() == expected
    production.MAIL_FROM = production.EMAIL_HOST = ""
    assert found()[0] == "portal.E025"


def test_a_broker_on_this_machine_needs_no_password(production: Settings) -> None:
    production.BROKER_URL = "redis://127.0.0.1:6379/0"
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "http://berth.example.org"),
        ("BASE_URL", "https://localhost"),
        ("ALLOWED_HOSTS", ["localhost", "berth.example.org"]),
        ("ALLOWED_HOSTS", ["*"]),
    ],
)
def test_only_what_stays_on_this_machine_is_a_demonstration(
    settings: Settings, name: str, value: object
) -> None:
    setattr(settings, name, value)
    assert not checks.is_demonstration()


@pytest.mark.parametrize("bind", ["0.0.0.0:8088", "[::]:8088", "192.0.2.1:8088"])
def test_a_demonstration_does_not_listen_beyond_this_machine(demonstration: Settings, bind: str) -> None:
    demonstration.BIND = bind
    assert found() == ["portal.E018"]


@pytest.mark.parametrize("bind", ["127.0.0.1:8088", "localhost:8088", "[::1]:8088", "unix:/run/berth.sock"])
def test_a_demonstration_listens_on_this_machine(demonstration: Settings, bind: str) -> None:
    demonstration.BIND = bind
    assert found() == []


def clusters_file(directory: Path) -> str:
    facts = Path(__file__).parents[1] / "facts"
    for name in ("clusters.yaml", "ca.crt"):
        (directory / name).write_text((facts / name).read_text())
    return str(directory / "clusters.yaml")


def test_a_web_process_that_can_read_a_credential_is_refused(production: Settings, tmp_path: Path) -> None:
    production.CLUSTERS_FILE = clusters_file(tmp_path)
    assert found() == []
    (tmp_path / "worker.kubeconfig").touch()
    assert found() == ["portal.E017"]


def test_a_worker_may_read_a_credential(production: Settings, tmp_path: Path) -> None:
    production.CLUSTERS_FILE = clusters_file(tmp_path)
    production.IS_WORKER = True
    (tmp_path / "worker.kubeconfig").touch()
    assert found() == []


def sqlite(directory: Path, **options: object) -> list[str | None]:
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": directory / "berth.sqlite3",
        "OPTIONS": options,
    }
    return [message.id for message in checks.sqlite_problems(database)]


def test_there_is_one_database_and_nothing_sends_queries_elsewhere(settings: Settings) -> None:
    assert list(settings.DATABASES) == ["default"]
    assert settings.DATABASE_ROUTERS == []
    assert checks.check_one_database(None) == []


@pytest.mark.parametrize(
    ("databases", "routers"),
    [
        ({"default": {}, "replica": {}}, []),
        ({"default": {}}, ["elsewhere.Router"]),
        ({"default": {}, "replica": {}}, ["elsewhere.Router"]),
    ],
)
def test_second_database_and_a_router_are_refused(databases: dict[str, object], routers: list[str]) -> None:
    assert [message.id for message in checks.database_problems(databases, routers)] == ["portal.E012"]


@pytest.mark.parametrize("option", ["transaction_mode", "timeout", "init_command"])
def test_sqlite_without_one_of_its_options_is_refused(
    settings: Settings, tmp_path: Path, option: str
) -> None:
    assert sqlite(tmp_path, **settings.SQLITE_OPTIONS) == []
    options = {name: value for name, value in settings.SQLITE_OPTIONS.items() if name != option}
    assert sqlite(tmp_path, **options) == ["portal.E010"]


def test_sqlite_on_a_network_file_system_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(checks, "MOUNTS", mounts)
    mounts.write_text("/dev/vda / ext4 rw 0 0\n")
    assert sqlite(tmp_path, **settings.SQLITE_OPTIONS) == []
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/export {tmp_path} nfs4 rw 0 0\n")
    assert sqlite(tmp_path, **settings.SQLITE_OPTIONS) == ["portal.E011"]
