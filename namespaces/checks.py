"""System checks of the file of limit profiles. Registered where this module is imported, in `namespaces.apps`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from namespaces.profiles import ProfileError, configured_profiles


@register()
def check_limit_profiles(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Find a file of profiles that cannot be used."""
    try:
        configured_profiles()
    except ProfileError as error:
        return [
            Error(
                f"The limit profiles cannot be used: {error}",
                hint="BERTH_LIMIT_PROFILES names the file; docs/settings.md describes it.",
                id="namespaces.E001",
            )
        ]
    return []
