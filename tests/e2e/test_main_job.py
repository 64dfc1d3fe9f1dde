"""The main job: in through one's institution, into a namespace, to work with kubectl, and out again.

Told once, done in three ways: with a pointer, by keyboard alone, without scripts.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from localcluster.people import ALEX, ANA, DemoPerson
from localcluster.testing import SharedCluster
from tests.benchmarks.people import id_token
from tests.e2e.conftest import KubectlAs
from tests.e2e.hands import Hands, Keyboard, NoScript
from tests.e2e.newcomers import IRIS, NOOR
from tests.e2e.windows import AGREE, Windows

REASON = "I evaluate the smoke detection of last summer together with Alex Pang's group."
NOTE = "Please ask for avis-fire instead: there the cameras are."
REVOKED_SECONDS = 15
FIRE = "/namespaces/nautilus/avis-fire/"

WAYS = (
    pytest.param(Hands(), ANA, id="with a pointer"),
    pytest.param(Keyboard(), NOOR, id="by keyboard alone"),
    pytest.param(NoScript(), IRIS, id="without scripts"),
)


@pytest.mark.parametrize(("way", "newcomer"), WAYS)
def test_newcomer_gets_in_works_with_kubectl_and_is_removed(
    way: Hands,
    newcomer: DemoPerson,
    windows: Windows,
    cluster_of_demonstration: SharedCluster,
    kubectl_as: KubectlAs,
    tmp_path: Path,
) -> None:
    hers, his = windows.stranger(script=way.has_script), windows.open(ALEX, script=way.has_script)

    log_in_for_the_first_time(way, hers, newcomer)
    ask_after_a_denial(way, hers, his, newcomer)
    with windows.stack.paused("worker"):
        approve(way, his, newcomer)
        way.go(hers, FIRE)
        state = hers.locator(".state-panel")
        way.await_text(state, "Waiting for the cluster")
        mark = mark_page(way, hers)
    way.await_text(state, re.compile(r"You can use this namespace as editor · checked (just now|\d+ s ago)"))
    if mark:
        assert_same_page(hers, "Get config")

    file = download(way, hers, tmp_path)
    code, said = kubectl_as(newcomer, file, "auth", "whoami")
    assert code == 0, said
    assert newcomer.subject in said
    code, said = kubectl_as(newcomer, file, "get", "pods")
    assert (code, said) == (0, "No resources found in avis-fire namespace.\n")
    for elsewhere in (["--namespace", "avis-rip"], ["--all-namespaces"]):
        code, said = kubectl_as(newcomer, file, "get", "pods", *elsewhere)
        assert code == 1
        assert "Forbidden" in said
    code, said = kubectl_as(newcomer, file, "auth", "can-i", "create", "rolebindings")
    assert (code, said) == (1, "no\n")

    token = id_token(cluster_of_demonstration.layout, newcomer.subject)
    assert ask_for_pods(cluster_of_demonstration, token) == 200
    remove(way, his, newcomer)
    await_refusal(cluster_of_demonstration, token)
    code, said = kubectl_as(newcomer, file, "get", "pods")
    assert code == 1
    assert "Forbidden" in said
    gone = his.get_by_role("row").filter(has=his.get_by_role("rowheader", name=newcomer.name))
    way.await_text(gone, re.compile(r"revoked\s+· proved (just now|\d+ s ago)"))
    way.go(hers, FIRE)
    way.await_text(state, re.compile(r"You are no longer a member · revoked, proved (just now|\d+ s ago)"))


def log_in_for_the_first_time(way: Hands, page: Page, person: DemoPerson) -> None:
    way.go(page, "/")
    way.press(page, "link", "Log in with your institution")
    way.press(page, "button", "Log in with CILogon")
    way.press(page, "button", re.compile(f"^{person.name}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Terms of use")
    way.press(page, "button", "Accept")
    expect(page.get_by_role("alert")).to_contain_text("Say that you will keep to the terms, or log out.")
    way.tick(page, AGREE)
    way.press(page, "button", "Accept")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {person.name}")
    expect(page.get_by_role("list").first).to_contain_text("Find your group")
    way.go(page, "/profile/")
    expect(page.locator("dl")).to_contain_text("guest")


def ask_after_a_denial(way: Hands, hers: Page, his: Page, person: DemoPerson) -> None:
    """Ask at the wrong door, read why not, and ask at the right one."""
    way.go(hers, "/")
    way.press(hers, "link", "Search the namespaces")
    find(way, hers, "rip currents", "avis-rip")
    ask(way, hers)
    expect(hers.locator("main")).to_contain_text("Waiting for a decision")
    expect(hers.locator("main")).to_contain_text("It lies with Alex Pang")

    open_request(way, his, person, "avis-rip")
    way.unfold(his, "Deny instead")
    way.press(his, "button", "Deny")
    expect(his.locator("main")).to_contain_text("Say why not: the person who asked reads this.")
    way.fill(his, "Why not", NOTE)
    way.press(his, "button", "Deny")
    expect(his.locator("main")).to_contain_text(f"You denied the request of {person.name}.")

    way.go(hers, "/requests/")
    expect(hers.locator("main")).to_contain_text(f"Alex Pang: {NOTE}")
    way.press(hers, "link", "avis-rip")
    expect(hers.locator("main")).to_contain_text("Denied")
    expect(hers.locator("blockquote").first).to_have_text(NOTE)

    way.press(hers, "link", "Namespaces", within="header")
    find(way, hers, "wildfire", "avis-fire")
    ask(way, hers)
    expect(hers.locator("main")).to_contain_text("You asked to join avis-fire.")


def find(way: Hands, page: Page, words: str, name: str) -> None:
    """Find a namespace by words of its page; where a script shows the results, the focus stays in the field."""
    way.search(page, words)
    expect(page.get_by_text(f"1 namespace for “{words}”")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(1)
    if way.has_script:
        expect(page.get_by_role("searchbox")).to_be_focused()
        expect(page.get_by_role("searchbox")).to_have_value(words)
        expect(page).to_have_url(re.compile(r"\?q="))
    way.press(page, "link", name)


def ask(way: Hands, page: Page) -> None:
    """Ask to join as editor; too short a reason is told, and nothing that was typed is lost."""
    way.press(page, "link", "Ask to join")
    way.choose(page, "editor")
    way.fill(page, "Why", "Smoke")
    way.press(page, "button", "Ask to join")
    expect(page.get_by_role("alert")).to_contain_text("Why: At least 20 characters; this has 5.")
    expect(page.get_by_label("Why", exact=True)).to_have_value("Smoke")
    way.fill(page, "Why", REASON)
    way.press(page, "button", "Ask to join")


def open_request(way: Hands, page: Page, person: DemoPerson, namespace: str) -> None:
    way.go(page, "/")
    expect(page.get_by_role("heading", name="Needs you now")).to_be_visible()
    way.press(page, "link", re.compile("^Requests"), within="header")
    way.press(page, "link", f"Decide the request of {person.name} for {namespace}")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        f"{person.name} asks to join {namespace} as editor"
    )


def approve(way: Hands, page: Page, person: DemoPerson) -> None:
    """See what it will change, and approve."""
    open_request(way, page, person, "avis-fire")
    main = page.locator("main")
    expect(main.locator("blockquote")).to_have_text(REASON)
    change = main.get_by_role("list").filter(has_text=f"{person.name} will be able to")
    expect(change).to_contain_text("In avis-fire, and nowhere else")
    expect(change).to_contain_text("run pods and work with everything in it, but not change permissions")
    expect(change).to_contain_text(f"{person.name} is a guest and becomes a user: you vouch for them.")
    expect(change).to_contain_text("one RoleBinding")
    expect(change).to_contain_text(person.subject)
    way.unfold(page, "The objects as YAML")
    expect(main.locator("pre")).to_contain_text("kind: RoleBinding")
    expect(main.locator("pre")).to_contain_text("name: berth:editor")
    way.fill(page, "A word for them (optional)", "Welcome.")
    way.press(page, "button", "Approve")
    expect(main).to_contain_text(f"You approved: {person.name} becomes editor in avis-fire.")


def mark_page(way: Hands, page: Page) -> bool:
    """Where scripts run: mark the page as it was loaded, and put the focus beside the line that will change."""
    if not way.has_script:
        return False
    page.evaluate("window.asLoaded = true")
    if isinstance(way, Keyboard):
        way.reach(page, page.locator("main").get_by_role("link", name="Get config"))
    else:
        page.locator("main").get_by_role("link", name="Get config").focus()
    return True


def assert_same_page(page: Page, focused: str) -> None:
    """The line changed by itself: the page was not loaded again, and the focus is where it was."""
    assert page.evaluate("window.asLoaded") is True
    expect(page.locator("main").get_by_role("link", name=focused)).to_be_focused()


def download(way: Hands, page: Page, folder: Path) -> Path:
    way.press(page, "link", "Get config")
    expect(page.locator("main")).to_contain_text("avis-fire")
    file = way.download(page, "Download config", folder)
    assert file.name == "config"
    return file


def remove(way: Hands, page: Page, person: DemoPerson) -> None:
    way.go(page, FIRE)
    way.press(page, "link", "Members")
    way.press(page, "link", f"Remove {person.name}")
    expect(page.locator("main")).to_contain_text("the cluster refuses their own login in avis-fire")
    way.press(page, "button", f"Remove {person.name}")
    expect(page.locator("main")).to_contain_text(f"{person.name} was removed.")


def ask_for_pods(cluster: SharedCluster, token: str) -> int:
    """Ask the API server for the pods of avis-fire with somebody's own token, and return the status."""
    parts = urlsplit(cluster.layout.api_server)
    trust = ssl.create_default_context(cafile=cluster.layout.certificate_authority)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=trust, timeout=10)
    try:
        connection.request(
            "GET", "/api/v1/namespaces/avis-fire/pods", headers={"Authorization": f"Bearer {token}"}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def await_refusal(cluster: SharedCluster, token: str, after: str = "the removal") -> None:
    deadline = time.monotonic() + REVOKED_SECONDS
    while (status := ask_for_pods(cluster, token)) != 403:
        assert status == 200
        assert time.monotonic() < deadline, f"her own token still worked {REVOKED_SECONDS} s after {after}"
        time.sleep(0.05)
