"""Suspending and lifting in the page, and what others see of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import suspensions
from accounts.models import Suspension, User
from namespaces.access import Role
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse, show

pytestmark = pytest.mark.django_db
REASON = "Their laptop was stolen, with a session open on it."


def address(person: User, act: str = "") -> str:
    return f"/users/{person.pk}/{act}"


class TestSuspend:
    def test_page_says_what_it_will_do(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        browse(cast.eda)
        page = browse(cast.olga).get(address(cast.eda, "suspend/")).content.decode()
        assert "1 open session ends" in page
        assert "avis-fire" in page
        assert "as editor" in page
        assert "What stays: their memberships" in page
        assert "the last admin" not in page

    def test_page_of_somebody_who_is_nowhere_says_so(self, browse: Browse, cast: Cast) -> None:
        page = browse(cast.olga).get(address(cast.ana, "suspend/")).content.decode()
        assert "no session is open now" in page
        assert "they are a member of no namespace" in page

    def test_suspends_and_says_who_why_since_when(
        self, browse: Browse, cast: Cast, fire: Namespace, settings: Settings
    ) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        client = browse(cast.olga)
        assert f'href="{address(cast.eda, "suspend/")}"' in client.get(address(cast.eda)).content.decode()
        day = timezone.localdate() + timedelta(days=3)
        answer = client.post(
            address(cast.eda, "suspend/"), {"reason": REASON, "until": str(day)}, follow=True
        )
        page = answer.content.decode()
        assert answer.redirect_chain == [(address(cast.eda), 302)]
        assert "Eda Kaya is suspended." in page
        for text in ("By Olga Reyes", REASON, "It ends by itself on", "Lift the suspension"):
            assert text in page
        assert f'href="{address(cast.eda, "suspend/")}"' not in page
        suspension = Suspension.objects.get()
        midnight = datetime.combine(
            day + timedelta(days=1), datetime.min.time(), ZoneInfo(settings.TIME_ZONE)
        )
        assert (suspension.person, suspension.by, suspension.until) == (cast.eda, cast.olga, midnight)

    def test_without_a_day_it_lasts(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.olga)
        page = client.post(address(cast.eda, "suspend/"), {"reason": REASON}, follow=True).content.decode()
        assert "It lasts until an operator lifts it." in page
        assert Suspension.objects.get().until is None

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({}, "reason"),
            ({"reason": "Too short."}, "reason"),
            ({"reason": "x" * 2001}, "reason"),
            ({"reason": REASON, "until": "soon"}, "until"),
            ({"reason": REASON, "until": "2020-01-01"}, "until"),
            ({"reason": REASON, "until": str(date.max)}, "until"),
        ],
    )
    def test_what_is_not_well_formed_is_told_at_the_field(
        self, browse: Browse, cast: Cast, data: dict[str, str], field: str
    ) -> None:
        answer = browse(cast.olga).post(address(cast.eda, "suspend/"), data)
        assert answer.status_code == 400
        page = answer.content.decode()
        assert f'href="#id_{field}"' in page
        assert data.get("reason", "") in page
        assert User.objects.get(pk=cast.eda.pk).is_active

    @pytest.mark.parametrize("length", [20, 2000])
    def test_reason_of_that_length_is_taken(self, browse: Browse, cast: Cast, length: int) -> None:
        answer = browse(cast.olga).post(address(cast.eda, "suspend/"), {"reason": "x" * length})
        assert answer.status_code == 302

    def test_last_admin_is_not_before_a_successor_is_chosen(
        self, browse: Browse, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        factories.MembershipFactory.create(namespace=hidden, person=cast.nils)
        client, field = browse(cast.olga), f"successor_{hidden.pk.hex}"
        for answer in (
            client.get(address(cast.paula, "suspend/")),
            client.post(address(cast.paula, "suspend/"), {"reason": REASON}),
        ):
            page = answer.content.decode()
            assert "Who takes over quiet-lab" in page
            assert f'<option value="{cast.nils.pk}">Nils Berg, UC Santa Cruz</option>' in page
            assert "Who takes over avis-fire" not in page
        assert answer.status_code == 409
        assert "Paula Ilić is the last admin of quiet-lab." in page
        assert REASON in page
        answer = client.post(address(cast.paula, "suspend/"), {"reason": REASON, field: str(cast.nils.pk)})
        assert answer.status_code == 302
        assert Membership.objects.get(namespace=hidden, person=cast.nils).role == Role.ADMIN
        assert not User.objects.get(pk=cast.paula.pk).is_active

    @pytest.mark.parametrize("who", ["otto", "ana", "paula", "nobody"])
    def test_who_cannot_take_over_is_told_at_the_field(
        self, browse: Browse, cast: Cast, hidden: Namespace, who: str
    ) -> None:
        factories.MembershipFactory.create(namespace=hidden, person=cast.ana)
        field = f"successor_{hidden.pk.hex}"
        chosen = "nobody" if who == "nobody" else str(getattr(cast, who).pk)
        answer = browse(cast.olga).post(address(cast.paula, "suspend/"), {"reason": REASON, field: chosen})
        page = answer.content.decode()
        assert answer.status_code == 400
        assert f'href="#id_{field}"' in page
        assert REASON in page
        assert f'<option value="{cast.olga.pk}">Olga Reyes, UC Santa Cruz</option>' in page
        assert User.objects.get(pk=cast.paula.pk).is_active

    def test_who_has_not_shown_who_they_are_reads_where_somebody_has_to_take_over(
        self, browse: Browse, cast: Cast, hidden: Namespace
    ) -> None:
        client = browse(cast.olga)
        show(client, cast.olga, minutes_ago=16)
        page = client.get(address(cast.paula, "suspend/")).content.decode()
        assert "Paula Ilić is the last admin of quiet-lab: you will choose who takes over." in page
        assert "Who takes over" not in page

    @pytest.mark.parametrize("who", ["paula", "olga"])
    def test_nobody_else_and_nobody_themselves(self, browse: Browse, cast: Cast, who: str) -> None:
        client, target = browse(getattr(cast, who)), cast.olga
        assert "/suspend/" not in client.get(address(target)).content.decode()
        assert client.get(address(target, "suspend/")).status_code == 403
        assert client.post(address(target, "suspend/"), {"reason": REASON}).status_code == 403
        assert User.objects.get(pk=target.pk).is_active

    def test_page_of_somebody_who_is_suspended_leads_to_the_person(self, browse: Browse, cast: Cast) -> None:
        suspensions.suspend(person=cast.eda, reason=REASON, until=None, by=cast.olga)
        client = browse(cast.olga)
        assert client.get(address(cast.eda, "suspend/")).headers["Location"] == address(cast.eda)
        assert client.post(address(cast.eda, "suspend/"), {"reason": REASON}).status_code == 409


class TestSuspended:
    @pytest.fixture(autouse=True)
    def eda_is_suspended(self, cast: Cast, fire: Namespace) -> None:
        suspensions.suspend(person=cast.eda, reason=REASON, until=None, by=cast.olga)

    def test_everybody_who_sees_the_person_sees_that_but_not_why(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.paula)
        for page in (client.get(address(cast.eda)), client.get("/users/?q=eda")):
            assert "suspended" in page.content.decode()
            assert REASON not in page.content.decode()
            assert "/lift/" not in page.content.decode()

    def test_markup_in_the_reason_is_text(self, browse: Browse, cast: Cast) -> None:
        Suspension.objects.update(reason="<script>alert(1)</script>\nand more")
        page = browse(cast.olga).get(address(cast.eda)).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>and more" in page

    def test_operator_lifts_it(self, browse: Browse, cast: Cast) -> None:
        page = browse(cast.olga).post(address(cast.eda, "lift/"), follow=True).content.decode()
        assert "Eda Kaya is not suspended any more." in page
        assert User.objects.get(pk=cast.eda.pk).is_active
        assert Membership.objects.current().filter(person=cast.eda).exists()
        again = browse(cast.olga).post(address(cast.eda, "lift/"))
        assert again.status_code == 409
        assert "Eda Kaya is not suspended." in again.content.decode()

    def test_account_that_was_merged_is_not_called_suspended(self, browse: Browse, cast: Cast) -> None:
        User.objects.filter(pk=cast.otto.pk).update(is_active=False, merged_into=cast.nils)
        client = browse(cast.olga)
        page = client.get(address(cast.otto)).content.decode()
        assert "merged into another account" in page
        assert "suspended" not in page
        assert "Otto Brandt" not in client.get("/users/?q=otto").content.decode()

    def test_nobody_is_asked_to_vouch_meanwhile(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.paula)
        assert "Vouch for" in client.get(address(cast.ana)).content.decode()
        suspensions.suspend(person=cast.ana, reason=REASON, until=None, by=cast.olga)
        assert "Vouch for" not in client.get(address(cast.ana)).content.decode()

    def test_level_admin_does_not(self, browse: Browse, cast: Cast) -> None:
        answer = browse(cast.paula).post(address(cast.eda, "lift/"))
        assert answer.status_code == 403
        assert not User.objects.get(pk=cast.eda.pk).is_active
