"""Wrong, missing, oversized and hostile input: a page that names the field, nothing changed, nothing lost of what was
typed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Response, expect

from localcluster.people import ALEX, HOU_I, MAYA, OLGA, DemoPerson
from tests.e2e.newcomers import GRETA
from tests.e2e.places import Scenery
from tests.e2e.quality import html_problems
from tests.e2e.windows import Windows, show_again

FIRE = "/namespaces/nautilus/avis-fire/"
LONG = "x" * 4001
REVERSED = "gpj.elif\u202e"
# Puts values into a form that no browser would send by itself, and sends it.
_SEND = """(button, values) => {
  for (const [name, value] of Object.entries(values)) {
    button.form.querySelectorAll(`[name="${name}"]`).forEach(each => each.remove());
    const hidden = document.createElement("input");
    hidden.type = "hidden"; hidden.name = name; hidden.value = value;
    button.form.append(hidden);
  }
  button.form.noValidate = true;
  button.click();
}"""


@dataclass(frozen=True)
class Attempt:
    """What somebody types into the fields of a form, what they put in beside the fields, and what must be told."""

    person: DemoPerson
    address: str
    button: str
    told: str
    typed: dict[str, str] = field(default_factory=dict)
    forged: dict[str, str] = field(default_factory=dict)
    status: int = 400


JOIN = FIRE.replace("avis-fire", "tech4good") + "join/"
WHY = "We look at the same cameras."
MEMBERS = FIRE + "members/add/?q=torres"

ATTEMPTS = {
    "no reason": Attempt(GRETA, JOIN, "Ask to join", "Why: Say why"),
    "too long a reason": Attempt(
        GRETA, JOIN, "Ask to join", "Why: At most 2000 characters; this has 4001.", {"Why": LONG}
    ),
    "reason that turns the text around": Attempt(
        GRETA, JOIN, "Ask to join", "Why: Invisible characters are not allowed here.", {"Why": WHY + REVERSED}
    ),
    "reason with a control character": Attempt(
        GRETA, JOIN, "Ask to join", "Why: Control characters are not allowed here.", {"Why": WHY + "\u0007"}
    ),
    "role that does not exist": Attempt(
        GRETA, JOIN, "Ask to join", "There is no such role.", {"Why": WHY}, {"role": "owner"}
    ),
    "denial without a reason": Attempt(HOU_I, "/requests/{guests_request}/", "Deny", "Why not: Say why not"),
    "denial that is too long": Attempt(
        HOU_I, "/requests/{guests_request}/", "Deny", "Why not: At most 2000 characters", {"Why not": LONG}
    ),
    "approval with too long a word": Attempt(
        HOU_I,
        "/requests/{users_request}/",
        "Approve",
        "A word for them (optional): At most 2000 characters",
        {"A word for them (optional)": LONG},
    ),
    "namespace without a name": Attempt(
        MAYA,
        "/manage/create/",
        "Create the namespace",
        "Name: Give the namespace a name.",
        {"Title (optional)": "A"},
    ),
    "name that is a script": Attempt(
        MAYA,
        "/manage/create/",
        "Create the namespace",
        "Name: Only lower case letters a to z, digits and dashes.",
        {"Name": '"><script>alert(1)</script>', "Description": "<b>Reefs</b>"},
        status=400,
    ),
    "name longer than a page": Attempt(
        MAYA,
        "/manage/create/",
        "Create the namespace",
        "Name: At most 200 characters; this has 4001.",
        {"Name": LONG},
    ),
    "cluster that does not exist": Attempt(
        MAYA,
        "/manage/create/",
        "Create the namespace",
        "Cluster: There is no such cluster.",
        {"Name": "reef-count"},
        {"cluster": "mars"},
    ),
    "page that says too much": Attempt(
        HOU_I,
        FIRE + "settings/",
        "Save the page",
        "Description: At most 4000 characters",
        {"Description": LONG},
    ),
    "too much software": Attempt(
        HOU_I,
        FIRE + "settings/",
        "Save the page",
        "Software: At most 50 lines.",
        {"Software": "\n".join(f"Tool {number}" for number in range(51))},
    ),
    "visibility that does not exist": Attempt(
        HOU_I,
        FIRE + "settings/",
        "Save the page",
        "Who may know of this namespace: ",
        {"Title (optional)": "Fire"},
        {"visibility": "nobody"},
    ),
    "version that is none": Attempt(
        HOU_I,
        FIRE + "settings/",
        "Save the page",
        "Version: Enter a whole number.",
        {"Title (optional)": "Fire"},
        {"version": "one"},
    ),
    "hundreds of publications": Attempt(
        HOU_I,
        FIRE + "settings/",
        "Save the page",
        "Publications: at most 100.",
        {"Title (optional)": "Fire"},
        {"publications-TOTAL_FORMS": "100000"},
    ),
    "member who does not exist": Attempt(
        ALEX, MEMBERS, "Add Maya Torres", "Person: Choose a person from the search.", {}, {"person": "nobody"}
    ),
    "member with a role that does not exist": Attempt(
        ALEX, MEMBERS, "Add Maya Torres", "Role: There is no such role.", {}, {"role": "cluster-admin"}
    ),
    "change to a role that does not exist": Attempt(
        ALEX,
        FIRE + "members/",
        "Change the role of Hou-I Lin",
        "Role: There is no such role.",
        {},
        {"role": "cluster-admin"},
    ),
    "level that does not exist": Attempt(
        OLGA, "/users/{user}/", "Set the level", "Level: There is no such level.", {}, {"level": "root"}
    ),
}


def _is_of_the_form(response: Response) -> bool:
    """Whether this is what a form that was sent is answered with, and not what is asked while somebody types."""
    return response.request.method == "POST" and response.request.is_navigation_request()


@pytest.mark.parametrize("attempt", [pytest.param(attempt, id=name) for name, attempt in ATTEMPTS.items()])
def test_refused_form_names_the_field_and_keeps_what_was_typed(
    attempt: Attempt, windows: Windows, scenery: Scenery
) -> None:
    page = windows.open(attempt.person)
    page.goto(attempt.address.format(**scenery.values))
    show_again(page, attempt.person)
    page.locator("main").evaluate(
        "main => main.querySelectorAll('details').forEach(each => each.open = true)"
    )
    for label, text in attempt.typed.items():
        page.get_by_label(label, exact=True).fill(text)
    button = page.get_by_role("button", name=attempt.button, exact=True)
    with page.expect_response(_is_of_the_form) as answer:
        button.evaluate(_SEND, attempt.forged)
    assert answer.value.status == attempt.status
    told = page.get_by_role("alert").first
    expect(told).to_contain_text(attempt.told)
    for label, text in attempt.typed.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(text)
    # A control character that was typed is still there, which HTML does not allow: nothing is lost before it is read.
    faults = [fault for fault in html_problems(answer.value.text()) if "invalid-codepoint" not in fault]
    assert not faults


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"/namespaces/?q={'x' * 201}", "The parameter “q” has more than 200 characters."),
        ("/namespaces/?q=%00", "The parameter “q” cannot be used"),
        ("/namespaces/?q=a&q=b", "The parameter “q” is given more than once."),
        ("/namespaces/?sort=size", "The parameter “sort” is one of: relevance, name, newest, publications."),
        ("/namespaces/?after=99999999999999999999", "The parameter “after” is no place in this list."),
        ("/namespaces/?order=1", "This page knows no parameter “order”."),
        ("/users/?level=root", "The parameter “level” is one of: guest, user, admin."),
        ("/config/download/?login=telepathy", "The parameter “login” is one of: browser, no-browser."),
        (f"{FIRE}members/add/?q={'x' * 201}", "The parameter “q” has more than 200 characters."),
    ],
)
def test_refused_address_names_the_parameter(windows: Windows, address: str, told: str) -> None:
    page = windows.open(OLGA)
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 400
    expect(page.locator("main")).to_contain_text(told)


def test_megabytes_are_refused_and_change_nothing(windows: Windows) -> None:
    page = windows.open(HOU_I)
    page.goto(FIRE + "settings/")
    before = page.get_by_label("Description", exact=True).input_value()
    page.get_by_label("Description", exact=True).evaluate("each => each.value = 'x'.repeat(3 << 20)")
    with page.expect_response(_is_of_the_form) as answer:
        page.get_by_role("button", name="Save the page").click()
    assert answer.value.status == 413
    expect(page.locator("main")).to_contain_text("larger than 1.0")
    expect(page.get_by_role("heading", level=1)).to_have_text("This address or form cannot be used")
    page.goto(FIRE + "settings/")
    expect(page.get_by_label("Description", exact=True)).to_have_value(before)


def test_appearance_that_does_not_exist_is_refused_by_name(windows: Windows) -> None:
    page = windows.open()
    page.goto("/")
    page.get_by_role("button", name="Dark").evaluate("each => { each.value = 'sepia'; }")
    with page.expect_response(_is_of_the_form) as answer:
        page.get_by_role("button", name="Dark").click()
    assert answer.value.status == 400
    expect(page.locator("main")).to_contain_text("The field “theme” is one of: auto, light, dark.")
