"""Pages for people who are logged in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.guards import login_needed
from tests import factories


@login_needed
def view(request: HttpRequest, word: str) -> HttpResponse:
    return HttpResponse(word)


def test_known_person_passes(rf: RequestFactory) -> None:
    request = rf.get("/manage/")
    request.user = factories.PersonFactory.build()
    assert view(request, "seen").content == b"seen"


def test_anonymous_reader_logs_in_and_comes_back(rf: RequestFactory) -> None:
    request = rf.get("/manage/?a=b")
    request.user = AnonymousUser()
    answer = view(request, "seen")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/accounts/login/?next=%2Fmanage%2F%3Fa%3Db"


def test_address_that_is_for_forms_only_is_not_come_back_to(rf: RequestFactory) -> None:
    request = rf.post("/requests/1/approve/")
    request.user = AnonymousUser()
    assert view(request, "seen").headers["Location"] == "/accounts/login/"


@pytest.mark.parametrize("method", ["get", "post"])
def test_part_of_a_page_sends_the_whole_page_to_the_login(rf: RequestFactory, method: str) -> None:
    request = getattr(rf, method)("/members/", headers={"HX-Request": "true"})
    request.user = AnonymousUser()
    answer = view(request, "seen")
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/accounts/login/"
    assert answer.content == b""
