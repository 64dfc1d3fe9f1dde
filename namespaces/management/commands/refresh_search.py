"""`manage.py refresh_search`: write what the search looks at anew, if somebody changed rows by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from namespaces import search
from namespaces.models import Namespace


class Command(BaseCommand):
    help = "Write what the search of the directory looks at anew, and say where it was wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and count."""
        changed = search.write_all()
        self.stdout.write(
            f"{changed} of {Namespace.objects.count()} namespaces were not found by what they say."
        )
