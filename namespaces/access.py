"""Who may do what in a namespace: the words and the one table. `policy` asks the questions.

A role is what a person is in one namespace; a permission is one thing that can be done there. Code asks for
permissions; only this file knows which role has which.
"""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a person is in one namespace; each role includes those before it."""

    VIEWER = "viewer", _("viewer")
    EDITOR = "editor", _("editor")
    ADMIN = "admin", _("admin")

    @property
    def can(self) -> str:
        """What the holder will be able to do, as the end of a sentence."""
        return str(_CAN[self])


def label(role: str) -> str:
    """Return a role of a row as a word; one that only a newer version knows as it stands there."""
    return str(Role(role).label) if role in Role.values else role


def rank(role: str) -> int:
    """Return the place of a role of a row among all; one that only a newer version knows is below them."""
    return Role.values.index(role) if role in Role.values else -1


_CAN = {
    Role.VIEWER: _("see what runs in it, but change nothing"),
    Role.EDITOR: _("run pods and work with everything in it, but not change permissions"),
    Role.ADMIN: _("work with everything in it, and decide who else may"),
}


class Permission(StrEnum):
    """One thing that somebody may be allowed to do in a namespace."""

    SEE_PAGE = "see the public page"
    SEE_PEOPLE = "see the members"
    ASK_TO_JOIN = "ask to join"
    LEAVE = "leave"
    MANAGE_MEMBERS = "add, change and remove members"
    DECIDE_REQUESTS = "decide requests"
    EDIT_PAGE = "edit the page"
    SEE_LIMITS = "see the limits and what is used of them"
    DECIDE_LIMITS = "decide the limits"
    SEE_DRIFT = "see what the cluster has beside the decisions"
    DECIDE_DRIFT = "decide what becomes of it"


_VIEWER = frozenset({Permission.SEE_PAGE, Permission.SEE_PEOPLE, Permission.SEE_LIMITS, Permission.LEAVE})
_ADMIN = _VIEWER | {
    Permission.MANAGE_MEMBERS,
    Permission.DECIDE_REQUESTS,
    Permission.EDIT_PAGE,
    Permission.SEE_DRIFT,
}

ANYBODY = frozenset({Permission.SEE_PAGE})
LOGGED_IN = ANYBODY | {Permission.ASK_TO_JOIN}
BY_ROLE = {Role.VIEWER: _VIEWER, Role.EDITOR: _VIEWER, Role.ADMIN: _ADMIN}
OPERATOR = (_ADMIN | {Permission.DECIDE_LIMITS, Permission.DECIDE_DRIFT}) - {Permission.LEAVE}
