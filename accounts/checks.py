"""System checks of the login: what is wrong with the file of issuers, said before the first request."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def check_issuers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a file of issuers that cannot be read, and plain http issuers on a site that is served over
    https.
    """
    if settings.ISSUERS_ERROR:
        return [
            Error(
                settings.ISSUERS_ERROR,
                hint="Correct the file that BERTH_ISSUERS names; docs/settings.md describes it.",
                id="accounts.E001",
            )
        ]
    if not settings.ISSUERS and settings.IS_WORKER:
        return []  # nobody logs in at a worker, and so it needs no client secret either
    if not settings.ISSUERS:
        return [
            Warning(
                "nobody can log in: there is no identity provider",
                hint="Set BERTH_ISSUERS to the path of a file of issuers; docs/settings.md describes it.",
                id="accounts.W001",
            )
        ]
    if not settings.SECURE:
        return []
    return [
        Error(
            f'issuer "{issuer.id}": field "issuer": {issuer.issuer} is not https',
            hint="Plain http is for demonstrations on one machine, with BERTH_BASE_URL on http as well.",
            id="accounts.E002",
        )
        for issuer in settings.ISSUERS
        if not issuer.issuer.startswith("https://")
    ]
