"""The clusters application."""

from django.apps import AppConfig

from clusters import checks  # noqa: F401  (registers the system checks)


class ClustersConfig(AppConfig):
    name = "clusters"
    default_auto_field = "django.db.models.BigAutoField"
