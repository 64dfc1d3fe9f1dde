"""The pages on which admins name who takes over from them, and hand over at once."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from accounts.models import User
from namespaces.access import Role
from namespaces.actions import succession
from namespaces.models import Membership, Namespace
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db
FIRE = "/namespaces/nautilus/avis-fire/"
SUCCESSOR, HAND_OVER = FIRE + "successor/", FIRE + "leave/hand-over/"


def words(client: Client, path: str) -> str:
    return " ".join(unescape(client.get(path).content.decode()).split())


@pytest.fixture
def alone(cast: Cast, fire: Namespace) -> Namespace:
    Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
    return fire


def names(person: User, namespace: Namespace) -> User | None:
    own = Membership.objects.current().get(person=person, namespace=namespace)
    return own.successor.person if own.successor else None


class TestNaming:
    def test_is_done_and_shown_to_admins_and_to_the_one_named(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        nils = browse(cast.nils)
        assert nils.post(SUCCESSOR, {"successor": cast.eda.pk}).headers["Location"] == FIRE + "members/"
        assert names(cast.nils, fire) == cast.eda
        page = words(nils, FIRE + "members/")
        assert "Eda Kaya takes over if you leave and nobody else is an admin." in page
        assert "You have named Eda Kaya." in page
        assert "Nils Berg has named Eda Kaya." in words(browse(cast.paula), FIRE + "members/")
        assert "You were named to take over from Nils Berg" in words(browse(cast.eda), FIRE)
        for other in (cast.vera, cast.otto, None):
            assert "You were named" not in words(browse(other), FIRE)

    def test_is_taken_back(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        nils = browse(cast.nils)
        assert "Name nobody any more" in words(nils, SUCCESSOR)
        assert nils.post(SUCCESSOR, {"nobody": "yes"}).status_code == 302
        assert names(cast.nils, fire) is None
        assert "Name nobody any more" not in words(nils, SUCCESSOR)

    @pytest.mark.parametrize("chosen", ["", "nils", "otto", "nobody at all"])
    def test_who_cannot_be_it_is_refused(
        self, browse: Browse, cast: Cast, fire: Namespace, chosen: str
    ) -> None:
        key = getattr(cast, chosen).pk if hasattr(cast, chosen) else chosen
        answer = browse(cast.nils).post(SUCCESSOR, {"successor": key})
        assert answer.status_code == 400
        assert names(cast.nils, fire) is None

    def test_operator_who_is_no_admin_has_nothing_to_name(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        olga = browse(cast.olga)
        assert olga.get(SUCCESSOR).status_code == 403
        assert "Say who takes over from you" not in words(olga, FIRE + "members/")

    def test_who_is_alone_is_told_to_add_somebody(
        self, browse: Browse, cast: Cast, hidden: Namespace
    ) -> None:
        paula = browse(cast.paula)
        for page in ("successor/", "leave/hand-over/"):
            assert "You are alone here." in words(paula, f"/namespaces/nautilus/quiet-lab/{page}")


class TestLeaving:
    def test_page_says_who_takes_over(self, browse: Browse, cast: Cast, alone: Namespace) -> None:
        nils, olga = browse(cast.nils), browse(cast.olga)
        own = Membership.objects.current().get(person=cast.nils, namespace=alone)
        remove = f"{FIRE}members/{own.pk}/remove/"
        assert "so you cannot leave before somebody else is one" in words(nils, FIRE + "leave/")
        assert "Nils Berg is the last admin of avis-fire." in words(olga, remove)
        assert HAND_OVER in words(nils, FIRE + "leave/")
        assert HAND_OVER not in words(olga, remove)
        for client, path in ((nils, FIRE + "leave/"), (olga, remove)):
            assert '<button class="btn btn-stop">' not in words(client, path)
        succession.name(namespace=alone, successor=cast.eda, by=cast.nils)
        for client, path in ((nils, FIRE + "leave/"), (olga, remove)):
            page = words(client, path)
            assert "Eda Kaya, who was named to take over, becomes the admin." in page
            assert "last admin" not in page
            assert '<button class="btn btn-stop">' in page
        assert nils.post(FIRE + "leave/").headers["Location"] == "/"
        assert Membership.objects.admins().get(namespace=alone).person == cast.eda

    def test_others_read_nothing_of_it(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        for person in (cast.eda, cast.vera):
            page = words(browse(person), FIRE + "leave/")
            assert "take over" not in page
            assert "hand-over" not in page

    def test_is_chosen_at_once(self, browse: Browse, cast: Cast, alone: Namespace) -> None:
        nils = browse(cast.nils)
        assert HAND_OVER in words(nils, FIRE + "leave/")
        assert nils.post(HAND_OVER, {"successor": ""}).status_code == 400
        answer = nils.post(HAND_OVER, {"successor": cast.vera.pk}, follow=True)
        assert "Vera Lind is an admin of avis-fire, and you have left it." in unescape(
            answer.content.decode()
        )
        assert Membership.objects.admins().get(namespace=alone).person == cast.vera

    def test_named_one_is_chosen_beforehand(self, browse: Browse, cast: Cast, alone: Namespace) -> None:
        succession.name(namespace=alone, successor=cast.eda, by=cast.nils)
        nils, olga = browse(cast.nils), browse(cast.olga)
        for client, path in ((nils, HAND_OVER), (nils, SUCCESSOR), (olga, f"/users/{cast.nils.pk}/suspend/")):
            assert f'<option value="{cast.eda.pk}" selected>' in words(client, path)
