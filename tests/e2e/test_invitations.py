"""Invited by a link: somebody who never logged in, and a course of two hundred. `kubectl` is asked before and after."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

from playwright.sync_api import expect

from localcluster.people import BEN, OLGA
from tests.e2e import rows
from tests.e2e.conftest import KubectlAs
from tests.e2e.newcomers import MIRA, NOAH
from tests.e2e.test_members import PHONE_WIDTH, may, row_of
from tests.e2e.windows import Windows, log_in


def later(days: int) -> str:
    return str(date.today() + timedelta(days=days))  # noqa: DTZ011 - the portal runs in the zone of this machine


def bindings(kubectl_as: KubectlAs, namespace: str) -> set[str]:
    """Return the names of the RoleBindings in a namespace."""
    said = kubectl_as.administrator("get", "rolebindings", "--namespace", namespace, "--output", "json")
    return {item["metadata"]["name"] for item in json.loads(said)["items"]}


def test_somebody_who_never_logged_in_is_invited(windows: Windows, kubectl_as: KubectlAs) -> None:
    name = "kelp-guests"
    rows.run(windows.stack, "create", name, OLGA.subject, "members")
    page = windows.open(OLGA)
    page.goto(f"/namespaces/nautilus/{name}/members/")
    page.get_by_role("link", name="Invite somebody who has not logged in yet").click()
    page.get_by_label("E-mail address", exact=True).fill(NOAH.email)
    page.get_by_role("button", name="Invite").click()
    link = page.get_by_role("region", name="the link of the invitation").inner_text()
    path = link[link.index("/invitations/") :].strip()

    forwarded = windows.open(BEN)
    forwarded.goto(path)
    forwarded.get_by_role("button", name="Accept").click()
    expect(forwarded.locator("main")).to_contain_text("your institution names another one")
    assert not may(kubectl_as, BEN, name)

    newcomer = windows.stranger(width=PHONE_WIDTH)
    newcomer.goto(path)
    expect(newcomer.get_by_role("heading", level=1)).to_have_text(f"You are invited to {name}")
    newcomer.get_by_role("link", name="Log in", exact=True).last.click()
    log_in(newcomer, NOAH, next_page=path)
    assert not may(kubectl_as, NOAH, name)
    newcomer.get_by_role("button", name="Accept").click()
    expect(newcomer.locator("main")).to_contain_text(f"You are editor in {name} now.")
    rows.until(lambda: may(kubectl_as, NOAH, name, "create"))
    page.goto(f"/namespaces/nautilus/{name}/members/")
    expect(row_of(page, NOAH)).to_contain_text("active · checked")
    expect(page.get_by_role("heading", name="Invitations")).to_have_count(0)

    forwarded.goto(path)
    expect(forwarded.locator("main")).to_contain_text("This invitation was accepted already.")


def test_course_of_200_comes_and_goes(windows: Windows, kubectl_as: KubectlAs) -> None:
    name, title = "kelp-school", "Kelp summer school"
    rows.run(windows.stack, "create", name, OLGA.subject, "listed")
    rows.wait_until_settled(windows.stack)
    before = bindings(kubectl_as, name)
    page = windows.open(OLGA)
    page.goto(f"/namespaces/nautilus/{name}/members/")
    page.get_by_role("link", name="Invite a course").click()
    page.get_by_label("Name of the course").fill(title)
    page.get_by_label("Places").fill("200")
    page.get_by_label("Can be accepted until the end of").fill(later(7))
    page.get_by_label("Access ends at the end of").fill(later(30))
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_role("region", name="the link of the invitation").inner_text()
    path = link[link.index("/invitations/") :].strip()

    student = windows.stranger()
    log_in(student, MIRA, next_page=path)
    assert not may(kubectl_as, MIRA, name)
    student.get_by_role("button", name="Accept").click()
    expect(student.locator("main")).to_contain_text(f"You are editor in {name} now.")
    assert rows.run(windows.stack, "come_by", title, "199") == 200
    rows.wait_until_settled(windows.stack)
    assert len(bindings(kubectl_as, name) - before) == 200
    assert may(kubectl_as, MIRA, name, "create")

    page.reload()
    expect(page.locator("main")).to_contain_text("200 of 200 places taken")
    late = windows.open(BEN)
    late.goto(path)
    late.get_by_role("button", name="Accept").click()
    expect(late.locator("main")).to_contain_text("All places are taken.")

    page.get_by_role("link", name="End the course now").click()
    page.get_by_role("button", name="End the course").click()
    expect(page.locator("main")).to_contain_text("200 people are out.")
    rows.wait_until_settled(windows.stack)
    assert bindings(kubectl_as, name) == before
    assert not may(kubectl_as, MIRA, name)
    assert may(kubectl_as, OLGA, name, "create")
    page.get_by_label("Find a member by name").fill(MIRA.name)
    page.get_by_role("button", name="Find").click()
    expect(row_of(page, MIRA)).to_contain_text(re.compile(r"revoked\s*· proved"))
