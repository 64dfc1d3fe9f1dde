"""`manage.py load_organisations FILE`: the institutions of the world, so that their names are completed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from namespaces import organisations, ror


class Command(BaseCommand):
    help = "Load the data dump of the Research Organization Registry (ror.org, schema 2): a .json file, or the .zip."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the whole file before anything is stored, so that of a broken one nothing is; then store it."""
        path = options["file"]
        try:
            for _record in ror.records(path):
                pass
            counts = organisations.store(ror.records(path))
        except ror.BadFile as error:
            raise CommandError(str(error)) from error
        parts = ", ".join(f"{counts[status]} {status}" for status in ror.STATUSES if status in counts)
        self.stdout.write(f"{sum(counts.values())} organisations: {parts or 'none'}.")
