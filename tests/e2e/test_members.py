"""Who is in a namespace and until when, and who decides: on a phone, for an admin who is away, by mistake.

`kubectl` is asked before and after.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from playwright.sync_api import Locator, Page, expect

from localcluster.people import ALEX, BEN, MAYA, OLGA, DemoPerson
from tests.e2e import rows
from tests.e2e.conftest import KubectlAs
from tests.e2e.newcomers import OSKAR, PETRA
from tests.e2e.windows import Windows, log_in

PHONE_WIDTH = 360


def may(kubectl_as: KubectlAs, person: DemoPerson, namespace: str, verb: str = "get") -> bool:
    """Ask the API server whether a person may do something with pods."""
    answer = kubectl_as.administrator(
        "auth", "can-i", verb, "pods", "--namespace", namespace, "--as", person.subject
    ).strip()
    assert answer in {"yes", "no"}, answer
    return answer == "yes"


def row_of(page: Page, person: DemoPerson) -> Locator:
    """Return the row of a person in one of the tables."""
    name = re.compile(f"^{re.escape(person.name)}")
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def test_membership_ends_and_is_extended(windows: Windows, kubectl_as: KubectlAs) -> None:
    name = "kelp-forests"
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    windows.open(BEN)
    page = windows.open(MAYA)
    members = f"/namespaces/nautilus/{name}/members/"
    page.goto(members + "add/?q=okafor")
    found = page.locator("#found").get_by_role("listitem").filter(has_text="Ben Okafor")
    last_day = date.today() + timedelta(days=5)  # noqa: DTZ011 - the portal runs in the zone of this machine
    found.get_by_label("Last day of Ben Okafor, if any").fill(str(last_day))
    assert not may(kubectl_as, BEN, name)
    found.get_by_role("button", name=f"Add {BEN.name}").click()
    expect(row_of(page, BEN)).to_contain_text("active · checked")
    expect(row_of(page, BEN)).to_contain_text(words(last_day))
    expect(row_of(page, BEN)).to_contain_text(f"by {MAYA.name}")
    assert may(kubectl_as, BEN, name, "create")

    row_of(page, BEN).get_by_role("button", name="90 days more").click()
    longer = last_day + timedelta(days=90)
    expect(page.locator("main")).to_contain_text(f"{BEN.name} is a member until {longer.day} {longer:%B %Y}.")
    expect(row_of(page, BEN)).to_contain_text(words(longer))
    row_of(page, BEN).get_by_role("link", name=words(longer)).click()
    page.get_by_label("Last day (optional)").fill("2020-01-01")
    page.get_by_role("button", name="Save the last day").click()
    expect(page.get_by_role("alert")).to_contain_text("Give a day that is still to come.")
    expect(page.get_by_label("Last day (optional)")).to_have_value("2020-01-01")
    assert may(kubectl_as, BEN, name)

    rows.run(windows.stack, "let_end", name, BEN.subject)
    page.goto(members)
    rows.until(lambda: not may(kubectl_as, BEN, name))
    page.reload()
    expect(page.get_by_role("table").last).to_contain_text(BEN.name)
    expect(row_of(page, BEN)).to_contain_text(re.compile(r"revoked\s*· proved"))
    expect(row_of(page, BEN).get_by_role("button", name="Undo")).to_have_count(0)


def test_list_of_people_is_added(windows: Windows, kubectl_as: KubectlAs) -> None:
    name = "kelp-lists"
    windows.open(BEN)
    windows.open(ALEX)
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    page = windows.open(MAYA)
    page.goto(f"/namespaces/nautilus/{name}/members/")
    page.get_by_role("link", name="Add many people at once").click()
    lines = ("E-mail\tRole", BEN.email.upper(), f"{ALEX.subject}\tviewer", "nobody@ou.example")
    page.get_by_label("People").fill("\n".join(lines))
    page.get_by_role("button", name="See what happens").click()
    report = page.get_by_role("region", name="What adding them will do")
    expect(report).to_contain_text("2 people become members. 1 line cannot be done.")
    expect(report.get_by_role("row", name="4 ")).to_contain_text("has logged in here yet")
    assert not may(kubectl_as, BEN, name)
    report.get_by_role("button", name="Add 2 people").click()
    expect(page.locator("main")).to_contain_text("2 people were added.")
    expect(page.locator("main")).to_contain_text("Line 4 was not done.")
    for person in (BEN, ALEX):
        expect(row_of(page, person)).to_contain_text("active · checked")
        assert may(kubectl_as, person, name)
    assert not may(kubectl_as, ALEX, name, "create")


def test_removal_is_undone(windows: Windows, kubectl_as: KubectlAs) -> None:
    name = "kelp-divers"
    windows.open(BEN)
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    rows.run(windows.stack, "add", name, BEN.subject, "editor", MAYA.subject)
    rows.wait_until_settled(windows.stack)
    assert may(kubectl_as, BEN, name, "create")
    page = windows.open(MAYA)
    page.goto(f"/namespaces/nautilus/{name}/members/")
    page.get_by_role("link", name=f"Remove {BEN.name}").click()
    page.get_by_role("button", name=f"Remove {BEN.name}").click()
    expect(row_of(page, BEN)).to_contain_text(re.compile(r"revoked\s*· proved"))
    assert not may(kubectl_as, BEN, name)
    row_of(page, BEN).get_by_role("button", name="Undo").click()
    expect(page.locator("main")).to_contain_text(f"{BEN.name} is editor again.")
    expect(row_of(page, BEN)).to_contain_text("active · checked")
    assert may(kubectl_as, BEN, name, "create")


def test_pi_decides_on_a_phone_and_takes_it_back(windows: Windows, kubectl_as: KubectlAs) -> None:
    log_in(windows.stranger(), PETRA)
    wish = rows.run(windows.stack, "ask", "avis-fire", PETRA.subject, "editor")
    assert not may(kubectl_as, PETRA, "avis-fire")
    page = windows.open(ALEX, width=PHONE_WIDTH, height=740)
    page.goto("/requests/")
    page.get_by_role("link", name=re.compile(PETRA.name)).first.click()
    assert page.url.endswith(f"/requests/{wish}/")
    expect(page.locator("main")).to_contain_text(f"{PETRA.name} is a guest and becomes a user")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("main")).to_contain_text(f"You approved: {PETRA.name} becomes editor in avis-fire.")
    expect(page.locator("main")).to_contain_text("checked")
    rows.until(lambda: may(kubectl_as, PETRA, "avis-fire", "create"))

    page.get_by_role("button", name="Take the decision back").click()
    expect(page.locator("main")).to_contain_text("The decision was taken back. The request waits again.")
    expect(page.locator("main")).to_contain_text("Waiting for a decision")
    expect(page.locator("main")).to_contain_text(f"{PETRA.name} is a guest and becomes a user")
    rows.until(lambda: not may(kubectl_as, PETRA, "avis-fire"))
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE_WIDTH


def test_deputy_decides_for_who_is_away(windows: Windows, kubectl_as: KubectlAs) -> None:
    name = "kelp-sounds"
    deputy, theirs, hers = windows.open(BEN), windows.stranger(), windows.open(MAYA)
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    rows.run(windows.stack, "add", name, BEN.subject, "editor", MAYA.subject)
    log_in(theirs, OSKAR)
    rows.run(windows.stack, "vouch", OSKAR.subject, OLGA.subject)
    hers.goto("/requests/")
    hers.get_by_role("link", name="Are you away for a while?").click()
    hers.get_by_label("Who decides for you").select_option(label=f"{BEN.name}, {BEN.institution}")
    last_day = date.today() + timedelta(days=9)  # noqa: DTZ011 - the portal runs in the zone of this machine
    hers.get_by_label("Until the end of").fill(str(last_day))
    hers.get_by_role("button", name="Name the deputy").click()
    expect(hers.locator("main")).to_contain_text(f"{BEN.name} decides for you until {words(last_day)}.")

    wish = rows.run(windows.stack, "ask", name, OSKAR.subject, "viewer")
    theirs.goto(f"/requests/{wish}/")
    expect(theirs.locator("main")).to_contain_text(
        f"{MAYA.name} is away until {words(last_day)}; {BEN.name} decides for them."
    )
    assert not may(kubectl_as, OSKAR, name)
    deputy.goto("/requests/")
    deputy.get_by_role("link", name=re.compile(OSKAR.name)).first.click()
    deputy.get_by_role("button", name="Approve").click()
    expect(deputy.locator("main")).to_contain_text(f"{OSKAR.name} becomes viewer in {name}.")
    rows.until(lambda: may(kubectl_as, OSKAR, name))

    hers.get_by_role("link", name="Change this").click()
    hers.get_by_role("button", name="I am back").click()
    expect(hers.locator("main")).to_contain_text("Nobody decides in your place any more.")
    deputy.reload()
    expect(deputy.get_by_role("heading", level=1)).to_have_text("There is nothing here")
