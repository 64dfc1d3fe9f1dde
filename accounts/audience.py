"""Who may read a thing: what a page says of a namespace, and the names of the people who run it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Audience(models.TextChoices):
    """Who may read something; each includes those before it, and reads what those read."""

    PUBLIC = "public", _("everybody")
    SIGNED_IN = "signed_in", _("people who are logged in")
    MEMBERS = "members", _("members only")

    def reads(self, written_for: str) -> bool:
        """Whether these may read what was written for those; nobody reads what only a newer version of Berth knows."""
        return _RANK.get(written_for, len(_RANK)) <= _RANK[self.value]


_RANK = {audience.value: rank for rank, audience in enumerate(Audience)}
