"""The environment as the settings read it: a variable may also be given as the name of a file that holds its value."""

from __future__ import annotations

import zoneinfo
from typing import Any

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

    def db_url(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Return the settings of a database from its address. Errors do not repeat it: it holds a password."""
        try:
            return super().db_url(var, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(
                f"{var} cannot be read as an address; percent-encode what is special in user name and password"
            ) from None
