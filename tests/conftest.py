"""What every test may use: the cast, a database of either kind, one real control plane for the whole run.

The cast: Olga runs the platform. Paula is a PI, of level admin. Nils is a student who runs the namespace `avis-fire`,
Eda is an editor in it, Vera a viewer. Ana is a newcomer: a guest. Otto is a user who is nowhere a member.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from accounts.models import Level, LevelChange, User
from audit import triggers
from audit.models import Event
from clusters import authentication, manifests, names
from clusters.api import CONFIG_MAP
from clusters.config import ClusterConfig, load
from clusters.models import Cluster, ClusterStatus
from clusters.registry import configured_clusters
from localcluster import kubectl
from localcluster.binaries import Binaries
from localcluster.layout import CLUSTER, Layout
from localcluster.testing import Documents, shared_cluster
from namespaces import reconciliation
from namespaces.access import Role
from namespaces.models import Namespace, NamespaceStatus
from namespaces.reconciler import reconcile
from tests import factories, fake_connection
from tests.fake_cluster import FakeCluster

INSTALLATION = "8f14e45f-ceea-467f-a7d3-2f2f7a1d0001"

# A busy machine is no failure: no test is judged by the clock. A failing example is printed with the way to repeat it.
hypothesis_settings.register_profile("berth", deadline=None, print_blob=True)
hypothesis_settings.load_profile("berth")

# Who runs in the background, or under nohup, ignores these signals, and so would every program that a test starts and
# ends by them. A handler, unlike that, is not inherited.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)


@dataclass(frozen=True)
class Cast:
    """The people everybody knows."""

    olga: User
    paula: User
    nils: User
    eda: User
    vera: User
    ana: User
    otto: User


@pytest.fixture
def cluster(db: None) -> Cluster:
    found = factories.ClusterFactory.create(name="nautilus", title="Nautilus")
    ClusterStatus.objects.get_or_create(cluster=found)
    return found


@pytest.fixture
def cast(db: None) -> Cast:
    return Cast(
        olga=factories.person("Olga Reyes", is_superuser=True, level=Level.ADMIN),
        paula=factories.person("Paula Ilić", level=Level.ADMIN),
        nils=factories.person("Nils Berg", level=Level.USER),
        eda=factories.person("Eda Kaya", level=Level.USER),
        vera=factories.person("Vera Lind", level=Level.USER),
        ana=factories.person("Ana Kim", level=Level.GUEST, institution="University of Oklahoma"),
        otto=factories.person("Otto Brandt", level=Level.USER),
    )


@pytest.fixture
def fire(cluster: Cluster, cast: Cast) -> Namespace:
    """The namespace avis-fire: Nils and Paula are its admins, Eda edits, Vera looks."""
    namespace = factories.NamespaceFactory.create(
        cluster=cluster,
        name="avis-fire",
        pi_name="Alex Pang",
        institution="UC Santa Cruz",
        created_by=cast.paula,
    )
    for person, role in (
        (cast.nils, Role.ADMIN), (cast.paula, Role.ADMIN), (cast.eda, Role.EDITOR), (cast.vera, Role.VIEWER),
    ):  # fmt: skip
        factories.MembershipFactory.create(namespace=namespace, person=person, role=role)
    return namespace


@pytest.fixture
def hidden(cluster: Cluster, cast: Cast) -> Namespace:
    """The namespace quiet-lab: for its members only, and Paula is its one member."""
    namespace = factories.NamespaceFactory.create(
        cluster=cluster, name="quiet-lab", visibility="members", created_by=cast.paula
    )
    factories.MembershipFactory.create(namespace=namespace, person=cast.paula, role=Role.ADMIN)
    return namespace


@pytest.fixture
def login(client: Client) -> Callable[[User], Client]:
    """Return a function that logs somebody in and returns the client."""

    def log_in(person: User) -> Client:
        client.force_login(person)
        return client

    return log_in


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """SQLite lies in a file, as in an installation, so that other processes can use what a test commits.

    PostgreSQL may take its time: a page waits for seconds, emptying a whole database on a busy machine takes longer.
    """
    database = django_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "berth.sqlite3")
    else:
        database["OPTIONS"]["options"] = "-c statement_timeout=60000 -c lock_timeout=20000"


@pytest.fixture(scope="session", autouse=True)
def audit_can_be_emptied() -> Iterator[None]:
    """The end of a test that commits empties every table, which those that are only added to rightly refuse: their
    triggers are lifted for that moment, and only for that."""
    append_only = (Event._meta.db_table, LevelChange._meta.db_table)
    empty = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def empty_with_triggers_lifted(case: TransactionTestCase) -> None:
        with connection.schema_editor() as editor:
            for table in append_only:
                triggers.remove(editor, table)
        try:
            empty(case)
        finally:
            with connection.schema_editor() as editor:
                for table in append_only:
                    triggers.install(editor, table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_with_triggers_lifted)
        yield


# --- The cluster in memory -----------------------------------------------------------------------------------------


@pytest.fixture
def fake_cluster(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> Iterator[FakeCluster]:
    """The cluster `nautilus` in memory, which reconciliation finds behind the door."""
    fake_connection.forget()  # a test without this fixture may have spoken to one, too
    settings.CLUSTER_CONNECT = fake_connection.CONNECT
    monkeypatch.setattr(reconcile, "PROOF_DELAYS", (0.0,))  # what it says first it says after every wait
    fake = fake_connection.of(configured_clusters()[cluster.name])
    fake.outside.change(
        CONFIG_MAP,
        names.STATE_CONFIG_MAP,
        names.SYSTEM_NAMESPACE,
        lambda found: found.update(data={"installation": str(cluster.installation_id)}),
    )
    yield fake
    fake_connection.forget()


@pytest.fixture
def made(fire: Namespace, fake_cluster: FakeCluster) -> Namespace:
    """The namespace avis-fire as decided, in the cluster in memory and proved; no call of this is kept."""
    reconciliation.reconcile(fire.pk)
    assert NamespaceStatus.objects.get(namespace=fire).state == NamespaceStatus.State.READY
    fake_cluster.calls.clear()
    return fire


# --- The real cluster ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ControlPlane:
    """A running API server with its identity provider, one for all tests of a run: name your namespaces uniquely."""

    layout: Layout
    binaries: Binaries
    config: ClusterConfig
    home: Path

    @property
    def admin_kubeconfig(self) -> Path:
        """The credential of an administrator of the cluster, whom no rule of Berth binds."""
        return self.layout.credential("admin")

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl as that administrator and return what it prints; fails with what it complains of."""
        done = self._run(*arguments)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def answer(self, *arguments: str) -> str:
        """Run a kubectl command that answers yes or no, the no with an exit code; return the word."""
        done = self._run(*arguments)
        assert done.stdout.strip() in {"yes", "no"}, (
            f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        )
        return done.stdout.strip()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return kubectl.run(self.binaries, arguments, kubeconfig=self.admin_kubeconfig, home=self.home)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Start or join the control plane of this run."""
    base = tmp_path_factory.getbasetemp()
    # The directories of all workers of a run lie in one.
    shared = base.parent if "PYTEST_XDIST_TESTRUNUID" in os.environ else base
    with shared_cluster(shared / "control-plane", documents) as running:
        yield ControlPlane(
            layout=running.layout,
            binaries=running.binaries,
            config=load(running.layout.clusters_file)[CLUSTER],
            home=tmp_path_factory.mktemp("home"),
        )


@pytest.fixture
def real_cluster(control_plane: ControlPlane, settings: Settings, db: None) -> Cluster:
    """The row of the real cluster; reconciliation works on it."""
    settings.CLUSTERS_FILE = str(control_plane.layout.clusters_file)
    settings.CLUSTER_CONNECT = "clusters.kube.connect"
    return row_of_cluster()


def row_of_cluster() -> Cluster:
    """Make the row of the cluster in the clusters file.

    All tests are one installation to a cluster, though each has a database of its own: only those of the mark itself
    let the mark follow their database, and they have a cluster of their own.
    """
    Cluster.objects.sync(configured_clusters())
    Cluster.objects.filter(name=CLUSTER).update(installation_id=INSTALLATION)
    return Cluster.objects.get(name=CLUSTER)


def documents(layout: Layout) -> Documents:
    """Return what a cluster of the tests is told about rights and logins."""
    config = load(layout.clusters_file)[CLUSTER]
    return Documents(
        manifests=yaml.safe_dump_all(manifests.render(config, reserved=django_settings.RESERVED_NAMESPACES)),
        authentication=yaml.safe_dump(authentication.render(config)),
    )
