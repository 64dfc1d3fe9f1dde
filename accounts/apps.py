"""The accounts application."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in

from accounts import checks  # noqa: F401  (registers the system checks)
from accounts.signals import person_leaves


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.mfa import signals  # noqa: PLC0415  (models are ready only now)

        from accounts import second_factor, sessions  # noqa: PLC0415  (the same)
        from accounts.actions import merging  # noqa: PLC0415

        person_leaves.connect(merging.on_person_leaves, dispatch_uid="accounts.merging")
        user_logged_in.connect(sessions.on_login, dispatch_uid="accounts.sessions")
        signals.authenticator_used.connect(
            second_factor.on_shown, dispatch_uid="accounts.second_factor.shown"
        )
        signals.authentication_failed.connect(
            second_factor.on_failed, dispatch_uid="accounts.second_factor.failed"
        )
