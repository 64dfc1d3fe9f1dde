"""`manage.py watch`: a process that tells the workers at once what others change in the clusters.

Optional: without it the same is found by the next sweep.
"""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from clusters.registry import configured_clusters
from namespaces import watching
from portal.celery import be_impatient
from portal.liveness import touch
from portal.start import refuse_unsafe_settings


class Command(BaseCommand):
    requires_system_checks: tuple[
        str, ...
    ] = ()  # the start itself makes them, as that of every process that serves
    help = (
        "Watches clusters and tells the workers what others change there. A hint only: sweeps find the same."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("cluster", nargs="*", help="of the clusters file; all of them if none is named")

    def handle(self, *args: str, **options: Any) -> None:
        refuse_unsafe_settings()
        names: list[str] = options["cluster"]
        if unknown := sorted(set(names) - set(configured_clusters())):
            raise CommandError(f"The clusters file names no cluster {', '.join(unknown)}.")
        be_impatient()
        signal.signal(signal.SIGTERM, _end)
        watching.run(names, lambda: touch(settings.LIVENESS_FILE))


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End at once: nothing is in work here that would be lost."""
    sys.exit(0)
