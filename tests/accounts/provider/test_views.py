"""Login and callback: what is sent to the provider, and what may come back."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from allauth.socialaccount.models import SocialApp
from django.test import Client
from django.urls import reverse

from accounts.models import Identity, User
from audit.models import Event
from tests import otp
from tests.accounts.conftest import Browser, Refusals, issuer_for, snapshot
from tests.accounts.second_factors import give_app
from tests.hostile_idp import CLIENT_ID, HostileProvider, query_of


def test_request_carries_nonce_state_and_pkce(browser: Browser) -> None:
    sent = query_of(browser.begin().headers["Location"])
    callback = reverse("openid_connect_callback", kwargs={"provider_id": "campus"})
    assert sent["client_id"] == CLIENT_ID
    assert sent["response_type"] == "code"
    assert sent["redirect_uri"] == browser.settings.BASE_URL + callback
    assert set(sent["scope"].split()) == {"openid", "email", "profile"}
    assert sent["code_challenge_method"] == "S256"
    # 32 random bytes each: 43 characters of base64url
    for name in ("state", "nonce", "code_challenge"):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", sent[name]), name
    assert len({sent[name] for name in ("state", "nonce", "code_challenge")}) == 3
    again = query_of(browser.begin().headers["Location"])
    assert (again["state"], again["nonce"]) != (sent["state"], sent["nonce"])


def test_verifier_is_sent_with_the_code(browser: Browser, idp: HostileProvider) -> None:
    browser.log_in()
    (request,) = idp.asked_for("/token")
    assert len(request.form["code_verifier"]) >= 43
    assert browser.person() is not None


@pytest.mark.parametrize("given", ["query", "form"])
def test_request_cannot_be_steered(browser: Browser, given: str) -> None:
    params = {
        "auth_params": "client_id=evil&prompt=none&redirect_uri=https://evil.example/&nonce=known&code_challenge=x",
        "scope": "offline_access,admin",
        "action": "reauthenticate",
        "process": "connect",
        "client_id": "evil",
    }
    query = (
        "?" + "&".join(f"{name}={quote(value)}" for name, value in params.items()) if given == "query" else ""
    )
    sent = query_of(browser.begin(query, **(params if given == "form" else {})).headers["Location"])
    assert set(sent) == {
        "client_id", "redirect_uri", "scope", "response_type", "state", "nonce", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    assert sent["client_id"] == CLIENT_ID
    assert sent["redirect_uri"].startswith(browser.settings.BASE_URL)
    assert set(sent["scope"].split()) == {"openid", "email", "profile"}
    assert sent["nonce"] != "known"


def test_scopes_and_parameters_of_the_file_are_sent(browser: Browser, idp: HostileProvider) -> None:
    fields: dict[str, Any] = {
        "scopes": ("openid", "org.cilogon.userinfo"),
        "auth_params": {"idphint": "https://idp.example"},
    }
    browser.settings.ISSUERS = (issuer_for(idp, **fields),)
    sent = query_of(browser.begin().headers["Location"])
    assert set(sent["scope"].split()) == {"openid", "org.cilogon.userinfo"}
    assert sent["idphint"] == "https://idp.example"


def test_redirect_address_ignores_the_host_header(browser: Browser) -> None:
    browser.settings.ALLOWED_HOSTS = ["other.example", "localhost"]
    address = reverse("openid_connect_login", kwargs={"provider_id": "campus"})
    answer = browser.client.post(address, headers={"host": "other.example"})
    assert query_of(answer.headers["Location"])["redirect_uri"].startswith(browser.settings.BASE_URL)


def test_connect_process_attaches_nothing_to_who_is_logged_in(browser: Browser, idp: HostileProvider) -> None:
    browser.log_in()
    first = browser.person()
    idp.claims["sub"] = "http://cilogon.org/serverT/users/2002"
    browser.client.get(browser.visit_provider(browser.begin("?process=connect", process="connect")))
    second = browser.person()
    assert first is not None
    assert second is not None
    assert first != second
    assert [identity.person for identity in Identity.objects.order_by("subject")] == [first, second]


@pytest.mark.parametrize("query", ["", "?code=abc", "?state=unknown&code=abc", "?error=access_denied"])
def test_callback_without_a_known_state_is_refused(refused: Refusals, query: str) -> None:
    before = snapshot()
    address = reverse("openid_connect_callback", kwargs={"provider_id": "campus"})
    answer = refused.browser.client.get(address + query)
    assert answer.status_code == 400
    assert refused.reasons() == ["state"]
    assert refused.browser.person() is None
    assert snapshot() == before
    assert not Event.objects.exists()  # or strangers could fill the table
    assert refused.idp.seen == []


def test_state_is_used_once(refused: Refusals) -> None:
    callback = refused.browser.visit_provider(refused.browser.begin())
    refused.browser.client.get(callback)
    assert refused.browser.person() is not None
    refused.browser.client.logout()
    assert refused.browser.client.get(callback).status_code == 400
    assert refused.browser.person() is None
    assert refused.reasons() == ["state"]
    assert len(refused.idp.asked_for("/token")) == 1


def test_state_of_another_browser_is_refused(refused: Refusals) -> None:
    callback = refused.browser.visit_provider(refused.browser.begin())
    refused.browser.client = Client()
    assert refused.browser.client.get(callback).status_code == 400
    assert refused.reasons() == ["state"]
    assert refused.browser.person() is None


def test_state_lives_for_ten_minutes(refused: Refusals) -> None:
    with time_machine.travel(0, tick=False) as clock:
        callback = refused.browser.visit_provider(refused.browser.begin())
        clock.shift(601)
        assert refused.browser.client.get(callback).status_code == 400
    assert refused.reasons() == ["state"]
    assert refused.idp.asked_for("/token") == []


def test_state_of_one_issuer_is_refused_at_the_callback_of_another(refused: Refusals) -> None:
    with HostileProvider() as other:
        refused.browser.settings.ISSUERS = (refused.browser.issuer, issuer_for(other, id="other"))
        callback = refused.browser.visit_provider(refused.browser.begin()).replace("/campus/", "/other/")
        assert refused.browser.client.get(callback).status_code == 400
        assert refused.reasons() == ["state"]
        assert refused.browser.person() is None
        assert other.seen == []


@pytest.mark.parametrize(
    "iss", ["https://evil.example", "", "{issuer}/", "https://evil.example&iss={issuer}"]
)
def test_callback_that_names_another_issuer_is_refused(refused: Refusals, iss: str) -> None:
    callback = refused.browser.visit_provider(refused.browser.begin())
    address = refused.browser.issuer.issuer
    right = quote(address, safe="")
    forged = callback.replace(f"iss={right}", f"iss={iss.format(issuer=right)}")
    assert forged != callback
    assert refused.browser.client.get(forged).status_code == 401
    assert refused.reasons() == ["callback_issuer"]
    assert refused.browser.person() is None
    assert refused.idp.asked_for("/token") == []


def test_callback_that_names_no_issuer_is_accepted(browser: Browser) -> None:
    callback = browser.visit_provider(browser.begin())
    browser.client.get(callback.partition("&iss=")[0])
    assert browser.person() is not None


@pytest.mark.parametrize("code", ["wrong", "", "x" * 5000])
def test_code_that_the_provider_did_not_give_is_refused(refused: Refusals, code: str) -> None:
    state = query_of(refused.browser.begin().headers["Location"])["state"]
    address = reverse("openid_connect_callback", kwargs={"provider_id": "campus"})
    assert refused.browser.client.get(f"{address}?state={state}&code={code}").status_code == 401
    assert refused.reasons() == ["token_request" if code == "wrong" else "code"]
    assert refused.browser.person() is None
    assert state not in refused.caplog.text


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        pytest.param(
            lambda c: {**c, "sub": "http://cilogon.org/serverT/users/1"},
            "userinfo_subject",
            id="somebody else",
        ),
        pytest.param(lambda c: {"name": "Ana"}, "userinfo_subject", id="nobody"),
        pytest.param(lambda c: {**c, "sub": [c["sub"]]}, "userinfo_subject", id="a list"),
        pytest.param(lambda c: {**c, "sub": c["sub"] + " "}, "userinfo_subject", id="a blank more"),
    ],
)
def test_userinfo_of_somebody_else_is_refused(
    refused: Refusals, idp: HostileProvider, bend: Any, reason: str
) -> None:
    idp.bent.userinfo = bend
    refused.check(reason)


@pytest.mark.parametrize("token", [None, "", 7, "a\r\nb", "ü"])
def test_unusable_access_token_is_refused(refused: Refusals, idp: HostileProvider, token: Any) -> None:
    idp.bent.tokens = lambda answer: {**answer, "access_token": token}
    refused.check("access_token")


def test_refused_userinfo_is_refused(refused: Refusals, idp: HostileProvider) -> None:
    idp.bent.raw["/userinfo"] = (401, "application/json", b'{"error":"invalid_token"}')
    refused.check("userinfo_request")


def test_odd_expiry_of_the_access_token_does_not_matter(browser: Browser, idp: HostileProvider) -> None:
    idp.bent.tokens = lambda answer: {**answer, "expires_in": "soon"}
    browser.log_in()
    assert browser.person() is not None


def test_provider_that_wants_basic_authentication_gets_it(browser: Browser, idp: HostileProvider) -> None:
    idp.bent.discovery = lambda d: {**d, "token_endpoint_auth_methods_supported": ["client_secret_basic"]}
    browser.log_in()
    (request,) = idp.asked_for("/token")
    assert request.headers["authorization"].startswith("Basic ")
    assert "client_secret" not in request.form
    assert browser.person() is not None


def test_provider_without_userinfo_is_enough(browser: Browser, idp: HostileProvider) -> None:
    idp.bent.discovery = lambda d: {name: value for name, value in d.items() if name != "userinfo_endpoint"}
    browser.log_in()
    assert browser.person() is not None
    assert idp.asked_for("/userinfo") == []


def test_person_who_cancels_gets_a_page_with_a_way_on(browser: Browser) -> None:
    state = query_of(browser.begin().headers["Location"])["state"]
    address = reverse("openid_connect_callback", kwargs={"provider_id": "campus"})
    answer = browser.client.get(f"{address}?state={state}&error=access_denied", follow=True)
    assert answer.status_code == 200
    assert "You cancelled the login" in answer.content.decode()
    assert not User.objects.exists()


def test_error_of_the_provider_is_refused_and_not_quoted(refused: Refusals) -> None:
    state = query_of(refused.browser.begin().headers["Location"])["state"]
    address = reverse("openid_connect_callback", kwargs={"provider_id": "campus"})
    query = f"?state={state}&error=server_error&error_description=call+this+number"
    answer = refused.browser.client.get(address + query)
    assert answer.status_code == 401
    assert "call this number" not in answer.content.decode()
    assert refused.reasons() == ["error_from_provider"]
    refused.check_is_clean(refused.caplog.text)


def test_refused_login_leads_back_with_the_page_that_was_wanted(
    refused: Refusals, idp: HostileProvider
) -> None:
    idp.bent.id_token = lambda claims: {**claims, "aud": "another"}
    page = refused.browser.log_in(next="/profile/").content.decode()
    assert f"{refused.browser.settings.BASE_URL}{reverse('account_login')}?next=%2Fprofile%2F" in page


def test_refusal_leaves_the_session_of_somebody_logged_in_alone(
    refused: Refusals, idp: HostileProvider
) -> None:
    refused.browser.log_in()
    before = refused.browser.person()
    idp.bent.id_token = lambda claims: {**claims, "nonce": "x"}
    assert refused.browser.log_in().status_code == 401
    assert refused.browser.person() == before is not None


@pytest.mark.parametrize("method", ["get", "head"])
def test_reading_the_login_address_starts_nothing(
    browser: Browser, idp: HostileProvider, method: str
) -> None:
    address = reverse("openid_connect_login", kwargs={"provider_id": "campus"})
    answer = getattr(browser.client, method)(f"{address}?next=/profile/")
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        f"{reverse('account_login')}?next=%2Fprofile%2F",
    )
    assert idp.seen == []
    assert "sessionid" not in answer.cookies


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("name", ["openid_connect_login", "openid_connect_callback"])
def test_other_methods_are_not_allowed(browser: Browser, name: str, method: str) -> None:
    assert getattr(browser.client, method)(reverse(name, kwargs={"provider_id": "campus"})).status_code == 405


def test_login_needs_a_csrf_token(browser: Browser, idp: HostileProvider) -> None:
    strict = Client(enforce_csrf_checks=True)
    address = reverse("openid_connect_login", kwargs={"provider_id": "campus"})
    assert strict.post(address).status_code == 403
    token = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"', strict.get(reverse("account_login")).content.decode()
    )
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1]}
    assert strict.post(address, form, headers={"origin": "https://evil.example"}).status_code == 403
    assert idp.seen == []
    assert strict.post(address, form).status_code == 302


@pytest.mark.parametrize("name", ["openid_connect", "unknown", "cilogon"])
def test_no_other_name_is_an_issuer(browser: Browser, name: str) -> None:
    for address in (f"/accounts/oidc/{name}/login/", f"/accounts/oidc/{name}/login/callback/"):
        assert browser.client.get(address).status_code == 404
        assert browser.client.post(address).status_code in (404, 405)


def test_row_in_the_table_of_allauth_is_no_issuer(browser: Browser) -> None:
    SocialApp.objects.create(provider="openid_connect", provider_id="planted", name="Planted", client_id="x")
    assert browser.client.post("/accounts/oidc/planted/login/").status_code == 404
    assert "Planted" not in browser.client.get(reverse("account_login")).content.decode()


@pytest.mark.parametrize("has_one", [True, False])
def test_login_of_who_owes_a_second_factor_leads_to_it_and_on(browser: Browser, has_one: bool) -> None:
    """At once, and not at the first form: that would have been filled in for nothing."""
    browser.log_in()
    person = browser.person()
    assert person is not None
    secret = give_app(person) if has_one else ""
    browser.client.post(reverse("account_logout"))
    browser.settings.SECOND_FACTOR = "operators"
    User.objects.update(is_superuser=True)
    answer = browser.log_in(next="/users/")
    assert answer.headers["Location"] == "/accounts/second-factor/show/?next=%2Fusers%2F"
    if has_one:
        form = {"code": otp.code(secret), "next": "/users/"}
        assert browser.client.post(answer.headers["Location"], form).headers["Location"] == "/users/"
    else:
        assert browser.client.get(answer.headers["Location"]).headers["Location"] == reverse("mfa_index")


def test_login_of_everybody_else_leads_where_they_were_going(browser: Browser) -> None:
    browser.settings.SECOND_FACTOR = "operators"
    assert browser.log_in(next="/namespaces/").headers["Location"] == "/namespaces/"
