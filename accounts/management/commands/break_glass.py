"""`manage.py break_glass`: an operator with password and codes, for when no identity provider can be used."""

from __future__ import annotations

import argparse
from typing import Any

from allauth.mfa.adapter import get_adapter
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.actions import break_glass
from accounts.errors import StateConflict


class Command(BaseCommand):
    """Make or end the break-glass operator. Every operator is told, on every page."""

    help = (
        "Make an operator with a password and codes of its own, or end it (--end). There is at most one. It logs in at"
        " /accounts/break-glass/ while BERTH_BREAK_GLASS is on."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", default="Break glass", help="the name that pages show")
        parser.add_argument("--end", action="store_true", help="end it, with its sessions")

    def handle(self, *args: Any, name: str, end: bool, **options: Any) -> None:
        if end:
            self._end()
            return
        try:
            made = break_glass.make(name=name)
        except StateConflict as error:
            raise CommandError(error.message) from error
        lines = [
            "This is said once, and kept nowhere in the clear.",
            f"password: {made.password}",
            f"secret of the codes: {made.secret}",
            f"the same for an app: {get_adapter().build_totp_url(made.person, made.secret)}",
            f"log in at: {settings.BASE_URL}/accounts/break-glass/",
        ]
        if not settings.BREAK_GLASS:
            lines.append(
                "That page does not exist yet: set BERTH_BREAK_GLASS=1 for the web process and start it again."
            )
        lines.append("Afterwards: manage.py break_glass --end")
        self.stdout.write("\n".join(lines))

    def _end(self) -> None:
        if break_glass.end() is None:
            raise CommandError("There is no break-glass operator.")
        self.stdout.write(
            "The break-glass operator is ended, and its sessions with it. Take BERTH_BREAK_GLASS away."
        )
