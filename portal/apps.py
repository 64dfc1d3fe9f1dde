"""The project's own application: checks, commands, middleware."""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate

from portal import checks  # noqa: F401  (registers the system checks)
from portal.logs import configure_logging


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        configure_logging(settings.LOGGING)
        # It is sent for applications that have models, once each.
        post_migrate.connect(_fill, sender=apps.get_app_config("namespaces"), dispatch_uid="portal.search")


def _fill(plan: Any = (), **_kwargs: Any) -> None:
    """Let namespaces of an earlier version be found, once the database is as this version needs it. `plan` is what was
    migrated."""
    from namespaces import search  # noqa: PLC0415  (models are ready only now)
    from portal.schema import unapplied_migrations  # noqa: PLC0415

    if plan and not unapplied_migrations():
        search.write_missing()
