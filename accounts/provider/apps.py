"""The application under which allauth finds the provider."""

from django.apps import AppConfig


class ProviderConfig(AppConfig):
    name = "accounts.provider"
    label = "accounts_provider"
