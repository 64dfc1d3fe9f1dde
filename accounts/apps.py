"""The accounts application."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in

from accounts import checks  # noqa: F401  (registers the system checks)


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import sessions  # noqa: PLC0415  (models are ready only now)

        user_logged_in.connect(sessions.on_login, dispatch_uid="accounts.sessions")
