"""The terms of use: which version binds, who owes an acceptance, and what they have until then.

That every other page leads to the terms: tests/portal/test_urls.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import terms
from accounts.actions import terms as actions
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Acceptance, Terms, User
from audit.models import Event
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]
Login = Callable[[User], Client]
HOUR = timedelta(hours=1)


def published(text: str = "Be kind.", *, after: timedelta = -HOUR) -> Terms:
    return Terms.objects.create(text=text, binds_from=timezone.now() + after)


class TestOwed:
    def test_nothing_was_published(self, cast: Cast) -> None:
        assert not terms.owed_by(cast.eda)

    def test_until_it_is_accepted(self, cast: Cast) -> None:
        version = published()
        assert terms.owed_by(cast.eda)
        actions.accept(version=version.pk, by=cast.eda)
        assert not terms.owed_by(cast.eda)
        assert terms.owed_by(cast.otto)

    def test_again_when_the_version_changes(self, cast: Cast) -> None:
        actions.accept(version=published().pk, by=cast.eda)
        published("Be kinder.")
        assert terms.owed_by(cast.eda)

    def test_not_before_the_day_on_which_it_binds(self, cast: Cast) -> None:
        actions.accept(version=published().pk, by=cast.eda)
        later = published("Be kinder.", after=HOUR)
        assert not terms.owed_by(cast.eda)
        Terms.objects.filter(pk=later.pk).update(binds_from=timezone.now() - HOUR)
        assert terms.owed_by(cast.eda)

    def test_accepted_before_it_binds_counts(self, cast: Cast) -> None:
        published()
        later = published("Be kinder.", after=HOUR)
        actions.accept(version=later.pk, by=cast.eda)
        assert not terms.owed_by(cast.eda)
        Terms.objects.filter(pk=later.pk).update(binds_from=timezone.now() - HOUR)
        assert not terms.owed_by(cast.eda)

    def test_is_judged_by_the_clock_of_the_database(self, cast: Cast) -> None:
        """A web server whose clock is wrong asks nobody too early."""
        published(after=HOUR)
        with time_machine.travel(timezone.now() + 2 * HOUR, tick=False):
            assert not terms.owed_by(cast.eda)


class TestAccept:
    def test_is_kept_with_its_date_and_recorded(self, cast: Cast) -> None:
        version = published()
        accepted = actions.accept(version=version.pk, by=cast.eda)
        assert (accepted.person, accepted.terms) == (cast.eda, version)
        event = Event.objects.get(act="terms.accepted")
        assert (event.actor, event.after) == (str(cast.eda.pk), {"version": version.pk})

    def test_twice_is_once(self, cast: Cast) -> None:
        version = published()
        for _index in range(2):
            actions.accept(version=version.pk, by=cast.eda)
        assert (Acceptance.objects.count(), Event.objects.filter(act="terms.accepted").count()) == (1, 1)

    def test_older_version_is_not_enough(self, cast: Cast) -> None:
        older = published()
        published("Be kinder.")
        with pytest.raises(StateConflict, match="newer version"):
            actions.accept(version=older.pk, by=cast.eda)
        assert not Acceptance.objects.exists()


class TestPublish:
    @pytest.mark.parametrize("who", ["ana", "eda", "paula"])
    def test_operators_only(self, cast: Cast, who: str) -> None:
        with pytest.raises(NotAllowed):
            actions.publish(text="Mine.", binds_from=timezone.now(), by=getattr(cast, who))
        assert not Terms.objects.exists()

    def test_is_recorded(self, cast: Cast) -> None:
        version = actions.publish(text="Be kind.", binds_from=timezone.now(), by=cast.olga)
        event = Event.objects.get(act="terms.published")
        assert (event.actor, event.object_id) == (str(cast.olga.pk), str(version.pk))


class TestPages:
    def test_leads_to_the_terms_and_on(self, login: Login, cast: Cast) -> None:
        version = published("Be kind.\n\n<script>alert(1)</script>")
        client = login(cast.eda)
        asked = client.get("/requests/?x=1")
        assert asked.headers["Location"] == "/terms/?next=%2Frequests%2F%3Fx%3D1"
        page = client.get(asked.headers["Location"]).content.decode()
        assert "Be kind." in page
        assert "<script>alert" not in page
        assert 'value="/requests/?x=1"' in page
        form = {"version": version.pk, "agree": "on", "next": "/requests/"}
        assert client.post("/terms/accept/", form).headers["Location"] == "/requests/"
        assert client.get("/requests/").status_code == 200
        assert "you accepted it on" in client.get("/terms/").content.decode()

    def test_sessions_can_be_ended_before(self, login: Login, cast: Cast) -> None:
        published("Be kind.")
        other = Client()
        other.force_login(cast.eda)
        assert login(cast.eda).post("/profile/sessions/end/").headers["Location"] == "/profile/"
        assert other.get("/profile/").status_code == 302

    def test_without_the_tick_nothing_is_accepted(self, login: Login, cast: Cast) -> None:
        answer = login(cast.eda).post("/terms/accept/", {"version": published().pk})
        assert answer.status_code == 400
        assert "Say that you will keep to the terms" in answer.content.decode()
        assert not Acceptance.objects.exists()

    def test_newer_version_meanwhile_is_told(self, login: Login, cast: Cast) -> None:
        older = published()
        published("Be kinder.")
        answer = login(cast.eda).post("/terms/accept/", {"version": older.pk, "agree": "on"})
        assert answer.status_code == 409
        assert "A newer version was published" in answer.content.decode()
        assert "Be kinder." in answer.content.decode()

    @pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_next_never_leaves_the_site(self, login: Login, cast: Cast, wanted: str) -> None:
        form = {"version": published().pk, "agree": "on", "next": wanted}
        assert login(cast.eda).post("/terms/accept/", form).headers["Location"] == "/"

    def test_part_of_a_page_is_not_replaced_by_the_terms(self, login: Login, cast: Cast) -> None:
        published()
        answer = login(cast.eda).get("/requests/", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/terms/")

    def test_anonymous_reader_is_asked_nothing(self, client: Client) -> None:
        published()
        page = client.get("/terms/").content.decode()
        assert "Be kind." in page
        assert "Accept" not in page

    def test_operator_publishes_for_a_day(self, login: Login, cast: Cast) -> None:
        actions.accept(version=published().pk, by=cast.olga)
        client = login(cast.olga)
        assert "Be kind." in client.get("/terms/publish/").content.decode()
        day = (timezone.localtime() + timedelta(days=3)).date()
        answer = client.post("/terms/publish/", {"text": "Be kinder.", "day": day.isoformat()})
        assert answer.headers["Location"] == "/terms/"
        newest = terms.newest()
        assert newest is not None
        begins = timezone.localtime(newest.binds_from)
        assert (newest.text, begins.date(), begins.hour) == ("Be kinder.", day, 0)
        page = client.get("/terms/").content.decode()
        assert (
            page.index("Be kinder.") < page.index("Until then") < page.index("Be kind.", page.index("Until"))
        )

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"text": ""}, "Write the terms."),
            ({"text": "x" * 50_001}, "At most 50000 characters"),
            ({"text": "Be kind.", "day": "tomorrow"}, "Give a day, such as"),
            ({"text": "Be kind.", "day": "2020-01-01"}, "This day has begun already."),
        ],
    )
    def test_bad_input_is_named_and_kept(
        self, login: Login, cast: Cast, form: dict[str, str], said: str
    ) -> None:
        answer = login(cast.olga).post("/terms/publish/", form)
        assert answer.status_code == 400
        assert said in answer.content.decode()
        assert form.get("day", "") in answer.content.decode()
        assert not Terms.objects.exists()
