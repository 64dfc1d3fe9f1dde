"""One person, two identities: linked, both used, the old one retired, and kubectl believes each step."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from playwright.sync_api import Page, expect

from localcluster.people import HOU_I, OLGA, DemoPerson
from localcluster.processes import wait_until
from localcluster.testing import SharedCluster
from tests.benchmarks.people import id_token
from tests.e2e import rows
from tests.e2e.conftest import KubectlAs
from tests.e2e.newcomers import BEA, BEATRICE
from tests.e2e.test_main_job import ask_for_pods, await_refusal
from tests.e2e.windows import Windows, log_in, show_again

PLACE = "avis-fire"


def test_person_moves_to_another_institution(
    windows: Windows, cluster_of_demonstration: SharedCluster, kubectl_as: KubectlAs, tmp_path: Path
) -> None:
    early = windows.stranger()
    log_in(early, BEATRICE)  # as people do before they have read how it goes: a guest who is nobody
    page = windows.stranger()
    log_in(page, BEA)
    rows.run(windows.stack, "add", PLACE, BEA.subject, "editor", OLGA.subject)
    page.goto(f"/namespaces/nautilus/{PLACE}/")
    expect(page.locator(".state-panel")).to_contain_text("You can use this namespace as editor · checked")

    link(page)
    expect(page.locator("#access")).to_contain_text(re.compile(r"avis-fire.*active\s+· checked", re.DOTALL))
    for identity in (BEA, BEATRICE):
        file = download(page, tmp_path / identity.subject[-3:])
        assert kubectl_as(identity, file, "get", "pods") == (
            0,
            "No resources found in avis-fire namespace.\n",
        )

    expect(page.locator(".top-wide .count")).to_be_visible()
    page.goto("/messages/")
    expect(page.locator("main")).to_contain_text(f"logged in to with: {BEATRICE.subject}, {BEA.subject}")
    admin = windows.open(HOU_I)
    admin.goto("/messages/")
    expect(admin.locator("main")).to_contain_text(
        re.compile(rf"has a further login.*{BEATRICE.subject}", re.DOTALL)
    )
    worker = [windows.stack.children["worker"]]
    for person in (BEA, BEATRICE):
        wait_until(partial(is_mailed, windows, person), children=worker, seconds=30, what="the mail")

    early.goto("/profile/")
    expect(early.get_by_role("heading", level=1)).to_have_text("Log in")
    other = windows.stranger()
    log_in(other, BEATRICE)
    other.goto("/profile/")
    expect(other.locator("main")).to_contain_text(BEA.subject)

    token = id_token(cluster_of_demonstration.layout, BEA.subject)
    assert ask_for_pods(cluster_of_demonstration, token) == 200
    retire(other)
    await_refusal(cluster_of_demonstration, token)
    expect(other.locator("#access")).to_contain_text(re.compile(r"avis-fire.*revoked\s+· proved", re.DOTALL))
    code, said = kubectl_as(BEA, file, "get", "pods")
    assert code == 1
    assert "Forbidden" in said
    assert kubectl_as(BEATRICE, file, "get", "pods")[0] == 0

    stranger = windows.stranger()
    begin_login(stranger, BEA)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("You cannot log in")
    expect(stranger.locator("main")).to_contain_text("This identity was retired.")


def is_mailed(windows: Windows, person: DemoPerson) -> bool:
    """Whether the mail server was given what this address is told of the merge."""
    mails = windows.stack.mails.to(person.email)
    return "[Berth] Your accounts were merged" in [mail["Subject"] for mail in mails]


def begin_login(page: Page, person: DemoPerson) -> None:
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Log in with CILogon").click()
    page.get_by_role("button", name=re.compile(f"^{person.name}")).click()


def link(page: Page) -> None:
    """Show the one, show the other, read what it means, say yes."""
    page.goto("/profile/")
    page.get_by_role("link", name="Link another identity").click()
    show_again(page, BEA)
    expect(page.locator("main")).to_contain_text("You logged in a moment ago, with University of Oklahoma.")
    page.get_by_role("button", name="Log in with the other identity, at CILogon").click()
    page.get_by_role("button", name=re.compile(f"^{BEATRICE.name}")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Link these two?")
    main = page.locator("main")
    for text in (BEA.subject, BEATRICE.subject, "UC Merced", f"{PLACE} Nautilus"):
        expect(main).to_contain_text(text)
    page.get_by_role("button", name="Link them").click()
    expect(main).to_contain_text("Linked. From now on you can log in with either.")


def download(page: Page, folder: Path) -> Path:
    page.goto("/config/")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download config").click()
    file = folder / "config"
    started.value.save_as(file)
    return file


def retire(page: Page) -> None:
    page.goto("/profile/")
    row = page.get_by_role("row").filter(has_text=BEA.subject)
    row.get_by_role("link", name="Access with it").click()
    page.get_by_role("link", name="Retire this identity").click()
    expect(page.locator("main")).to_contain_text("What the clusters take away")
    show_again(page, BEATRICE)
    page.get_by_role("button", name="Retire it").click()
    expect(page.locator("main")).to_contain_text("Retired. Nobody can log in with it")
