"""Addresses of login and logout: the few of allauth's that exist here, all with our own views.

Sign-up, passwords and allauth's page of connections have no address at all.
"""

from django.urls import include, path

from accounts.views import again, login

urlpatterns = [
    path("login/", login.login, name="account_login"),
    path("logout/", login.logout, name="account_logout"),
    path("again/", again.show_again, name="show_again"),
    path("inactive/", login.inactive, name="account_inactive"),
    path("cancelled/", login.cancelled, name="socialaccount_login_cancelled"),
    path("connections/", login.connections, name="socialaccount_connections"),
    path("", include("accounts.provider.urls")),
]
