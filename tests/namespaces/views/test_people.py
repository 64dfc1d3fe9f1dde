"""The people pages: finding, vouching, levels, and who may see them at all."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from accounts.actions import people, suspensions
from accounts.issuers import Issuer
from accounts.models import Identity, Level, User
from namespaces.access import Role
from namespaces.actions import requests
from namespaces.models import Membership, Namespace
from namespaces.views import people as people_pages
from namespaces.views.keyset import Order
from namespaces.views.people import PAGE_SIZE
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse, show

pytestmark = pytest.mark.django_db
Answer = Any  # what the test client returns
NEXT, PREVIOUS = (re.compile(rf'rel="{rel}" href="([^"]+)"') for rel in ("next", "prev"))


@pytest.mark.parametrize("who", ["ana", "otto", "nils"])
def test_people_do_not_exist_for_others(browse: Browse, cast: Cast, fire: Namespace, who: str) -> None:
    client = browse(getattr(cast, who))
    assert client.get("/users/").status_code == 404
    assert client.get(f"/users/{cast.eda.pk}/").status_code == 404
    assert client.post(f"/users/{cast.ana.pk}/vouch/").status_code == 404
    assert client.post(f"/users/{cast.ana.pk}/level/", {"level": "admin"}).status_code == 404
    cast.ana.refresh_from_db()
    assert cast.ana.level == Level.GUEST
    assert 'href="/users/"' not in client.get("/").content.decode()


class TestList:
    @pytest.mark.parametrize("who", ["paula", "olga"])
    def test_shows_everybody(self, browse: Browse, cast: Cast, fire: Namespace, who: str) -> None:
        page = browse(getattr(cast, who)).get("/users/").content.decode()
        for name in ("Ana Kim", "Eda Kaya", "Olga Reyes", "University of Oklahoma"):
            assert name in page
        assert cast.eda.email not in page

    def test_row_says_what_somebody_is_on_the_platform(self, browse: Browse, cast: Cast) -> None:
        User.objects.filter(pk=cast.eda.pk).update(is_active=False, name="<Eda>")
        page = browse(cast.paula).get("/users/").content.decode()
        said = re.findall(
            r'href="(/users/[0-9a-f-]+/)">(.+?)</a>.+?data-label="Level">(.+?)<', page, re.DOTALL
        )
        assert {name: level for _address, name, level in said if name in ("Ana Kim", "&lt;Eda&gt;", "Olga Reyes")} == {
            "Ana Kim": "guest", "&lt;Eda&gt;": "user · suspended", "Olga Reyes": "admin · operator",
        }  # fmt: skip
        assert reverse("person", args=[cast.olga.pk]) in {address for address, _name, _level in said}

    @pytest.mark.parametrize("query", ["ana kim", "KIM", "oklahoma kim", "{email}", "{subject}"])
    def test_finds(self, browse: Browse, cast: Cast, query: str) -> None:
        typed = query.format(email=cast.ana.email, subject=cast.ana.identities.get().subject)
        page = browse(cast.paula).get("/users/", {"q": typed}).content.decode()
        assert "Ana Kim" in page
        assert "Eda Kaya" not in page

    def test_level_narrows(self, browse: Browse, cast: Cast) -> None:
        page = browse(cast.paula).get("/users/?level=guest").content.decode()
        assert "Ana Kim" in page
        assert "Eda Kaya" not in page

    @pytest.mark.parametrize(
        "query", ["level=owner", "sort=email", "page=2", "q=a&q=b", "x=1", "state=x", "after=x", "before=Ana"]
    )
    def test_impossible_parameter_is_refused(self, browse: Browse, cast: Cast, query: str) -> None:
        answer = browse(cast.paula).get(f"/users/?{query}")
        assert answer.status_code == 400
        assert f"“{query.split('=')[0]}”" in answer.content.decode()

    def test_last_seen_sorts_those_never_seen_last(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        User.objects.filter(pk=cast.vera.pk).update(last_seen_at=fire.created_at)
        page = browse(cast.paula).get("/users/?sort=seen").content.decode()
        assert page.index("Vera Lind") < page.index("Ana Kim")

    @pytest.mark.parametrize("sort", ["name", "seen", "new"])
    def test_links_lead_through_all_and_back(self, browse: Browse, cast: Cast, sort: str) -> None:
        factories.PersonFactory.create_batch(PAGE_SIZE, name="Ana Kim & Co.~", level=Level.GUEST)
        client = browse(cast.paula)
        first = client.get(f"/users/?level=guest&sort={sort}").content.decode()
        assert "Previous page" not in first
        second = client.get(html.unescape(NEXT.findall(first)[0])).content.decode()
        assert "Next page" not in second
        rows = re.compile(r'<th scope="row"><a href="([^"]+)"')
        assert len({*rows.findall(first), *rows.findall(second)}) == PAGE_SIZE + 1
        back = client.get(html.unescape(PREVIOUS.findall(second)[0])).content.decode()
        assert rows.findall(back) == rows.findall(first)
        assert "Previous page" not in back

    def test_other_choices_begin_with_the_first_page(self, browse: Browse, cast: Cast) -> None:
        key = f"Ana Kim~{cast.ana.pk}"
        page = (
            browse(cast.paula).get("/users/", {"after": key, "q": "uc", "state": "dormant"}).content.decode()
        )
        assert 'href="/users/?q=uc&amp;state=dormant&amp;sort=seen"' in page
        assert 'href="/users/?q=uc"' in page
        assert 'name="state" value="dormant"' in page

    def test_many_are_not_counted_to_the_end(
        self, browse: Browse, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = browse(cast.paula)
        assert "<strong>7</strong> people" in client.get("/users/").content.decode()
        monkeypatch.setattr(people_pages, "PAGE_SIZE", 3)
        assert "<strong>7</strong> people" in client.get("/users/").content.decode()
        monkeypatch.setattr(people_pages, "MOST_COUNTED", 6)
        first = client.get("/users/").content.decode()
        last = client.get("/users/", {"after": f"Otto Brandt~{cast.otto.pk}"}).content.decode()
        for page in (first, last):
            assert "more than <strong>6</strong> people" in page

    def test_dormant_are_those_not_seen_for_some_days(
        self, browse: Browse, cast: Cast, settings: LazySettings
    ) -> None:
        settings.DORMANT_DAYS = 30
        long_ago = timezone.now() - timedelta(days=31)
        User.objects.filter(pk=cast.nils.pk).update(last_seen_at=timezone.now() - timedelta(days=29))
        User.objects.filter(pk=cast.eda.pk).update(last_seen_at=long_ago)
        User.objects.filter(pk__in=(cast.vera.pk, cast.nils.pk)).update(created_at=long_ago)
        page = browse(cast.paula).get("/users/?state=dormant").content.decode()
        assert "Who has not been seen for 30 days" in page
        for name, is_there in (
            ("Eda Kaya", True),
            ("Vera Lind", True),
            ("Nils Berg", False),
            ("Ana Kim", False),
        ):
            assert (name in page) == is_there

    def test_suspended_are_those_kept_out_now(self, browse: Browse, cast: Cast) -> None:
        suspensions.suspend(person=cast.eda, reason="Lost laptop.", until=None, by=cast.olga)
        page = browse(cast.paula).get("/users/?state=suspended").content.decode()
        assert "Eda Kaya" in page
        assert "Ana Kim" not in page

    def test_merged_account_is_found_as_the_one_that_has_the_identity(
        self, browse: Browse, cast: Cast
    ) -> None:
        subject = cast.ana.identities.get().subject
        User.objects.filter(pk=cast.ana.pk).update(merged_into=cast.eda, is_active=False)
        Identity.objects.filter(person=cast.ana).update(person=cast.eda)
        client = browse(cast.paula)
        for query in ("", "?state=suspended"):
            assert f"/users/{cast.ana.pk}/" not in client.get(f"/users/{query}").content.decode()
        page = client.get("/users/", {"q": subject}).content.decode()
        assert f"/users/{cast.eda.pk}/" in page
        assert "<strong>1</strong> person" in page

    def test_number_of_queries_does_not_grow(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        client = browse(cast.paula)
        addresses = [f"/users/?sort={sort}&q=uc" for sort in ("name", "seen", "new")]
        counts = []
        for _again in range(2):
            for _ in range(PAGE_SIZE):  # more than a page: else the rows that are shown need not be counted
                factories.MembershipFactory.create(namespace=fire, person=factories.person("Somebody"))
            for address in addresses:
                client.get(address)
            with CaptureQueriesContext(connection) as queries:
                for address in addresses:
                    client.get(address)
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_namespaces_are_counted_that_somebody_is_in_now(
        self, browse: Browse, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        client = browse(cast.olga)
        assert 'data-label="Namespaces">2<' in client.get("/users/?q=paula").content.decode()
        Membership.objects.filter(person=cast.paula, namespace=fire).update(ended_at=timezone.now())
        assert 'data-label="Namespaces">1<' in client.get("/users/?q=paula").content.decode()


class TestOne:
    def test_shows_identities_and_namespaces(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        page = browse(cast.olga).get(f"/users/{cast.eda.pk}/").content.decode()
        assert cast.eda.identities.get().subject in page
        assert "avis-fire" in page

    def test_address_is_for_operators(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        assert cast.eda.email in browse(cast.olga).get(f"/users/{cast.eda.pk}/").content.decode()
        assert cast.eda.email not in browse(cast.paula).get(f"/users/{cast.eda.pk}/").content.decode()

    def test_hidden_namespace_is_not_told_to_who_may_not_know_it(
        self, browse: Browse, cast: Cast, hidden: Namespace
    ) -> None:
        maya = factories.person("Maya Torres", level=Level.ADMIN)
        assert "quiet-lab" not in browse(maya).get(f"/users/{cast.paula.pk}/").content.decode()
        assert "quiet-lab" in browse(cast.olga).get(f"/users/{cast.paula.pk}/").content.decode()
        row = browse(maya).get("/users/?q=paula").content.decode()
        assert 'data-label="Namespaces">0<' in row

    def test_somebody_who_does_not_exist_is_404(self, browse: Browse, cast: Cast) -> None:
        assert browse(cast.olga).get("/users/00000000-0000-4000-8000-000000000000/").status_code == 404

    def test_operators_see_how_the_level_came_about_and_for_whom_somebody_vouched(
        self, browse: Browse, cast: Cast
    ) -> None:
        wish = factories.PromotionFactory.create(person=cast.ana)
        requests.approve(request=wish, by=cast.paula)
        page = browse(cast.olga).get(f"/users/{cast.ana.pk}/").content.decode()
        assert "guest → user" in page
        assert f'<a href="/users/{cast.paula.pk}/">Paula Ilić</a>' in page
        assert f'<a href="/requests/{wish.pk}/">on request</a>' in page
        page = browse(cast.olga).get(f"/users/{cast.paula.pk}/").content.decode()
        assert "Vouched for" in page
        assert f'<a href="/users/{cast.ana.pk}/">Ana Kim</a>' in page

    def test_nobody_else_sees_who_vouched_for_whom(self, browse: Browse, cast: Cast) -> None:
        people.vouch(person=cast.ana, by=cast.olga)
        assert "guest → user" not in browse(cast.paula).get(f"/users/{cast.ana.pk}/").content.decode()
        assert "Vouched for" not in browse(cast.paula).get(f"/users/{cast.olga.pk}/").content.decode()

    def test_level_that_was_asked_for_is_shown_to_who_decides(self, browse: Browse, cast: Cast) -> None:
        anas, ottos = (factories.PromotionFactory.create(person=each) for each in (cast.ana, cast.otto))
        page = browse(cast.paula).get(f"/users/{cast.ana.pk}/").content.decode()
        assert f'href="/requests/{anas.pk}/"' in page
        assert (
            f"/requests/{ottos.pk}/" not in browse(cast.paula).get(f"/users/{cast.otto.pk}/").content.decode()
        )
        assert f"/requests/{ottos.pk}/" in browse(cast.olga).get(f"/users/{cast.otto.pk}/").content.decode()

    def test_number_of_queries_does_not_grow_with_the_history(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.olga)
        people.vouch(person=cast.ana, by=cast.paula)
        addresses = [f"/users/{person.pk}/" for person in (cast.ana, cast.paula)]
        counts = []
        for _again in range(2):
            for address in addresses:
                client.get(address)
            with CaptureQueriesContext(connection) as queries:
                for address in addresses:
                    client.get(address)
            counts.append(len(queries))
            for level in (Level.GUEST, Level.USER, Level.ADMIN):
                people.set_level(person=cast.ana, level=level, by=cast.olga)
            for guest in factories.PersonFactory.create_batch(4, level=Level.GUEST):
                people.vouch(person=guest, by=cast.paula)
        assert counts[0] == counts[1]


class TestVouch:
    @pytest.mark.parametrize("who", ["paula", "olga"])
    def test_guest_becomes_user(self, browse: Browse, cast: Cast, who: str) -> None:
        client = browse(getattr(cast, who))
        assert "Vouch for Ana Kim" in client.get(f"/users/{cast.ana.pk}/").content.decode()
        page = client.post(f"/users/{cast.ana.pk}/vouch/", follow=True).content.decode()
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER
        assert "Ana Kim is a user now: you vouched for them." in page
        assert "Vouch for Ana Kim" not in page

    def test_nobody_vouches_for_who_is_suspended(self, browse: Browse, cast: Cast) -> None:
        """The page was made before."""
        suspensions.suspend(person=cast.ana, reason="They did harm.", until=None, by=cast.olga)
        answer = browse(cast.paula).post(f"/users/{cast.ana.pk}/vouch/")
        assert answer.status_code == 409
        cast.ana.refresh_from_db()
        assert cast.ana.is_guest

    def test_nobody_vouches_for_themselves(self, browse: Browse, cast: Cast) -> None:
        answer = browse(cast.paula).post(f"/users/{cast.paula.pk}/vouch/")
        assert answer.status_code == 403
        assert 'role="alert"' in answer.content.decode()


class TestLevel:
    def test_operator_sets_a_level(self, browse: Browse, cast: Cast) -> None:
        page = browse(cast.olga).post(f"/users/{cast.otto.pk}/level/", {"level": "admin"}, follow=True)
        cast.otto.refresh_from_db()
        assert cast.otto.level == Level.ADMIN
        assert "The level of Otto Brandt is admin now." in page.content.decode()

    def test_level_admin_does_not(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.paula)
        assert "/level/" not in client.get(f"/users/{cast.otto.pk}/").content.decode()
        answer = client.post(f"/users/{cast.otto.pk}/level/", {"level": "admin"})
        assert answer.status_code == 403
        assert "Only operators set levels" in answer.content.decode()

    def test_nobody_sets_their_own(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.olga)
        assert "/level/" not in client.get(f"/users/{cast.olga.pk}/").content.decode()
        assert client.post(f"/users/{cast.olga.pk}/level/", {"level": "guest"}).status_code == 403

    @pytest.mark.parametrize("data", [{}, {"level": "operator"}, {"level": ""}])
    def test_unknown_level_is_refused(self, browse: Browse, cast: Cast, data: dict[str, str]) -> None:
        answer = browse(cast.olga).post(f"/users/{cast.otto.pk}/level/", data)
        assert answer.status_code == 400
        assert 'href="#id_level"' in answer.content.decode()

    def test_last_admin_of_a_namespace_becomes_no_guest_without_a_successor(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
        client, field = browse(cast.olga), f"successor_{fire.pk.hex}"
        assert "Who takes over avis-fire" in client.get(f"/users/{cast.nils.pk}/").content.decode()
        answer = client.post(f"/users/{cast.nils.pk}/level/", {"level": "guest"})
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "Nils Berg is the last admin of avis-fire." in page
        assert '<option value="guest" selected>' in page
        assert User.objects.get(pk=cast.nils.pk).level == Level.USER
        wrong = client.post(f"/users/{cast.nils.pk}/level/", {"level": "guest", field: str(cast.otto.pk)})
        assert wrong.status_code == 400
        assert f'href="#id_{field}"' in wrong.content.decode()
        answer = client.post(f"/users/{cast.nils.pk}/level/", {"level": "guest", field: str(cast.eda.pk)})
        assert answer.status_code == 302
        assert User.objects.get(pk=cast.nils.pk).level == Level.GUEST
        assert Membership.objects.get(namespace=fire, person=cast.eda).role == Role.ADMIN

    def test_who_is_nowhere_the_last_admin_is_asked_for_no_successor(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        page = browse(cast.olga).get(f"/users/{cast.nils.pk}/").content.decode()
        assert "Change the level" in page
        assert "Who takes over" not in page


class TestFreshLogin:
    """A stolen session, or a browser left open, is not enough to change levels or to keep somebody out."""

    @pytest.fixture
    def stale(self, browse: Browse, cast: Cast) -> Client:
        """The browser of an operator who showed who she is more than a quarter of an hour ago."""
        client = browse(cast.olga)
        show(client, cast.olga, minutes_ago=16)
        return client

    def test_pages_ask_for_it(self, stale: Client, cast: Cast, settings: LazySettings) -> None:
        issuer = cast.olga.identities.get().issuer
        settings.ISSUERS = (
            Issuer(id="campus", name="Campus", issuer=issuer, client_id="c", client_secret="s"),
        )
        for address in (f"/users/{cast.eda.pk}/", f"/users/{cast.eda.pk}/suspend/"):
            page = stale.get(address).content.decode()
            assert "Log in again with Campus" in page
            assert f'name="next" value="{address}"' in page

    @pytest.mark.parametrize(
        ("act", "form"),
        [("level", {"level": "admin"}), ("suspend", {"reason": "They asked for it by letter."})],
    )
    def test_nothing_is_done_without(self, stale: Client, cast: Cast, act: str, form: dict[str, str]) -> None:
        answer = stale.post(f"/users/{cast.eda.pk}/{act}/", form, follow=True)
        assert "Nothing was done yet." in answer.content.decode()
        cast.eda.refresh_from_db()
        assert (cast.eda.level, cast.eda.is_active) == (Level.USER, True)

    def test_what_was_typed_is_there_again_once_and_only_after_showing(
        self, stale: Client, cast: Cast
    ) -> None:
        address, reason = f"/users/{cast.eda.pk}/suspend/", "They asked for it by <letter>."
        answer = stale.post(address, {"reason": reason, "until": "2100-05-01"}, follow=True)
        assert escape(reason) not in answer.content.decode()
        assert escape(reason) not in stale.get(address).content.decode()
        show(stale, cast.olga)
        assert escape(reason) not in stale.get(f"/users/{cast.otto.pk}/suspend/").content.decode()
        page = stale.get(address).content.decode()
        assert escape(reason) in page
        assert 'value="2100-05-01"' in page
        assert stale.session.get("typed_before") is None
        assert escape(reason) not in stale.get(address).content.decode()
        cast.eda.refresh_from_db()
        assert cast.eda.is_active

    def test_what_was_typed_is_not_kept_longer_than_showing_holds(self, stale: Client, cast: Cast) -> None:
        address, reason = f"/users/{cast.eda.pk}/suspend/", "They asked for it by letter."
        stale.post(address, {"reason": reason})
        session = stale.session
        session["typed_before"] = {**session["typed_before"], "at": int(time.time()) - 16 * 60}
        session.save()
        show(stale, cast.olga)
        assert reason not in stale.get(address).content.decode()
        assert stale.session.get("typed_before") is None

    def test_more_than_a_form_takes_is_not_kept(self, stale: Client, cast: Cast) -> None:
        address = f"/users/{cast.eda.pk}/suspend/"
        stale.post(address, {"reason": "They asked for it by letter.", "more": "x" * 30_000})
        assert stale.session.get("typed_before") is None

    def test_level_that_was_chosen_and_who_takes_over_are_there_again(
        self, stale: Client, cast: Cast, hidden: Namespace
    ) -> None:
        page, name = f"/users/{cast.paula.pk}/", f"successor_{hidden.pk.hex}"
        stale.post(f"{page}level/", {"level": "guest", name: cast.olga.pk})
        show(stale, cast.olga)
        shown = " ".join(stale.get(page).content.decode().split())
        assert re.search(r'value="guest"[^>]*(checked|selected)', shown)
        assert re.search(rf'value="{cast.olga.pk}" selected', shown)

    def test_note_of_an_approval_is_there_again(self, stale: Client, cast: Cast) -> None:
        texts = {"reason": "I run the reef group.", "institution": "UCM", "purpose": "Reefs."}
        wish = requests.ask_for_level(level=Level.ADMIN, by=cast.eda, **texts)
        stale.post(f"{wish.get_absolute_url()}approve/", {"approve-note": "Welcome to the reefs."})
        show(stale, cast.olga)
        assert "Welcome to the reefs." in stale.get(wish.get_absolute_url()).content.decode()

    def test_suspension_is_not_lifted_without(self, stale: Client, cast: Cast) -> None:
        suspensions.suspend(person=cast.eda, reason="They asked for it.", until=None, by=cast.olga)
        stale.post(f"/users/{cast.eda.pk}/lift/")
        cast.eda.refresh_from_db()
        assert not cast.eda.is_active

    def test_level_admin_is_not_given_on_request_without(self, stale: Client, cast: Cast) -> None:
        wish = requests.ask_for_level(
            level=Level.ADMIN,
            reason="I run the reef group.",
            institution="UCM",
            purpose="Reefs.",
            by=cast.eda,
        )
        assert "Approve</button>" not in stale.get(wish.get_absolute_url()).content.decode()
        stale.post(f"{wish.get_absolute_url()}approve/")
        cast.eda.refresh_from_db()
        assert cast.eda.level == Level.USER

    def test_vouching_needs_none(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.paula)
        show(client, cast.paula, minutes_ago=600)
        client.post(f"/users/{cast.ana.pk}/vouch/")
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER


class TestOperator:
    def send(self, client: Client, person: User, operator: str = "yes", **form: str) -> Answer:
        given = {"operator": operator, "sure": "on", **form}
        return client.post(reverse("person_operator", args=[person.pk]), given)

    def test_is_made_and_ended(self, browse: Browse, cast: Cast) -> None:
        olga = browse(cast.olga)
        page = reverse("person", args=[cast.eda.pk])
        assert "Make Eda Kaya an operator" in olga.get(page).content.decode()
        assert self.send(olga, cast.eda).headers["Location"] == page
        cast.eda.refresh_from_db()
        assert cast.eda.is_operator
        shown = olga.get(page).content.decode()
        assert "Eda Kaya is an operator now." in shown
        assert "End it for Eda Kaya" in shown
        self.send(olga, cast.eda, "no")
        cast.eda.refresh_from_db()
        assert not cast.eda.is_operator

    @pytest.mark.parametrize("form", [{"sure": ""}, {"operator": ""}, {"operator": "maybe"}])
    def test_bad_input_changes_nothing(self, form: dict[str, str], browse: Browse, cast: Cast) -> None:
        answer = self.send(browse(cast.olga), cast.eda, **form)
        assert answer.status_code == 400
        cast.eda.refresh_from_db()
        assert not cast.eda.is_operator

    def test_level_admin_may_not(self, browse: Browse, cast: Cast) -> None:
        assert self.send(browse(cast.paula), cast.paula).status_code == 403
        assert self.send(browse(cast.paula), cast.eda).status_code == 403
        assert (
            "an operator"
            not in browse(cast.paula).get(reverse("person", args=[cast.eda.pk])).content.decode()
        )

    def test_wants_a_fresh_login(self, browse: Browse, cast: Cast) -> None:
        olga = browse(cast.olga)
        show(olga, cast.olga, minutes_ago=16)
        assert self.send(olga, cast.eda).headers["Location"] == reverse("person", args=[cast.eda.pk])
        cast.eda.refresh_from_db()
        assert not cast.eda.is_operator

    def test_nobody_themselves_and_no_guest(self, browse: Browse, cast: Cast) -> None:
        olga = browse(cast.olga)
        assert self.send(olga, cast.olga, "no").status_code == 403
        assert self.send(olga, cast.ana).status_code == 409
        assert (
            "Operators may do everything"
            not in olga.get(reverse("person", args=[cast.ana.pk])).content.decode()
        )


def test_what_happened_is_for_operators(browse: Browse, cast: Cast) -> None:
    suspensions.suspend(person=cast.otto, reason="Mines coins on every node.", until=None, by=cast.olga)
    page = reverse("person", args=[cast.otto.pk])
    assert "What happened" in browse(cast.olga).get(page).content.decode()
    assert "What happened" not in browse(cast.paula).get(page).content.decode()


@pytest.mark.database
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("order", people_pages._ORDERS.values())
def test_nobody_is_sorted_for_a_page(cast: Cast, order: Order, *, backwards: bool) -> None:
    found = people_pages._search("", level="", state="").order_by(*order.terms(backwards=backwards))[:26]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # few rows it would rather sort
            cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off")
    plan = found.explain()
    assert "SORT" not in plan.upper().replace("PRESORTED", "")
    assert "B-TREE" not in plan.upper()
    assert "accounts_user_" in plan
