"""The namespace manager and creating a namespace."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from clusters.models import Cluster
from namespaces.access import Role
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

CREATE = "/manage/create/"
GIVEN = {
    "cluster": "nautilus",
    "name": "avis-rip",
    "title": "Rip currents",
    "description": "Beaches.",
    "pi_name": "A",
}


class TestManage:
    @pytest.mark.parametrize(("who", "level"), [("ana", "guest"), ("nils", "user"), ("paula", "admin")])
    def test_says_the_level(self, browse: Browse, cast: Cast, cluster: Cluster, who: str, level: str) -> None:
        page = browse(getattr(cast, who)).get("/manage/").content.decode()
        assert f"Your current status in the cluster: <strong>{level}</strong>" in page

    def test_lists_what_one_manages_and_nothing_else(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        other = factories.NamespaceFactory.create(cluster=fire.cluster)
        factories.MembershipFactory.create(namespace=other, person=cast.nils, role=Role.EDITOR)
        factories.RequestFactory.create(namespace=fire)
        page = browse(cast.nils).get("/manage/").content.decode()
        assert "avis-fire" in page
        assert "4 members" in page
        assert "Decide 1 request" in page
        assert other.name not in page

    def test_offers_creating_to_who_may(self, browse: Browse, cast: Cast, cluster: Cluster) -> None:
        offers = {
            who: CREATE in browse(getattr(cast, who)).get("/manage/").content.decode()
            for who in ("ana", "nils", "paula", "olga")
        }
        assert offers == {"ana": False, "nils": False, "paula": True, "olga": True}

    def test_tells_the_limit_and_stops_offering_at_it(
        self, browse: Browse, cast: Cast, cluster: Cluster, settings: Settings
    ) -> None:
        settings.NAMESPACES_PER_ADMIN = 2
        client = browse(cast.paula)
        factories.NamespaceFactory.create(created_by=cast.paula)
        assert "You have created 1 of 2." in client.get("/manage/").content.decode()
        factories.NamespaceFactory.create(created_by=cast.paula)
        assert f'href="{CREATE}"' not in client.get("/manage/").content.decode()

    def test_number_of_queries_does_not_grow(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        client = browse(cast.nils)
        client.get("/manage/")
        with CaptureQueriesContext(connection) as few:
            client.get("/manage/")
        for namespace in factories.NamespaceFactory.create_batch(8, cluster=fire.cluster):
            factories.MembershipFactory.create(namespace=namespace, person=cast.nils, role=Role.ADMIN)
        with CaptureQueriesContext(connection) as many:
            client.get("/manage/")
        assert len(many) == len(few)


class TestCreate:
    @pytest.mark.parametrize("who", ["ana", "nils"])
    def test_who_may_not_reads_who_may(self, browse: Browse, cast: Cast, cluster: Cluster, who: str) -> None:
        client = browse(getattr(cast, who))
        for answer in (client.get(CREATE), client.post(CREATE, GIVEN)):
            assert answer.status_code == 403
            assert "People of level admin and operators create namespaces." in answer.content.decode()
        assert not Namespace.objects.exists()

    def test_guest_checks_no_name(self, browse: Browse, cast: Cast, cluster: Cluster) -> None:
        assert browse(cast.ana).post(f"{CREATE}name/", GIVEN).status_code == 403

    def test_creator_becomes_admin(self, browse: Browse, cast: Cast, cluster: Cluster) -> None:
        answer = browse(cast.paula).post(CREATE, GIVEN)
        made = Namespace.objects.get()
        assert answer.headers["Location"] == "/namespaces/nautilus/avis-rip/"
        assert (made.name, made.title, made.description, made.pi_name) == (
            "avis-rip",
            "Rip currents",
            "Beaches.",
            "A",
        )
        assert Membership.objects.get().person == cast.paula
        assert Membership.objects.get().role == Role.ADMIN

    @pytest.mark.parametrize(
        ("name", "rule"),
        [
            ("kube-fire", "reserved"), ("avis", "two parts"), ("Avis-Fire", "lower case"), ("a-b", "two characters"),
            ("avis--fire", "two dashes"), ("test-fire", "says nothing"), ("1st-fire", "letter"), ("x" * 64, "63"),
        ],
    )  # fmt: skip
    def test_broken_rule_is_named_and_nothing_typed_is_lost(
        self, browse: Browse, cast: Cast, cluster: Cluster, name: str, rule: str
    ) -> None:
        answer = browse(cast.paula).post(CREATE, GIVEN | {"name": name})
        page = answer.content.decode()
        assert answer.status_code == 400
        assert rule in page
        assert 'href="#id_name"' in page
        assert "Rip currents" in page
        assert not Namespace.objects.exists()

    def test_missing_name_is_not_well_formed(self, browse: Browse, cast: Cast, cluster: Cluster) -> None:
        answer = browse(cast.paula).post(CREATE, GIVEN | {"name": ""})
        assert answer.status_code == 400
        assert "Give the namespace a name." in answer.content.decode()

    def test_unknown_cluster_is_not_well_formed(self, browse: Browse, cast: Cast, cluster: Cluster) -> None:
        answer = browse(cast.paula).post(CREATE, GIVEN | {"cluster": "atlantis"})
        assert answer.status_code == 400
        assert "There is no such cluster." in answer.content.decode()

    def test_cluster_that_is_no_longer_configured_cannot_be_chosen(
        self, browse: Browse, cast: Cast, cluster: Cluster
    ) -> None:
        factories.ClusterFactory.create(name="atlantis")
        assert browse(cast.paula).post(CREATE, GIVEN | {"cluster": "atlantis"}).status_code == 400

    def test_taken_name_is_told(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        answer = browse(cast.paula).post(CREATE, GIVEN | {"name": "avis-fire"})
        assert answer.status_code == 409
        assert "A namespace of this name exists already." in answer.content.decode()

    def test_limit_is_told(self, browse: Browse, cast: Cast, cluster: Cluster, settings: Settings) -> None:
        settings.NAMESPACES_PER_ADMIN = 0
        answer = browse(cast.paula).post(CREATE, GIVEN)
        assert answer.status_code == 429
        assert "Ask an operator for more." in answer.content.decode()

    def test_operator_may_override_style_and_nobody_else(
        self, browse: Browse, cast: Cast, cluster: Cluster
    ) -> None:
        given = GIVEN | {"name": "gandalf", "override_style": "on"}
        assert browse(cast.paula).post(CREATE, given).status_code == 400
        assert browse(cast.olga).post(CREATE, given).status_code == 302
        assert browse(cast.olga).post(CREATE, given | {"name": "kube-x"}).status_code == 400

    def test_creator_and_generation_are_not_taken_from_the_form(
        self, browse: Browse, cast: Cast, cluster: Cluster
    ) -> None:
        browse(cast.paula).post(
            CREATE, GIVEN | {"created_by": str(cast.nils.pk), "generation": "99", "visibility": "members"}
        )
        made = Namespace.objects.get()
        assert made.created_by == cast.paula
        assert made.generation < 99
        assert made.visibility == "listed"


class TestNameCheck:
    def check(self, client: Client, **typed: str) -> str:
        before = Namespace.objects.count()
        answer = client.post(f"{CREATE}name/", {"cluster": "nautilus", **typed})
        assert answer.status_code == 200
        assert Namespace.objects.count() == before
        return answer.content.decode()

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("avis-rip", "avis-rip follows the rules"), ("avis", "avis cannot be used"),
            ("kube-fire", "reserved"), ("avis-fire", "exists already"), ("x\0y", "Control characters"),
            (5000 * "x", "At most 200 characters; this has 5000."),
        ],
    )  # fmt: skip
    def test_says_which_rule(self, browse: Browse, cast: Cast, fire: Namespace, name: str, said: str) -> None:
        part = self.check(browse(cast.paula), name=name)
        assert said in part
        assert "<html" not in part

    @pytest.mark.parametrize("name", ["", "  "])
    def test_says_nothing_of_nothing(self, browse: Browse, cast: Cast, cluster: Cluster, name: str) -> None:
        assert not self.check(browse(cast.paula), name=name).strip()

    def test_override_counts_for_operators_only(self, browse: Browse, cast: Cast, cluster: Cluster) -> None:
        typed = {"name": "gandalf", "override_style": "on"}
        assert "cannot be used" in self.check(browse(cast.paula), **typed)
        assert "follows the rules" in self.check(browse(cast.olga), **typed)
