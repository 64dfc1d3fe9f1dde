"""The page on which an operator merges two accounts. Whom it lets in: tests/portal/test_urls.py."""

from __future__ import annotations

import pytest

from accounts.actions import merging
from accounts.claims import Claims
from accounts.models import Merge, User
from namespaces.models import Namespace
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse, show

pytestmark = pytest.mark.django_db


@pytest.fixture
def pending(cast: Cast) -> Merge:
    """Eda has shown Vera's identity to be hers."""
    shown = cast.vera.identities.get()
    claims = Claims(issuer=shown.issuer, subject=shown.subject)
    return merging.ask(claims=claims, shown_with=cast.eda.identities.get(), by=cast.eda)


def test_people_page_leads_operators_to_it(browse: Browse, cast: Cast, pending: Merge) -> None:
    assert f"/users/merges/{pending.pk}/" in browse(cast.olga).get("/users/").content.decode()
    assert "merges" not in browse(cast.paula).get("/users/").content.decode()


def test_shows_both_and_wants_to_see_who_it_is(
    browse: Browse, cast: Cast, fire: Namespace, pending: Merge
) -> None:
    client = browse(cast.olga)
    show(client, cast.olga, minutes_ago=16)
    page = client.get(f"/users/merges/{pending.pk}/").content.decode()
    for text in ("Eda Kaya", "Vera Lind", "avis-fire", "editor", "viewer", pending.shown.subject):
        assert text in page
    assert "Merge them</button>" not in page
    client.post(f"/users/merges/{pending.pk}/approve/")
    pending.refresh_from_db()
    assert pending.state == "pending"


def test_merges(browse: Browse, cast: Cast, fire: Namespace, pending: Merge) -> None:
    client = browse(cast.olga)
    assert "Merge them</button>" in client.get(f"/users/merges/{pending.pk}/").content.decode()
    answer = client.post(f"/users/merges/{pending.pk}/approve/")
    assert answer.headers["Location"] == f"/users/{cast.eda.pk}/"
    assert cast.eda.identities.count() == 2
    assert "Done" in client.get(f"/users/merges/{pending.pk}/").content.decode()


def test_denial_needs_its_reason(browse: Browse, cast: Cast, pending: Merge) -> None:
    client = browse(cast.olga)
    answer = client.post(f"/users/merges/{pending.pk}/deny/", {"deny-note": ""})
    assert answer.status_code == 400
    assert "Say why not" in answer.content.decode()
    client.post(f"/users/merges/{pending.pk}/deny/", {"deny-note": "Who is this?"})
    assert "Who is this?" in browse(cast.eda).get("/profile/").content.decode()


def test_refusal_is_told_with_its_status(browse: Browse, cast: Cast, pending: Merge) -> None:
    User.objects.filter(pk=cast.vera.pk).update(is_active=False)
    client = browse(cast.olga)
    answer = client.post(f"/users/merges/{pending.pk}/approve/")
    assert answer.status_code == 409
    assert "must be active" in answer.content.decode()
