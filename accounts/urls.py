"""Addresses of login, logout and second factor: the few of allauth's that exist here, on our own pages.

Sign-up, passwords and allauth's page of connections have no address at all.
"""

from django.urls import include, path

from accounts.views import again, break_glass, login, second_factor

urlpatterns = [
    path("login/", login.login, name="account_login"),
    path("logout/", login.logout, name="account_logout"),
    path("again/", again.show_again, name="show_again"),
    path("second-factor/", second_factor.index, name="mfa_index"),
    path("second-factor/show/", second_factor.show, name="mfa_reauthenticate"),
    path("second-factor/show/passkey/", second_factor.show_key, name="mfa_reauthenticate_webauthn"),
    path("second-factor/app/", second_factor.add_app, name="mfa_activate_totp"),
    path("second-factor/app/remove/", second_factor.remove_app, name="mfa_deactivate_totp"),
    path("second-factor/passkey/", second_factor.add_key, name="mfa_add_webauthn"),
    path("second-factor/passkey/<int:pk>/remove/", second_factor.remove_key, name="mfa_remove_webauthn"),
    path("second-factor/codes/", second_factor.codes, name="mfa_view_recovery_codes"),
    path("second-factor/codes/new/", second_factor.new_codes, name="mfa_generate_recovery_codes"),
    path("break-glass/", break_glass.login, name="break_glass"),
    path("inactive/", login.inactive, name="account_inactive"),
    path("cancelled/", login.cancelled, name="socialaccount_login_cancelled"),
    path("connections/", login.connections, name="socialaccount_connections"),
    path("", include("accounts.provider.urls")),
]
