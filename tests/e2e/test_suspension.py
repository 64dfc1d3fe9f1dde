"""Suspending somebody and letting them in again: what they, the operator and the cluster see of it.

The operator has a phone and no scripts.
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from localcluster.people import OLGA
from localcluster.testing import SharedCluster
from tests.benchmarks.people import id_token
from tests.e2e import rows
from tests.e2e.conftest import KubectlAs
from tests.e2e.hands import Hands, NoScript
from tests.e2e.newcomers import JUNO
from tests.e2e.test_main_job import FIRE, await_refusal, download
from tests.e2e.windows import Windows, log_in, show_again

REASON = "Their laptop was stolen, with a session open on it."


def test_member_is_suspended_and_comes_back(
    windows: Windows, cluster_of_demonstration: SharedCluster, kubectl_as: KubectlAs, tmp_path: Path
) -> None:
    way, by_phone = Hands(), NoScript()
    hers, his = windows.stranger(), windows.open(OLGA, script=False, width=360, height=740)
    log_in(hers, JUNO)
    rows.run(windows.stack, "add", "avis-fire", JUNO.subject, "editor", OLGA.subject)
    rows.wait_until_settled(windows.stack)
    way.go(hers, FIRE)
    expect(hers.locator(".state-panel")).to_contain_text("You can use this namespace as editor")
    file = download(way, hers, tmp_path)
    assert kubectl_as(JUNO, file, "get", "pods") == (0, "No resources found in avis-fire namespace.\n")

    way.go(hers, "/profile/")
    person = f"/users/{rows.run(windows.stack, 'person', JUNO.subject)}/"
    by_phone.go(his, person)
    by_phone.press(his, "link", "Suspend")
    show_again(his, OLGA)
    expect(his.locator("main")).to_contain_text("1 open session ends, and they cannot log in;")
    expect(his.locator("main")).to_contain_text("avis-fire as editor")
    assert_fits(his)
    by_phone.press(his, "button", f"Suspend {JUNO.name}")
    expect(his.get_by_role("alert")).to_contain_text("Say why: others will ask.")
    by_phone.fill(his, "Why", REASON)
    by_phone.press(his, "button", f"Suspend {JUNO.name}")
    expect(his.locator("main")).to_contain_text(f"{JUNO.name} is suspended.")
    expect(his.locator("blockquote")).to_have_text(REASON)
    assert_fits(his)

    way.press(hers, "link", "Namespaces", within="header")
    expect(hers.get_by_role("link", name="Log in").first).to_be_visible()
    way.go(hers, "/profile/")
    expect(hers.get_by_role("button", name="Log in with CILogon")).to_be_visible()
    await_refusal(
        cluster_of_demonstration, id_token(cluster_of_demonstration.layout, JUNO.subject), "the suspension"
    )
    code, said = kubectl_as(JUNO, file, "get", "pods")
    assert code == 1
    assert "Forbidden" in said
    way.press(hers, "button", "Log in with CILogon")
    way.press(hers, "button", re.compile(f"^{JUNO.name}"))
    expect(hers.locator("main")).to_contain_text("Your account is suspended.")
    expect(hers.locator("main")).not_to_contain_text(REASON)

    show_again(his, OLGA)
    by_phone.press(his, "button", "Lift the suspension")
    expect(his.locator("main")).to_contain_text(f"{JUNO.name} is not suspended any more.")
    rows.wait_until_settled(windows.stack)
    assert kubectl_as(JUNO, file, "get", "pods") == (0, "No resources found in avis-fire namespace.\n")
    way.go(hers, "/profile/")
    expect(hers.get_by_role("button", name="Log in with CILogon")).to_be_visible()
    log_in(hers, JUNO)
    way.go(hers, FIRE)
    way.await_text(hers.locator(".state-panel"), "You can use this namespace as editor")


def assert_fits(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
