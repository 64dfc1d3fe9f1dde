"""F-25: this code on the database of a later version, which applied a migration of its own; both at once.

There is no earlier release yet whose checkout could be taken: this code plays it, and the migration in `later` is the
later version's.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client, override_settings
from pytest_django import Settings

from accounts.models import User
from clusters.api import ROLE_BINDING, Manifest
from clusters.models import ClusterStatus
from clusters.names import BINDING_PREFIX
from clusters.registry import configured_clusters
from namespaces import desired_state, epoch, reconciliation, sweeping
from namespaces.access import Role
from namespaces.actions import members, requests
from namespaces.lanes import REVOCATIONS
from namespaces.models import Grant, Membership, Namespace, Request, SeenBinding
from namespaces.reconciler.manifests import binding_manifest
from namespaces.standing import State
from namespaces.tasks import request_reconcile
from tests import factories, fake_rules
from tests.conftest import Cast, ControlPlane
from tests.fake_cluster import FakeCluster
from tests.namespaces.test_reconciliation import (
    bound,
    grant,
    let_time_pass,
    membership,
    name_of,
    stands,
    status,
)
from tests.namespaces.test_worker_processes import Installation
from tests.namespaces.test_worker_processes import Lab as RealLab

pytestmark = pytest.mark.django_db(transaction=True)
LATER = {"namespaces": "tests.faults.later"}
MIGRATION = "namespaces.9999_curators"
CURATOR = "curator"
Login = Callable[[User], Client]


@contextmanager
def later_version() -> Iterator[None]:
    """Inside, this process is one of the later version, as far as its migrations go."""
    with override_settings(MIGRATION_MODULES=LATER):
        epoch._on_disk.cache_clear()
        try:
            yield
        finally:
            epoch._on_disk.cache_clear()


@pytest.fixture
def api(fake_cluster: FakeCluster) -> FakeCluster:
    return fake_cluster


@contextmanager
def migrated() -> Iterator[None]:
    """Inside, the database is as the later version has made it; at the end it takes its migration back."""
    with later_version():
        call_command("migrate", "namespaces", verbosity=0)
    try:
        yield
    finally:
        back()


@pytest.fixture
def newer(transactional_db: None) -> Iterator[None]:
    with migrated():
        yield


def back() -> None:
    """Take back the migration of the later version, with its own code."""
    earlier = max(name for app, name in epoch._on_disk() if app == "namespaces")
    with later_version():
        call_command("migrate", "namespaces", earlier, verbosity=0)


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return str(answer.content.decode())


class TestNewerDatabase:
    def test_nobody_is_let_in_from_the_next_pass_on_and_ends_are_made_and_proved(
        self, cast: Cast, made: Namespace, api: FakeCluster, newer: None, login: Login
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        members.remove(membership=membership(made, cast.vera), by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.vera, "viewer")
        assert stands(made, cast.vera) == State.REVOKED
        assert not bound(api, made, cast.otto, "viewer")
        assert stands(made, cast.otto) == State.FAILING
        assert MIGRATION in status(made).error_message
        for person, role in ((cast.nils, "admin"), (cast.paula, "admin"), (cast.eda, "editor")):
            assert bound(api, made, person, role)
            assert stands(made, person) == State.ACTIVE
        assert MIGRATION in page(login(cast.otto), made.get_absolute_url())
        drift = page(login(cast.olga), "/drift/")
        assert "The database is newer than this version of Berth" in drift
        assert MIGRATION in drift

    def test_role_that_was_changed_ends_and_the_new_one_is_not_made(
        self, cast: Cast, made: Namespace, api: FakeCluster, newer: None
    ) -> None:
        members.set_role(membership=membership(made, cast.eda), role=Role.VIEWER, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.eda, "editor")
        assert not bound(api, made, cast.eda, "viewer")

    def test_sweep_heals_nothing_and_takes_back_what_is_over(
        self, cast: Cast, made: Namespace, api: FakeCluster, newer: None
    ) -> None:
        """What it finds is nothing that it writes into rows which the later version reads."""
        api.outside.remove(ROLE_BINDING, name_of(cast.eda, "editor"), made.name)
        Membership.objects.filter(person=cast.vera).update(ended_at="2026-01-01T00:00Z")
        sweeping.sweep_clusters()
        assert not bound(api, made, cast.eda, "editor")
        assert not bound(api, made, cast.vera, "viewer")
        assert ClusterStatus.objects.get().barred == {}

    def test_what_these_rows_do_not_explain_is_not_let_go(
        self, made: Namespace, api: FakeCluster, newer: None, settings: Settings, tmp_path: Path
    ) -> None:
        """The reason may stand in a table that only the later version reads."""
        facts = tmp_path / "clusters.yaml"
        facts.write_text(
            Path(django_settings.CLUSTERS_FILE)
            .read_text()
            .replace(factories.ISSUER, "https://elsewhere.example")
        )
        shutil.copy(Path(django_settings.CLUSTERS_FILE).with_name("ca.crt"), tmp_path)
        settings.CLUSTERS_FILE = str(facts)
        sweeping.sweep_clusters()
        with pytest.raises(CommandError, match=MIGRATION):
            call_command("reconcile", "--all", "--allow-prune", "9")
        assert api.writes == []
        with later_version():
            assert sweeping.sweep(made.cluster).prunable != {}

    def test_later_version_grants_meanwhile_and_so_does_this_one_once_its_migration_is_taken_back(
        self, cast: Cast, made: Namespace, api: FakeCluster, newer: None, login: Login
    ) -> None:
        members.add(namespace=made, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        reconciliation.reconcile(made.pk)
        sweeping.sweep_clusters()
        assert not bound(api, made, cast.otto, "viewer")
        with later_version():
            sweeping.sweep_clusters()
            assert stands(made, cast.otto) == State.ACTIVE
        reconciliation.reconcile(made.pk)
        assert stands(made, cast.otto) == State.ACTIVE
        members.set_role(membership=membership(made, cast.otto), role=Role.EDITOR, by=cast.nils)
        reconciliation.reconcile(made.pk)
        assert not bound(api, made, cast.otto, "editor")
        back()
        sweeping.sweep_clusters()
        assert stands(made, cast.otto) == State.ACTIVE
        assert epoch.newer_migrations() == []
        assert "newer version" not in page(login(cast.olga), "/drift/")


class TestUnknownRole:
    """Eda is made a curator by the later version, whose worker has done its work or has not."""

    @pytest.fixture
    def curated(self, cast: Cast, made: Namespace, newer: None) -> Namespace:
        Membership.objects.filter(namespace=made, person=cast.eda).update(role=CURATOR)
        with transaction.atomic():
            request_reconcile(made.pk, lane=REVOCATIONS)
        return made

    @pytest.fixture
    def held(self, cast: Cast, curated: Namespace, api: FakeCluster) -> str:
        """The name of the binding that the later version's worker made."""
        return put_binding(api, curated, cast.eda)

    def test_gives_nothing_and_everything_else_goes_on(
        self, cast: Cast, curated: Namespace, api: FakeCluster, login: Login
    ) -> None:
        members.remove(membership=membership(curated, cast.vera), by=cast.nils)
        reconciliation.reconcile(curated.pk)
        assert not bound(api, curated, cast.eda, "editor")
        assert stands(curated, cast.vera) == State.REVOKED
        assert stands(curated, cast.nils) == State.ACTIVE
        assert stands(curated, cast.eda) == State.FAILING
        assert "does not know the role curator" in status(curated).error_message
        assert status(curated).observed_generation < Namespace.objects.get(pk=curated.pk).generation
        assert "does not know the role curator" in page(login(cast.eda), curated.get_absolute_url())

    def test_database_of_the_same_version_lets_others_in_beside_it(
        self, cast: Cast, curated: Namespace, api: FakeCluster
    ) -> None:
        with later_version():
            members.add(namespace=curated, person=cast.otto, role=Role.EDITOR, by=cast.nils)
            reconciliation.reconcile(curated.pk)
            assert bound(api, curated, cast.otto, "editor")
            assert stands(curated, cast.eda) == State.FAILING

    def test_what_the_later_worker_made_of_it_stays_and_is_no_stray(
        self, cast: Cast, curated: Namespace, api: FakeCluster, held: str
    ) -> None:
        api.outside.remove(ROLE_BINDING, name_of(cast.eda, "editor"), curated.name)
        Grant.objects.filter(identity__person=cast.eda, role="editor").update(state="revoked", binding_uid="")
        for _again in range(2):
            reconciliation.reconcile(curated.pk)
            sweeping.sweep_clusters()
            let_time_pass(curated)
        with later_version():
            sweeping.sweep_clusters()
        assert api.get(ROLE_BINDING, held, curated.name)
        assert not SeenBinding.objects.exists()
        assert not bound(api, curated, cast.eda, "editor")
        assert stands(curated, cast.eda) == State.ACTIVE

    def test_end_of_the_role_before_is_not_judged_by_rights_that_nobody_here_knows(
        self, cast: Cast, curated: Namespace, api: FakeCluster, held: str
    ) -> None:
        reconciliation.reconcile(curated.pk)
        ended = grant(curated, cast.eda, "editor")
        assert ended.state == Grant.State.REVOKING
        assert "does not know the role curator" in ended.error_message

    def test_its_end_is_made_and_its_proof_left_to_the_later_version(
        self,
        cast: Cast,
        curated: Namespace,
        api: FakeCluster,
        held: str,
        login: Login,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        of_any = f"{BINDING_PREFIX}[a-z]+-[a-z2-7]+"
        monkeypatch.setattr(
            fake_rules, "_ANY_ROLE", re.compile(of_any)
        )  # as the later version's manifests have it
        members.remove(membership=membership(curated, cast.eda), by=cast.nils)
        for _again in range(2):
            reconciliation.reconcile(curated.pk)
            assert held not in [each["metadata"]["name"] for each in bindings(api, curated)]
            assert stands(curated, cast.eda) == State.ENDING
            assert "does not know the role curator" in grant(curated, cast.eda, CURATOR).error_message
        assert "does not know the role curator" in page(
            login(cast.nils), f"{curated.get_absolute_url()}members/"
        )

    def test_pages_show_it_and_let_nobody_do_more_by_it(
        self, cast: Cast, curated: Namespace, api: FakeCluster, held: str, login: Login
    ) -> None:
        wish = requests.ask_to_join(namespace=curated, role=Role.VIEWER, reason="Please.", by=cast.otto)
        Request.objects.update(role=CURATOR)
        reconciliation.reconcile(curated.pk)
        place = curated.get_absolute_url()
        client = login(cast.nils)
        for address in (place, f"{place}members/", "/requests/", wish.get_absolute_url()):
            assert CURATOR in page(client, address)
        answer = client.post(f"{wish.get_absolute_url()}approve/", {"approve-note": ""})
        assert answer.status_code == 409
        assert "does not know the role curator" in answer.content.decode()
        client.post(f"{wish.get_absolute_url()}deny/", {"deny-note": "Not now."})
        wish.refresh_from_db()
        assert wish.state == Request.State.DENIED
        for person in (cast.eda, cast.olga, cast.otto):
            client = login(person)
            for address in (place, "/", "/namespaces/", "/config/"):
                page(client, address)
        assert CURATOR in page(login(cast.olga), f"/users/{cast.eda.pk}/")
        Namespace.objects.update(visibility="members", generation=99)
        assert login(cast.eda).get(place).status_code == 404
        assert place not in page(login(cast.eda), "/namespaces/")


class TestTwoVersions:
    def test_worker_of_this_version_starts_ends_rights_and_gives_none(
        self, installation: Installation, control_plane: ControlPlane
    ) -> None:
        """It runs when the later version migrates, and another one starts afterwards, which no web process may."""
        installation.start("redis")
        installation.start("worker")
        lab = RealLab(control_plane)
        first, second = lab.approve_guest(), lab.approve_guest()
        installation.until(lambda: lab.stands(first) == lab.stands(second) == State.ACTIVE)
        with migrated():
            third = lab.approve_guest()
            lab.remove(first)
            installation.until(lambda: lab.stands(first) == State.REVOKED)
            installation.children.pop("worker").stop(patience=20)
            installation.start("worker")
            lab.remove(second)
            installation.until(lambda: lab.stands(second) == State.REVOKED)
            assert not lab.may(first)
            assert not lab.may(second)
            assert lab.may(lab.admin)
            assert lab.stands(third) == State.FAILING
            assert not lab.may(third)
            assert "the database is newer than this version" in installation.log("worker")


def bindings(api: FakeCluster, namespace: Namespace) -> list[Manifest]:
    return [item for listed in api.list_pages(ROLE_BINDING, namespace.name) for item in listed.items]


def put_binding(api: FakeCluster, namespace: Namespace, person: User) -> str:
    """Make and prove what the later version's worker makes for a curator; return the name of the binding."""
    spec = desired_state.namespace_spec(namespace, configured_clusters()["nautilus"])
    name, operation = f"{BINDING_PREFIX}{CURATOR}-{'a' * 26}", str(uuid.uuid4())
    any_binding = spec.bindings[0]
    manifest = binding_manifest(spec, any_binding, operation)
    manifest["metadata"]["name"] = name
    manifest["roleRef"]["name"] = "berth:viewer"
    subject = person.identities.get().subject
    manifest["subjects"][0]["name"] = subject
    uid = api.outside.put(manifest)["metadata"]["uid"]
    current = membership(namespace, person)
    Grant.objects.create(
        namespace=namespace,
        identity=person.identities.get(),
        membership=current,
        role=CURATOR,
        username=subject,
        binding_name=name,
        binding_uid=uid,
        state=Grant.State.ACTIVE,
        operation=operation,
        proved_at=current.changed_at,
    )
    return name
