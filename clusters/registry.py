"""The clusters that this installation knows, as the clusters file says now.

The file is read again when it, or a certificate file it names, has changed. A change that cannot be used is
logged and the last good state is kept: a slip of an editor must not take the pages away. What is wrong at
start-up is found by the system checks.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from clusters.config import ClusterConfig, ConfigError, load_with_sources
from clusters.facts import Signature, signature

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    path: Path
    sources: tuple[Path, ...]
    signature: Signature
    configs: dict[str, ClusterConfig]


_lock = threading.Lock()
_loaded: _Loaded | None = None


def configured_clusters() -> dict[str, ClusterConfig]:
    """Return the clusters by name, in the order of the file; empty where no file is configured.

    Raises ConfigError only where there never was a usable file in this process.
    """
    global _loaded  # noqa: PLW0603 - the one cache of this module
    if not settings.CLUSTERS_FILE:
        return {}
    path = Path(settings.CLUSTERS_FILE)
    with _lock:
        known = _loaded if _loaded and _loaded.path == path else None
        if known and known.signature == signature(known.sources):
            return dict(known.configs)
        _loaded = _load(path, known)
        return dict(_loaded.configs)


def _load(path: Path, known: _Loaded | None) -> _Loaded:
    before = signature((path,))  # a change while we read is then seen at the next call
    try:
        configs, sources = load_with_sources(path)
    except ConfigError as error:
        if not known:
            raise
        logger.exception("The clusters file has become unusable; its last good state stays in force")
        configs, sources = known.configs, error.sources or (path,)
    return _Loaded(path, sources, before + signature(sources[1:]), configs)
