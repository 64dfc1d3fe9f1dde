"""F-36: the identity provider moves, and calls everybody by a new subject. Names and addresses are those of before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.issuers import Issuer
from accounts.models import Identity, Level, User
from clusters.api import ROLE_BINDING
from namespaces import reconciliation, sweeping
from namespaces.access import Role
from namespaces.models import Grant, Membership, Namespace
from namespaces.standing import State
from tests import factories
from tests.accounts.conftest import Browser, issuer_for
from tests.fake_cluster import FakeCluster
from tests.hostile_idp import HostileProvider, write_certificate
from tests.namespaces.test_reconciliation import bound, stands

pytestmark = pytest.mark.database
OLD, NEW = "http://cilogon.org/serverA/users/{}", "http://cilogon.org/serverB/users/{}"
Rows = dict[str, list[Any]]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    written = write_certificate(tmp_path / "idp.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(written))  # for the browser
    return written


@pytest.fixture
def idp(certificate: Path) -> Iterator[HostileProvider]:
    """The provider behind TLS, without which no cluster believes one."""
    with HostileProvider(certificate=certificate) as running:
        yield running


@pytest.fixture
def issuer(idp: HostileProvider, certificate: Path) -> Issuer:
    return issuer_for(idp, certificate_authority_file=certificate)


@pytest.fixture
def trusting(idp: HostileProvider, settings: LazySettings, tmp_path: Path) -> None:
    """The cluster believes this provider."""
    facts = Path(settings.CLUSTERS_FILE)
    shutil.copy(facts.with_name("ca.crt"), tmp_path)
    moved = tmp_path / facts.name
    moved.write_text(facts.read_text().replace(factories.ISSUER, idp.issuer))
    settings.CLUSTERS_FILE = str(moved)


@pytest.fixture
def api(trusting: None, fake_cluster: FakeCluster) -> FakeCluster:
    return fake_cluster


@pytest.fixture
def people(browser: Browser, idp: HostileProvider) -> dict[str, User]:
    """Everybody by role, each logged in once under the old subject."""
    found = {}
    for number, role in enumerate(("operator", *Role.values)):
        arrive(browser, idp, OLD, number, role)
        person = browser.person()
        assert person is not None
        person.level = Level.USER
        person.is_superuser = role == "operator"
        person.save()
        found[role] = person
    return found


@pytest.fixture
def lab(api: FakeCluster, people: dict[str, User]) -> Namespace:
    """A hidden namespace in which everybody but the operator has their role, in the cluster and proved."""
    made = factories.NamespaceFactory.create(visibility="members", created_by=people["admin"])
    for role in Role.values:
        factories.MembershipFactory.create(namespace=made, person=people[role], role=role)
    reconciliation.reconcile(made.pk)
    assert all(stands(made, people[role]) == State.ACTIVE for role in Role.values)
    return made


def arrive(browser: Browser, idp: HostileProvider, subject: str, number: int, who: str) -> None:
    browser.client.logout()
    told = {"name": f"The {who}", "email": f"{who}@ou.example", "email_verified": True}
    idp.claims |= told | {"sub": subject.format(100 + number)}
    browser.log_in()


def held(api: FakeCluster, lab: Namespace, people: dict[str, User]) -> Rows:
    """Everything that the old people have: rows, and the bindings in the cluster."""
    keys = [person.pk for person in people.values()]
    bindings = [item for page in api.list_pages(ROLE_BINDING, lab.name) for item in page.items]
    return {
        "people": list(User.objects.filter(pk__in=keys).order_by("pk").values()),
        "identities": list(Identity.objects.filter(person__in=keys).order_by("pk").values()),
        "memberships": list(Membership.objects.order_by("pk").values()),
        "grants": list(
            Grant.objects.order_by("pk").values("pk", "state", "username", "binding_uid", "membership")
        ),
        "bindings": sorted((item["metadata"]["name"], item["metadata"]["uid"]) for item in bindings),
    }


def test_everybody_comes_as_a_guest_and_what_they_had_stays(
    browser: Browser, idp: HostileProvider, api: FakeCluster, people: dict[str, User], lab: Namespace
) -> None:
    before = held(api, lab, people)
    for number, role in enumerate(people):
        arrive(browser, idp, NEW, number, role)
        newcomer = browser.person()
        assert newcomer is not None
        assert newcomer not in people.values()
        assert (newcomer.name, newcomer.email) == (people[role].name, people[role].email)
        assert (newcomer.level, newcomer.is_superuser) == (Level.GUEST, False)
        assert newcomer.identities.get().subject == NEW.format(100 + number)
        assert not newcomer.memberships.exists()
        assert browser.client.get(lab.get_absolute_url()).status_code == 404
        assert browser.client.get("/drift/").status_code == 403
        assert stands(lab, newcomer) == State.NONE
    api.calls.clear()
    reconciliation.reconcile(lab.pk)
    sweeping.sweep_clusters()
    assert api.writes == []
    assert held(api, lab, people) == before
    assert all(bound(api, lab, people[role], role) for role in Role.values)
    for role in Role.values:
        assert not any(
            bound(api, lab, User.objects.get(level=Level.GUEST, name=f"The {role}"), each) for each in Role
        )


def test_who_is_still_called_by_the_old_subject_is_who_they_were(
    browser: Browser, idp: HostileProvider, api: FakeCluster, people: dict[str, User], lab: Namespace
) -> None:
    """The two people do not become one, in whichever order they come."""
    arrive(browser, idp, NEW, 3, "admin")
    arrive(browser, idp, OLD, 3, "admin")
    assert browser.person() == people["admin"]
    assert browser.client.get(lab.get_absolute_url()).status_code == 200
    arrive(browser, idp, NEW, 3, "admin")
    assert browser.person() != people["admin"]
    assert browser.client.get(lab.get_absolute_url()).status_code == 404
    assert User.objects.filter(email="admin@ou.example").count() == 2
