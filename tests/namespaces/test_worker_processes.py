"""A change from commit to cluster through real processes: Redis, a Celery worker, beat; and what if they die."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import yaml
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from accounts.models import Level, User
from clusters.models import Cluster
from localcluster import services
from localcluster.layout import CLUSTER
from localcluster.processes import LOOPBACK, Child, free_ports
from namespaces import standing
from namespaces.access import Role
from namespaces.actions import members, requests
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import Membership, Namespace, NamespaceStatus
from namespaces.standing import State
from portal.celery import app
from tests import factories
from tests.conftest import ControlPlane

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90


class Gate:
    """The way to the API server: a port that passes everything on until it is shut; then nothing comes through."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._server = socket.create_server((LOOPBACK, 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                visitor, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(visitor,), daemon=True).start()

    def _pass_on(self, visitor: socket.socket) -> None:
        with visitor, socket.create_connection(self._target) as host:
            while True:
                for source in select.select([visitor, host], [], [])[0]:
                    said = self._read(source)
                    self._open.wait()
                    if not said or not self._write(host if source is visitor else visitor, said):
                        return

    def _read(self, source: socket.socket) -> bytes:
        try:
            return source.recv(65536)
        except OSError:
            return b""

    def _write(self, target: socket.socket, said: bytes) -> bool:
        try:
            target.sendall(said)
        except OSError:
            return False
        return True


class Installation:
    """The processes of a portal beside this one, on the database of the test."""

    def __init__(self, control_plane: ControlPlane, directory: Path, gate: Gate) -> None:
        self.outside = control_plane
        self.directory = directory
        self.gate = gate
        (self.redis_port,) = free_ports(1)
        self.broker = f"redis://{LOOPBACK}:{self.redis_port}/0"
        self.children: dict[str, Child] = {}
        self.environment = (
            {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
            | {
                "DATABASE_URL": _database_url(),
                "BERTH_BROKER_URL": self.broker,
                "BERTH_CLUSTERS": str(self._clusters_file()),
                "BERTH_DATA_DIR": str(directory),
                "BERTH_BASE_URL": "http://localhost:8088",
                "BERTH_ISSUERS": str(control_plane.layout.issuers_file),
                "BERTH_SECRET_KEY": "a-key-of-the-tests-that-guards-nothing-and-is-long-enough",
                "BERTH_PROCESS": "worker",
                "BERTH_SWEEP_SECONDS": "0.5",
                "BERTH_ANCHOR_SECONDS": "86400",  # other tests share the cluster, and each has a database of its own
                "DJANGO_SETTINGS_MODULE": "portal.settings",
            }
        )

    def start(self, name: str) -> None:
        """Start `redis`, `worker`, `beat` or `watch`."""
        celery = [sys.executable, "-m", "celery", "--app", "portal"]
        command = {
            "redis": services.redis(self.directory / "redis", self.redis_port),
            "worker": [*celery, "worker", "--concurrency", "2"],
            "beat": [*celery, "beat", "--schedule", str(self.directory / "beat")],
            "watch": [sys.executable, str(ROOT / "manage.py"), "watch"],
        }[name]
        log = self.directory / f"{name}.log"
        self.children[name] = Child(name, command, log, env=self.environment)
        if name == "redis":
            self.until(self._redis_answers)

    def kill(self, name: str) -> None:
        """End a process and its children at once, as a machine that loses its power does."""
        child = self.children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.stop()

    def log(self, name: str) -> str:
        """Return what a process has said."""
        return (self.directory / f"{name}.log").read_text()

    def stop(self) -> None:
        for name in ("watch", "beat", "worker", "redis"):
            if child := self.children.pop(name, None):
                child.stop(patience=20)

    def forget_messages(self) -> None:
        """Lose every message, as a Redis that starts again does; there was at least one."""
        with redis.Redis(host=LOOPBACK, port=self.redis_port) as client:
            assert client.llen(CHANGES) + client.llen(REVOCATIONS) > 0
            client.flushall()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            for child in self.children.values():
                child.check()
            tails = "\n".join(child.log_tail() for child in self.children.values())
            assert time.monotonic() < deadline, f"it did not happen. The ends of the logs:\n{tails}"
            time.sleep(0.05)

    def _redis_answers(self) -> bool:
        try:
            with redis.Redis(host=LOOPBACK, port=self.redis_port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def _clusters_file(self) -> Path:
        """Write a file of facts whose worker goes through the gate."""
        layout = self.outside.layout
        kubeconfig = yaml.safe_load(layout.credential("worker").read_text())
        kubeconfig["clusters"][0]["cluster"]["server"] = f"https://{LOOPBACK}:{self.gate.port}"
        credential = self.directory / "worker.kubeconfig"
        credential.write_text(yaml.safe_dump(kubeconfig))
        facts = yaml.safe_load(layout.clusters_file.read_text())
        facts["clusters"][0]["certificate_authority_file"] = str(layout.certificate_authority)
        facts["clusters"][0]["credentials"]["worker"] = str(credential)
        for issuer in facts["clusters"][0]["issuers"]:
            issuer["certificate_authority_file"] = str(layout.certificate_authority)
        path = self.directory / "clusters.yaml"
        path.write_text(yaml.safe_dump(facts))
        return path


def _database_url() -> str:
    """Return the address of the database of the tests, for other processes."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


@pytest.fixture
def installation(
    control_plane: ControlPlane, real_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    address = urlsplit(control_plane.layout.api_server)
    gate = Gate((str(address.hostname), int(address.port or 443)))
    made = Installation(control_plane, tmp_path, gate)
    monkeypatch.setenv("CELERY_BROKER_URL", made.broker)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    yield made
    gate.open()
    made.stop()
    gate.close()


class Lab:
    """A namespace of its own with its admin, and what is true of it."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.outside = control_plane
        self.admin = self.person(Level.ADMIN)
        self.row = factories.NamespaceFactory.create(
            cluster=Cluster.objects.get(name=CLUSTER),
            name=f"lab-{uuid.uuid4().hex[:16]}",
            created_by=self.admin,
        )
        factories.MembershipFactory.create(namespace=self.row, person=self.admin, role=Role.ADMIN)

    def person(self, level: Level) -> User:
        made = factories.PersonFactory.create(level=level)
        subject = f"http://cilogon.org/serverA/users/{uuid.uuid4().int % 10**12}"
        factories.IdentityFactory.create(person=made, issuer=self.outside.layout.issuer, subject=subject)
        return made

    def approve_guest(self) -> User:
        """Let a newcomer ask, and the admin approve."""
        newcomer = self.person(Level.GUEST)
        request = requests.ask_to_join(
            namespace=self.row, role=Role.EDITOR, reason="I work there.", by=newcomer
        )
        requests.approve(request=request, by=self.admin)
        return newcomer

    def remove(self, person: User) -> None:
        membership = (
            Membership.objects.current().select_related("namespace").get(namespace=self.row, person=person)
        )
        members.remove(membership=membership, by=self.admin)

    def stands(self, person: User) -> State:
        fresh = Namespace.objects.get(pk=self.row.pk)
        return standing.of_person(User.objects.get(pk=person.pk), [fresh])[self.row.pk].state

    def may(self, person: User) -> bool:
        """Whether the API server lets exactly this person make pods here."""
        subject = person.identities.get().subject
        act = ("auth", "can-i", "create", "pods", "--as", subject, "--namespace", self.row.name)
        return self.outside.answer(*act) == "yes"


def test_approval_becomes_a_right_and_removal_its_end(
    installation: Installation, control_plane: ControlPlane
) -> None:
    """By messages alone: no beat runs."""
    installation.start("redis")
    installation.start("worker")
    lab = Lab(control_plane)
    newcomer = lab.approve_guest()
    assert lab.stands(newcomer) == State.WAITING
    installation.until(lambda: lab.stands(newcomer) == State.ACTIVE)
    assert lab.may(newcomer)
    lab.remove(newcomer)
    assert lab.stands(newcomer) == State.ENDING
    installation.until(lambda: lab.stands(newcomer) == State.REVOKED)
    assert not lab.may(newcomer)


def test_work_is_done_later_whatever_was_lost(
    installation: Installation, control_plane: ControlPlane
) -> None:
    """The broker is down at the commit; it loses a message; a worker dies in the middle of its work."""
    first, second = Lab(control_plane), Lab(control_plane)
    unheard = first.approve_guest()
    installation.start("redis")
    forgotten = second.approve_guest()
    installation.forget_messages()
    installation.start("worker")
    installation.start("beat")
    installation.until(lambda: first.stands(unheard) == second.stands(forgotten) == State.ACTIVE)
    assert first.may(unheard)
    assert second.may(forgotten)

    installation.gate.shut()
    first.remove(unheard)
    installation.until(lambda: NamespaceStatus.objects.get(namespace=first.row).lease_holder is not None)
    installation.kill("worker")
    installation.gate.open()
    assert first.may(unheard)
    assert first.stands(unheard) == State.ENDING
    abandoned = NamespaceStatus.objects.get(namespace=first.row)
    assert abandoned.lease_until is not None
    assert abandoned.lease_until <= timezone.now() + timedelta(seconds=django_settings.LEASE_SECONDS)
    NamespaceStatus.objects.filter(namespace=first.row).update(lease_until=timezone.now())  # time passes
    installation.start("worker")
    installation.until(lambda: first.stands(unheard) == State.REVOKED)
    assert not first.may(unheard)
    assert second.may(forgotten)


def test_work_in_hand_is_finished_when_the_broker_dies(
    installation: Installation, control_plane: ControlPlane
) -> None:
    """The lease of this pass does not run out here: nobody else can end the right."""
    installation.start("redis")
    installation.start("worker")
    lab = Lab(control_plane)
    newcomer = lab.approve_guest()
    installation.until(lambda: lab.stands(newcomer) == State.ACTIVE)
    installation.gate.shut()
    lab.remove(newcomer)
    status = NamespaceStatus.objects.filter(namespace=lab.row)
    installation.until(lambda: status.exclude(lease_holder=None).exists())
    status.update(lease_until=timezone.now() + timedelta(days=1))
    installation.kill("redis")
    installation.until(lambda: "the broker does not answer" in installation.log("worker"))
    installation.gate.open()
    installation.until(lambda: status.filter(lease_holder=None).exists())
    installation.until(lambda: not lab.may(newcomer))
    installation.until(lambda: lab.stands(newcomer) == State.REVOKED)
    installation.start("redis")  # what was in hand is acknowledged now, over a connection that is no more
    other = lab.approve_guest()
    installation.until(lambda: lab.stands(other) == State.ACTIVE)
    installation.children["worker"].check()
