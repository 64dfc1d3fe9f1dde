"""What every request passes through."""

from __future__ import annotations

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from portal.middleware import OneAddress


def _page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the page")


@pytest.fixture
def demonstration(settings: Settings) -> Settings:
    settings.BASE_URL = "http://localhost:8088"
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    return settings


def _answer(host: str, path: str = "/") -> HttpResponse:
    return OneAddress(_page)(RequestFactory().get(path, headers={"host": host}))


def test_the_other_name_of_this_machine_leads_to_the_same_page(demonstration: Settings) -> None:
    answer = _answer("127.0.0.1:8088", "/namespaces/?q=a%20b")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "http://localhost:8088/namespaces/?q=a%20b"


def test_a_path_that_looks_like_a_host_leads_nowhere_else(demonstration: Settings) -> None:
    answer = _answer("127.0.0.1:8088", "//example.org/")
    assert answer.headers["Location"].startswith("http://localhost:8088/")


@pytest.mark.parametrize("host", ["localhost:8088", "localhost:9000"])
def test_the_address_itself_answers(demonstration: Settings, host: str) -> None:
    assert _answer(host).content == b"the page"


def test_who_chose_the_number_stays_there(demonstration: Settings) -> None:
    demonstration.BASE_URL = "http://127.0.0.1:8088"
    assert _answer("127.0.0.1:8088").content == b"the page"
    assert _answer("localhost:8088").headers["Location"] == "http://127.0.0.1:8088/"


@pytest.mark.parametrize(
    ("base_url", "hosts"),
    [
        ("https://localhost", ["localhost", "127.0.0.1"]),
        ("https://berth.example.org", ["berth.example.org", "127.0.0.1"]),
        ("http://berth.example.org", ["berth.example.org", "127.0.0.1"]),
    ],
)
def test_elsewhere_nobody_is_led_away(settings: Settings, base_url: str, hosts: list[str]) -> None:
    settings.BASE_URL, settings.ALLOWED_HOSTS = base_url, hosts
    with pytest.raises(MiddlewareNotUsed):
        OneAddress(_page)
