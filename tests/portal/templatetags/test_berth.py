"""Moments, names, icons and fields as the pages show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django import forms
from django.template import Context, Template
from django.test import Client
from pytest_django import Settings

from accounts.issuers import Institution, Issuer
from accounts.models import Identity
from namespaces.models import Namespace
from portal.icons import ICONS
from portal.templatetags import berth
from tests import factories
from tests.conftest import Cast
from tests.factories import ISSUER

NOW = datetime(2022, 2, 24, 14, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(0), "just now"), (timedelta(milliseconds=900), "just now"), (timedelta(seconds=2), "2 s ago"),
        (timedelta(seconds=59), "59 s ago"), (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"), (timedelta(hours=23), "23 h ago"), (timedelta(days=1), "1 day ago"),
        (timedelta(days=6), "6 days ago"), (timedelta(days=7), "17 Feb 2022"),
        (timedelta(seconds=-30), "just now"),
    ],
)  # fmt: skip
def test_moment_is_told_relative(before: timedelta, said: str) -> None:
    assert berth.relative(NOW - before, NOW) == said


@time_machine.travel(NOW, tick=False)
def test_moment_carries_the_absolute_one() -> None:
    html = berth.ago(NOW - timedelta(minutes=3))
    assert html == (
        '<time datetime="2022-02-24T14:02:09+00:00" title="24 Feb 2022, 14:02:09 UTC" data-ago>3 min ago</time>'
    )


@time_machine.travel(NOW, tick=False)
def test_clock_has_the_date_only_when_it_is_not_today() -> None:
    assert ">14:02</time>" in berth.clock(NOW - timedelta(minutes=3))
    assert ">23 Feb, 14:05</time>" in berth.clock(NOW - timedelta(days=1))


def test_time_is_of_the_zone_in_the_settings(settings: Settings) -> None:
    settings.TIME_ZONE = "America/Los_Angeles"
    assert ">24 Feb 2022</time>" in berth.day(NOW)
    assert "06:05:09 PST" in berth.day(NOW)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["Ana"], "Ana"),
        (["Ana", "Ben"], "Ana and Ben"),
        (["Ana", "Ben", "Eda"], "Ana, Ben and Eda"),
    ],
)
def test_names_are_told_together(names: list[str], said: str) -> None:
    assert berth.together(names) == said


@pytest.mark.parametrize(
    ("name", "letters"), [("avis-fire", "AF"), ("oulib", "OU"), ("a", "A"), ("", "?"), ("tech4good", "TE")]
)
def test_monogram_is_of_the_first_parts(name: str, letters: str) -> None:
    assert f">{letters}</text>" in berth.monogram(name)


def test_monogram_escapes() -> None:
    assert "<<" not in berth.monogram("<-<")


@pytest.mark.parametrize("name", ICONS)
def test_icon_is_silent(name: str) -> None:
    assert 'aria-hidden="true"' in berth.icon(name)


class Everything(forms.Form):
    text = forms.CharField(help_text="A hint <b>.")
    choice = forms.ChoiceField(
        choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect, help_text="Choose."
    )
    check = forms.BooleanField()
    select = forms.ChoiceField(choices=[("a", "A")])


def render(form: forms.Form) -> str:
    template = "{% load berth %}{% error_summary form %}{% for each in form %}{% field each %}{% endfor %}"
    return Template(template).render(Context({"form": form}))


def test_hint_and_error_are_tied_to_the_control() -> None:
    html = render(Everything({}))
    assert 'aria-describedby="id_text_helptext id_text_error"' in html
    assert 'id="id_text_helptext"' in html
    assert 'id="id_text_error"' in html
    assert 'aria-invalid="true"' in html
    assert "A hint &lt;b&gt;." in html


def test_summary_leads_to_each_field() -> None:
    html = render(Everything({}))
    for name in ("text", "choice", "check", "select"):
        assert f'href="#id_{name}"' in html
        assert f'id="id_{name}"' in html


def test_there_is_no_summary_without_errors() -> None:
    assert "href" not in render(Everything())


def test_choice_that_was_made_is_kept() -> None:
    html = " ".join(render(Everything({"choice": "b"})).split())
    assert 'value="b" id="id_choice_1" checked' in html
    assert 'value="a" id="id_choice_0" checked' not in html


ROR = "https://ror.org/03s65by71"


@pytest.fixture
def _institutions(settings: Settings) -> None:
    table = {
        "urn:ucsc": Institution("UC Santa Cruz", ROR),
        "urn:x": Institution("X"),
        "urn:odd": Institution("<b>", 'https://ror.org/"><script>'),
    }
    other = Issuer("other", "Other", "https://other.example", "berth", "s")
    known = Issuer("cilogon", "CILogon", ISSUER, "berth", "s", institutions=table)
    settings.ISSUERS = (other, known)


@pytest.mark.usefixtures("_institutions")
@pytest.mark.parametrize(
    ("issuer", "entity_id"),
    [
        (ISSUER, "urn:x"),
        (ISSUER, "urn:unknown"),
        (ISSUER, ""),
        ("https://other.example", "urn:ucsc"),
        ("gone", "urn:ucsc"),
    ],
)
def test_institution_without_a_page_at_ror_is_a_name(issuer: str, entity_id: str) -> None:
    identity = Identity(issuer=issuer, entity_id=entity_id, institution="A & B")
    assert Template("{% load berth %}{{ i|institution }}").render(Context({"i": identity})) == "A &amp; B"


@pytest.mark.usefixtures("_institutions")
def test_institution_is_a_link_to_its_page_at_ror() -> None:
    identity = Identity(issuer=ISSUER, entity_id="urn:ucsc", institution="UC <i>")
    assert Template("{% load berth %}{{ i|institution }}").render(Context({"i": identity})) == (
        f'<a href="{ROR}" rel="noopener noreferrer external">UC &lt;i&gt;</a>'
    )
    odd = Identity(issuer=ISSUER, entity_id="urn:odd", institution="Odd")
    assert "<script>" not in Template("{% load berth %}{{ i|institution }}").render(Context({"i": odd}))


@pytest.mark.django_db
@pytest.mark.usefixtures("_institutions")
def test_pages_of_people_lead_to_ror(cast: Cast, fire: Namespace) -> None:
    Identity.objects.filter(person=cast.otto).update(entity_id="urn:ucsc")
    wish = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    readers = (
        (cast.otto, "/profile/"),
        (cast.nils, wish.get_absolute_url()),
        (cast.paula, f"/users/{cast.otto.pk}/"),
    )
    for reader, address in readers:
        client = Client()
        client.force_login(reader)
        assert f'href="{ROR}" rel="noopener noreferrer external"' in client.get(address).content.decode(), (
            address
        )


def test_what_is_shown_more_than_once_is_rendered_once() -> None:
    page = Template(
        "{% load berth %}{% once as menu %}<b>{{ items.pop }}</b>{% endonce %}{{ menu }} {{ menu }}"
    )
    assert page.render(Context({"items": ["<1>", "<2>"]})) == "<b>&lt;2&gt;</b> <b>&lt;2&gt;</b>"
