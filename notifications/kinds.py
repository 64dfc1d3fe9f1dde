"""What people are told about, and how much of it they may choose."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    ACCOUNT = "account", _("Your account: identities, level, suspension")
    OPERATION = "operation", _("Running the platform: break-glass logins, operators made and ended")
    REQUESTS = "requests", _("Requests that wait for you")
    ANSWERS = "answers", _("What became of what you asked for")
    MEMBERSHIPS = "memberships", _("Namespaces that you are let into, or out of")
    MEMBERS = "members", _("Members of your namespaces who leave, or change how they log in")
    ANNOUNCEMENTS = "announcements", _("What the admins of your namespaces write to the members")
    INVITATIONS = "invitations", _("Invitations to who may have no account")


class Way(models.TextChoices):
    """How mails of a kind come. In the page everything is told, whatever was chosen."""

    AT_ONCE = "at_once", _("at once")
    DAILY = "daily", _("once a day")
    OFF = "off", _("not by mail")


ALWAYS_AT_ONCE = frozenset({Kind.ACCOUNT, Kind.OPERATION, Kind.INVITATIONS})
"""Nobody chooses about these: who steals a login would turn off first what tells of it, and who is invited has perhaps
no account to choose with."""

_DAILY = frozenset({Kind.MEMBERS})


def default_way(kind: Kind) -> Way:
    """Return how mails of a kind come to who has not chosen."""
    return Way.DAILY if kind in _DAILY else Way.AT_ONCE
