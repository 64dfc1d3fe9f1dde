"""Seeing that an action changed nothing, and what it told the workers."""

from __future__ import annotations

from django.db.models import Model

from accounts.models import Identity, LevelChange, User
from audit.models import Event
from namespaces.models import Invitation, Logo, Membership, Namespace, Publication, Request, Software

_MODELS: list[type[Model]] = [
    *(User, Identity, LevelChange),
    *(Namespace, Logo, Membership, Invitation, Request, Software, Publication, Event),
]


class Unchanged:
    """Nothing that an action could have written is different after the block."""

    def __enter__(self) -> None:
        self.before = _snapshot()

    def __exit__(self, error: object, *_more: object) -> None:
        assert error or _snapshot() == self.before


def generation(namespace: Namespace) -> int:
    """Return the generation as stored now."""
    return Namespace.objects.get(pk=namespace.pk).generation


def acts() -> list[str]:
    """Return what was recorded, oldest first."""
    return list(Event.objects.values_list("act", flat=True))


def _snapshot() -> list[list[str]]:
    return [sorted(map(repr, model._default_manager.values())) for model in _MODELS]
