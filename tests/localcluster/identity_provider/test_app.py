import base64
import json
import shutil
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, sync_playwright
from werkzeug.test import Client, TestResponse

from localcluster.identity_provider.app import Provider, s256
from localcluster.layout import Layout, Ports, prepare
from localcluster.people import ANA, PEOPLE, DemoPerson

# oidc-provider-mock implements this hook of Authlib in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")

REDIRECT = "http://localhost:8000"
VERIFIER = "a-verifier-of-more-than-forty-three-characters-in-length"
NAMELESS = DemoPerson(
    "http://cilogon.org/serverE/users/7", "", "", "http://google.com/accounts/o8/id", "Google", "no name", {}
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return prepare(tmp_path_factory.mktemp("provider"), ports=Ports.free(), people=[*PEOPLE, NAMELESS])


@pytest.fixture
def client(place: Layout) -> Client:
    return Client(Provider(place).application())


def _request(**changes: str | None) -> str:
    asked = {
        "client_id": "berth-kubectl",
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "openid email profile org.cilogon.userinfo",
        "state": "the-state",
        "nonce": "the-nonce",
        "code_challenge": s256(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    query = {name: value for name, value in asked.items() if value is not None}
    return "/oauth2/authorize?" + urllib.parse.urlencode(query)


def _answer(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 302, response.text
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(response.headers["Location"]).query))


def _code(client: Client, subject: str = ANA.subject, **changes: str | None) -> str:
    return _answer(client.post(_request(**changes), data={"sub": subject}))["code"]


def _exchange(client: Client, code: str, **changes: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "client_id": "berth-kubectl",
        "code_verifier": VERIFIER,
        **changes,
    }
    return client.post("/oauth2/token", data=form)


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def test_discovery_names_the_plain_page_and_secure_endpoints(client: Client, place: Layout) -> None:
    document = client.get("/.well-known/openid-configuration").json
    assert document is not None
    assert document["issuer"] == place.issuer
    assert document["authorization_endpoint"] == f"http://localhost:{place.ports.oidc_http}/oauth2/authorize"
    for name in ("token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert document[name].startswith(place.issuer)
    assert "S256" in document["code_challenge_methods_supported"]


def test_issuer_does_not_follow_the_host_header(client: Client, place: Layout) -> None:
    document = client.get("/.well-known/openid-configuration", headers={"Host": "evil.example"}).json
    assert document is not None
    assert document["issuer"] == place.issuer


def test_login_of_kubectl_gives_the_claims_of_cilogon(client: Client, place: Layout) -> None:
    answer = _exchange(client, _code(client)).json
    assert answer is not None
    claims = _claims(answer["id_token"])
    assert claims["iss"] == place.issuer
    assert claims["aud"] == ["berth-kubectl"]
    assert claims["nonce"] == "the-nonce"
    expected = {"sub": ANA.subject, **ANA.all_claims()}
    assert {name: claims.get(name) for name in expected} == expected
    assert "email_verified" not in claims
    userinfo = client.get("/userinfo", headers={"Authorization": f"Bearer {answer['access_token']}"}).json
    assert userinfo == expected


def test_portal_logs_in_with_its_secret(client: Client, place: Layout) -> None:
    code = _code(client, client_id="berth-portal")
    secret = place.portal_client_secret.read_text().strip()
    response = _exchange(client, code, client_id="berth-portal", client_secret=secret)
    assert response.status_code == 200


def test_portal_with_a_wrong_secret_is_refused(client: Client) -> None:
    code = _code(client, client_id="berth-portal")
    response = _exchange(client, code, client_id="berth-portal", client_secret="guess")
    assert (response.status_code, response.json) == (401, {"error": "invalid_client"})


def test_portal_with_a_wrong_secret_in_the_header_is_refused(client: Client) -> None:
    form = {"grant_type": "authorization_code", "code": "c", "redirect_uri": REDIRECT}
    response = client.post("/oauth2/token", data=form, auth=("berth-portal", "guess"))
    assert response.status_code == 401


@pytest.mark.parametrize("verifier", ["", "wrong"])
def test_wrong_pkce_verifier_is_refused(client: Client, verifier: str) -> None:
    response = _exchange(client, _code(client), code_verifier=verifier)
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"] == "invalid_grant"


def test_code_works_once(client: Client) -> None:
    code = _code(client)
    assert _exchange(client, code).status_code == 200
    assert _exchange(client, code).status_code == 400


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": "someone"}, "There is no client"),
        ({"code_challenge": None, "code_challenge_method": None}, "must send a code_challenge"),
        ({"code_challenge_method": "plain"}, "The only code_challenge_method here is S256"),
    ],
)
def test_faulty_request_is_refused_with_its_reason(
    client: Client, changes: dict[str, str | None], reason: str
) -> None:
    for response in (client.get(_request(**changes)), client.post(_request(**changes), data={"sub": "x"})):
        assert response.status_code == 400
        assert reason in response.text


def test_request_without_redirect_address_is_refused(client: Client) -> None:
    assert client.get(_request(redirect_uri=None)).status_code == 400


def test_unknown_person_is_refused(client: Client) -> None:
    response = client.post(_request(), data={"sub": "http://cilogon.org/serverA/users/1"})
    assert response.status_code == 400
    assert "Nobody here has the subject" in response.text


def test_cancelling_returns_to_the_client_with_its_state(client: Client) -> None:
    response = client.post(_request(), data={"action": "deny"})
    assert _answer(response) == {"error": "access_denied", "state": "the-state"}


@pytest.mark.parametrize("address", ["/oauth2/clients", "/users/somebody", "/oauth2/end_session", "/console"])
def test_nothing_but_the_login_is_served(client: Client, address: str) -> None:
    assert {client.open(address, method=method).status_code for method in ("GET", "POST", "PUT")} <= {
        404,
        405,
    }


def test_tokens_outlive_a_restart(place: Layout) -> None:
    keys = [Client(Provider(place).application()).get("/jwks").json for _ in range(2)]
    assert keys[0] == keys[1]
    assert keys[0] is not None
    assert "d" not in keys[0]["keys"][0]


def test_page_needs_no_script_and_loads_nothing_from_elsewhere(client: Client) -> None:
    response = client.get(_request())
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in response.text
    assert "http" not in response.text.replace("http://cilogon.org/server", "")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(client: Client, chromium: Browser) -> Iterator[Page]:
    """A page that the application itself serves; whatever follows the login says that it arrived."""
    context = chromium.new_context(viewport={"width": 360, "height": 740})

    def serve(route: Route) -> None:
        url = urllib.parse.urlsplit(route.request.url)
        if url.port == 8000:
            route.fulfill(body="arrived")
            return
        response = client.open(
            f"{url.path}?{url.query}",
            method=route.request.method,
            data=route.request.post_data_buffer,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.data)

    context.route("**/*", serve)
    yield context.new_page()
    context.close()


def test_person_is_picked_with_one_click(page: Page) -> None:
    page.goto("http://localhost:1" + _request())
    page.get_by_role("button", name="Ana Kim").click()
    page.wait_for_url(f"{REDIRECT}/?*")
    assert "code=" in page.url


def test_page_says_who_everybody_is_and_is_accessible(page: Page) -> None:
    page.goto("http://localhost:1" + _request())
    buttons = page.get_by_role("button").all_inner_texts()
    assert "Ana Kim" in buttons[4]
    assert "University of Oklahoma" in buttons[4]
    assert ANA.line in buttons[4]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert Axe().run(page).response["violations"] == []
