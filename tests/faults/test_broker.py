"""F-26 and F-32: Redis is away, forgets, is full or refuses us; a heap of work waits. Real workers, real Redis."""

from __future__ import annotations

import pytest
import redis

from accounts.models import User
from clusters.models import Cluster
from localcluster.processes import LOOPBACK
from namespaces import tasks
from namespaces.lanes import REVOCATIONS
from namespaces.models import Namespace, NamespaceStatus
from namespaces.standing import State
from tests.conftest import ControlPlane
from tests.faults.lab import Lab
from tests.namespaces.test_worker_processes import Installation

pytestmark = pytest.mark.django_db(transaction=True)
HEAP = 30


@pytest.fixture
def lab(control_plane: ControlPlane, real_cluster: Cluster) -> Lab:
    made = Lab(control_plane.layout, real_cluster)
    made.reconcile()
    return made


def client(installation: Installation) -> redis.Redis:
    return redis.Redis(LOOPBACK, installation.redis_port)


def arrives(installation: Installation, lab: Lab) -> User:
    """Let somebody come, and wait until a worker has let them in."""
    person = lab.add()
    installation.until(lambda: lab.stands(person) == State.ACTIVE)
    return person


def follows(installation: Installation, lab: Lab) -> None:
    """Let somebody come and somebody go, and wait until the cluster has followed."""
    leaves = arrives(installation, lab)
    comes = lab.add()
    lab.remove(leaves)
    installation.until(lambda: (lab.stands(comes), lab.stands(leaves)) == (State.ACTIVE, State.REVOKED))
    assert lab.may(comes)
    assert not lab.may(leaves)


class TestBroker:
    """F-26."""

    def test_worker_goes_on_without_a_broker(self, installation: Installation, lab: Lab) -> None:
        """Neither Redis nor beat is there; later Redis comes, and is killed."""
        installation.start("worker")
        follows(installation, lab)
        installation.start("redis")
        leaves = arrives(installation, lab)
        lab.remove(leaves)  # its message goes to a Redis that was not there before
        installation.until(lambda: lab.stands(leaves) == State.REVOKED)
        installation.kill("redis")
        follows(installation, lab)

    def test_work_goes_on_after_redis_forgot_everything_was_full_or_refused_us(
        self, installation: Installation, lab: Lab
    ) -> None:
        for name in ("redis", "worker", "beat"):
            installation.start(name)
        follows(installation, lab)
        with client(installation) as broker:
            broker.flushall()
            follows(installation, lab)
            broker.config_set("maxmemory", "1")
            follows(installation, lab)  # saved, whatever the broker says
            broker.config_set("maxmemory", "0")
            follows(installation, lab)
            broker.config_set("requirepass", "another")
            broker.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            follows(installation, lab)
            broker.config_set("requirepass", "")
            follows(installation, lab)
        for child in installation.children.values():
            child.check()

    def test_worker_that_a_full_redis_sends_away_lives_and_goes_on(
        self, installation: Installation, lab: Lab
    ) -> None:
        """To take a message is a write: Redis refuses it, and is no less there than before."""
        installation.start("redis")
        waits = lab.add()
        tasks.knock([lab.row.pk])
        with client(installation) as broker:
            broker.config_set("maxmemory", "1")
        installation.start("worker")
        installation.until(lambda: lab.stands(waits) == State.ACTIVE)
        follows(installation, lab)
        installation.children["worker"].check()


class TestHeap:
    """F-32."""

    def test_end_of_a_right_does_not_wait_behind_a_heap(
        self, installation: Installation, control_plane: ControlPlane, lab: Lab
    ) -> None:
        leaves = lab.member()
        others = [Lab(control_plane.layout, lab.row.cluster) for _each in range(HEAP)]
        installation.start("redis")
        tasks.knock([each.row.pk for each in others])
        lab.remove(leaves)
        with client(installation) as broker:
            assert broker.llen(REVOCATIONS) == 1
        installation.start("worker")
        installation.until(lambda: not lab.may(leaves))
        made = NamespaceStatus.objects.filter(namespace__in=[each.row.pk for each in others]).exclude(
            cluster_uid=""
        )
        assert made.count() < HEAP / 2
        ready = Namespace.objects.filter(status__state=NamespaceStatus.State.READY)
        installation.until(lambda: ready.count() == HEAP + 1)
        installation.until(lambda: lab.stands(leaves) == State.REVOKED)
