"""Deleting an account: what its person, the operator and the cluster see of it, and who comes back afterwards."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from localcluster.people import OLGA
from localcluster.testing import SharedCluster
from tests.benchmarks.people import id_token
from tests.e2e import rows
from tests.e2e.conftest import KubectlAs
from tests.e2e.hands import Hands
from tests.e2e.newcomers import DORA
from tests.e2e.test_main_job import FIRE, await_refusal, download
from tests.e2e.test_suspension import assert_fits
from tests.e2e.windows import Windows, log_in, show_again

READ = "I have read this. It cannot be undone."


def test_member_asks_to_be_deleted_and_comes_back_as_nobody(
    windows: Windows, cluster_of_demonstration: SharedCluster, kubectl_as: KubectlAs, tmp_path: Path
) -> None:
    way = Hands()
    hers, his = windows.stranger(), windows.open(OLGA, width=360, height=740)
    log_in(hers, DORA)
    rows.run(windows.stack, "add", "avis-fire", DORA.subject, "editor", OLGA.subject)
    rows.wait_until_settled(windows.stack)
    way.go(hers, FIRE)
    file = download(way, hers, tmp_path)
    assert kubectl_as(DORA, file, "get", "pods") == (0, "No resources found in avis-fire namespace.\n")

    way.go(hers, "/profile/")
    way.press(hers, "link", "Delete your account")
    show_again(hers, DORA)
    expect(hers.locator("main")).to_contain_text("avis-fire as editor")
    with windows.watcher.expecting(400):
        way.press(hers, "button", "Ask for deletion")
        expect(hers.get_by_role("alert")).to_contain_text("Say that you have read what will happen.")
    way.tick(hers, READ)
    way.press(hers, "button", "Ask for deletion")
    expect(hers.locator("main")).to_contain_text("until then you can withdraw")
    assert kubectl_as(DORA, file, "get", "pods")[0] == 0

    person = rows.run(windows.stack, "person", DORA.subject)
    way.go(his, "/users/")
    expect(his.locator("main")).to_contain_text("Accounts to delete")
    way.go(his, f"/users/{person}/")
    way.press(his, "link", "Look at what goes, and delete")
    show_again(his, OLGA)
    expect(his.locator("main")).to_contain_text("1 open session ends, and they cannot log in;")
    assert_fits(his)
    way.tick(his, READ)
    way.press(his, "button", "Delete the account")
    expect(his.locator("main")).to_contain_text(f"The account of {DORA.name} is being deleted.")

    token = id_token(cluster_of_demonstration.layout, DORA.subject)
    await_refusal(cluster_of_demonstration, token, "the deletion")
    code, said = kubectl_as(DORA, file, "get", "pods")
    assert code == 1
    assert "Forbidden" in said
    way.go(hers, "/profile/")
    expect(hers.get_by_role("button", name="Log in with CILogon")).to_be_visible()

    rows.until(lambda: bool(rows.run(windows.stack, "is_deleted", person)))
    way.go(his, f"/users/{person}/")
    expect(his.locator("h1")).to_have_text(re.compile(f"^Deleted person {person[:8]}$"))
    for gone in (DORA.name, DORA.email, DORA.subject):
        expect(his.locator("body")).not_to_contain_text(gone)
    assert_fits(his)

    log_in(hers, DORA)
    way.go(hers, "/profile/")
    expect(hers.locator(".facts")).to_contain_text("guest")
    assert rows.run(windows.stack, "person", DORA.subject) != person
    assert kubectl_as(DORA, file, "get", "pods")[0] == 1
