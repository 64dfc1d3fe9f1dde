"""The pages for what went wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import User
from portal import errors
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


@pytest.mark.parametrize("who", ["", "ana", "olga"])
def test_404_has_the_frame_a_way_on_and_the_id_of_the_request(cast: Cast, who: str) -> None:
    client = Client()
    if who:
        client.force_login(getattr(cast, who))
    answer = client.get("/nothing/here/")
    page = answer.content.decode()
    assert answer.status_code == 404
    assert answer.headers["X-Request-Id"] in page
    assert 'href="/namespaces/"' in page
    assert "nothing/here" not in page


def test_403_says_who_may(login: Login, cast: Cast) -> None:
    page = login(cast.otto).get("/manage/create/").content.decode()
    assert "You may not do this" in page
    assert "People of level admin and operators create namespaces." in page


def page_of(handler: Callable[..., object], rf: RequestFactory, cast: Cast, reason: Exception) -> str:
    request = rf.get("/")
    request.user = cast.otto
    request.request_id = "an-id"  # type: ignore[attr-defined]
    return handler(request, reason).content.decode()  # type: ignore[attr-defined,no-any-return]


def test_400_tells_our_reasons_and_not_those_of_the_machinery(rf: RequestFactory, cast: Cast) -> None:
    assert "Our words." in page_of(errors.handler400, rf, cast, BadRequest("Our words."))
    assert "Internal words." not in page_of(
        errors.handler400, rf, cast, SuspiciousOperation("Internal words.")
    )


def test_what_is_too_large_is_told_how_large_it_may_be(login: Login, cast: Cast) -> None:
    answer = login(cast.nils).post("/theme/", {"theme": "dark", "next": "x" * (1 << 20)})
    assert answer.status_code == 413
    assert "What was sent is larger than 1.0" in answer.content.decode()


def test_403_without_words_still_explains(rf: RequestFactory, cast: Cast) -> None:
    assert "the admins of the namespace" in page_of(errors.handler403, rf, cast, PermissionDenied())


def test_429_says_when_to_come_back(rf: RequestFactory, cast: Cast) -> None:
    request = rf.get("/")
    request.user = cast.otto
    request.request_id = "an-id"  # type: ignore[attr-defined]
    answer = errors.handler429(request)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (OperationalError("connection refused"), 503, "Berth cannot reach its database"),
        (RuntimeError("a secret detail"), 500, "Something went wrong on our side"),
    ],
)
def test_fault_of_ours_has_a_page_without_database_and_detail(
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    status: int,
    said: str,
) -> None:
    def fail(*_args: object) -> None:
        raise fault

    monkeypatch.setattr("portal.views.directory.current", fail)
    client.raise_request_exception = False
    answer = client.get("/")
    page = answer.content.decode()
    assert answer.status_code == status
    assert said in page
    assert str(fault) not in page
    assert answer.headers["X-Request-Id"] in page
    assert ("Retry-After" in answer.headers) == (status == 503)


@pytest.mark.parametrize(("method", "path"), [("get", "/"), ("post", "/theme/")])
def test_who_sent_a_form_is_told_to_send_it_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    def fail(*_args: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("portal.views.directory.current", fail)
    monkeypatch.setattr("portal.views.is_own_path", fail)
    client.raise_request_exception = False
    answer = getattr(client, method)(path, {"theme": "dark"})
    assert answer.status_code == 503
    assert ("send it again" in answer.content.decode()) == (method == "post")
