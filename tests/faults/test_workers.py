"""Workers as processes of their own that are killed, or stopped and continued, at every step of a pass."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from accounts.models import User
from audit.models import Event
from clusters.models import Cluster
from clusters.roles import cluster_role
from localcluster.certificates import Authority
from localcluster.processes import LOOPBACK
from namespaces import sweeping
from namespaces.access import Role
from namespaces.actions import members
from namespaces.models import Grant, Membership
from namespaces.standing import State
from tests.conftest import ControlPlane
from tests.faults.failpoints import STEPS, Point
from tests.faults.lab import Lab, until
from tests.faults.victims import Victim, Victims, victims
from tests.namespaces.test_worker_processes import _database_url

pytestmark = pytest.mark.django_db(transaction=True)
SEEDS = int(os.environ.get("FAULT_SEEDS", "15"))
MOST_CALLS = 40  # of one pass over the namespaces here; later calls are never made, and nobody dies
ROLES = (Role.VIEWER, Role.EDITOR, Role.ADMIN)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("authority")
    Authority(directory)
    return directory


@pytest.fixture
def environment(control_plane: ControlPlane, real_cluster: Cluster, tmp_path: Path) -> dict[str, str]:
    """That of a worker on the database of the test."""
    layout = control_plane.layout
    return {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")} | {
        "DATABASE_URL": _database_url(),
        "BERTH_CLUSTERS": str(layout.clusters_file),
        "BERTH_ISSUERS": str(layout.issuers_file),
        "BERTH_BROKER_URL": "memory://",
        "BERTH_ANCHOR_SECONDS": "86400",  # other tests share the cluster, and each has a database of its own
        "BERTH_BASE_URL": "http://localhost:8088",
        "BERTH_DATA_DIR": str(tmp_path),
        "BERTH_SECRET_KEY": "a-key-of-the-tests-that-guards-nothing-and-is-long-enough",
        "BERTH_PROCESS": "worker",
        "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
    }


@pytest.fixture
def workers(environment: dict[str, str]) -> Iterator[Victims]:
    with victims(environment) as running:
        yield running


@pytest.fixture
def lab(control_plane: ControlPlane, real_cluster: Cluster) -> Lab:
    made = Lab(control_plane.layout, real_cluster)
    made.reconcile()
    assert made.stands(made.admin) == State.ACTIVE, made.status().error_message
    return made


def decided(lab: Lab) -> set[tuple[str, str]]:
    """Return who should have which role here, straight from the memberships."""
    current = Membership.objects.current().filter(namespace=lab.row).select_related("person")
    return {(each.person.identities.get().subject, cluster_role(each.role)) for each in current}


def change(lab: Lab, people: list[User], chance: random.Random) -> None:
    """Let some come, some go, and some get another role."""
    for person in people:
        held = Membership.objects.current().filter(namespace=lab.row, person=person).first()
        act = chance.choice(("stay", "change", "change"))
        if act == "stay":
            continue
        role = chance.choice(ROLES)
        if held is None:
            members.add(namespace=lab.row, person=person, role=role, by=lab.admin)
        elif chance.random() < 0.5:
            lab.remove(person)
        elif role != held.role:
            members.set_role(membership=lab.membership(person), role=role, by=lab.admin)


class TestKilled:
    """F-23."""

    def test_whatever_a_killed_worker_left_the_next_pass_converges_and_nobody_gains(
        self, lab: Lab, workers: Victims
    ) -> None:
        """Seeds choose what changes and at which call the worker dies; FAULT_SEEDS says how many."""
        base = random.getrandbits(32)
        people = [lab.person() for _each in range(4)]
        deaths = 0
        for number in range(SEEDS):
            seed = f"{base}-{number}"
            print(f"seed {seed}")
            chance = random.Random(seed)
            allowed = lab.holds() | decided(lab)
            for _death in range(chance.randint(1, 2)):
                change(lab, people, chance)
                allowed |= decided(lab)
                point = Point(chance.choice(("before", "after")), chance.randrange(MOST_CALLS))
                victim = workers.work("reconcile_due", point, alone=True)
                deaths += victim.end == "killed"
                assert lab.holds() <= allowed, f"somebody gained: {seed}"
                lab.time_passes()
            self.assert_converges(lab, workers, seed)
        assert deaths >= SEEDS // 3

    def assert_converges(self, lab: Lab, workers: Victims, seed: str) -> None:
        assert workers.work("reconcile_namespace", namespace_id=str(lab.row.pk)).end == "done"
        assert lab.holds() == decided(lab), seed
        before = {each["metadata"]["uid"] for each in lab.bindings().values()}
        lab.time_passes()
        lab.reconcile()
        assert {each["metadata"]["uid"] for each in lab.bindings().values()} == before, seed
        for grant in Grant.objects.filter(namespace=lab.row):
            wanted = (grant.username, cluster_role(grant.role)) in decided(lab)
            state = Grant.State.ACTIVE if wanted else Grant.State.REVOKED
            assert grant.state == state, f"{seed}: {grant.username} {grant.role} {grant.error_message}"
        made = [
            event.after["uid"] for event in Event.objects.filter(namespace_id=lab.row.pk, act="binding.made")
        ]
        assert len(made) == len(set(made)), f"told twice: {seed}"
        assert before <= set(made), f"never told: {seed}"

    @pytest.mark.parametrize("step", STEPS)
    def test_role_that_changes_is_never_both_and_comes_in_the_next_pass(
        self, lab: Lab, workers: Victims, step: str
    ) -> None:
        """Between the old role and the new one somebody may be without any for one pass."""
        person = lab.member(Role.EDITOR)
        members.set_role(membership=lab.membership(person), role=Role.ADMIN, by=lab.admin)
        victim = workers.work("reconcile_due", STEPS[step], alone=True)
        assert victim.end == "killed"
        subject = person.identities.get().subject
        held = {role for user, role in lab.holds() if user == subject}
        assert len(held) <= 1
        lab.time_passes()
        lab.reconcile()
        assert lab.holds() == decided(lab)
        assert lab.stands(person) == State.ACTIVE
        until(lambda: lab.may(person, {"verb": "create", "resource": "roles",
              "group": "rbac.authorization.k8s.io"}), "the new role")  # fmt: skip

    def test_lease_of_who_died_is_respected_until_it_is_over(self, lab: Lab, workers: Victims) -> None:
        person = lab.member()
        lab.remove(person)
        point = STEPS["after reading"]
        assert workers.work("reconcile_namespace", point, namespace_id=str(lab.row.pk)).end == "killed"
        assert workers.work("reconcile_due", alone=True).end == "done"
        assert lab.stands(person) == State.ENDING
        lab.time_passes()
        assert workers.work("reconcile_due", alone=True).end == "done"
        assert lab.holds() == decided(lab)
        assert lab.stands(person) == State.REVOKED
        until(lambda: not lab.may(person), "the end of the right")


class TestStopped:
    """F-24: a worker stands still right before its create, and the right is withdrawn before it wakes."""

    FALLS_ASLEEP = Point("before", 0, "create", "RoleBinding", signal.SIGSTOP)
    DIES = STEPS["after a create, before the commit"]

    def test_who_wakes_takes_back_what_it_made_late_and_claims_nothing(
        self, lab: Lab, workers: Victims
    ) -> None:
        person = lab.add()
        victim = self.fall_asleep(lab, workers, self.FALLS_ASLEEP)
        self.come_and_go(lab, person, times=1)
        assert workers.awaken(victim).end == "done"
        assert lab.holds() == decided(lab)
        until(lambda: not lab.may(person), "the end of what was made late")
        assert lab.stands(person) == State.REVOKED
        claimed = Event.objects.filter(act="binding.made", object_id__in=grants_of(person))
        assert not claimed.exists()

    def test_lease_of_who_sleeps_is_respected_until_it_is_over(self, lab: Lab, workers: Victims) -> None:
        person = lab.add()
        victim = self.fall_asleep(lab, workers, self.FALLS_ASLEEP)
        lab.remove(person)
        lab.reconcile()
        assert lab.stands(person) == State.ENDING
        assert workers.awaken(victim).end == "done"  # it sees what was decided meanwhile
        assert lab.stands(person) == State.REVOKED
        assert lab.holds() == decided(lab)

    @pytest.mark.parametrize("times", [1, 3])
    def test_who_wakes_and_dies_leaves_a_right_that_the_next_sweep_ends(
        self, lab: Lab, workers: Victims, times: int
    ) -> None:
        """It is killed before it can look at the rows again, after the person has come and gone meanwhile."""
        person = lab.add()
        victim = self.fall_asleep(lab, workers, self.FALLS_ASLEEP, self.DIES)
        self.come_and_go(lab, person, times)
        assert workers.awaken(victim).end == "killed"
        until(lambda: lab.may(person), "the right that came late")
        sweeping.sweep_clusters()
        assert lab.holds() == decided(lab)
        until(lambda: not lab.may(person), "the end of the right that came late")
        lab.time_passes()
        lab.reconcile()
        assert lab.stands(person) == State.REVOKED
        assert lab.row.pk not in sweeping.sweep(lab.row.cluster).differing

    def fall_asleep(self, lab: Lab, workers: Victims, *points: Point) -> Victim:
        victim = workers.work("reconcile_namespace", *points, namespace_id=str(lab.row.pk))
        assert victim.end == "stopped"
        return victim

    def come_and_go(self, lab: Lab, person: User, times: int) -> None:
        """Let the lease run out, and other workers see how the right ends, comes again and ends again."""
        for number in range(times):
            if number:
                members.add(namespace=lab.row, person=person, role=Role.EDITOR, by=lab.admin)
                lab.reconcile()
            lab.remove(person)
            lab.time_passes()
            lab.reconcile()
            assert lab.stands(person) == State.REVOKED
            assert not lab.may(person)


def grants_of(person: User) -> list[str]:
    return [str(pk) for pk in Grant.objects.filter(identity__person=person).values_list("pk", flat=True)]


class TestEnvironment:
    """F-35: what the environment says of proxies, authorities and kubeconfigs counts for nothing."""

    @pytest.fixture
    def decoy(self) -> Iterator[socket.socket]:
        """A server that must never be asked."""
        with socket.create_server((LOOPBACK, 0)) as listener:
            listener.setblocking(False)
            yield listener

    @pytest.fixture
    def hostile(self, decoy: socket.socket, authority: Path, tmp_path: Path) -> dict[str, str]:
        """An environment in which everything points to the decoy."""
        port = decoy.getsockname()[1]
        document = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"https://{LOOPBACK}:{port}"}}],
            "users": [{"name": "u", "user": {"token": "decoy"}}],
        }
        (tmp_path / ".kube").mkdir()
        (tmp_path / ".kube" / "config").write_text(yaml.safe_dump(document))
        names = {"KUBECONFIG": str(tmp_path / ".kube" / "config"), "HOME": str(tmp_path)}
        bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
        names |= dict.fromkeys(bundles, str(authority / "ca.crt"))
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            names |= dict.fromkeys((name, name.lower()), f"http://{LOOPBACK}:{port}")
        return names | {"KUBERNETES_SERVICE_HOST": LOOPBACK, "KUBERNETES_SERVICE_PORT": str(port)}

    def test_only_the_files_of_facts_count(
        self, lab: Lab, environment: dict[str, str], hostile: dict[str, str], decoy: socket.socket
    ) -> None:
        person = lab.add()
        with victims(environment | hostile) as workers:
            assert workers.work("reconcile_due", alone=True).end == "done"
            assert workers.work("sweep_clusters", alone=True).end == "done"
        assert lab.stands(person) == State.ACTIVE
        with pytest.raises(BlockingIOError):
            decoy.accept()  # nobody waits there
