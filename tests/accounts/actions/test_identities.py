"""Linking and retiring identities: the rules, whatever page asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.actions import identities
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict
from accounts.issuers import Issuer
from accounts.models import Identity, User
from accounts.signals import person_changed
from audit.models import Event
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ISSUER = "https://issuer.example"
CLAIMS = Claims(
    issuer=ISSUER, subject="http://cilogon.org/serverT/users/2002", name="Eda Kaya", institution="UC Merced"
)


@pytest.fixture
def told() -> Iterator[list[User]]:
    """Return whom the signal told of."""
    found: list[User] = []

    def listen(person: User, **_kwargs: object) -> None:
        found.append(person)

    person_changed.connect(listen)
    yield found
    person_changed.disconnect(listen)


@pytest.fixture(autouse=True)
def issuers(settings: LazySettings, cast: Cast) -> None:
    """Let everybody's identity, and the new one, be of issuers of the file."""
    names = {*Identity.objects.values_list("issuer", flat=True), ISSUER}
    settings.ISSUERS = tuple(
        Issuer(id=f"issuer-{number}", name=name, issuer=name, client_id="c", client_secret="s")
        for number, name in enumerate(sorted(names))
    )


class TestLink:
    def test_new_identity_becomes_the_persons(self, cast: Cast, told: list[User]) -> None:
        linked = identities.link(claims=CLAIMS, by=cast.eda)
        assert (linked.person, linked.issuer, linked.subject) == (cast.eda, CLAIMS.issuer, CLAIMS.subject)
        assert (linked.state, linked.institution) == ("active", "UC Merced")
        assert cast.eda.identities.count() == 2
        assert told == [cast.eda]
        event = Event.objects.get(act="identity.linked")
        assert (event.actor, event.after) == (str(cast.eda.pk), {"person": str(cast.eda.pk)})

    def test_what_the_person_is_called_stays(self, cast: Cast) -> None:
        """Until a login with the new one: that changes what pages show, as every login does."""
        before = cast.eda.institution
        identities.link(claims=CLAIMS, by=cast.eda)
        cast.eda.refresh_from_db()
        assert cast.eda.institution == before

    def test_it_was_a_login(self, cast: Cast) -> None:
        identity = identities.link(claims=CLAIMS, by=cast.eda)
        cast.eda.refresh_from_db()
        assert cast.eda.last_seen_at == identity.last_login_at

    @pytest.mark.parametrize("state", Identity.State.values)
    def test_somebody_elses_is_refused_in_the_same_words(
        self, cast: Cast, told: list[User], state: str
    ) -> None:
        factories.IdentityFactory.create(
            person=cast.otto, issuer=CLAIMS.issuer, subject=CLAIMS.subject, state=state
        )
        with pytest.raises(StateConflict, match="in use with another account here"):
            identities.link(claims=CLAIMS, by=cast.eda)
        assert (cast.eda.identities.count(), told) == (1, [])

    def test_linked_already(self, cast: Cast) -> None:
        identities.link(claims=CLAIMS, by=cast.eda)
        with pytest.raises(StateConflict, match="linked already"):
            identities.link(claims=CLAIMS, by=cast.eda)

    def test_retired_one_comes_back(self, cast: Cast, told: list[User]) -> None:
        first = identities.link(claims=CLAIMS, by=cast.eda)
        identities.retire(identity=first, by=cast.eda)
        again = identities.link(claims=CLAIMS, by=cast.eda)
        assert (again.pk, again.state) == (first.pk, "active")
        assert len(told) == 3

    def test_suspended_person_links_nothing(self, cast: Cast, told: list[User]) -> None:
        User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        with pytest.raises(NotAllowed):
            identities.link(claims=CLAIMS, by=cast.eda)
        assert (cast.eda.identities.count(), told) == (1, [])

    def test_same_subject_of_another_issuer_is_another_identity(self, cast: Cast) -> None:
        """R-ID-1."""
        factories.IdentityFactory.create(
            person=cast.otto, issuer="https://other.example", subject=CLAIMS.subject
        )
        assert identities.link(claims=CLAIMS, by=cast.eda).person == cast.eda


class TestRetire:
    @pytest.fixture
    def second(self, cast: Cast) -> Identity:
        return identities.link(claims=CLAIMS, by=cast.eda)

    def test_ends_it(self, cast: Cast, second: Identity, told: list[User]) -> None:
        assert identities.retire(identity=second, by=cast.eda).state == "retired"
        assert told == [cast.eda]
        event = Event.objects.get(act="identity.retired")
        assert (event.actor, event.object_id) == (str(cast.eda.pk), str(second.pk))

    def test_ends_the_sessions_that_were_opened_with_it(self, cast: Cast, second: Identity) -> None:
        clients = [Client(), Client()]
        for client in clients:
            client.force_login(cast.eda)
        session = clients[0].session
        session["opened"] |= {"identity": str(second.pk)}
        session.save()
        identities.retire(identity=second, by=cast.eda)
        assert [client.get("/profile/").status_code for client in clients] == [302, 200]
        assert Event.objects.get(act="identity.retired").after == {"sessions": 1}

    def test_person_is_shown_as_the_one_that_is_left(self, cast: Cast, second: Identity) -> None:
        first = cast.eda.identities.exclude(pk=second.pk).get()
        identities.retire(identity=first, by=cast.eda)
        cast.eda.refresh_from_db()
        assert (cast.eda.name, cast.eda.institution) == ("Eda Kaya", "UC Merced")

    def test_last_active_one_stays(self, cast: Cast, second: Identity, told: list[User]) -> None:
        identities.retire(identity=second, by=cast.eda)
        last = cast.eda.identities.get(state="active")
        with pytest.raises(StateConflict, match="last identity"):
            identities.retire(identity=last, by=cast.eda)
        last.refresh_from_db()
        assert last.state == "active"
        assert len(told) == 1

    def test_last_one_of_an_issuer_that_is_configured_stays(
        self, cast: Cast, second: Identity, settings: LazySettings
    ) -> None:
        """With the other one nobody could log in."""
        first = cast.eda.identities.exclude(pk=second.pk).get()
        settings.ISSUERS = [issuer for issuer in settings.ISSUERS if issuer.issuer == first.issuer]
        with pytest.raises(StateConflict):
            identities.retire(identity=first, by=cast.eda)
        assert identities.retire(identity=second, by=cast.eda).state == "retired"

    def test_twice(self, cast: Cast, second: Identity) -> None:
        identities.retire(identity=second, by=cast.eda)
        with pytest.raises(StateConflict, match="already"):
            identities.retire(identity=second, by=cast.eda)

    @pytest.mark.parametrize("who", ["otto", "olga"])
    def test_nobody_elses(self, cast: Cast, second: Identity, told: list[User], who: str) -> None:
        with pytest.raises(NotAllowed):
            identities.retire(identity=second, by=getattr(cast, who))
        second.refresh_from_db()
        assert (second.state, told) == ("active", [])
