"""The start page for each kind of reader, and the choice of light or dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from namespaces import directory
from namespaces.access import Role
from namespaces.actions import requests
from namespaces.models import Namespace
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _fresh_directory() -> None:
    directory.forget()


class TestHome:
    def test_stranger_reads_what_this_is_and_where_to_begin(
        self, client: Client, fire: Namespace, hidden: Namespace
    ) -> None:
        page = client.get("/").content.decode()
        assert "Log in with your institution" in page
        assert 'action="/namespaces/"' in page
        assert "Browse 1 namespace of 1 institution" in " ".join(page.split())

    def test_every_guest_reads_how_linking_goes_whatever_their_address(
        self, login: Login, cast: Cast
    ) -> None:
        """Told to all alike, so that it says nothing of who else has an account."""
        said = "with another institution?"
        stranger = factories.person("Nobody Else")
        User.objects.filter(pk=stranger.pk).update(level="guest")
        known = factories.person("Eda Again", email=cast.eda.email)
        User.objects.filter(pk=known.pk).update(level="guest")
        for person in (stranger, known):
            assert said in login(User.objects.get(pk=person.pk)).get("/").content.decode()
        assert said not in login(cast.eda).get("/").content.decode()

    def test_newcomer_gets_the_checklist(self, login: Login, cast: Cast, fire: Namespace) -> None:
        page = login(cast.ana).get("/").content.decode()
        assert "Your way in" in page
        assert page.count('class="done"') == 1
        assert page.count('aria-current="step"') == 1

    def test_asker_sees_with_whom_it_lies(self, login: Login, cast: Cast, fire: Namespace) -> None:
        requests.ask_to_join(namespace=fire, role=Role.EDITOR, reason="I work with the group.", by=cast.ana)
        page = login(cast.ana).get("/").content.decode()
        assert "It lies with Nils Berg and Paula Ilić." in page
        assert page.count('class="done"') == 3

    def test_admin_sees_first_what_to_decide(self, login: Login, cast: Cast, fire: Namespace) -> None:
        factories.RequestFactory.create(namespace=fire, person=cast.otto)
        page = login(cast.nils).get("/").content.decode()
        assert page.index("Needs you now") < page.index("Your way in") < page.index("Your namespaces")

    def test_member_sees_how_access_stands_and_the_line_asks_again(
        self, login: Login, cast: Cast, fire: Namespace
    ) -> None:
        page = login(cast.eda).get("/").content.decode()
        assert "Waiting for the cluster" in page
        assert 'hx-get="/namespaces/nautilus/avis-fire/?seen=' in page

    def test_denied_asker_reads_the_note(self, login: Login, cast: Cast, fire: Namespace) -> None:
        request = factories.RequestFactory.create(namespace=fire, person=cast.otto)
        requests.deny(request=request, note="No room this term.", by=cast.nils)
        assert "No room this term." in login(cast.otto).get("/").content.decode()

    def test_number_of_queries_does_not_grow(self, login: Login, cast: Cast, fire: Namespace) -> None:
        client = login(cast.nils)
        factories.RequestFactory.create(namespace=fire)
        factories.RequestFactory.create(person=cast.nils)
        client.get("/")
        with CaptureQueriesContext(connection) as few:
            client.get("/")
        for namespace in factories.NamespaceFactory.create_batch(6, cluster=fire.cluster):
            factories.MembershipFactory.create(namespace=namespace, person=cast.nils, role=Role.ADMIN)
            factories.RequestFactory.create(namespace=namespace)
            factories.RequestFactory.create(person=cast.nils)
        with CaptureQueriesContext(connection) as many:
            client.get("/")
        assert len(many) == len(few)


class TestTheme:
    @pytest.mark.parametrize("theme", ["auto", "light", "dark"])
    def test_choice_is_rendered_by_the_server(self, client: Client, theme: str) -> None:
        answer = client.post("/theme/", {"theme": theme, "next": "/namespaces/?q=fire"})
        assert answer.headers["Location"] == "/namespaces/?q=fire"
        page = client.get("/").content.decode()
        assert f'data-bs-theme="{theme}"' in page
        assert page.count('aria-pressed="true"') == 1

    @pytest.mark.parametrize("theme", ["", "blue", '"><script>'])
    def test_anything_else_is_refused(self, client: Client, theme: str) -> None:
        answer = client.post("/theme/", {"theme": theme})
        assert answer.status_code == 400
        assert "“theme”" in answer.content.decode()
        assert "theme" not in answer.cookies

    @pytest.mark.parametrize("cookie", ["blue", '"><script>', ""])
    def test_cookie_that_is_no_theme_follows_the_system(self, client: Client, cookie: str) -> None:
        client.cookies["theme"] = cookie
        assert 'data-bs-theme="auto"' in client.get("/").content.decode()

    @pytest.mark.parametrize(
        "back", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"]
    )
    def test_nobody_is_sent_elsewhere(self, client: Client, back: str) -> None:
        assert client.post("/theme/", {"theme": "dark", "next": back}).headers["Location"] == "/"
