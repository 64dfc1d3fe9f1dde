"""The second factor in a browser: an operator sets up an app and a passkey, and changes nothing before one is shown.

The portal of these tests asks nobody to have one (`BERTH_SECOND_FACTOR=nobody`): who sets one up is asked for it.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from localcluster.people import OLGA
from tests import otp
from tests.e2e import rows
from tests.e2e.hands import Hands
from tests.e2e.newcomers import GRETA, MARTA
from tests.e2e.quality import problems
from tests.e2e.windows import Windows, log_in

VIRTUAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""An authenticator as in a phone or a computer, whose owner always says yes."""


def test_operator_with_an_app_and_a_passkey(windows: Windows) -> None:
    way, hers = Hands(), windows.stranger()
    log_in(hers, MARTA)
    rows.run(windows.stack, "make_operator", MARTA.subject, OLGA.subject)
    windows.open(GRETA).close()
    greta = rows.run(windows.stack, "person", GRETA.subject)
    secret, codes = set_up_an_app(way, hers)
    add_a_passkey(way, hers)

    hers.context.clear_cookies()
    begin_login(way, hers, "/users/")
    expect(hers).to_have_url(re.compile("/accounts/second-factor/show/"))
    assert_sound(hers)
    way.press(hers, "link", "Not now, only read")
    way.go(hers, f"/users/{greta}/")
    way.press(hers, "button", re.compile("^Vouch for"))
    expect(hers.locator("main")).to_contain_text("Nothing was done yet. Show your second factor")
    with windows.watcher.expecting(400):
        way.fill(hers, "Code", otp.wrong(secret))
        way.press(hers, "button", "Go on")
        expect(hers.get_by_role("alert")).to_contain_text("Incorrect code")
    way.fill(hers, "Code", codes[0])
    way.press(hers, "button", "Go on")
    expect(hers.get_by_role("button", name=re.compile("^Vouch for"))).to_be_visible()

    hers.context.clear_cookies()
    begin_login(way, hers, "/users/")
    way.press(hers, "link", "Use a passkey")
    assert_sound(hers)
    way.press(hers, "button", "Use a passkey")
    expect(hers).to_have_url(re.compile("/users/$"))


def set_up_an_app(way: Hands, page: Page) -> tuple[str, list[str]]:
    """Set up an app with codes; return its secret and the recovery codes."""
    way.go(page, "/profile/")
    way.press(page, "link", "Set up a second factor")
    way.press(page, "link", "Set up an app with codes")
    expect(page.get_by_role("img", name="The secret below as a picture to scan")).to_be_visible()
    assert_sound(page)
    secret = page.locator("main code").inner_text()
    way.fill(page, "Authenticator code", otp.code(secret))
    way.press(page, "button", "Set it up")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert_sound(page)
    codes = page.locator("main code").inner_text().split()
    assert len(codes) == 10
    way.press(page, "link", "I have kept them")
    return secret, codes


def add_a_passkey(way: Hands, page: Page) -> None:
    """Add a passkey of an authenticator that the browser has from here on."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL})
    way.press(page, "link", "Add a passkey")
    assert_sound(page)
    way.fill(page, "Name", "My phone")
    way.press(page, "button", "Add this device or key")
    expect(page.locator("main li", has_text="My phone")).to_contain_text("passkey")
    assert_sound(page)
    way.press(page, "link", "Remove My phone")
    assert_sound(page)
    way.press(page, "link", "Keep it")


def begin_login(way: Hands, page: Page, next_page: str) -> None:
    """Log in as far as the identity provider leads."""
    way.go(page, f"/accounts/login/?next={next_page}")
    way.press(page, "button", "Log in with CILogon")
    way.press(page, "button", re.compile(f"^{MARTA.name}"))


def assert_sound(page: Page) -> None:
    """The page, opened by its address, is as every page has to be: HTML, accessibility, width."""
    response = page.reload()
    assert response is not None
    assert not problems(page, response)
    page.set_viewport_size({"width": 1280, "height": 900})
