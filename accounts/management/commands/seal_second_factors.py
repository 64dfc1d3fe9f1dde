"""`manage.py seal_second_factors`: after BERTH_SECRET_KEY was changed, before the earlier key goes."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.actions import second_factor


class Command(BaseCommand):
    """Seal the secrets of all second factors with the new key."""

    help = "Seal all second factors with BERTH_SECRET_KEY, so that the keys in BERTH_SECRET_KEY_FALLBACKS may go."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            people = second_factor.seal_anew()
        except ValidationError as error:
            hint = "Put the earlier key into BERTH_SECRET_KEY_FALLBACKS. Nothing was changed."
            raise CommandError(f"{error.messages[0]} {hint}") from error
        self.stdout.write(f"Second factors of {people} people are sealed with the new key.")
