"""The project's own application: checks, commands, middleware."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate

from portal import checks  # noqa: F401  (registers the system checks)
from portal.logs import configure_logging


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        configure_logging(settings.LOGGING)
        post_migrate.connect(_fill, sender=self, dispatch_uid="portal.search")


def _fill(**_kwargs: Any) -> None:
    """Let namespaces of an earlier version be found, once the database is as this version needs it."""
    from namespaces import search  # noqa: PLC0415  (models are ready only now)
    from portal.schema import unapplied_migrations  # noqa: PLC0415

    if not unapplied_migrations():
        search.write_missing()
