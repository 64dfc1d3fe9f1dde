"""The pages of one's identities. How the logins of linking go: tests/accounts/provider/test_further.py."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from accounts.actions import identities as actions
from accounts.issuers import Issuer
from accounts.models import Identity
from namespaces.models import Namespace
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse, show

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(cast: Cast, settings: LazySettings) -> Identity:
    """Eda's second identity, of the issuer of her first."""
    first = cast.eda.identities.get()
    settings.ISSUERS = (
        Issuer(
            id="campus", name="Campus", issuer=first.issuer, client_id="c", client_secret="s",
            form_action_origins=("https://campus.example",),
        ),
    )  # fmt: skip
    return factories.IdentityFactory.create(person=cast.eda, issuer=first.issuer, institution="UC Merced")


def address(identity: Identity, act: str = "") -> str:
    return f"/profile/identities/{identity.pk}/{act}"


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_profile_leads_to_each(browse: Browse, cast: Cast, second: Identity) -> None:
    page = text(browse(cast.eda).get("/profile/"))
    assert all(address(each) in page for each in cast.eda.identities.all())
    assert "/profile/identities/link/" in page


class TestIdentity:
    def test_says_what_it_gives(self, browse: Browse, cast: Cast, fire: Namespace, second: Identity) -> None:
        page = text(browse(cast.eda).get(address(second)))
        assert all(words in page for words in ("UC Merced", second.subject, "avis-fire", "waiting for the"))
        assert address(second, "retire/") in page

    def test_script_gets_the_part_that_changes(
        self, browse: Browse, cast: Cast, fire: Namespace, second: Identity
    ) -> None:
        answer = browse(cast.eda).get(address(second), headers={"HX-Request": "true"})
        assert "<html" not in text(answer)
        assert 'hx-trigger="every 3s"' in text(answer)

    def test_only_one_is_not_offered_to_be_retired(
        self, browse: Browse, cast: Cast, second: Identity
    ) -> None:
        Identity.objects.filter(pk=second.pk).update(state=Identity.State.RETIRED)
        first = cast.eda.identities.get(state="active")
        assert "cannot be retired" in text(browse(cast.eda).get(address(first)))
        assert "link it again" in text(browse(cast.eda).get(address(second)))


class TestRetire:
    def test_wants_to_see_who_it_is_first(
        self, browse: Browse, cast: Cast, fire: Namespace, second: Identity
    ) -> None:
        client = browse(cast.eda)
        show(client, cast.eda, minutes_ago=6)
        answer = client.get(address(second, "retire/"))
        assert "Log in again with Campus" in text(answer)
        assert "Retire it" not in text(answer)
        assert "https://campus.example" in answer.headers["Content-Security-Policy"]
        assert client.post(address(second, "retire/")).status_code == 302
        second.refresh_from_db()
        assert second.state == "active"

    def test_lists_what_goes_and_retires(
        self, browse: Browse, cast: Cast, fire: Namespace, second: Identity
    ) -> None:
        client = browse(cast.eda)
        page = text(client.get(address(second, "retire/")))
        assert all(words in page for words in ("avis-fire", "editor", "Retire it"))
        assert client.post(address(second, "retire/")).headers["Location"] == address(second)
        second.refresh_from_db()
        assert second.state == "retired"

    def test_who_logged_in_with_it_is_out_and_nobody_else(
        self, browse: Browse, cast: Cast, second: Identity
    ) -> None:
        mine, other = browse(cast.eda), browse(cast.eda)
        session = mine.session
        session["opened"] |= {"identity": str(second.pk)}
        session.save()
        answer = mine.post(address(second, "retire/"), follow=True)
        assert answer.redirect_chain[-1][0].startswith("/accounts/login/")
        assert "Retired. Nobody can log in with it" in text(answer)
        assert mine.get("/profile/").status_code == 302
        assert text(other.get("/profile/"))

    def test_five_minutes_are_over(self, browse: Browse, cast: Cast, second: Identity) -> None:
        client = browse(cast.eda)
        show(client, cast.eda, minutes_ago=6)
        client.post(address(second, "retire/"))
        second.refresh_from_db()
        assert second.state == "active"

    def test_somebody_elses_showing_does_not_count(
        self, browse: Browse, cast: Cast, second: Identity
    ) -> None:
        client = browse(cast.eda)
        show(client, cast.otto)
        client.post(address(second, "retire/"))
        second.refresh_from_db()
        assert second.state == "active"

    def test_refusal_is_said_once(self, browse: Browse, cast: Cast, second: Identity) -> None:
        show(client := browse(cast.eda), cast.eda)
        own = cast.eda.identities.get(pk=client.session["fresh_login"]["identity"])
        second = cast.eda.identities.exclude(pk=own.pk).get()
        actions.retire(identity=second, by=cast.eda)
        page = client.post(address(second, "retire/")).content.decode()
        assert page.count('role="alert"') == 1

    def test_last_one_is_refused_with_words(self, browse: Browse, cast: Cast, second: Identity) -> None:
        client = browse(cast.eda)
        client.post(address(second, "retire/"))
        show(client, cast.eda)
        first = cast.eda.identities.get(state="active")
        answer = client.post(address(first, "retire/"))
        assert answer.status_code == 409
        assert "last identity" in answer.content.decode()
