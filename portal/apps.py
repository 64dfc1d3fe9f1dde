"""The project's own application: checks, commands, middleware."""

from django.apps import AppConfig
from django.conf import settings

from portal import checks  # noqa: F401  (registers the system checks)
from portal.logs import configure_logging


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        configure_logging(settings.LOGGING)
