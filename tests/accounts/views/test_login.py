"""The login page, logout, and what does not exist."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.urls import reverse

from accounts.issuers import Issuer
from accounts.models import Session
from audit.models import Event
from tests.accounts.conftest import Browser, issuer_for
from tests.accounts.test_redirects import CORPUS
from tests.conftest import Cast
from tests.hostile_idp import HostileProvider

IDENTITY_HEADERS = [
    "Remote-User", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Auth-Request-User",
    "X-WEBAUTH-USER", "X-Remote-Group", "kubeflow-userid", "Impersonate-User", "Authorization",
    "X-Forwarded-Preferred-Username", "X_Forwarded_User",
]  # fmt: skip


@pytest.fixture
def two(browser: Browser) -> Issuer:
    """A second issuer beside the one of the browser."""
    made = Issuer(
        id="other",
        name="Other <b>Login</b>",
        issuer="https://other.example",
        client_id="c",
        client_secret="s",
        form_action_origins=("https://login.other.example",),
        institutions=None,
    )
    browser.settings.ISSUERS = (browser.issuer, made)
    return made


def directive(policy: str, name: str) -> set[str]:
    found = next(part.split() for part in policy.split(";") if part.split()[0] == name)
    return set(found[1:])


def test_login_page_lists_the_issuers(browser: Browser, two: Issuer) -> None:
    page = browser.client.get(reverse("account_login")).content.decode()
    assert "Log in with Campus Login" in page
    assert "Log in with Other &lt;b&gt;Login&lt;/b&gt;" in page
    for issuer in (browser.issuer, two):
        assert f'method="post" action="/accounts/oidc/{issuer.id}/login/"' in page
    assert page.count("<h1") == 1


def test_login_page_lets_forms_lead_to_the_issuers_and_nowhere_else(browser: Browser, two: Issuer) -> None:
    answer = browser.client.get(reverse("account_login"))
    allowed = directive(answer.headers["Content-Security-Policy"], "form-action")
    assert allowed == {"'self'", browser.issuer.issuer, "https://login.other.example"}
    elsewhere = browser.client.get(reverse("socialaccount_login_cancelled"))
    assert directive(elsewhere.headers["Content-Security-Policy"], "form-action") == {"'self'"}


def test_login_page_without_issuers_says_so(browser: Browser) -> None:
    browser.settings.ISSUERS = ()
    answer = browser.client.get(reverse("account_login"))
    assert "no identity provider is configured" in answer.content.decode()
    assert directive(answer.headers["Content-Security-Policy"], "form-action") == {"'self'"}


def test_wanted_page_is_kept_through_the_login(browser: Browser) -> None:
    page = browser.client.get(reverse("account_login"), {"next": "/profile/?a=b&c=d"}).content.decode()
    assert '<input type="hidden" name="next" value="/profile/?a=b&amp;c=d">' in page
    answer = browser.log_in(next="/profile/?a=b&c=d")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/profile/?a=b&c=d")


def test_next_of_the_page_never_leaves_the_site(browser: Browser) -> None:
    for address in CORPUS:
        page = browser.client.get(reverse("account_login"), {"next": address}).content.decode()
        main = page.partition("<main")[2].partition("</main>")[0]
        assert "Log in with" in main
        assert 'name="next"' not in main, ascii(address)


def test_posted_next_never_leaves_the_site(browser: Browser) -> None:
    for address in CORPUS[::10]:
        assert browser.log_in(next=address).headers["Location"] == "/", ascii(address)


def test_page_sends_who_is_logged_in_on(browser: Browser) -> None:
    browser.log_in()
    for given, target in (("/profile/", "/profile/"), ("//evil.example", "/"), ("", "/")):
        answer = browser.client.get(reverse("account_login"), {"next": given})
        assert (answer.status_code, answer.headers["Location"]) == (302, target)


@pytest.mark.parametrize(
    "name",
    ["account_login", "account_inactive", "socialaccount_login_cancelled", "socialaccount_connections"],
)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_pages_are_read_only(browser: Browser, name: str, method: str) -> None:
    assert getattr(browser.client, method)(reverse(name)).status_code == 405


def test_logout_asks_first_and_then_ends_the_session(browser: Browser) -> None:
    browser.log_in()
    key = browser.client.session.session_key
    asked = browser.client.get(reverse("account_logout"))
    assert asked.status_code == 200
    assert 'method="post" action="/accounts/logout/"' in asked.content.decode()
    assert browser.person() is not None
    answer = browser.client.post(reverse("account_logout"))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not Session.objects.filter(session_key=key).exists()
    assert browser.client.get(reverse("account_logout")).status_code == 302


def test_old_cookie_is_worth_nothing_after_logout(browser: Browser) -> None:
    browser.log_in()
    name = browser.settings.SESSION_COOKIE_NAME
    stolen = browser.client.cookies[name].value
    browser.client.post(reverse("account_logout"))
    thief = Client()
    thief.cookies[name] = stolen
    assert thief.get(reverse("account_logout")).status_code == 302
    assert SESSION_KEY not in thief.session


def test_csrf_secret_changes_at_login_and_logout(browser: Browser) -> None:
    name = browser.settings.CSRF_COOKIE_NAME
    secrets = []
    browser.client.get(reverse("account_login"))
    secrets.append(browser.client.cookies[name].value)
    browser.log_in()
    secrets.append(browser.client.cookies[name].value)
    browser.client.post(reverse("account_logout"))
    secrets.append(browser.client.cookies[name].value)
    assert len(set(secrets)) == 3


def test_logout_needs_a_csrf_token(browser: Browser, cast: Cast) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.ana)
    assert strict.post(reverse("account_logout")).status_code == 403
    assert SESSION_KEY in strict.session


def test_pages_of_the_login_are_not_stored(browser: Browser) -> None:
    for name in ("account_login", "account_logout", "account_inactive", "socialaccount_login_cancelled"):
        assert "no-store" in browser.client.get(reverse(name)).headers["Cache-Control"], name


def test_login_is_recorded(browser: Browser) -> None:
    browser.log_in()
    event = Event.objects.get(act="person.logged_in")
    person = browser.person()
    assert person is not None
    key = str(person.pk)
    assert (event.actor, event.object_id, event.outcome) == (key, key, "done")


@pytest.mark.parametrize(
    "path",
    [
        "signup/", "signup/passkey/", "password/reset/", "password/change/", "password/set/",
        "password/reset/done/", "password/reset/key/1-set-password/", "email/", "confirm-email/",
        "confirm-email/abc/", "login/code/", "reauthenticate/", "3rdparty/", "3rdparty/signup/",
        "3rdparty/login/error/", "social/connections/", "cilogon/login/", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_local_exists(browser: Browser, path: str, method: str) -> None:
    assert getattr(browser.client, method)(f"/accounts/{path}").status_code == 404


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/setup/", "/set-up/", "/login/", "/register/"])
def test_no_admin_and_no_set_up_page_exist(browser: Browser, path: str) -> None:
    assert browser.client.get(path).status_code == 404


def test_page_of_connections_is_the_profile(browser: Browser, cast: Cast) -> None:
    browser.client.force_login(cast.ana)
    answer = browser.client.get(reverse("socialaccount_connections"))
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("profile"))


@pytest.mark.parametrize("header", IDENTITY_HEADERS)
def test_no_header_is_an_identity(browser: Browser, cast: Cast, header: str) -> None:
    for value in (str(cast.olga.pk), cast.olga.email, cast.olga.name.encode("ascii", "replace").decode()):
        answer = browser.client.get(reverse("account_logout"), headers={header: value})
        assert answer.status_code == 302  # nobody to log out


def test_no_back_end_trusts_headers(settings: LazySettings) -> None:
    installed = (*settings.MIDDLEWARE, *settings.AUTHENTICATION_BACKENDS)
    assert not [name for name in installed if "RemoteUser" in name]
    assert "django.contrib.admin" not in settings.INSTALLED_APPS


def test_people_have_no_password_to_guess(browser: Browser, cast: Cast) -> None:
    for password in ("", "!", None, cast.ana.password):
        assert not browser.client.login(email=cast.ana.email, password=password)
        assert not browser.client.login(username=str(cast.ana.pk), password=password)


def test_issuer_of_the_file_is_offered_under_its_name(browser: Browser, idp: HostileProvider) -> None:
    browser.settings.ISSUERS = (issuer_for(idp, id="cilogon", name="CILogon"),)
    assert "Log in with CILogon" in browser.client.get(reverse("account_login")).content.decode()
