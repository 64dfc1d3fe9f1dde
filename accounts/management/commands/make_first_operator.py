"""`manage.py make_first_operator`: the first person who runs the platform. Works once."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actions import people
from accounts.errors import StateConflict
from accounts.models import Identity


class Command(BaseCommand):
    """Make the person behind one identity the first operator, who makes all others in the pages."""

    help = (
        "Make a person the first operator. The person must have logged in once. Works once, for ever:"
        " operators make further operators."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--issuer", required=True, help="address of the identity provider, exactly")
        parser.add_argument(
            "--subject", required=True, help="subject at that provider (claim `sub`), exactly"
        )

    def handle(self, *args: Any, issuer: str, subject: str, **options: Any) -> None:
        identity = Identity.objects.select_related("person").filter(issuer=issuer, subject=subject).first()
        if identity is None:
            raise CommandError(self._unknown(issuer, subject))
        if identity.state != Identity.State.ACTIVE or not identity.person.is_active:
            raise CommandError(f"The identity {subject} may not log in, so it cannot be an operator's.")
        try:
            person = people.make_first_operator(identity=identity)
        except StateConflict as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{person} ({subject}) is the first operator.")

    def _unknown(self, issuer: str, subject: str) -> str:
        known = sorted(set(Identity.objects.values_list("issuer", flat=True)))
        lines = [
            f'--issuer "{issuer}" --subject "{subject}": nobody has logged in with this identity yet.',
            "Log in once in a browser; the profile page then shows issuer and subject, to be copied exactly.",
        ]
        if issuer not in known and known:
            lines.append(f"Issuers of those who have logged in: {', '.join(known)}")
        return "\n".join(lines)
