"""From guest to user to level admin, by asking in the page."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from localcluster.people import MAYA, OLGA
from tests.e2e.newcomers import SOFIA
from tests.e2e.windows import Windows, log_in, show_again

REASON = "I am a student of Prof. Torres and count reefs with her model."
PURPOSE = "Two namespaces for the reef group: one for twelve people, one for our course."


def test_guest_asks_her_way_up_to_level_admin(windows: Windows) -> None:
    hers, vouching, operating = windows.stranger(), windows.open(MAYA), windows.open(OLGA)
    log_in(hers, SOFIA)

    hers.goto("/")
    hers.get_by_role("link", name="Ask to become a user").first.click()
    hers.get_by_label("Why").fill("Let me in.")
    hers.get_by_role("button", name="Ask to become a user").click()
    expect(hers.get_by_role("alert")).to_contain_text("Why: At least 20 characters; this has 10.")
    expect(hers.get_by_label("Why")).to_have_value("Let me in.")
    hers.get_by_label("Why").fill(REASON)
    hers.get_by_role("button", name="Ask to become a user").click()
    expect(hers.get_by_role("heading", level=1)).to_have_text("You asked for the level user")
    expect(hers.locator(".state-panel")).to_contain_text(
        "It lies with the people of level admin and the operators."
    )
    wish = hers.url

    vouching.goto("/requests/")
    vouching.get_by_role("link", name=re.compile(f"{SOFIA.name} → level user")).click()
    main = vouching.locator("main")
    expect(main).to_contain_text(SOFIA.institution)
    expect(main).to_contain_text(SOFIA.subject)
    expect(main).to_contain_text(REASON)
    expect(main).to_contain_text(f"{SOFIA.name} is a guest and becomes a user: you vouch for them.")
    vouching.get_by_label("A word for them").fill("Welcome to the reefs.")
    vouching.get_by_role("button", name="Approve").click()
    expect(main).to_contain_text(f"You approved: the level of {SOFIA.name} is user now.")

    hers.goto(wish)
    expect(hers.locator("main")).to_contain_text("Welcome to the reefs.")
    hers.goto("/profile/")
    hers.get_by_role("link", name="Ask for level admin").click()
    expect(hers.get_by_label("Institution")).to_have_value(SOFIA.institution)
    hers.get_by_label("What for").fill(PURPOSE)
    hers.get_by_label("Why").fill(REASON)
    hers.get_by_role("button", name="Ask for level admin").click()
    expect(hers.locator(".state-panel")).to_contain_text("It lies with the operators.")
    assert vouching.goto(hers.url.removeprefix(windows.stack.url)).status == 404  # type: ignore[union-attr]

    operating.goto("/requests/")
    operating.get_by_role("link", name=re.compile(f"{SOFIA.name} → level admin")).click()
    expect(operating.locator("main")).to_contain_text(PURPOSE)
    show_again(operating, OLGA)
    operating.get_by_role("button", name="Approve").click()
    expect(operating.locator("main")).to_contain_text(
        f"You approved: the level of {SOFIA.name} is admin now."
    )
    operating.get_by_role("link", name=SOFIA.name).click()
    history = operating.get_by_role("table", name="The latest change first")
    expect(history.get_by_role("row", name="user → admin")).to_contain_text(f"{OLGA.name} set the level")
    expect(history.get_by_role("row", name="guest → user")).to_contain_text(f"{MAYA.name} vouched")

    hers.goto("/manage/")
    expect(hers.locator("main")).to_contain_text("Your current status in the cluster: admin")
    expect(hers.get_by_role("link", name="Create a namespace")).to_be_visible()
