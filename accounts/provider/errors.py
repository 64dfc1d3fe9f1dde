"""Why a login ends without a session. Each error carries a code for the log, never a token, code or claim."""

from __future__ import annotations

from allauth.socialaccount.providers.base import ProviderException

from accounts.models import Identity


class LoginError(ProviderException):
    """A login that ends without a session; `code` is a slug that names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Refused(LoginError):
    """What came back from the provider is not acceptable."""


class NotAdmitted(LoginError):
    """The identity is proved and known, but may not log in: it was retired, or its person is not active."""

    def __init__(self, code: str, identity: Identity) -> None:
        super().__init__(code)
        self.identity = identity


class Unreachable(LoginError):
    """The provider does not answer in time, or answers something that cannot be used.

    Trying again may help.
    """
