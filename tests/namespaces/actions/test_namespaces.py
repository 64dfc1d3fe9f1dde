"""Creating a namespace and editing its page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from pytest_django import Settings

from accounts.errors import BadInput, NotAllowed, StateConflict, TooMany
from accounts.models import Level, User
from audit.models import Event
from clusters.models import Cluster
from namespaces.access import Role
from namespaces.actions import namespaces
from namespaces.actions.namespaces import Page, PublicationEntry
from namespaces.models import Membership, Namespace, Visibility
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = pytest.mark.django_db

PAGE = Page(
    title="Wildfire",
    description="What burns, and when.",
    pi_name="Alex Pang",
    institution="UC Santa Cruz",
    field="Computer science",
    visibility=Visibility.MEMBERS,
    software=("Python", "Tensorflow", "Python"),
    publications=(
        PublicationEntry("Old work", "https://doi.org/10.1/1", 2019),
        PublicationEntry("New work", "", 2022),
        PublicationEntry("Undated work"),
    ),
)


def create(
    cluster: Cluster, by: User, name: str = "avis-new", page: Page = PAGE, *, override_style: bool = False
) -> Namespace:
    return namespaces.create(cluster=cluster, name=name, page=page, override_style=override_style, by=by)


class TestCreate:
    @pytest.mark.parametrize("who", ["paula", "olga"])
    def test_level_admin_or_operator_becomes_its_admin(self, cast: Cast, cluster: Cluster, who: str) -> None:
        by = getattr(cast, who)
        made = create(cluster, by)
        stored = Namespace.objects.get()
        assert stored == made
        assert (stored.cluster, stored.name, stored.created_by) == (cluster, "avis-new", by)
        assert (stored.title, stored.description, stored.pi_name) == (
            PAGE.title,
            PAGE.description,
            PAGE.pi_name,
        )
        assert (stored.institution, stored.field, stored.visibility) == (
            PAGE.institution,
            PAGE.field,
            "members",
        )
        membership = Membership.objects.get()
        assert (membership.namespace, membership.person, membership.role) == (made, by, Role.ADMIN)
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == ("namespace.created", str(by.pk), str(made.pk))
        assert (event.object_text, event.after) == ("nautilus/avis-new", {"name": "avis-new"})

    def test_lists_are_kept_without_doubles(self, cast: Cast, cluster: Cluster) -> None:
        made = create(cluster, cast.paula)
        assert [software.name for software in made.software.all()] == ["Python", "Tensorflow"]
        found = [(each.title, each.link, each.year) for each in made.publications.all()]
        assert found == [
            ("New work", "", 2022), ("Old work", "https://doi.org/10.1/1", 2019), ("Undated work", "", None),
        ]  # fmt: skip

    @pytest.mark.parametrize("who", ["nils", "eda", "otto", "ana"])
    def test_nobody_else_creates_one(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            create(fire.cluster, getattr(cast, who))

    @pytest.mark.parametrize("change", [{"level": Level.USER}, {"is_active": False}])
    def test_admin_who_is_none_any_more_creates_none(
        self, cast: Cast, cluster: Cluster, change: dict[str, object]
    ) -> None:
        User.objects.filter(pk=cast.paula.pk).update(**change)
        with Unchanged(), pytest.raises(NotAllowed):
            create(cluster, cast.paula)

    def test_workers_are_asked_to_make_it(
        self, cast: Cast, cluster: Cluster, django_capture_on_commit_callbacks: Callable[..., object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        knocks: list[list[object]] = []
        monkeypatch.setattr("namespaces.tasks.knock", lambda ids, _lane: knocks.append(ids))
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            made = create(cluster, cast.paula)
            assert knocks == []
        assert knocks == [[made.pk]]

    def test_sixth_namespace_is_too_many(self, cast: Cast, cluster: Cluster, settings: Settings) -> None:
        settings.NAMESPACES_PER_ADMIN = 5
        for index in range(5):
            create(cluster, cast.paula, name=f"avis-new{index}")
        with Unchanged(), pytest.raises(TooMany, match="5 namespaces"):
            create(cluster, cast.paula, name="avis-new5")

    def test_namespaces_made_by_others_and_operators_are_not_counted(
        self, cast: Cast, cluster: Cluster, settings: Settings
    ) -> None:
        settings.NAMESPACES_PER_ADMIN = 1
        create(cluster, cast.olga, name="avis-new0")
        create(cluster, cast.olga, name="avis-new1")
        create(cluster, cast.paula, name="avis-new2")
        assert Namespace.objects.count() == 3

    @pytest.mark.parametrize(
        "name", ["gandalf", "lab--fire", "my-lab", "lab-x", "Lab-Fire", "lab-fire\n", ""]
    )
    def test_bad_name_is_refused_and_the_field_is_named(
        self, cast: Cast, cluster: Cluster, name: str
    ) -> None:
        with Unchanged(), pytest.raises(BadInput) as refused:
            create(cluster, cast.paula, name=name)
        assert refused.value.field == "name"
        assert refused.value.message

    def test_operator_overrides_style_and_others_do_not(self, cast: Cast, cluster: Cluster) -> None:
        with Unchanged(), pytest.raises(BadInput):
            create(cluster, cast.paula, name="gandalf", override_style=True)
        with Unchanged(), pytest.raises(BadInput):
            create(cluster, cast.olga, name="gandalf")
        assert create(cluster, cast.olga, name="gandalf", override_style=True).name == "gandalf"

    @pytest.mark.parametrize(
        "name",
        [
            "default", "kube-system", "kube-foo", "openshift-x", "sys-tools", "istio-system", "cattle-x", "rook-ceph",
            "berth-system", "berth-x",
        ],
    )  # fmt: skip
    def test_reserved_name_is_refused_to_operators_too(self, cast: Cast, cluster: Cluster, name: str) -> None:
        with Unchanged(), pytest.raises(BadInput, match="reserved"):
            create(cluster, cast.olga, name=name, override_style=True)

    @pytest.mark.parametrize("name", ["default", "kube-system", "kube-foo", "berth-system"])
    def test_no_setting_hands_out_what_belongs_to_the_cluster(
        self, cast: Cast, cluster: Cluster, settings: Settings, name: str
    ) -> None:
        settings.RESERVED_NAMESPACES = []
        with Unchanged(), pytest.raises(BadInput, match="reserved"):
            create(cluster, cast.olga, name=name, override_style=True)

    def test_name_that_is_taken_is_told(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="exists already"):
            create(fire.cluster, cast.paula, name="avis-fire")

    def test_same_name_is_free_in_another_cluster(self, cast: Cast, fire: Namespace) -> None:
        other = factories.ClusterFactory.create(name="other")
        assert create(other, cast.paula, name="avis-fire").cluster == other

    def test_rollback_leaves_nothing(
        self, cast: Cast, cluster: Cluster, django_capture_on_commit_callbacks: Callable[..., object]
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks, Unchanged(), transaction.atomic():  # type: ignore[attr-defined]
            create(cluster, cast.paula)
            transaction.set_rollback(True)
        assert callbacks == []


class TestEditPage:
    @pytest.mark.parametrize("who", ["nils", "paula", "olga"])
    def test_admin_or_operator_edits(self, cast: Cast, fire: Namespace, who: str) -> None:
        by = getattr(cast, who)
        edited = namespaces.edit_page(namespace=fire, page=PAGE, version=fire.page_version, by=by)
        stored = Namespace.objects.get(pk=fire.pk)
        for found in (edited, stored):
            assert (found.title, found.description, found.visibility) == (
                PAGE.title,
                PAGE.description,
                "members",
            )
            assert found.page_version == 2
        assert [software.name for software in stored.software.all()] == ["Python", "Tensorflow"]
        assert stored.publications.count() == 3
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == ("namespace.page", str(by.pk), str(fire.pk))

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_nobody_else_edits(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            namespaces.edit_page(namespace=fire, page=PAGE, version=1, by=getattr(cast, who))

    def test_admin_switched_off_since_the_page_was_loaded_does_not_edit(
        self, cast: Cast, fire: Namespace
    ) -> None:
        User.objects.filter(pk=cast.nils.pk).update(is_active=False)
        with Unchanged(), pytest.raises(NotAllowed):
            namespaces.edit_page(namespace=fire, page=PAGE, version=1, by=cast.nils)

    def test_cluster_has_nothing_to_follow(
        self, cast: Cast, fire: Namespace, django_capture_on_commit_callbacks: Callable[..., object]
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[attr-defined]
            namespaces.edit_page(namespace=fire, page=PAGE, version=1, by=cast.nils)
        assert generation(fire) == fire.generation
        assert callbacks == []

    def test_second_of_two_writers_is_told_and_loses_nothing_of_the_first(
        self, cast: Cast, fire: Namespace
    ) -> None:
        stale = Namespace.objects.get(pk=fire.pk)
        namespaces.edit_page(namespace=fire, page=PAGE, version=1, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="meanwhile"):
            namespaces.edit_page(namespace=stale, page=Page(title="Mine"), version=1, by=cast.paula)

    @pytest.mark.parametrize("version", [0, 2, -1])
    def test_version_from_nowhere_is_refused(self, cast: Cast, fire: Namespace, version: int) -> None:
        with Unchanged(), pytest.raises(StateConflict):
            namespaces.edit_page(namespace=fire, page=PAGE, version=version, by=cast.nils)

    def test_edit_does_not_write_the_generation_back(self, cast: Cast, fire: Namespace) -> None:
        stale = Namespace.objects.get(pk=fire.pk)
        Namespace.objects.filter(pk=fire.pk).update(generation=41)
        assert namespaces.edit_page(namespace=stale, page=PAGE, version=1, by=cast.nils).generation == 41

    @pytest.mark.parametrize(
        ("page", "changed"),
        [
            (Page(title="x", description="d", pi_name="p", institution="i"), ["title"]),
            (
                Page(description="d", pi_name="p", institution="i", visibility=Visibility.MEMBERS),
                ["visibility"],
            ),
            (Page(description="d", pi_name="p", institution="i", software=("Python",)), ["software"]),
            (
                Page(description="d", pi_name="p", institution="i", publications=(PublicationEntry("A"),)),
                ["publications"],
            ),
            (Page(description="d", pi_name="p", institution="i"), []),
        ],
    )
    def test_event_names_the_fields_that_changed(
        self, cast: Cast, fire: Namespace, page: Page, changed: list[str]
    ) -> None:
        before = Page(description="d", pi_name="p", institution="i")
        edited = namespaces.edit_page(namespace=fire, page=before, version=1, by=cast.nils)
        namespaces.edit_page(namespace=edited, page=page, version=2, by=cast.nils)
        assert acts() == ["namespace.page", "namespace.page"]
        event = Event.objects.last()
        assert event is not None
        assert event.after == {"changed": changed}

    def test_lists_are_replaced_as_a_whole(self, cast: Cast, fire: Namespace) -> None:
        edited = namespaces.edit_page(namespace=fire, page=PAGE, version=1, by=cast.nils)
        shorter = Page(
            software=("R",), publications=(PublicationEntry("New work", "https://doi.org/10.1/2", 2023),)
        )
        edited = namespaces.edit_page(namespace=edited, page=shorter, version=2, by=cast.nils)
        assert [software.name for software in edited.software.all()] == ["R"]
        assert [(each.title, each.year) for each in edited.publications.all()] == [("New work", 2023)]
