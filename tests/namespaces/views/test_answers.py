"""How a refusal becomes a page and a status."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from accounts.errors import BadInput, NotAllowed, Refusal, StateConflict, TooMany
from namespaces.forms import RoleForm
from namespaces.views.answers import blame, page

TEMPLATE = "namespaces/_name_check.html"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (NotAllowed("No."), 403),
        (StateConflict("No."), 409),
        (TooMany("No."), 429),
        (BadInput("role", "No."), 400),
        (None, 200),
    ],
)
def test_each_refusal_has_its_status(rf: RequestFactory, refusal: Refusal | None, status: int) -> None:
    assert page(rf.get("/"), TEMPLATE, {"problems": []}, refusal=refusal).status_code == status


def test_input_that_is_not_well_formed_is_400(rf: RequestFactory) -> None:
    assert page(rf.get("/"), TEMPLATE, {"problems": []}, invalid=True).status_code == 400


def test_too_many_says_when_to_come_back(rf: RequestFactory) -> None:
    answer = page(rf.get("/"), TEMPLATE, {"problems": []}, refusal=TooMany("No."))
    assert int(answer.headers["Retry-After"]) > 0


def test_bad_input_stands_at_its_field() -> None:
    form = RoleForm({"role": "viewer"})
    blame(form, BadInput("role", "Not this one."))
    assert form.errors["role"] == ["Not this one."]


@pytest.mark.parametrize("refusal", [BadInput("elsewhere", "No."), StateConflict("No.")])
def test_other_refusals_stand_on_top(refusal: Refusal) -> None:
    form = RoleForm({"role": "viewer"})
    blame(form, refusal)
    assert form.non_field_errors() == ["No."]
