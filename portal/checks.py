"""System checks of the whole installation: what must not run in production, said before the first request.

An installation whose address is a loopback address over plain http is a demonstration: it may be lax, because nobody
else reaches it. Everything else is production. docs/settings.md names the variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore as InCacheToo
from django.contrib.sessions.backends.db import SessionStore as InDatabase
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.utils.module_loading import import_string

from clusters.config import ConfigError
from clusters.registry import configured_clusters

LEAST_KEY_LENGTH = 50
MOUNTS = Path("/proc/self/mounts")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Kinds of file systems that are served by another machine: WAL needs memory that is shared with every other user.
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs"}
)
_PASSWORDLESS_BACKENDS = ("accounts.backends.AuthenticationBackend",)


def is_demonstration() -> bool:
    """Whether this is the demonstration on one machine: a loopback address over http, and no other host name."""
    address = urlsplit(settings.BASE_URL)
    return address.scheme == "http" and {address.hostname, *settings.ALLOWED_HOSTS} <= LOOPBACK


def _wrong(number: int, text: str, hint: str) -> Error:
    return Error(text, hint=hint, id=f"portal.E{number:03}")


@register(Tags.security)
def check_production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse what is unsafe where others can reach it."""
    if is_demonstration():
        return _served_beyond_loopback()
    return [
        *_identity_of_the_site(),
        *_cookies_and_pages(),
        *_login(),
        *_credentials_in_web(),
    ]


def _served_beyond_loopback() -> list[CheckMessage]:
    if settings.BIND.startswith("unix:") or urlsplit(f"//{settings.BIND}").hostname in LOOPBACK:
        return []
    hint = (
        "Set BERTH_BASE_URL and BERTH_ALLOWED_HOSTS to the address that people use, or listen on 127.0.0.1."
    )
    return [
        _wrong(
            18,
            f"a demonstration would listen on BERTH_BIND={settings.BIND}, where others reach it",
            hint,
        )
    ]


def _identity_of_the_site() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(
            _wrong(
                1,
                "BERTH_DEBUG is on",
                "Take BERTH_DEBUG away: its error pages show everything.",
            )
        )
    if not _is_strong(settings.SECRET_KEY):
        hint = (
            f"It needs at least {LEAST_KEY_LENGTH} random characters: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
        )
        found.append(_wrong(2, "BERTH_SECRET_KEY is missing, short, or one that was published", hint))
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        found.append(
            _wrong(
                3,
                "BERTH_ALLOWED_HOSTS is empty or has a *",
                "Name the hosts that the site is served under.",
            )
        )
    if not settings.SECURE:
        hint = "Let a front server end TLS, and set BERTH_BASE_URL to its https address."
        found.append(_wrong(4, f"BERTH_BASE_URL is {settings.BASE_URL}, which is not https", hint))
    if settings.TRUSTED_PROXIES < 1:
        hint = "Set BERTH_TRUSTED_PROXIES to the number of servers between people and this one: 1 for one front server."
        found.append(_wrong(7, "BERTH_TRUSTED_PROXIES is not set", hint))
    return found


def _is_strong(key: str) -> bool:
    published = settings.INSECURE_SECRET_KEY in key or "change-me" in key.lower() or "example" in key.lower()
    return len(key) >= LEAST_KEY_LENGTH and len(set(key)) >= 10 and not published


def _cookies_and_pages() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for kind in ("SESSION", "CSRF"):
        name, secure = (
            getattr(settings, f"{kind}_COOKIE_NAME"),
            getattr(settings, f"{kind}_COOKIE_SECURE"),
        )
        if not secure or not name.startswith("__Host-"):
            hint = "BERTH_BASE_URL with https sets both; do not set the cookie otherwise."
            found.append(_wrong(5, f"the cookie {name} is not Secure with the prefix __Host-", hint))
    policy = (getattr(settings, "CONTENT_SECURITY_POLICY", None) or {}).get("DIRECTIVES") or {}
    values = {
        str(value) for sources in policy.values() if isinstance(sources, list | tuple) for value in sources
    }
    if (
        "csp.middleware.CSPMiddleware" not in settings.MIDDLEWARE
        or not policy
        or any("unsafe-" in v for v in values)
    ):
        hint = "Pages must be served with the policy of portal/settings.py."
        found.append(_wrong(6, "the Content-Security-Policy is off or has an unsafe- source", hint))
    return found


def _login() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    if not issubclass(store, InDatabase) or issubclass(store, InCacheToo):
        hint = "A session must end when its row is deleted; a signed cookie or a cached copy would go on."
        found.append(_wrong(15, f"sessions live in {settings.SESSION_ENGINE}", hint))
    foreign = [
        backend for backend in settings.AUTHENTICATION_BACKENDS if backend not in _PASSWORDLESS_BACKENDS
    ]
    if foreign:
        hint = "People come through the identity providers of BERTH_ISSUERS and through nothing else."
        found.append(_wrong(16, f"there is another way to log in: {', '.join(foreign)}", hint))
    if settings.SECOND_FACTOR == "nobody":
        hint = "Leave it out: operators then need an app with codes or a passkey before they change anything."
        found.append(
            _wrong(22, "BERTH_SECOND_FACTOR=nobody: a stolen login of an operator would be enough", hint)
        )
    return found


def _credentials_in_web() -> list[CheckMessage]:
    if settings.IS_WORKER:
        return []
    try:
        clusters = configured_clusters().values()
    except ConfigError:
        return []  # check_clusters_file of the clusters says what is wrong with the file
    readable = [
        str(path) for cluster in clusters for path in cluster.credentials.values() if _is_readable(path)
    ]
    if not readable:
        return []
    hint = "Mount the credentials of clusters in the workers only, and set BERTH_PROCESS=worker there."
    return [
        _wrong(
            17,
            f"the web process can read credentials of a cluster: {', '.join(readable)}",
            hint,
        )
    ]


def _is_readable(path: Path) -> bool:
    return path.exists() and os.access(path, os.R_OK)


@register(Tags.security)
def check_broker(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a broker that anybody on the network can fill, and messages that can run code."""
    if is_demonstration():
        return []
    broker = urlsplit(settings.BROKER_URL)
    found: list[CheckMessage] = []
    if broker.scheme not in ("redis", "rediss"):
        hint = "Example: redis://:PASSWORD@redis:6379/0"
        found.append(
            _wrong(
                9,
                f"BERTH_BROKER_URL begins with {broker.scheme}:, which is not supported",
                hint,
            )
        )
    elif broker.hostname not in LOOPBACK and not broker.password:
        hint = "Give Redis a password, and put it in the file that BERTH_BROKER_URL_FILE names."
        found.append(
            _wrong(
                8,
                f"the Redis at {broker.hostname} is reached over the network without a password",
                hint,
            )
        )
    return found


@register(Tags.security)
def check_mail(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse half a mail server, a password in the clear, and suspending people whom nobody can warn."""
    found: list[CheckMessage] = []
    if settings.EMAIL_HOST and not settings.MAIL_FROM:
        hint = "Set BERTH_MAIL_FROM, for the web processes as well: Berth <berth@example.org>"
        found.append(_wrong(23, "BERTH_MAIL_URL is set, and BERTH_MAIL_FROM is not", hint))
    if settings.MAIL_FROM and not settings.EMAIL_HOST and settings.IS_WORKER:
        hint = "Workers send the mails: smtp+tls://user:password@mail.example.org:587"
        found.append(_wrong(23, "BERTH_MAIL_FROM is set, and BERTH_MAIL_URL is not", hint))
    if settings.MAIL_FROM and not _is_sender(settings.MAIL_FROM):
        hint = "Write berth@example.org, or Berth <berth@example.org>."
        found.append(_wrong(23, f"BERTH_MAIL_FROM={settings.MAIL_FROM} is no address to send from", hint))
    is_clear = not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL)
    if settings.EMAIL_HOST_PASSWORD and is_clear and settings.EMAIL_HOST not in LOOPBACK:
        hint = "Begin BERTH_MAIL_URL with smtp+tls:// or smtp+ssl://."
        found.append(
            _wrong(24, "the password of the mail server would go over the network in the clear", hint)
        )
    if settings.SUSPEND_DORMANT and not settings.MAIL_FROM:
        hint = "Set BERTH_MAIL_URL and BERTH_MAIL_FROM, or leave BERTH_SUSPEND_DORMANT out."
        found.append(_wrong(25, "who is away for long would be suspended without being warned by mail", hint))
    if settings.SUSPEND_DORMANT and not 1 <= settings.DORMANT_WARNING_DAYS < settings.DORMANT_DAYS:
        hint = "BERTH_DORMANT_WARNING_DAYS is at least 1, and less than BERTH_DORMANT_DAYS."
        found.append(_wrong(25, "nobody could be warned in time before they are suspended", hint))
    return found


def _is_sender(text: str) -> bool:
    """Whether it is one address, as mails are sent from: of one that is none, every mail would be given up."""
    try:
        sanitize_address(text, "utf-8")
        validate_email(parseaddr(text)[1])
    except (ValueError, ValidationError):
        return False
    return text.isprintable()


@register(Tags.security)
def check_one_database(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a second database, as a replica would be, and whatever could send a query there."""
    return database_problems(settings.DATABASES, settings.DATABASE_ROUTERS)


def database_problems(databases: Mapping[str, Any], routers: Sequence[object]) -> list[CheckMessage]:
    """Return what is wrong if there is more than the one database, or a router."""
    if not routers and list(databases) == ["default"]:
        return []
    hint = "Permissions, decisions and what should be in a cluster are read where they are written: a replica is late."
    return [_wrong(12, "there is more than one database, or a router between them", hint)]


@register(Tags.database)
def check_sqlite(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse SQLite without the options that let several processes write, and SQLite on a network file system."""
    return sqlite_problems(settings.DATABASES["default"])


def sqlite_problems(database: Mapping[str, Any]) -> list[CheckMessage]:
    """Return what is wrong with the settings of one database; nothing if it is not SQLite."""
    if not database["ENGINE"].endswith("sqlite3"):
        return []
    found: list[CheckMessage] = []
    options = database.get("OPTIONS", {})
    if any(options.get(name) != value for name, value in settings.SQLITE_OPTIONS.items()):
        hint = "With Django's defaults most concurrent writers fail with `database is locked`; see portal/settings.py."
        found.append(_wrong(10, "SQLite is used without the options of SQLITE_OPTIONS", hint))
    if (kind := _file_system(Path(str(database["NAME"])).parent)) in _NETWORK_FILE_SYSTEMS:
        hint = "Move BERTH_DATA_DIR to a local disk, or use PostgreSQL (DATABASE_URL)."
        found.append(
            _wrong(
                11,
                f"the SQLite database {database['NAME']} is on a network file system ({kind})",
                hint,
            )
        )
    return found


def _file_system(directory: Path) -> str:
    """Return the kind of file system of a directory on Linux; empty elsewhere, where nothing can be said."""
    try:
        mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
    except OSError:
        return ""
    holding = [
        (mount[1], mount[2]) for mount in mounts if directory.resolve().is_relative_to(_unescape(mount[1]))
    ]
    return max(holding, key=lambda mount: len(mount[0]), default=("", ""))[1]


def _unescape(place: str) -> str:
    return place.encode().decode("unicode_escape")
