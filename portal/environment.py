"""The environment as the settings read it: a variable may also be given as the name of a file that holds its value."""

from __future__ import annotations

import zoneinfo
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class _Variables(FileAwareMapping):
    """`NAME_FILE` wins over `NAME`. The line break at the end of a file belongs to the file, not to the value."""

    def __getitem__(self, key: str) -> str:
        try:
            value: str = super().__getitem__(key)
        except OSError as error:
            raise ImproperlyConfigured(
                f"{key}_FILE: {error.filename} cannot be read: {error.strerror}"
            ) from error
        return value.rstrip("\r\n")


class Environment(environ.FileAwareEnv):
    """django-environ, with variables from files, and with errors that name the variable."""

    ENVIRON = _Variables()

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Return the value of a variable. Raises ImproperlyConfigured if it is not of the kind that is wanted."""
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} cannot be used: {error}") from error

    def time_zone(self, var: str, default: str) -> str:
        """Return the name of a time zone that this machine knows. Raises ImproperlyConfigured."""
        name: str = self.str(var, default=default)
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ImproperlyConfigured(
                f"{var}={name} is not a time zone that this machine knows; one is Europe/Berlin"
            ) from error
        return name

    def one_of(self, var: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of a few words. Raises ImproperlyConfigured."""
        word: str = self.str(var, default=default)
        if word not in choices:
            raise ImproperlyConfigured(f"{var}={word} is none of: {', '.join(choices)}")
        return word

    def web_address(self, var: str) -> str:
        """Return an http(s) address without a slash at its end, or nothing. Raises ImproperlyConfigured."""
        address: str = self.str(var, default="").rstrip("/")
        try:
            parts = urlsplit(address)
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            is_one = False
        if address and (not is_one or parts.query or parts.fragment):
            raise ImproperlyConfigured(
                f"{var} is not an address that begins with https:// or http://, without user and query"
            )
        return address

    def mail_server(self, var: str) -> dict[str, Any]:
        """Return Django's settings of a mail server from its address, all empty where there is none.

        `smtp+tls://` is SMTP with STARTTLS, `smtp+ssl://` TLS from the start. Errors do not repeat the address: it
        holds a password.
        """
        found: dict[str, Any] = {
            "EMAIL_HOST": "", "EMAIL_PORT": 25, "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "",
            "EMAIL_USE_TLS": False, "EMAIL_USE_SSL": False,
        }  # fmt: skip
        address: str = self.str(var, default="")
        if not address:
            return found
        scheme, known = address.partition("://")[0], ("smtp", "smtp+tls", "smtp+ssl")
        try:
            read = self.email_url_config(address) if scheme in known else {}
        except ValueError:
            read = {}
        if not read.get("EMAIL_HOST"):
            raise ImproperlyConfigured(
                f"{var} cannot be read as the address of a mail server: it begins with {', '.join(known)}, as in"
                " smtp+tls://user:password@mail.example.org:587; percent-encode what is special in user and password"
            )
        default_port = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}[scheme]
        given = {name: value for name, value in read.items() if name in found and value is not None}
        return found | {"EMAIL_PORT": default_port} | given

    def db_url(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Return the settings of a database from its address. Errors do not repeat it: it holds a password."""
        try:
            return super().db_url(var, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(
                f"{var} cannot be read as an address; percent-encode what is special in user name and password"
            ) from None
