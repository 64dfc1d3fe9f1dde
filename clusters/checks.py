"""System checks of the clusters file. Registered where this module is imported, in `clusters.apps`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from clusters.config import ConfigError, load
from clusters.patterns import glob


@register()
def check_clusters_file(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Find a clusters file that is missing, cannot be read, or says what must not be said."""
    if not settings.CLUSTERS_FILE:
        return [
            Warning(
                "No cluster is configured.",
                hint="Set BERTH_CLUSTERS to the path of the clusters file; docs/settings.md has an example.",
                id="clusters.W001",
            )
        ]
    try:
        load(Path(settings.CLUSTERS_FILE))
    except ConfigError as error:
        return [
            Error(
                f"The clusters file cannot be used: {error}",
                hint="BERTH_CLUSTERS names the file; docs/settings.md describes its fields.",
                id="clusters.E001",
            )
        ]
    return []


@register()
def check_reserved_namespaces(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Find reserved names that the admission policies could not express."""
    found: list[CheckMessage] = []
    for name in settings.RESERVED_NAMESPACES:
        try:
            glob(name)
        except ValueError as error:
            found.append(
                Error(
                    f"BERTH_RESERVED_NAMESPACES: {error}.",
                    hint="Give names of namespaces, with * and ? as wildcards.",
                    id="clusters.E002",
                )
            )
    return found
