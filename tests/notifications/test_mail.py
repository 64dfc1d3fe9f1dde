"""The mail itself: what it says, to whom, and what it must not do."""

from __future__ import annotations

import html5lib
import pytest
from django.utils import timezone
from pytest_django import Settings

from notifications import mail
from notifications.kinds import Kind
from notifications.models import Channel, Delivery
from tests.conftest import Cast


@pytest.fixture(autouse=True)
def with_mail(settings: Settings) -> None:
    settings.MAIL_FROM = "Berth <berth@portal.example.org>"
    settings.BASE_URL = "https://portal.example.org"


def delivery(cast: Cast, **values: object) -> Delivery:
    fields = {
        "event": "1", "kind": Kind.MEMBERS, "channel": Channel.MAIL, "address": cast.nils.email,
        "subject": "Ana & Eda <script>", "text": "First.\n\nSecond & last.", "link": "/namespaces/nautilus/avis-fire/",
        "created_at": timezone.now(), **values,
    }  # fmt: skip
    return Delivery(person=cast.nils, **fields)


def html_of(message: object) -> str:
    (alternative,) = message.alternatives  # type: ignore[attr-defined]
    assert alternative.mimetype == "text/html"
    return str(alternative.content)


def test_text_says_it_and_leads_to_the_page(cast: Cast) -> None:
    message = mail.compose([delivery(cast)])
    assert message.subject == "[Berth] Ana & Eda <script>"
    assert message.to == [cast.nils.email]
    assert message.from_email == "Berth <berth@portal.example.org>"
    assert "Ana & Eda <script>\n\nFirst.\n\nSecond & last.\n\n" in message.body
    assert "\nhttps://portal.example.org/namespaces/nautilus/avis-fire/\n" in message.body
    assert "\n\n\n" not in message.body


def test_html_says_the_same_and_runs_nothing(cast: Cast) -> None:
    html = html_of(mail.compose([delivery(cast)]))
    html5lib.HTMLParser(strict=True).parse(html)
    assert "Ana &amp; Eda &lt;script&gt;" in html
    assert "<p>Second &amp; last.</p>" in html
    assert 'href="https://portal.example.org/namespaces/nautilus/avis-fire/"' in html
    assert not any(part in html.lower() for part in ("<form", "<img", "<script", "http://", "style="))


def test_it_says_where_to_choose_only_where_there_is_a_choice(cast: Cast) -> None:
    for kind, may_choose in ((Kind.MEMBERS, True), (Kind.ACCOUNT, False)):
        message = mail.compose([delivery(cast, kind=kind, link="")])
        assert ("https://portal.example.org/messages/" in message.body) == may_choose
        assert ("https://portal.example.org/messages/" in html_of(message)) == may_choose


def test_nobody_answers_it_by_a_program(cast: Cast) -> None:
    headers = mail.compose([delivery(cast)]).message()
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"].endswith("@portal.example.org>")


def test_same_deliveries_make_the_same_mail(cast: Cast) -> None:
    first, second, third = (delivery(cast, event=str(number)) for number in range(3))
    ids = [
        mail.compose(rows).extra_headers["Message-ID"]
        for rows in ([first, second], [second, first], [first, third], [first])
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
