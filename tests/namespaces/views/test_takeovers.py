"""The page on which is decided who takes over from an admin who may be gone."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from accounts.actions import suspensions
from accounts.models import User
from namespaces.access import Role
from namespaces.actions import succession, takeovers
from namespaces.models import Membership, Namespace, Request
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db
QUESTION = "Who takes over avis-fire from Nils Berg?"


def words(client: Client, path: str) -> str:
    return " ".join(unescape(client.get(path).content.decode()).split())


@pytest.fixture
def wish(cast: Cast, fire: Namespace) -> Request:
    """Nils has not logged in for long, and the workers have asked."""
    User.objects.filter(pk=cast.nils.pk).update(last_seen_at=timezone.now() - timedelta(days=200))
    takeovers.look()
    return Request.objects.get()


def role_of(person: User, namespace: Namespace) -> str:
    return Membership.objects.current().get(namespace=namespace, person=person).role


class TestFinding:
    def test_stands_in_the_hub_on_the_first_page_and_in_the_namespace(
        self, browse: Browse, cast: Cast, wish: Request
    ) -> None:
        paula, path = browse(cast.paula), wish.get_absolute_url()
        for page in ("/", "/requests/", "/namespaces/nautilus/avis-fire/requests/"):
            shown = words(paula, page)
            assert path in shown
            assert "Who takes over <strong>avis-fire</strong> from Nils Berg?" in shown
            assert "has not logged in for long" in shown
        assert "With other people" in words(browse(cast.olga), "/requests/")

    @pytest.mark.parametrize("who", ["nils", "eda", "otto", "ana"])
    def test_is_there_for_nobody_else(self, browse: Browse, cast: Cast, wish: Request, who: str) -> None:
        client, path = browse(getattr(cast, who)), wish.get_absolute_url()
        assert client.get(path).status_code == 404
        for act in ("approve", "deny", "withdraw", "remind", "undo"):
            assert client.post(f"{path}{act}/").status_code == 404
        assert path not in words(client, "/requests/")


class TestPage:
    def test_says_why_and_where_it_lies_and_offers_who_may(
        self, browse: Browse, cast: Cast, wish: Request
    ) -> None:
        page = words(browse(cast.paula), wish.get_absolute_url())
        assert QUESTION in page
        assert "Nils Berg, an admin here, has not logged in for long." in page
        assert "It lies with Paula Ilić." in page
        for person in (cast.paula, cast.eda, cast.vera):
            assert f'<option value="{person.pk}">' in page
        assert f'<option value="{cast.nils.pk}"' not in page
        assert "What this will change" not in page

    def test_shows_what_changes_for_the_one_chosen(self, browse: Browse, cast: Cast, wish: Request) -> None:
        page = words(browse(cast.paula), f"{wish.get_absolute_url()}?successor={cast.eda.pk}")
        assert "Eda Kaya becomes an admin of avis-fire: they will be able to work with everything" in page
        assert "Nils Berg becomes an editor" in page
        subjects = [person.identities.get().subject for person in (cast.eda, cast.nils)]
        assert f"for this user name: <code>{subjects[0]}</code>" in page
        for subject, role in zip(subjects, ("admin", "editor"), strict=True):
            assert f"name: {subject}" in page
            assert f"name: berth:{role}" in page
        assert "Let Eda Kaya take over" in page

    def test_shows_the_one_they_named(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        succession.name(namespace=fire, successor=cast.vera, by=cast.nils)
        suspensions.suspend(person=cast.nils, reason="They are gone.", until=None, by=cast.olga)
        takeovers.look()
        page = words(browse(cast.paula), Request.objects.get().get_absolute_url())
        assert "Nils Berg, an admin here, is suspended." in page
        assert "Let Vera Lind take over" in page
        assert "While they are suspended the cluster refuses them as before." in page
        assert "name: berth:editor" not in page

    def test_nothing_changes_for_who_is_an_admin_already(
        self, browse: Browse, cast: Cast, wish: Request
    ) -> None:
        page = words(browse(cast.paula), f"{wish.get_absolute_url()}?successor={cast.paula.pk}")
        assert "Paula Ilić is an admin already: nothing changes for them." in page
        assert "name: berth:admin" not in page
        assert "name: berth:editor" in page
        User.objects.filter(pk=cast.nils.pk).update(is_active=False)
        page = words(browse(cast.paula), f"{wish.get_absolute_url()}?successor={cast.paula.pk}")
        assert "The objects as YAML" not in page

    @pytest.mark.parametrize("who", ["nils", "otto"])
    def test_shows_nothing_of_who_may_not(self, browse: Browse, cast: Cast, wish: Request, who: str) -> None:
        chosen = getattr(cast, who)
        page = words(browse(cast.paula), f"{wish.get_absolute_url()}?successor={chosen.pk}")
        assert "This person cannot take over. Choose again." in page
        assert "What this will change" not in page


class TestDeciding:
    def test_who_takes_over(self, browse: Browse, cast: Cast, fire: Namespace, wish: Request) -> None:
        paula, path = browse(cast.paula), wish.get_absolute_url()
        answer = paula.post(f"{path}approve/", {"approve-successor": cast.eda.pk}, follow=True)
        page = " ".join(unescape(answer.content.decode()).split())
        assert "Eda Kaya takes over as an admin of avis-fire." in page
        assert "Eda Kaya took over" in page
        assert "Take the decision back" not in page
        assert (role_of(cast.eda, fire), role_of(cast.nils, fire)) == (Role.ADMIN, Role.EDITOR)
        assert "who takes over" in words(paula, "/namespaces/nautilus/avis-fire/requests/")

    def test_they_stay(self, browse: Browse, cast: Cast, fire: Namespace, wish: Request) -> None:
        paula, path = browse(cast.paula), wish.get_absolute_url()
        answer = paula.post(f"{path}deny/", {"deny-note": "On parental leave."}, follow=True)
        page = " ".join(unescape(answer.content.decode()).split())
        assert "Nils Berg stays an admin" in page
        assert "On parental leave." in page
        assert "Take the decision back" in page
        assert role_of(cast.nils, fire) == Role.ADMIN

    @pytest.mark.parametrize("chosen", ["", "otto"])
    def test_without_a_choice_nothing_is_done(
        self, browse: Browse, cast: Cast, wish: Request, chosen: str
    ) -> None:
        key = getattr(cast, chosen).pk if chosen else ""
        answer = browse(cast.paula).post(f"{wish.get_absolute_url()}approve/", {"approve-successor": key})
        assert answer.status_code == 400
        assert Request.objects.get().is_pending

    def test_of_who_is_here_again_is_refused_in_words(
        self, browse: Browse, cast: Cast, wish: Request
    ) -> None:
        User.objects.filter(pk=cast.nils.pk).update(last_seen_at=timezone.now())
        answer = browse(cast.paula).post(
            f"{wish.get_absolute_url()}approve/", {"approve-successor": cast.eda.pk}
        )
        assert answer.status_code == 409
        assert "Nobody has to take over." in answer.content.decode()
        takeovers.look()
        assert "Over by itself" in words(browse(cast.paula), wish.get_absolute_url())
