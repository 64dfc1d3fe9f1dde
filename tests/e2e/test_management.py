"""What people of level admin, operators, and the students who run a namespace do beside the main job."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page, expect

from localcluster.people import ALEX, BEN, HOU_I, MAYA, OLGA, DemoPerson
from tests.drawings import drawn
from tests.e2e import rows
from tests.e2e.conftest import KubectlAs
from tests.e2e.newcomers import LENA, RAVI, TOMAS
from tests.e2e.windows import Windows, log_in, show_again
from tests.ror_file import MERCED

BAD_NAMES = (
    ("Reefs_of-2026", "Only lower case letters a to z, digits and dashes."),
    ("reefs", "At least two parts joined by a dash, such as group-project."),
    ("torres--reefs", "No two dashes in a row."),
    ("torres-", "No dash at the beginning or the end."),
    ("a-reef", "Each part has at least two characters."),
    ("2nd-reef", "The first character is a letter."),
    ("xn--reef", "Names that begin with xn-- have a meaning of their own"),
    ("kube-reef", "This name is reserved for the cluster itself."),
    ("reef-test", "The part “test” says nothing about what the namespace is for."),
    ("avis-fire", "A namespace of this name exists already."),
    ("reefs-" * 11, "At most 63 characters."),
)
NAME = "torres-reefs"
HIDDEN = "quiet-laboratory"
PLACE = f"/namespaces/nautilus/{NAME}/"


def test_level_admin_creates_a_namespace_and_runs_it(windows: Windows, kubectl_as: KubectlAs) -> None:
    page = windows.open(MAYA)
    page.goto("/manage/")
    expect(page.locator("main")).to_contain_text("Your current status in the cluster: admin")
    page.get_by_role("link", name="Create a namespace").click()

    bad_names_are_refused(page)
    page.get_by_label("Name", exact=True).fill(NAME)
    expect(page.locator("#name-check")).to_contain_text(f"{NAME} follows the rules and is free in Berth")
    page.get_by_role("button", name="Create the namespace").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.locator("main")).to_contain_text(f"You created {NAME} and are its admin.")
    expect(page.locator(".state-panel")).to_contain_text("You can use this namespace as admin · checked")

    the_page_is_edited(page)
    somebody_is_added_changed_and_removed(page, kubectl_as)
    the_last_admin_stays(page)


def test_operator_decides_what_a_namespace_may_use(windows: Windows, kubectl_as: KubectlAs) -> None:
    rows.run(windows.stack, "create", "gulf-currents", MAYA.subject, "listed")
    page = windows.open(OLGA)
    page.goto("/namespaces/nautilus/gulf-currents/")
    page.get_by_role("link", name="Decide the limits").click()
    expect(page.get_by_label("Pods")).to_have_value("100")
    page.get_by_label("Pods").fill("1.5")
    page.get_by_role("button", name="See what changes").click()
    expect(page.get_by_role("alert")).to_contain_text("Pods: Write a whole number, such as 20.")
    page.get_by_label("Pods").fill("7")
    page.get_by_label("NVIDIA GPUs").fill("")
    page.get_by_label("More limits").fill("count/jobs.batch 50")
    page.get_by_role("button", name="See what changes").click()
    changes = page.get_by_role("region", name="What saving will change")
    expect(changes).to_contain_text("pods: 100 → 7")
    expect(changes).to_contain_text("requests.nvidia.com/gpu: 4 → no limit")
    expect(changes).to_contain_text("count/jobs.batch: no limit → 50")
    changes.get_by_role("button", name="Save the limits").click()
    expect(page.locator("main")).to_contain_text("The limits of gulf-currents are decided.")
    line = page.get_by_role("row", name="pods")
    expect(line.get_by_role("cell").nth(1)).to_have_text("7")
    expect(line.get_by_role("cell").nth(0)).to_have_text("0")
    expect(page.locator("#use")).not_to_contain_text("nvidia.com/gpu")
    shown = ("--namespace", "gulf-currents", "--output", "jsonpath={.spec.hard.pods}")
    assert kubectl_as.administrator("get", "resourcequota", "berth-quota", *shown) == "7"


def test_user_asks_for_a_namespace_and_an_operator_changes_its_name(
    windows: Windows, kubectl_as: KubectlAs
) -> None:
    his, hers = windows.open(BEN), windows.open(OLGA)
    his.goto("/manage/")
    his.get_by_role("link", name="Ask for a namespace").click()
    his.get_by_label("Name", exact=True).fill("tide-pools")
    expect(his.locator("#name-check")).to_contain_text("tide-pools follows the rules and is free in Berth")
    his.get_by_label("What for").fill("We count what lives in tide pools, with cameras.")
    his.get_by_label("PI", exact=True).fill("Ben Okafor")
    his.get_by_label("How big it will be").fill("Five people, 10 cores, one GPU.")
    his.get_by_role("button", name="Ask for the namespace").click()
    expect(his.locator("main")).to_contain_text("It lies with the operators.")

    hers.goto("/requests/")
    hers.get_by_role("link", name="Decide the request of Ben Okafor for tide-pools").click()
    expect(hers.locator("main")).to_contain_text("Five people, 10 cores, one GPU.")
    hers.get_by_label("Name", exact=True).fill("okafor-tide-pools")
    hers.get_by_label("A word for them (optional)").fill("With the name of the group.")
    hers.get_by_role("button", name="Approve").click()
    expect(hers.locator("main")).to_contain_text(
        "You approved: okafor-tide-pools is made, and Ben Okafor is its admin."
    )
    his.reload()
    expect(his.locator("main")).to_contain_text("You can use this namespace as admin · checked")
    expect(his.locator("main")).to_contain_text("With the name of the group.")
    asked = ("auth", "can-i", "create", "pods", "--namespace", "okafor-tide-pools", "--as", BEN.subject)
    assert kubectl_as.administrator(*asked).strip() == "yes"


def bad_names_are_refused(page: Page) -> None:
    """Each rule is told while one types; what is sent nevertheless comes back with the rule and all that was typed."""
    name = page.get_by_label("Name", exact=True)
    for bad, rule in BAD_NAMES:
        name.fill(bad)
        expect(page.locator("#name-check")).to_contain_text(rule)
        expect(name).to_be_focused()
    page.get_by_label("Description", exact=True).fill("Coral reefs, seen by divers.")
    for bad, rule in (("kube-reef", "This name is reserved"), ("avis-fire", "exists already")):
        name.fill(bad)
        page.get_by_role("button", name="Create the namespace").click()
        expect(page.get_by_role("alert")).to_contain_text(rule)
        expect(name).to_have_value(bad)
        expect(page.get_by_label("Description", exact=True)).to_have_value("Coral reefs, seen by divers.")


def the_page_is_edited(page: Page) -> None:
    page.goto(PLACE + "settings/")
    page.get_by_label("Description", exact=True).fill("Coral reefs, seen by divers and counted by a model.")
    page.get_by_label("PI", exact=True).fill("Maya Torres")
    page.get_by_label("Institution", exact=True).fill("UC Merced")
    page.get_by_label("Field of science", exact=True).fill("Marine biology")
    page.get_by_label("Software", exact=True).fill("PyTorch\nXarray\nPyTorch")
    row = page.get_by_role("group", name="Publication 1")
    row.get_by_label("Title").fill("A count of reefs")
    row.get_by_label("Link or DOI").fill("javascript:alert(1)")
    row.get_by_label("Year").fill("22")
    page.get_by_role("button", name="Save the page").click()
    problems = page.get_by_role("alert")
    expect(problems).to_contain_text("Link or DOI: Enter an address that begins with http:// or https://.")
    expect(problems).to_contain_text("Year: Between 1900 and")
    row.get_by_label("Link or DOI").fill("10.1234/reefs.2025")
    row.get_by_label("Year").fill("2025")
    page.get_by_role("button", name="Save the page").click()

    main = page.locator("main")
    expect(main).to_contain_text("The page says what you wrote.")
    expect(main).to_contain_text("Coral reefs, seen by divers and counted by a model.")
    expect(main.get_by_role("link", name="A count of reefs")).to_have_attribute(
        "href", "https://doi.org/10.1234/reefs.2025"
    )
    page.goto("/namespaces/?q=xarray")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("article")).to_contain_text("PyTorch, Xarray")
    expect(page.get_by_role("article")).to_contain_text("UC Merced")


def somebody_is_added_changed_and_removed(page: Page, kubectl_as: KubectlAs) -> None:
    page.goto(PLACE + "members/")
    box = page.get_by_role("searchbox")
    box.press_sequentially("okaf")
    found = page.locator("#found").get_by_role("listitem").filter(has_text=BEN.name)
    expect(found).to_be_visible()
    expect(box).to_be_focused()
    found.get_by_role("combobox").select_option("viewer")
    found.get_by_role("button", name=f"Add {BEN.name}").click()
    expect(page.locator("main")).to_contain_text(f"{BEN.name} is viewer now.")
    expect(row_of(page, BEN)).to_contain_text("active · checked")
    assert may(kubectl_as, BEN, "get", "pods")
    assert not may(kubectl_as, BEN, "create", "pods")

    row_of(page, BEN).get_by_role("combobox").select_option("editor")
    row_of(page, BEN).get_by_role("button", name="Change").click()
    expect(page.locator("main")).to_contain_text(f"{BEN.name} is editor now.")
    expect(row_of(page, BEN)).to_contain_text("active · checked")
    assert may(kubectl_as, BEN, "create", "pods")
    assert not may(kubectl_as, BEN, "create", "rolebindings")

    page.get_by_role("link", name=f"Remove {BEN.name}").click()
    page.get_by_role("button", name=f"Remove {BEN.name}").click()
    expect(row_of(page, BEN)).to_contain_text(re.compile(r"revoked\s*· proved"))
    assert not may(kubectl_as, BEN, "get", "pods")


def the_last_admin_stays(page: Page) -> None:
    page.goto(PLACE + "leave/")
    expect(page.locator("main")).to_contain_text(f"You are the last admin of {NAME}, so you cannot leave")
    expect(page.get_by_role("button", name=f"Leave {NAME}")).to_have_count(0)
    expect(page.get_by_role("link", name="Make somebody else an admin, and leave")).to_be_visible()


def row_of(page: Page, person: DemoPerson) -> Locator:
    """Return the row of a person in one of the tables."""
    return page.get_by_role("row").filter(
        has=page.get_by_role("rowheader", name=re.compile(f"^{person.name}"))
    )


def may(kubectl_as: KubectlAs, person: DemoPerson, verb: str, what: str) -> bool:
    """Ask the API server whether a person may do this in the new namespace."""
    answer = kubectl_as.administrator(
        "auth", "can-i", verb, what, "--namespace", NAME, "--as", person.subject
    )
    assert answer.strip() in {"yes", "no"}, answer
    return answer.strip() == "yes"


def test_operator_sets_a_level(windows: Windows) -> None:
    theirs, ours = windows.stranger(), windows.open(OLGA)
    log_in(theirs, LENA)
    ours.goto("/users/")
    ours.get_by_role("searchbox").fill("fuchs")
    ours.get_by_role("button", name="Search").click()
    ours.get_by_role("link", name=LENA.name).click()
    show_again(ours, OLGA)
    ours.get_by_label("Level").select_option("admin")
    ours.get_by_role("button", name="Set the level").click()
    expect(ours.locator("main")).to_contain_text(f"The level of {LENA.name} is admin now.")
    theirs.goto("/manage/")
    expect(theirs.locator("main")).to_contain_text("Your current status in the cluster: admin")
    expect(theirs.get_by_role("link", name="Create a namespace")).to_be_visible()


def test_level_admin_vouches_for_a_guest(windows: Windows) -> None:
    theirs, hers = windows.stranger(), windows.open(MAYA)
    log_in(theirs, RAVI)
    hers.goto("/users/?level=guest")
    hers.get_by_role("link", name=RAVI.name).click()
    hers.get_by_role("button", name=f"Vouch for {RAVI.name}").click()
    expect(hers.locator("main")).to_contain_text(f"{RAVI.name} is a user now: you vouched for them.")
    theirs.goto("/manage/")
    expect(theirs.locator("main")).to_contain_text("Your current status in the cluster: user")


def test_student_admin_may_not_vouch_and_is_told_who_may(windows: Windows) -> None:
    theirs, his = windows.stranger(), windows.open(HOU_I)
    log_in(theirs, TOMAS)
    wish = rows.run(windows.stack, "ask", "avis-fire", TOMAS.subject, "editor")
    his.goto(f"/requests/{wish}/")
    expect(his.get_by_role("heading", level=1)).to_have_text(f"{TOMAS.name} asks to join avis-fire as editor")
    expect(his.get_by_role("button", name="Approve")).to_have_count(0)
    expect(his.locator("main")).to_contain_text(
        "Only people of level admin and operators may vouch for a guest, so you cannot approve this. "
        "Ask one of them: Alex Pang."
    )
    # Who sends the form nevertheless is refused, and nothing has changed.
    token = his.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value") or ""
    answer = his.request.post(
        f"/requests/{wish}/approve/",
        form={"csrfmiddlewaretoken": token, "approve-note": ""},
        headers={"Referer": his.url},
    )
    assert answer.status == 403
    assert "Only people of level admin and operators may vouch for a guest." in answer.text()
    his.reload()
    expect(his.locator("main")).to_contain_text("Waiting for a decision")


def test_admin_sees_who_would_read_what_before_saving(windows: Windows) -> None:
    """With scripts the choice is told at once, without them by a button; nothing is stored by either."""
    name = "reef-readers"
    rows.run(windows.stack, "create", name, MAYA.subject, "listed")
    for script in (True, False):
        page = windows.open(MAYA, script=script)
        page.goto(f"/namespaces/nautilus/{name}/settings/")
        page.get_by_label("Description", exact=True).fill("Where the nurseries are.")
        page.get_by_label("Description is read by").select_option("members")
        if not script:
            page.get_by_role("button", name="Only show who would read it").click()
        said = page.locator("#readers")
        expect(said).to_contain_text("Only members and operators read")
        expect(page.get_by_label("Description", exact=True)).to_have_value("Where the nurseries are.")
    page.get_by_role("button", name="Save the page").click()
    expect(page.locator("main")).to_contain_text("Where the nurseries are.")
    other = windows.open(BEN)
    other.goto(f"/namespaces/nautilus/{name}/")
    expect(other.locator("main")).not_to_contain_text("nurseries")


def test_namespace_for_members_only_is_nothing_to_others(windows: Windows) -> None:
    rows.run(windows.stack, "create", HIDDEN, ALEX.subject, "members")
    page = windows.open(ALEX)
    page.goto(f"/namespaces/nautilus/{HIDDEN}/")
    expect(page.locator("main")).to_contain_text("seen by its members only")
    for person in (None, BEN):
        page = windows.open(person)
        for part in ("", "members/", "join/"):
            answers = [
                page.request.get(f"/namespaces/nautilus/{name}/{part}", max_redirects=0)
                for name in (HIDDEN, "quiet-nothing")
            ]
            assert answers[0].status == answers[1].status == (302 if person is None and part else 404)
            assert comparable(answers[0].text()) == comparable(answers[1].text())
        page.goto("/namespaces/?q=quiet")
        expect(page.locator("main")).to_contain_text("Nothing fits.")


def comparable(text: str) -> str:
    """Return a page without what differs from request to request."""
    return re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}|value="[A-Za-z0-9]{64}"', "…", text)


def test_operator_adopts_and_leaves_alone_what_others_made(windows: Windows, kubectl_as: KubectlAs) -> None:
    place = "coast-watchers"
    rows.run(windows.stack, "create", place, MAYA.subject, "listed")
    rows.wait_until_settled(windows.stack)
    for name, person in (("from-a-workshop", BEN), ("for-the-course", ALEX)):
        made = ("--clusterrole=berth:editor", f"--user={person.subject}", "--namespace", place)
        kubectl_as.administrator("create", "rolebinding", name, *made)
        rows.run(windows.stack, "binding", name)
    page = windows.open(OLGA)
    page.goto("/drift/")
    line = page.get_by_role("row", name="from-a-workshop")
    expect(line).to_contain_text(BEN.name)
    expect(line).to_contain_text("kubectl-create")
    line.get_by_role("link", name="Adopt").click()
    expect(page.get_by_label("editor")).to_be_checked()
    page.get_by_label("viewer").check()
    page.get_by_role("button", name="Make them a member").click()
    expect(page.get_by_role("alert")).to_contain_text("Why: Say why")
    expect(page.get_by_label("viewer")).to_be_checked()
    page.get_by_label("Why").fill("Came with the workshop, and stays.")
    page.get_by_role("button", name="Make them a member").click()
    expect(page.locator("main")).to_contain_text(f"{BEN.name} becomes viewer.")
    command = f"kubectl delete rolebinding from-a-workshop --namespace {place}"
    expect(page.get_by_role("region", name="Delete the binding")).to_contain_text(command)
    expect(page.get_by_role("button", name="Copy: Delete the binding")).to_be_visible()
    kubectl_as.administrator(*command.split()[1:])

    page.goto("/drift/")
    page.get_by_role("row", name="for-the-course").get_by_role("link", name="Leave alone").click()
    page.get_by_label("Until the end of").fill("2020-01-01")
    page.get_by_label("Why").fill("The course ends in spring.")
    page.get_by_role("button", name="Leave it alone").click()
    expect(page.get_by_role("alert")).to_contain_text("Until the end of: Give a day that is still to come.")
    expect(page.get_by_label("Why")).to_have_value("The course ends in spring.")
    page.get_by_label("Until the end of").fill(str(datetime.now(UTC).date() + timedelta(days=30)))
    page.get_by_role("button", name="Leave it alone").click()
    expect(page.get_by_role("row", name="for-the-course")).to_have_count(0)
    decided = page.get_by_role("listitem").filter(has_text="for-the-course")
    expect(decided).to_contain_text("left alone until")
    expect(decided).to_contain_text("The course ends in spring.")
    decided.get_by_role("button", name="Take back").click()
    expect(page.get_by_role("row", name="for-the-course")).to_be_visible()

    page.goto(f"/namespaces/nautilus/{place}/members/")
    expect(row_of(page, BEN)).to_contain_text("active · checked")
    asked = ("auth", "can-i", "get", "pods", "--namespace", place, "--as", BEN.subject)
    assert kubectl_as.administrator(*asked).strip() == "yes"


def test_page_gets_its_institution_a_publication_and_a_logo(windows: Windows) -> None:
    rows.run(windows.stack, "create", "kelp-meadows", MAYA.subject, "listed")
    rows.run(windows.stack, "organisation", MERCED, "University of California, Merced")
    page = windows.open(MAYA)
    page.goto("/namespaces/nautilus/kelp-meadows/settings/")
    institution = page.get_by_label("Institution", exact=True)
    institution.fill("")
    institution.press_sequentially("merced calif")
    choice = page.locator("datalist option")
    expect(choice).to_have_attribute("value", "University of California, Merced")
    institution.fill("University of California, Merced")

    page.get_by_label("Add publications by DOI").fill("Torres (2025), https://doi.org/10.1234/kelp.")
    page.get_by_role("button", name="Find the DOIs").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("1 publication is added below.")
    row = page.get_by_role("group", name="Publication 1")
    expect(row.get_by_label("Link or DOI")).to_have_value("https://doi.org/10.1234/kelp")
    row.get_by_label("Title").fill("A count of kelp")
    row.get_by_label("Authors").fill("Torres, Maya")
    row.get_by_label("Authors").press("Enter")  # saves, as anywhere in the form
    main = page.locator("main")
    expect(main).to_contain_text("The page says what you wrote.")
    expect(main.get_by_role("link", name=f"ror.org/{MERCED}")).to_be_visible()
    expect(main).to_contain_text("Torres, Maya")

    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Add a logo").click()
    page.get_by_label("Picture").set_input_files(
        {
            "name": "kelp.svg",
            "mimeType": "image/svg+xml",
            "buffer": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        }
    )
    page.get_by_role("button", name="Use this picture").click()
    expect(page.get_by_role("alert")).to_contain_text("Picture: Choose a PNG, JPEG or WebP picture")
    kelp = drawn("PNG", (600, 400), color="#2b6e3f")
    page.get_by_label("Picture").set_input_files(
        {"name": "kelp.png", "mimeType": "image/png", "buffer": kelp}
    )
    page.get_by_role("button", name="Use this picture").click()
    expect(main).to_contain_text("The logo is changed.")
    logo = page.get_by_role("img", name="Logo of kelp-meadows")
    expect(logo).to_have_js_property("naturalWidth", 256)
