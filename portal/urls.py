"""All addresses of Berth."""

from django.urls import include, path

from accounts.views import profile, terms
from portal import health, views

handler400 = "portal.errors.handler400"
handler403 = "portal.errors.handler403"
handler404 = "portal.errors.handler404"
handler429 = "portal.errors.handler429"
handler500 = "portal.errors.handler500"

urlpatterns = [
    path("", views.home, name="home"),
    path("theme/", views.theme, name="theme"),
    path("terms/", terms.terms, name="terms"),
    path("terms/accept/", terms.accept, name="terms_accept"),
    path("terms/publish/", terms.publish, name="terms_publish"),
    path("profile/", profile.profile, name="profile"),
    path("profile/name/", profile.named_to, name="named_to"),
    path("profile/sessions/end/", profile.end_other_sessions, name="sessions_end"),
    path("profile/sessions/<slug:handle>/end/", profile.end_session, name="session_end"),
    path("accounts/", include("accounts.urls")),
    path("", include("namespaces.urls")),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
