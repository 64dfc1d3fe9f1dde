"""`manage.py forget_second_factor`: for somebody who lost phone, passkeys and recovery codes."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actions import second_factor
from accounts.models import Identity


class Command(BaseCommand):
    """Take the second factors of the person behind one identity away. Make sure first who asks for it."""

    help = "Take all second factors and recovery codes of a person away, so that they can set up new ones."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--issuer", required=True, help="address of the identity provider, exactly")
        parser.add_argument("--subject", required=True, help="subject at that provider, exactly")
        parser.add_argument("--reason", required=True, help="who asked, and how you know that it was them")

    def handle(self, *args: Any, issuer: str, subject: str, reason: str, **options: Any) -> None:
        identity = Identity.objects.select_related("person").filter(issuer=issuer, subject=subject).first()
        if identity is None:
            raise CommandError(
                f'--issuer "{issuer}" --subject "{subject}": nobody has logged in with this identity.'
            )
        if not second_factor.forget(person=identity.person, by=None, reason=reason):
            raise CommandError(f"{identity.person} has no second factor.")
        self.stdout.write(f"{identity.person} ({subject}) has no second factor any more.")
