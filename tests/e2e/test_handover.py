"""Who runs a namespace when its admin goes: named in advance, chosen while leaving, or asked of the others.

`kubectl` is asked before and after: only an admin touches permissions.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect

from localcluster.people import ALEX, BEN, MAYA, DemoPerson
from tests.e2e import rows
from tests.e2e.conftest import KubectlAs
from tests.e2e.newcomers import VIGGO
from tests.e2e.test_members import PHONE_WIDTH, row_of
from tests.e2e.windows import Windows, log_in


def standing(kubectl_as: KubectlAs, person: DemoPerson, namespace: str) -> str:
    """Ask the API server what a person may do: run pods as an editor, touch permissions as an admin."""

    def may(what: str) -> bool:
        asked = ("auth", "can-i", "create", what, "--namespace", namespace, "--as", person.subject)
        answer = kubectl_as.administrator(*asked).strip()
        assert answer in {"yes", "no"}, answer
        return answer == "yes"

    return "admin" if may("rolebindings.rbac.authorization.k8s.io") else "editor" if may("pods") else "out"


def test_last_admin_leaves_and_whom_they_named_takes_over(windows: Windows, kubectl_as: KubectlAs) -> None:
    name = "kelp-heirs"
    his, hers = windows.open(BEN), windows.open(MAYA)
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    rows.run(windows.stack, "add", name, BEN.subject, "editor", MAYA.subject)
    rows.wait_until_settled(windows.stack)
    page = f"/namespaces/nautilus/{name}/"
    hers.goto(page + "leave/")
    expect(hers.locator("main")).to_contain_text(f"You are the last admin of {name}")
    expect(hers.get_by_role("button", name=f"Leave {name}")).to_have_count(0)

    hers.goto(page + "members/")
    hers.get_by_role("link", name="Say who takes over from you").click()
    hers.get_by_role("button", name="Name them").click()
    expect(hers.get_by_role("alert")).to_contain_text("Choose a person.")
    hers.get_by_label("Who takes over from you").select_option(label=f"{BEN.name}, {BEN.institution}")
    hers.get_by_role("button", name="Name them").click()
    expect(hers.locator("main")).to_contain_text(f"You have named {BEN.name}.")
    his.goto(page)
    expect(his.locator("main")).to_contain_text(f"You were named to take over from {MAYA.name}")
    assert [standing(kubectl_as, person, name) for person in (MAYA, BEN)] == ["admin", "editor"]

    hers.goto(page + "leave/")
    expect(hers.locator("main")).to_contain_text(
        f"{BEN.name}, who was named to take over, becomes the admin."
    )
    hers.get_by_role("button", name=f"Leave {name}").click()
    expect(hers.locator("main")).to_contain_text(f"You left {name}.")
    his.goto(page + "members/")
    expect(row_of(his, BEN)).to_contain_text("active · checked")
    expect(row_of(his, MAYA)).to_contain_text(re.compile(r"revoked\s*· proved"))
    assert [standing(kubectl_as, person, name) for person in (MAYA, BEN)] == ["out", "admin"]


def test_admin_hands_over_and_leaves(windows: Windows, kubectl_as: KubectlAs) -> None:
    name = "kelp-relays"
    his, hers = windows.open(BEN), windows.open(MAYA, width=PHONE_WIDTH, height=740)
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    rows.run(windows.stack, "add", name, BEN.subject, "viewer", MAYA.subject)
    rows.wait_until_settled(windows.stack)
    assert [standing(kubectl_as, person, name) for person in (MAYA, BEN)] == ["admin", "out"]
    hers.goto(f"/namespaces/nautilus/{name}/leave/")
    hers.get_by_role("link", name="Make somebody else an admin, and leave").click()
    hers.get_by_label("Who takes over from you").select_option(label=f"{BEN.name}, {BEN.institution}")
    assert hers.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    hers.get_by_role("button", name="Hand over and leave").click()
    expect(hers.locator("main")).to_contain_text(f"{BEN.name} is an admin of {name}, and you have left it.")
    his.goto(f"/namespaces/nautilus/{name}/members/")
    expect(row_of(his, BEN)).to_contain_text("active · checked")
    rows.until(lambda: standing(kubectl_as, MAYA, name) == "out")
    assert standing(kubectl_as, BEN, name) == "admin"


def test_others_decide_who_takes_over_from_an_admin_who_is_not_seen_again(
    windows: Windows, kubectl_as: KubectlAs
) -> None:
    name = "kelp-tides"
    gone = windows.stranger()
    log_in(gone, VIGGO)
    windows.open(BEN)
    windows.open(ALEX)
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    for person, role in ((VIGGO, "admin"), (BEN, "editor"), (ALEX, "viewer")):
        rows.run(windows.stack, "add", name, person.subject, role, MAYA.subject)
    rows.wait_until_settled(windows.stack)
    rows.run(windows.stack, "be_away", VIGGO.subject)
    wish = rows.run(windows.stack, "ask_who_takes_over", name, VIGGO.subject)
    page = windows.open(MAYA, width=PHONE_WIDTH, height=740)
    page.goto("/requests/")
    page.get_by_role("link", name=re.compile(f"Who takes over {name} from {VIGGO.name}")).click()
    assert page.url.endswith(f"/requests/{wish}/")
    expect(page.locator("main")).to_contain_text(f"{VIGGO.name}, an admin here, has not logged in for long.")
    page.get_by_label("Who becomes an admin instead").select_option(label=f"{BEN.name}, {BEN.institution}")
    page.get_by_role("button", name="See what changes").click()
    expect(page.locator("main")).to_contain_text(f"{BEN.name} becomes an admin of {name}")
    expect(page.locator("main")).to_contain_text(f"{VIGGO.name} becomes an editor")
    page.get_by_text("The objects as YAML").click()
    expect(page.locator("pre")).to_contain_text("name: berth:admin")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    assert [standing(kubectl_as, person, name) for person in (VIGGO, BEN)] == ["admin", "editor"]
    page.get_by_role("button", name=f"Let {BEN.name} take over").click()
    expect(page.locator("main")).to_contain_text(f"{BEN.name} took over")
    rows.until(lambda: [standing(kubectl_as, person, name) for person in (VIGGO, BEN)] == ["editor", "admin"])


def test_question_is_over_when_the_admin_is_here_again(windows: Windows) -> None:
    name = "kelp-returns"
    log_in(windows.stranger(), VIGGO)
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    rows.run(windows.stack, "add", name, VIGGO.subject, "admin", MAYA.subject)
    rows.run(windows.stack, "be_away", VIGGO.subject)
    wish = rows.run(windows.stack, "ask_who_takes_over", name, VIGGO.subject)
    log_in(windows.stranger(), VIGGO)
    assert rows.run(windows.stack, "ask_who_takes_over", name, VIGGO.subject) == wish
    page = windows.open(MAYA)
    page.goto(f"/requests/{wish}/")
    expect(page.locator("main")).to_contain_text("Over by itself")
    page.goto("/requests/")
    expect(page.get_by_role("link", name=re.compile(name))).to_have_count(0)
