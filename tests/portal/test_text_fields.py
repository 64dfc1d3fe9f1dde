"""Every field that takes a text: what is too long or deceives is refused, and what is only strange stays text."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django import forms

import accounts.forms
import namespaces.drift_form
import namespaces.forms
import namespaces.invitation_forms
import namespaces.limits_form
from tests.portal import grounds
from tests.portal.forms import FORMS
from tests.portal.grounds import checksum, undone

REASON = 2000
PAGE = {"title": 120, "description": 4000, "pi_name": 200, "institution": 200}
LIMITS: dict[tuple[str, str], int] = {
    ("terms_publish", "text"): 50_000,
    ("join", "reason"): REASON,
    **{("settings", name): limit for name, limit in PAGE.items()},
    **{("create", name): limit for name, limit in PAGE.items()},
    ("settings", "field"): 120,
    ("invite", "title"): 120,
    ("write", "subject"): 150,
    ("write", "text"): 5000,
    ("course", "title"): 120,
    ("settings", "publications-0-title"): 300,
    ("settings", "publications-0-authors"): 1000,
    ("namespace_ask", "pi_name"): 200,
    ("namespace_ask", "institution"): 200,
    ("namespace_ask", "size"): 1000,
    ("namespace_ask", "reason"): REASON,
    ("promotion", "institution"): 200,
    ("promotion", "purpose"): REASON,
    ("promotion", "reason"): REASON,
    ("request_approve", "approve-note"): REASON,
    ("request_deny", "deny-note"): REASON,
    ("merge_deny", "deny-note"): REASON,
    ("person_suspend", "reason"): REASON,
    **{(name, "reason"): REASON for name in FORMS if name.startswith("drift_") and name != "drift_take_back"},
}
NO_FREE_TEXT = {
    ("publications", "pasted"),
    ("create", "name"),
    ("settings", "software"),
    ("course", "others"),
    ("invite", "address"),
    ("settings", "publications-0-link"),
    ("limits", "more"),
}
CHOSEN = {
    "issuer",
    "next",
    "uid",
    "shown",
}  # not typed: tests/accounts/test_redirects.py, tests/namespaces/views/test_drift.py, test_logos.py there
PROOFS = {"password", "code", "credential"}  # compared, never stored: tests/accounts/test_second_factor.py
DECEIVES = {
    "NUL": "\x00", "bell": "\x07", "escape": "\x1b[31m", "RTL": "\u202e", "isolate": "\u2066", "zero width": "\u200b",
    "byte order": "\ufeff", "line separator": "\u2028", "private use": "\ue000", "unassigned": "\U0001fffe",
}  # fmt: skip
STRANGE = {
    "markup": "<script>canary()</script>", "attribute": "\" onmouseover=\"canary()",
    "template": "{{7*7}} {% now 'Y' %}", "quotes": "'\"`\\", "SQL": "'; DROP TABLE accounts_user;--",
    "percent": "%s %(name)s %", "fire": "\U0001f525",
    "composed": "e\u0301",
}  # fmt: skip
pytestmark = pytest.mark.django_db
each = pytest.mark.parametrize(("name", "field"), [*LIMITS, *sorted(NO_FREE_TEXT)], ids="-".join)


def answered(place: grounds.Grounds, name: str, field: str, text: str) -> tuple[int, bool]:
    """Send the form with this text in the field; return the status, and whether anything was changed."""
    form = FORMS[name]
    before = checksum()
    with undone():
        path = place.addresses[name, form.thing]
        response = place.send("POST", path, urlencode({**form.filled(), field: text}))
        return response.status_code, checksum() != before


@each
def test_text_that_deceives_or_is_too_long_is_refused(name: str, field: str) -> None:
    place = grounds.make(FORMS[name].kind)
    limit = LIMITS.get((name, field), 4000)
    start = "We work on the same fires. "
    texts = {kind: f"{start}{text}{start}"[: limit + 1] for kind, text in DECEIVES.items()}
    texts |= {"limit + 1": "x" * (limit + 1), "nearly 1 MB": "x" * 1_000_000}
    wrong = {
        kind: found
        for kind, text in texts.items()
        if (found := answered(place, name, field, text)) != (400, False)
    }
    assert wrong == {}
    assert answered(place, name, field, "x" * (1 << 20)) == (413, False)


@pytest.mark.parametrize(("name", "field"), LIMITS, ids="-".join)
def test_text_that_is_only_strange_is_taken_as_it_is(name: str, field: str) -> None:
    place = grounds.make(FORMS[name].kind)
    limit, status = LIMITS[name, field], FORMS[name].status
    start = "We work on the same fires. "
    texts = {kind: f"{start}{text}" for kind, text in STRANGE.items()} | {"limit": "x" * limit}
    wrong = {
        kind: found
        for kind, text in texts.items()
        if (found := answered(place, name, field, text)[0]) != status
    }
    assert wrong == {}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize(("name", "field"), sorted(NO_FREE_TEXT - {("settings", "software")}), ids="-".join)
def test_text_that_is_no_name_link_or_quantity_is_refused(name: str, field: str, text: str) -> None:
    assert answered(grounds.make(FORMS[name].kind), name, field, text) == (400, False)


@pytest.mark.parametrize("blank", ["", " ", "\t", "\r\n", "\u00a0", "\u3000"])
@pytest.mark.parametrize("name", [name for name, field in LIMITS if field in ("reason", "deny-note", "text")])
def test_what_must_be_said_is_not_said_by_blanks(name: str, blank: str) -> None:
    field = next(
        field for other, field in LIMITS if other == name and field in ("reason", "deny-note", "text")
    )
    assert answered(grounds.make(FORMS[name].kind), name, field, blank) == (400, False)


def test_every_field_for_text_is_tried() -> None:
    tried = {field.rpartition("-")[2] for _name, field in (*LIMITS, *NO_FREE_TEXT)}
    known = (
        tried | CHOSEN | PROOFS | set(namespaces.limits_form.FIELDS)
    )  # quantities: tests/namespaces/test_limits.py
    modules = (
        accounts.forms,
        namespaces.forms,
        namespaces.limits_form,
        namespaces.drift_form,
        namespaces.invitation_forms,
    )
    found = {
        name
        for module in modules
        for form in vars(module).values()
        if isinstance(form, type) and issubclass(form, forms.Form)
        for name, field in form.base_fields.items()
        if type(field).clean is forms.CharField.clean and isinstance(field, forms.CharField)
    }
    assert found - known == set()
    assert tried <= found
