"""The members pages: who is in, adding, roles, removing, leaving."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import cast as cast_to

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Level
from namespaces.access import Role
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

MEMBERS = "/namespaces/nautilus/avis-fire/members/"


def current(fire: Namespace) -> dict[str, str]:
    rows = Membership.objects.current().filter(namespace=fire).values_list("person__name", "role")
    return dict(rows)


def of(fire: Namespace, name: str) -> Membership:
    return Membership.objects.get(namespace=fire, person__name=name)


@pytest.mark.parametrize(
    ("who", "status"), [("eda", 403), ("vera", 403), ("otto", 403), ("nils", 200), ("olga", 200)]
)
def test_table_is_for_admins_and_operators(
    browse: Browse, cast: Cast, fire: Namespace, who: str, status: int
) -> None:
    assert browse(getattr(cast, who)).get(MEMBERS).status_code == status


def test_table_shows_no_address_and_no_identity(browse: Browse, cast: Cast, fire: Namespace) -> None:
    page = browse(cast.nils).get(MEMBERS).content.decode()
    assert "Eda Kaya" in page
    assert cast.eda.email not in page
    assert cast.eda.identities.get().subject not in page


def test_number_of_queries_does_not_grow_with_the_members(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    client = browse(cast.nils)
    client.get(MEMBERS)
    with CaptureQueriesContext(connection) as few:
        client.get(MEMBERS)
    factories.MembershipFactory.create_batch(20, namespace=fire)
    with CaptureQueriesContext(connection) as many:
        client.get(MEMBERS)
    assert len(many) == len(few)


def test_polled_part_replaces_each_standing_and_touches_no_form(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    part = browse(cast.nils).get(MEMBERS, headers={"HX-Request": "true"}).content.decode()
    assert part.count('hx-swap-oob="true"') == 4
    assert 'id="standings"' in part
    assert "hx-trigger" in part
    assert "<select" not in part


class TestSearch:
    @pytest.mark.parametrize("query", ["tto", "OTTO BR", "{email}", "{subject}"])
    def test_finds_by_part_of_name_whole_address_and_whole_identity(
        self, browse: Browse, cast: Cast, fire: Namespace, query: str
    ) -> None:
        identity = cast.otto.identities.get()
        typed = query.format(email=cast.otto.email.upper(), subject=identity.subject)
        page = browse(cast.nils).get(f"{MEMBERS}add/", {"q": typed}).content.decode()
        assert "<strong>Otto Brandt</strong>" in page
        assert f'value="{cast.otto.pk}"' in page

    @pytest.mark.parametrize("query", ["ot", "{email}", "{subject}", "zzz"])
    def test_finds_nobody_by_less(self, browse: Browse, cast: Cast, fire: Namespace, query: str) -> None:
        identity = cast.otto.identities.get()
        typed = query.format(email=cast.otto.email[:-1], subject=identity.subject[:-1])
        page = browse(cast.nils).get(f"{MEMBERS}add/", {"q": typed}).content.decode()
        assert "<strong>Otto Brandt</strong>" not in page

    def test_shows_at_most_ten(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        factories.PersonFactory.create_batch(11, name="Same Name")
        page = browse(cast.nils).get(f"{MEMBERS}add/", {"q": "same"}).content.decode()
        assert page.count("<strong>Same Name</strong>") == 10
        assert "There are more." in page

    def test_member_cannot_be_added_again(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        page = browse(cast.nils).get(f"{MEMBERS}add/", {"q": "eda kaya"}).content.decode()
        assert "a member already" in page
        assert f'name="person" value="{cast.eda.pk}"' not in page

    def test_guest_is_offered_to_who_may_vouch_only(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        button = f'value="{cast.ana.pk}"'
        assert button not in browse(cast.nils).get(f"{MEMBERS}add/", {"q": "ana"}).content.decode()
        assert button in browse(cast.paula).get(f"{MEMBERS}add/", {"q": "ana"}).content.decode()

    def test_inactive_person_is_not_found(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        cast.otto.is_active = False
        cast.otto.save(update_fields=["is_active"])
        page = browse(cast.nils).get(f"{MEMBERS}add/", {"q": "otto"}).content.decode()
        assert "Nobody found." in page


class TestAdd:
    def test_person_is_added_and_the_page_says_so(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        data = {"person": cast.otto.pk, "role": "viewer"}
        answer = browse(cast.nils).post(f"{MEMBERS}add/", data, follow=True)
        assert current(fire)["Otto Brandt"] == Role.VIEWER
        assert "Otto Brandt is viewer now." in answer.content.decode()

    def test_adding_a_guest_vouches_and_says_so(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        data = {"person": cast.ana.pk, "role": "editor"}
        answer = browse(cast.paula).post(f"{MEMBERS}add/", data, follow=True)
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER
        assert "you vouched for them" in answer.content.decode()

    def test_guest_needs_somebody_who_may_vouch(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        answer = browse(cast.nils).post(f"{MEMBERS}add/", {"person": cast.ana.pk, "role": "editor"})
        assert answer.status_code == 403
        assert "Only people of level admin and operators may vouch" in answer.content.decode()
        assert "Ana Kim" not in current(fire)

    def test_member_already_is_told(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        answer = browse(cast.nils).post(f"{MEMBERS}add/", {"person": cast.eda.pk, "role": "admin"})
        assert answer.status_code == 409
        assert current(fire)["Eda Kaya"] == Role.EDITOR

    @pytest.mark.parametrize(
        "data",
        [
            {}, {"person": "x", "role": "editor"}, {"person": "{otto}", "role": "owner"}, {"person": "{otto}"},
            {"person": "00000000-0000-4000-8000-000000000000", "role": "editor"},
        ],
    )  # fmt: skip
    def test_bad_input_is_refused(
        self, browse: Browse, cast: Cast, fire: Namespace, data: dict[str, str]
    ) -> None:
        filled = {name: value.format(otto=cast.otto.pk) for name, value in data.items()}
        answer = browse(cast.nils).post(f"{MEMBERS}add/", filled)
        assert answer.status_code == 400
        assert "Nothing was saved yet" in answer.content.decode()
        assert len(current(fire)) == 4

    @pytest.mark.parametrize(
        ("data", "status"), [({"person": "{ana}", "role": "viewer"}, 403), ({"person": "{ana}"}, 400)]
    )
    def test_who_is_refused_finds_their_search_again(
        self, browse: Browse, cast: Cast, fire: Namespace, data: dict[str, str], status: int
    ) -> None:
        offered = browse(cast.paula).get(f"{MEMBERS}add/", {"q": "ana kim"}).content.decode()
        address = re.search(r'action="([^"]+q=ana[^"]+)"', offered)
        assert address
        filled = {name: value.format(ana=cast.ana.pk) for name, value in data.items()}
        answer = browse(cast.nils).post(address[1], filled)
        assert answer.status_code == status
        assert 'value="ana kim"' in answer.content.decode()
        assert "Ana Kim" in answer.content.decode().split('id="found"')[1].split("</section>")[0]

    def test_fields_that_nobody_asked_for_change_nothing(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        data = {
            "person": cast.otto.pk,
            "role": "viewer",
            "level": "admin",
            "is_superuser": "1",
            "namespace": "x",
        }
        browse(cast.nils).post(f"{MEMBERS}add/", data)
        cast.otto.refresh_from_db()
        assert (cast.otto.level, cast.otto.is_superuser) == (Level.USER, False)


class TestRole:
    def test_role_is_changed(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        answer = browse(cast.nils).post(f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/role/", {"role": "admin"})
        assert answer.headers["Location"] == MEMBERS
        assert current(fire)["Eda Kaya"] == Role.ADMIN

    def test_admin_who_steps_down_lands_where_they_may_be(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        client = browse(cast.nils)
        answer = client.post(f"{MEMBERS}{of(fire, 'Nils Berg').pk}/role/", {"role": "editor"}, follow=True)
        assert answer.status_code == 200
        assert answer.request["PATH_INFO"] == "/namespaces/nautilus/avis-fire/"

    def test_last_admin_stays_one_and_the_page_says_why(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
        answer = browse(cast.nils).post(f"{MEMBERS}{of(fire, 'Nils Berg').pk}/role/", {"role": "editor"})
        assert answer.status_code == 409
        assert "Nils Berg is the last admin of avis-fire." in answer.content.decode()
        assert current(fire)["Nils Berg"] == Role.ADMIN

    def test_membership_of_another_namespace_does_not_exist_here(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        other = factories.MembershipFactory.create()
        for act in ("role", "remove"):
            assert browse(cast.nils).post(f"{MEMBERS}{other.pk}/{act}/", {"role": "admin"}).status_code == 404
        other.refresh_from_db()
        assert (other.role, other.ended_at) == (Role.EDITOR, None)

    def test_unknown_role_is_refused(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        answer = browse(cast.nils).post(f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/role/", {"role": "owner"})
        assert answer.status_code == 400
        assert "There is no such role." in answer.content.decode()


class TestRemove:
    def test_page_says_what_the_person_loses_and_changes_nothing(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        page = browse(cast.nils).get(f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/remove/").content.decode()
        assert "Remove Eda Kaya from avis-fire?" in page
        assert "the cluster refuses their own login" in page
        assert "Eda Kaya" in current(fire)

    def test_removed_person_is_listed_until_and_after_the_proof(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        client = browse(cast.nils)
        page = client.post(f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/remove/", follow=True).content.decode()
        assert "Eda Kaya" not in current(fire)
        assert "Eda Kaya was removed." in page
        assert "No longer members" in page

    def test_removing_twice_is_told(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        client = browse(cast.nils)
        address = f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/remove/"
        client.post(address)
        assert client.post(address).status_code == 409

    def test_former_admin_cannot_use_a_form_made_before(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        client = browse(cast.nils)
        Membership.objects.filter(namespace=fire, person=cast.nils).update(ended_at=fire.created_at)
        assert client.post(f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/remove/").status_code == 403
        assert "Eda Kaya" in current(fire)


class TestLeave:
    LEAVE = "/namespaces/nautilus/avis-fire/leave/"

    @pytest.mark.parametrize("who", ["eda", "vera", "nils"])
    def test_member_leaves(self, browse: Browse, cast: Cast, fire: Namespace, who: str) -> None:
        client, person = browse(getattr(cast, who)), getattr(cast, who)
        assert "Leave avis-fire?" in client.get(self.LEAVE).content.decode()
        assert client.post(self.LEAVE).headers["Location"] == "/"
        assert person.name not in current(fire)

    def test_last_admin_is_told_whom_to_find_first(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
        answer = browse(cast.nils).post(self.LEAVE)
        assert answer.status_code == 409
        assert "Make somebody else an admin first." in answer.content.decode()

    @pytest.mark.parametrize(("who", "status"), [("otto", 403), ("olga", 404)])
    def test_who_is_not_in_cannot_leave(
        self, browse: Browse, cast: Cast, fire: Namespace, who: str, status: int
    ) -> None:
        assert browse(getattr(cast, who)).post(self.LEAVE).status_code == status


class TestUntil:
    def test_last_day_is_shown_changed_and_taken_away(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        client, edas = browse(cast.nils), of(fire, "Eda Kaya")
        day = timezone.localdate() + timedelta(days=10)
        address = f"{MEMBERS}{edas.pk}/until/"
        shown = client.post(address, {"until": str(day)}, follow=True).content.decode()
        assert "Eda Kaya is a member until " in shown
        assert f'value="{day}"' in client.get(address).content.decode()
        edas.refresh_from_db()
        assert edas.last_day is not None
        assert timezone.localdate(edas.last_day) == day
        shown = client.post(address, {"until": ""}, follow=True).content.decode()
        assert "The membership of Eda Kaya does not end by itself." in shown

    @pytest.mark.parametrize(
        ("until", "said"),
        [("soon", "Give a day, such as"), ("2020-01-01", "still to come"), ("9999-12-31", "nearer")],
    )
    def test_what_is_no_day_to_come_is_said(
        self, browse: Browse, cast: Cast, fire: Namespace, until: str, said: str
    ) -> None:
        answer = browse(cast.nils).post(f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/until/", {"until": until})
        assert answer.status_code == 400
        assert said in answer.content.decode()

    def test_added_until_a_day(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        day = timezone.localdate() + timedelta(days=10)
        given = {"person": str(cast.otto.pk), "role": "viewer", "until": str(day)}
        browse(cast.nils).post(MEMBERS + "add/?q=otto", given)
        last_day = of(fire, "Otto Brandt").last_day
        assert last_day is not None
        assert timezone.localdate(last_day) == day

    def test_extended_in_one_click(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        edas = of(fire, "Eda Kaya")
        Membership.objects.filter(pk=edas.pk).update(ends_at=timezone.now() + timedelta(days=1))
        client = browse(cast.nils)
        assert "90 days more" in client.get(MEMBERS).content.decode()
        edas.refresh_from_db()
        assert edas.ends_at is not None
        before = {"ends_at": edas.ends_at.isoformat()}
        assert before["ends_at"] in client.get(MEMBERS).content.decode()
        client.post(f"{MEMBERS}{edas.pk}/extend/", before)
        edas.refresh_from_db()
        longer = edas.ends_at
        assert longer is not None
        assert longer > timezone.now() + timedelta(days=90)
        for shown in (before, {"ends_at": "2026-02-31T00:00"}, {"ends_at": "2027-02-24"}, {}):
            assert client.post(f"{MEMBERS}{edas.pk}/extend/", shown).status_code == 409
        edas.refresh_from_db()
        assert edas.ends_at == longer


def test_removal_is_undone_from_the_table(browse: Browse, cast: Cast, fire: Namespace) -> None:
    client, edas = browse(cast.nils), of(fire, "Eda Kaya")
    shown = client.post(f"{MEMBERS}{edas.pk}/remove/", follow=True).content.decode()
    assert f"{MEMBERS}{edas.pk}/restore/" in shown
    shown = client.post(f"{MEMBERS}{edas.pk}/restore/", follow=True).content.decode()
    assert "Eda Kaya is editor again." in shown
    assert current(fire)["Eda Kaya"] == "editor"


class TestAddMany:
    ADDRESS = MEMBERS + "add/many/"

    def given(self, *lines: str, **more: str) -> dict[str, str]:
        return {"people": "\n".join(lines), "role": "viewer", "until": "", **more}

    def test_says_what_it_will_do_and_does_nothing(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        answer = browse(cast.nils).post(self.ADDRESS, self.given(cast.otto.email, "nobody@example.org"))
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "1 person becomes a member." in page
        assert "1 line cannot be done." in page
        assert "has logged in here yet" in page
        assert "Otto Brandt" not in current(fire)

    def test_adds_and_says_which_lines_were_left(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        given = self.given(cast.otto.email, "", "nobody@example.org", save="1")
        page = browse(cast.nils).post(self.ADDRESS, given, follow=True).content.decode()
        assert "1 person was added." in page
        assert "Line 3 was not done." in page
        assert current(fire)["Otto Brandt"] == "viewer"

    def test_all_or_nobody_keeps_what_was_typed(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        given = self.given(cast.otto.email, "nobody@example.org", save="1", together="on")
        answer = browse(cast.nils).post(self.ADDRESS, given)
        assert answer.status_code == 409
        assert "Nobody was added: not every line can be done." in answer.content.decode()
        assert "nobody@example.org" in answer.content.decode()

    def test_table_from_elsewhere(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        other = factories.person("Other, Someone")
        given = self.given(
            "E-mail\tRole\tUntil",
            f"{cast.otto.email}\tEditor\t2100-02-24",
            f'"Other, Someone" <{other.email}>',
            save="1",
        )
        browse(cast.nils).post(self.ADDRESS, given)
        assert current(fire)["Otto Brandt"] == "editor"
        last_day = of(fire, "Otto Brandt").last_day
        assert last_day is not None
        assert str(timezone.localdate(last_day)) == "2100-02-24"

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("a@example.org, owner", "There is no role “owner”."),
            ("a@example.org, viewer, soon", "“soon” is no day such as 2027-02-24."),
            ("a@example.org, viewer, 9999-12-31", "Give a day that is nearer."),
            ("a@example.org, viewer, 2100-02-24, x", "More than address, role and last day."),
            (", viewer", "No address."),
            ("=cmd|' /C calc'!A0", "has logged in here yet"),
            ("<" + "(" * 5000, "has logged in here yet"),
            ("(" * 5000 + "<a@example.org>", "has logged in here yet"),
            ("Ana <>", "No address."),
        ],
    )
    def test_line_that_cannot_be_read_says_why(
        self, browse: Browse, cast: Cast, fire: Namespace, line: str, said: str
    ) -> None:
        answer = browse(cast.nils).post(self.ADDRESS, self.given(line))
        assert answer.status_code == 200
        assert said in answer.content.decode().replace("&#x27;", "'")

    @pytest.mark.parametrize(
        ("lines", "said"), [([], "Write at least one line."), (["a@example.org"] * 201, "At most 200 lines")]
    )
    def test_neither_none_nor_too_many(
        self, browse: Browse, cast: Cast, fire: Namespace, lines: list[str], said: str
    ) -> None:
        answer = browse(cast.nils).post(self.ADDRESS, self.given(*lines))
        assert answer.status_code == 400
        assert said in answer.content.decode()


class TestFile:
    def send(self, browse: Browse, cast: Cast, content: bytes, **more: str) -> HttpResponse:
        given = SimpleUploadedFile("list.csv", content, content_type="text/csv")
        sent = {"people": "", "role": "viewer", "until": "", "file": given, **more}
        return cast_to(HttpResponse, browse(cast.nils).post(f"{MEMBERS}add/many/", sent))

    def test_its_lines_are_shown_and_then_sent_as_if_typed(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        table = f"\ufeffE-Mail;Role\r\n{cast.otto.email};editor\r\n".encode()
        page = self.send(browse, cast, table).content.decode()
        assert "Add 1 person" in page
        typed = re.search(r"<textarea[^>]*>\s*([^<]*)</textarea>", page)
        assert typed
        assert html.unescape(typed[1]).split() == ["E-Mail;Role", f"{cast.otto.email};editor"]
        assert "Otto Brandt" not in current(fire)
        sent = {"people": html.unescape(typed[1]), "role": "viewer", "until": "", "save": "1"}
        browse(cast.nils).post(f"{MEMBERS}add/many/", sent)
        assert current(fire)["Otto Brandt"] == "editor"

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"\xff\xfeo\x00t\x00", "no text in UTF-8"),
            (b"PK\x03\x04 a workbook", "Control characters"),
            (b"otto@example.org\n" * 9500, "shorter than this file"),
            (b"otto@example.org\n" * 201, "At most 200 lines"),
            (b"", "Write at least one line."),
        ],
    )
    def test_what_is_no_list_is_told(
        self, browse: Browse, cast: Cast, fire: Namespace, content: bytes, said: str
    ) -> None:
        response = self.send(browse, cast, content)
        assert response.status_code == 400
        assert said in response.content.decode()

    def test_lines_and_file_are_one_too_many(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        response = self.send(browse, cast, b"eda@example.org\n", people=cast.otto.email)
        assert response.status_code == 400
        page = response.content.decode()
        assert "not both" in page
        assert cast.otto.email in page


class TestPages:
    @pytest.fixture(params=[MEMBERS, "/namespaces/nautilus/avis-fire/"])
    def address(self, request: pytest.FixtureRequest, fire: Namespace) -> str:
        """The table of the admins, and that of the members, of a namespace with 64 members."""
        for number in range(60):
            factories.MembershipFactory.create(namespace=fire, person__name=f"Student {number:02}")
        return str(request.param)

    def names(self, page: str) -> list[str]:
        return re.findall(r'<th scope="row">([^<]+?)\s*<', page)

    def test_admins_first_and_the_others_page_after_page(
        self, browse: Browse, cast: Cast, address: str
    ) -> None:
        client = browse(cast.nils)
        first = client.get(address).content.decode()
        following = re.search(r'rel="next" href="([^"]+)"', first)
        assert following
        second = client.get(html.unescape(following[1])).content.decode()
        shown = self.names(first) + self.names(second)
        assert shown[:2] == ["Nils Berg", "Paula Ilić"]
        assert len(self.names(first)) == 50
        assert sorted(shown) == sorted(current(Namespace.objects.get(name="avis-fire")))
        assert "64 members, and how" in second
        back = re.search(r'rel="prev" href="([^"]+)"', second)
        assert back
        assert self.names(client.get(html.unescape(back[1])).content.decode()) == self.names(first)

    def test_somebody_is_found_by_a_part_of_the_name(self, browse: Browse, cast: Cast, address: str) -> None:
        client = browse(cast.nils)
        assert self.names(client.get(address, {"who": "dent 33"}).content.decode()) == ["Student 33"]
        assert "No member has this" in client.get(address, {"who": "nobody"}).content.decode()

    @pytest.mark.parametrize("query", ["after=nobody", "after=0x~y&before=z", "who=%00", "page=2"])
    def test_place_that_is_none_is_refused(
        self, browse: Browse, cast: Cast, address: str, query: str
    ) -> None:
        assert browse(cast.nils).get(f"{address}?{query}").status_code == 400

    def test_number_of_queries_is_that_of_few(self, browse: Browse, cast: Cast, address: str) -> None:
        client = browse(cast.nils)
        client.get(address)
        with CaptureQueriesContext(connection) as many:
            client.get(address)
        Membership.objects.filter(person__name__startswith="Student").delete()
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        assert len(many) == len(few)


def test_poll_asks_of_the_page_that_is_shown(browse: Browse, cast: Cast, fire: Namespace) -> None:
    for number in range(60):
        factories.MembershipFactory.create(namespace=fire, person__name=f"Student {number:02}")
    client = browse(cast.nils)
    following = re.search(r'rel="next" href="([^"]+)"', client.get(MEMBERS).content.decode())
    assert following
    page = client.get(html.unescape(following[1])).content.decode()
    polled = re.search(r'hx-get="([^"]+)" hx-trigger="every', page)
    assert polled
    answer = client.get(html.unescape(polled[1]), headers={"HX-Request": "true"}).content.decode()
    assert set(re.findall(r'id="(standing-[^"]+)"', answer)) == set(
        re.findall(r'id="(standing-[^"]+)"', page)
    )


def test_page_repeats_nothing_of_its_address_but_what_it_knows(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    role = f"{MEMBERS}{of(fire, 'Eda Kaya').pk}/role/"
    page = browse(cast.nils).post(f"{role}?id=canary&who=ed", {"role": "none"}).content.decode()
    assert "canary" not in page
    assert f'hx-get="{MEMBERS}?who=ed"' in page


def test_somebody_who_left_with_many_is_found_by_name(browse: Browse, cast: Cast, fire: Namespace) -> None:
    for number in range(60):
        gone = factories.MembershipFactory.create(namespace=fire, person__name=f"Student {number:02}")
        Membership.objects.filter(pk=gone.pk).update(ended_at=timezone.now())
    client = browse(cast.nils)
    page = client.get(MEMBERS).content.decode()
    assert "And 10 more, who left before them." in page
    assert 'name="who"' in page
    for number in (0, 59):
        found = client.get(MEMBERS, {"who": f"student {number:02}"}).content.decode()
        assert re.findall(r'<th scope="row">([^<]+?)\s*<', found) == [f"Student {number:02}"]
