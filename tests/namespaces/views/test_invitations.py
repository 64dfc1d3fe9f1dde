"""The pages of invitations: for admins, and for whoever holds a link."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Identity, Level, User
from namespaces import links
from namespaces.access import Role
from namespaces.actions import invitations
from namespaces.actions.invitations import Course
from namespaces.models import Invitation, Membership, Namespace
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

MEMBERS = "/namespaces/nautilus/avis-fire/members/"
ADDRESS = "lena@ou.example"


def day(number: int) -> str:
    return str(timezone.localdate() + timedelta(days=number))


def invitation(fire: Namespace, by: User, *, address: str = "") -> Invitation:
    return invitations.invite(namespace=fire, role=Role.EDITOR, address=address, title="Lena", by=by)


def course(fire: Namespace, by: User, *institutions: str) -> Invitation:
    end = timezone.now() + timedelta(days=20)
    asked = Course("Summer school", Role.VIEWER, 2, end, end, institutions)
    return invitations.open_course(namespace=fire, course=asked, by=by)


def page_of(made: Invitation) -> str:
    return f"{MEMBERS}invitations/{made.pk}/"


@pytest.mark.parametrize(
    ("by", "address", "reader", "is_shown"),
    [
        ("paula", "", "nils", False), ("paula", "", "paula", True), ("paula", "", "olga", True),
        ("paula", ADDRESS, "nils", True), ("nils", "", "olga", True),
    ],
)  # fmt: skip
def test_nobody_lets_guests_in_by_the_word_of_another(
    browse: Browse, cast: Cast, fire: Namespace, by: str, address: str, reader: str, is_shown: bool
) -> None:
    made = invitation(fire, getattr(cast, by), address=address)
    page = browse(getattr(cast, reader)).get(page_of(made)).content.decode()
    assert (links.path(made) in page) == is_shown
    assert ("has the link" in page) != is_shown


class TestInvite:
    def test_by_address(self, browse: Browse, cast: Cast, fire: Namespace, settings: Settings) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        sent = {
            "bound": "address", "address": ADDRESS, "role": "editor", "expires": day(5), "until": day(40),
        }  # fmt: skip
        response = browse(cast.nils).post(f"{MEMBERS}invite/", sent, follow=True)
        made = Invitation.objects.get()
        assert response.redirect_chain == [(page_of(made), 302)]
        assert f"An invitation goes to {ADDRESS}." in response.content.decode()
        assert made.access_ends_at is not None
        assert timezone.localdate(made.last_day) == timezone.localdate() + timedelta(days=5)
        assert Delivery.objects.get().address == ADDRESS

    def test_address_is_needed_and_what_was_typed_stays(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        sent = {"bound": "address", "title": "For Lena", "role": "viewer", "expires": day(5), "until": ""}
        response = browse(cast.nils).post(f"{MEMBERS}invite/", sent)
        assert response.status_code == 400
        page = response.content.decode()
        assert "Write the address, or let in who accepts first." in page
        assert 'value="For Lena"' in page
        assert not Invitation.objects.exists()

    def test_address_is_forgotten_where_it_is_not_meant(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        sent = {"bound": "first", "address": ADDRESS, "role": "editor", "expires": day(5), "until": ""}
        browse(cast.nils).post(f"{MEMBERS}invite/", sent)
        assert Invitation.objects.get().address == ""

    def test_who_may_not_vouch_reads_that_guests_wait(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        assert "cannot vouch" in browse(cast.nils).get(f"{MEMBERS}invite/").content.decode()
        assert "you vouch for them" in browse(cast.paula).get(f"{MEMBERS}invite/").content.decode()


class TestCourse:
    def test_made_with_known_and_other_institutions(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        Identity.objects.filter(person=cast.eda).update(entity_id="urn:mace:incommon:ucsc.edu")
        client = browse(cast.paula)
        assert 'value="urn:mace:incommon:ucsc.edu"' in client.get(f"{MEMBERS}course/").content.decode()
        sent = {
            "title": "Summer school", "role": "viewer", "places": "200", "expires": day(10), "until": day(180),
            "known": ["urn:mace:incommon:ucsc.edu"], "others": "https://idp.ou.example/shibboleth\n",
        }  # fmt: skip
        response = client.post(f"{MEMBERS}course/", sent, follow=True)
        made = Invitation.objects.get()
        assert made.institutions == ["urn:mace:incommon:ucsc.edu", "https://idp.ou.example/shibboleth"]
        page = response.content.decode()
        assert links.path(made) in page
        assert "0 of 200 places taken" in page
        assert cast.eda.identities.get().institution in page

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("until", day(181)),
            ("expires", day(-1)),
            ("places", "501"),
            ("places", "none"),
            ("role", "admin"),
            ("others", "ucsc.edu"),
            ("others", "someone@ucsc.edu"),
            ("others", "urn:" + "x" * 300),
            ("others", "\n".join(f"urn:{number}" for number in range(51))),
            ("known", "urn:of:nobody"),
        ],
    )
    def test_bad_input_is_told_at_its_field(
        self, browse: Browse, cast: Cast, fire: Namespace, field: str, value: str
    ) -> None:
        Identity.objects.filter(person=cast.eda).update(entity_id="urn:mace:incommon:ucsc.edu")
        sent = {
            "title": "Summer school", "role": "viewer", "places": "20", "expires": day(3), "until": day(10),
            field: value,
        }  # fmt: skip
        response = browse(cast.paula).post(f"{MEMBERS}course/", sent)
        assert response.status_code == 400
        assert field in response.context["form"].errors
        assert not Invitation.objects.exists()

    def test_end_names_who_is_out(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula)
        invitations.accept(invitation=made, serial=1, by=cast.otto)
        client = browse(cast.nils)
        assert "Otto Brandt" in client.get(f"{page_of(made)}end/").content.decode()
        response = client.post(f"{page_of(made)}end/", follow=True)
        assert "1 person is out." in response.content.decode()
        assert not Membership.objects.current().filter(namespace=fire, person=cast.otto).exists()

    def test_invitation_of_one_person_has_no_end(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        made = invitation(fire, cast.nils)
        assert browse(cast.nils).get(f"{page_of(made)}end/").status_code == 404


class TestMembersPage:
    def test_lists_what_waits(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        invitation(fire, cast.nils, address=ADDRESS)
        invitations.accept(invitation=course(fire, cast.paula), serial=1, by=cast.otto)
        page = browse(cast.nils).get(MEMBERS).content.decode()
        assert ADDRESS in page
        assert "1 of 2 places taken" in page

    def test_withdrawn_one_is_gone_and_lets_nobody_in(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        made = invitation(fire, cast.nils, address=ADDRESS)
        response = browse(cast.paula).post(f"{page_of(made)}withdraw/", follow=True)
        page = response.content.decode()
        assert "Its link lets nobody in any more." in page
        assert ADDRESS not in page
        assert "taken back" in browse(cast.otto).get(links.path(made)).content.decode()

    def test_too_soon_to_send_again_is_told(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        made = invitation(fire, cast.nils, address=ADDRESS)
        response = browse(cast.paula).post(f"{page_of(made)}renew/")
        assert response.status_code == 429
        assert "less than an hour ago" in response.content.decode()


class TestLink:
    def test_anonymous_reads_what_it_is_and_no_names(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        made = invitation(fire, cast.nils, address=ADDRESS)
        path = links.path(made)
        response = browse(None).get(path)
        page = response.content.decode()
        assert "You are invited to avis-fire" in page
        assert f"/accounts/login/?next={path.replace('/', '%2F')}" in page
        for secret in (ADDRESS, "Nils Berg", "Lena"):
            assert secret not in page
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Robots-Tag"] == "noindex"

    def test_opening_it_changes_nothing(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        made = invitation(fire, cast.nils)
        for reader in (None, cast.otto, cast.ana):
            browse(reader).get(links.path(made))
            browse(reader).head(links.path(made))
        made.refresh_from_db()
        assert (made.person, made.accepted_at) == (None, None)

    def test_accepting_leads_to_the_namespace(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        made = invitation(fire, cast.nils)
        client = browse(cast.otto)
        assert "Nils Berg" in client.get(links.path(made)).content.decode()
        response = client.post(links.path(made), follow=True)
        assert response.redirect_chain == [(fire.get_absolute_url(), 302)]
        assert "You are editor in avis-fire now." in response.content.decode()

    def test_anonymous_cannot_accept(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        path = links.path(invitation(fire, cast.nils))
        response = browse(None).post(path)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/accounts/login/?next=%2Finvitations%2F")
        assert not Membership.objects.filter(invitation__isnull=False).exists()

    def test_forged_one_is_as_unknown_as_any_address(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        path = links.path(invitation(fire, cast.nils))
        client = browse(cast.otto)
        unknown = client.get("/no-such-page/")
        for forged in (
            f"{path[:-2]}x/",
            path.replace("/1/", "/2/"),
            re.sub("[0-9a-f]{8}-", "00000000-", path),
        ):
            for answer in (client.get(forged), client.post(forged)):
                assert answer.status_code == 404
                assert len(answer.content) == len(unknown.content)

    def test_not_meant_for_the_reader_is_told_without_the_address(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        path = links.path(invitation(fire, cast.nils, address=ADDRESS))
        response = browse(cast.otto).post(path)
        page = response.content.decode()
        assert response.status_code == 403
        assert "your institution names another one" in page
        assert ADDRESS not in page
        assert '<button class="btn btn-primary">Accept' not in page

    def test_guest_keeps_it_until_they_are_a_user(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        path = links.path(invitation(fire, cast.nils))
        client = browse(cast.ana)
        page = client.post(path, follow=True).content.decode()
        assert "The invitation is kept for you." in page
        assert "It is kept for you." in page
        members = browse(cast.nils).get(MEMBERS).content.decode()
        assert "kept for Ana Kim, a guest" in members
        User.objects.filter(pk=cast.ana.pk).update(level=Level.USER)
        client.post(path)
        assert Membership.objects.current().filter(person=cast.ana, namespace=fire).exists()

    def test_member_is_led_to_the_namespace(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        page = browse(cast.vera).get(links.path(invitation(fire, cast.nils))).content.decode()
        assert "You are a member of avis-fire already" in page

    def test_hidden_namespace_tells_its_name_only(
        self, browse: Browse, cast: Cast, hidden: Namespace
    ) -> None:
        Namespace.objects.filter(pk=hidden.pk).update(description="Nobody else may read this.")
        page = browse(None).get(links.path(invitation(hidden, cast.olga))).content.decode()
        assert "quiet-lab" in page
        assert "Nobody else may read this." not in page


class TestAddManyInvites:
    def test_who_is_unknown_is_invited(
        self, browse: Browse, cast: Cast, fire: Namespace, settings: Settings
    ) -> None:
        settings.MAIL_FROM = "berth@portal.example.org"
        sent = {
            "people": f"{cast.otto.email}\n{ADDRESS}, viewer\n{ADDRESS.upper()}\nhttp://cilogon.org/nobody",
            "role": "editor", "until": "", "inviting": "on",
        }  # fmt: skip
        client = browse(cast.paula)
        page = client.post(f"{MEMBERS}add/many/", sent).content.decode()
        assert "Add 1 and invite 1" in page
        assert "The same person as in line 2." in page
        assert "only an address can be invited" in page
        assert not Invitation.objects.exists()
        page = client.post(f"{MEMBERS}add/many/", {**sent, "save": "1"}, follow=True).content.decode()
        assert "1 person was invited." in page
        made = Invitation.objects.get()
        assert (made.address, made.role) == (ADDRESS, Role.VIEWER)
        page = client.post(f"{MEMBERS}add/many/", sent).content.decode()
        assert "Invited already, and has not come yet." in page

    def test_without_the_wish_nobody_is(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        sent = {"people": ADDRESS, "role": "editor", "until": "", "save": "1"}
        response = browse(cast.paula).post(f"{MEMBERS}add/many/", sent)
        assert response.status_code == 409
        assert not Invitation.objects.exists()


def test_number_of_queries_does_not_grow_with_invitations(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    client = browse(cast.nils)
    counted = []
    for _round in range(2):
        invitation(fire, cast.paula)
        course(fire, factories.person("Another", is_superuser=True))
        client.get(MEMBERS)
        with CaptureQueriesContext(connection) as queries:
            client.get(MEMBERS)
        counted.append(len(queries))
    assert counted[0] == counted[1]
