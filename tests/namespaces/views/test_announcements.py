"""The page on which admins write to members."""

from __future__ import annotations

import pytest

from namespaces.models import Announcement, Namespace
from notifications.models import Delivery
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

WRITE = "/namespaces/nautilus/avis-fire/members/write/"
SENT = {"role": "", "subject": "Next week", "text": "No water <b>on Monday</b>."}


def test_sent_and_listed(browse: Browse, cast: Cast, fire: Namespace) -> None:
    client = browse(cast.nils)
    assert "3 people besides you read it" in client.get(WRITE).content.decode()
    page = client.post(WRITE, SENT, follow=True).content.decode()
    assert "It goes to 3 people." in page
    assert "No water &lt;b&gt;on Monday&lt;/b&gt;." in page
    assert Delivery.objects.filter(kind="announcements", channel="inbox").count() == 3


@pytest.mark.parametrize(
    ("field", "value"), [("subject", ""), ("text", ""), ("text", "x" * 5001), ("role", "owner")]
)
def test_bad_input_is_told_and_what_was_typed_stays(
    browse: Browse, cast: Cast, fire: Namespace, field: str, value: str
) -> None:
    response = browse(cast.nils).post(WRITE, {**SENT, field: value})
    assert response.status_code == 400
    assert field in response.context["form"].errors
    kept = "subject" if field != "subject" else "text"
    assert response.context["form"][kept].value() == SENT[kept]
    assert not Announcement.objects.exists()


def test_sixth_of_a_day_is_refused(browse: Browse, cast: Cast, fire: Namespace) -> None:
    client = browse(cast.nils)
    for number in range(5):
        client.post(WRITE, {**SENT, "subject": f"Number {number}"})
    response = client.post(WRITE, SENT)
    assert response.status_code == 429
    assert "Wait until tomorrow." in response.content.decode()
