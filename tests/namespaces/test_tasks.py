"""Asking for reconciliation: the generation with the change, a knock after it, and a broker in any state."""

from __future__ import annotations

import functools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from kombu import Message

from accounts.actions import suspensions
from accounts.models import Suspension
from audit.models import Event
from clusters.api import ROLE_BINDING
from localcluster import services
from localcluster.processes import LOOPBACK, Child, free_ports, wait_until
from namespaces import reconciliation, sweeping, tasks
from namespaces.access import Role
from namespaces.actions import members
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import Grant, Membership, Namespace, NamespaceStatus
from namespaces.reconciler.manifests import OPERATION
from namespaces.verdicts import UNPROVED
from portal import celery as portal_celery
from portal.celery import app
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

Capture = Callable[..., object]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that points Celery at a broker."""

    def point(url: str) -> None:
        monkeypatch.setenv("CELERY_BROKER_URL", url)
        monkeypatch.setattr(app.amqp, "_producer_pool", None)

    return point


@pytest.fixture
def redis_address(tmp_path: Path) -> Iterator[str]:
    """A Redis of its own."""
    (port,) = free_ports(1)
    child = Child(
        "redis", services.redis(tmp_path / "redis", port), tmp_path / "redis.log", env=dict(os.environ)
    )
    client = redis.Redis(LOOPBACK, port)
    wait_until(lambda: _answers(client), children=[child], seconds=30, what="Redis")
    yield f"redis://{LOOPBACK}:{port}/0"
    client.close()
    child.stop()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def generations() -> dict[str, int]:
    return dict(Namespace.objects.values_list("name", "generation"))


class TestRequestReconcile:
    def test_raises_each_generation_once(self, fire: Namespace, hidden: Namespace) -> None:
        other = factories.NamespaceFactory.create(cluster=fire.cluster)
        tasks.request_reconcile(fire.pk, hidden.pk, fire.pk)
        assert generations() == {fire.name: 2, hidden.name: 2, other.name: 1}

    def test_nothing_asked_for_is_nothing_done(
        self, fire: Namespace, django_capture_on_commit_callbacks: Capture
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[attr-defined]
            tasks.request_reconcile()
        assert callbacks == []
        assert generations() == {fire.name: 1}

    def test_counts_up_whatever_the_object_in_memory_says(self, fire: Namespace) -> None:
        Namespace.objects.filter(pk=fire.pk).update(generation=41)
        tasks.request_reconcile(fire.pk)
        assert generations() == {fire.name: 42}

    def test_knock_that_fails_in_an_unforeseen_way_is_no_error_page(
        self, fire: Namespace, django_capture_on_commit_callbacks: Capture, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        def fail(_ids: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(tasks, "knock", fail)
        tasks.request_reconcile(fire.pk)
        with transaction.atomic(), django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            tasks.request_reconcile(fire.pk)
        assert generations() == {fire.name: 3}


@pytest.mark.django_db(transaction=True)
def test_unforeseen_failure_after_the_commit_loses_nothing(
    fire: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_ids: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(tasks, "knock", fail)
    with transaction.atomic():
        tasks.request_reconcile(fire.pk)
    assert generations() == {fire.name: 2}


class TestMessage:
    @pytest.mark.parametrize(("lane", "hurry"), [(CHANGES, False), (REVOCATIONS, True)])
    def test_names_the_object_and_whether_others_wait_for_an_end(
        self, fire: Namespace, broker: Callable[[str], None], lane: str, *, hurry: bool
    ) -> None:
        broker(f"memory://{fire.pk}")
        with app.connection_for_read() as connection, connection.SimpleQueue(lane) as queue:
            queue.clear()
            tasks.knock([fire.pk], lane)
            message = queue.get(timeout=5)
            message.ack()
            assert message.headers["task"] == "namespaces.tasks.reconcile_namespace"
            assert message.content_type == "application/json"
            arguments, keywords, _embedded = message.payload
            assert (arguments, keywords) == ([], {"namespace_id": str(fire.pk), "hurry": hurry})
            assert queue.qsize() == 0

    def test_arguments_are_given_by_name(self) -> None:
        with pytest.raises(TypeError):
            tasks.reconcile_namespace.run("7ecb7888-0d25-4ac8-978f-d9e7cc2c80ee")  # type: ignore[call-arg]


class TestReconcileNamespace:
    @pytest.mark.parametrize("lane", [REVOCATIONS, CHANGES, None])
    def test_is_called_again_in_the_lane_that_reconciliation_says(
        self, fire: Namespace, monkeypatch: pytest.MonkeyPatch, lane: str | None
    ) -> None:
        """Whoever knocked meanwhile was sent away: without a call the last change would wait for the sweep."""
        knocks: list[tuple[list[object], str]] = []
        monkeypatch.setattr(tasks, "knock", lambda ids, lane: knocks.append((ids, lane)))
        monkeypatch.setattr("namespaces.sweeping.reconcile", lambda _id, *, hurry: lane)
        tasks.reconcile_namespace.run(namespace_id=str(fire.pk))
        assert knocks == ([([fire.pk], lane)] if lane else [])

    def test_message_for_what_another_worker_has_done_is_no_second_pass(
        self, fire: Namespace, api: FakeCluster
    ) -> None:
        for _turn in ("to make it", "to prove it"):
            tasks.reconcile_namespace.run(namespace_id=str(fire.pk))
        assert api.writes != []
        api.calls.clear()
        tasks.reconcile_namespace.run(namespace_id=str(fire.pk))
        assert api.calls == []


def test_look_that_is_asked_for_is_had_although_nothing_was_decided(
    fire: Namespace, api: FakeCluster, broker: Callable[[str], None]
) -> None:
    broker(f"memory://{fire.pk}")
    tasks.reconcile_namespace.run(namespace_id=str(fire.pk))
    api.calls.clear()
    tasks.request_look([fire.pk])
    tasks.reconcile_namespace.run(namespace_id=str(fire.pk))
    assert api.calls != []


def test_look_that_is_asked_for_in_a_hurry_is_had_although_proofs_are_owed(
    fire: Namespace, api: FakeCluster, broker: Callable[[str], None]
) -> None:
    """What was made may have been undone by hand since: then there is more to do than to ask for proofs."""
    broker(f"memory://{fire.pk}")
    tasks.reconcile_namespace.run(namespace_id=str(fire.pk))
    NamespaceStatus.objects.filter(namespace=fire).update(error_code=UNPROVED)
    api.calls.clear()
    tasks.request_look([fire.pk], REVOCATIONS)
    tasks.reconcile_namespace.run(namespace_id=str(fire.pk), hurry=True)
    assert api.calls != []


def test_look_that_is_asked_for_leaves_what_an_operator_has_to_confirm(
    fire: Namespace, broker: Callable[[str], None]
) -> None:
    broker(f"memory://{fire.pk}")
    NamespaceStatus.objects.create(namespace=fire, error_code="missing")
    tasks.request_look([fire.pk])
    assert NamespaceStatus.objects.get(namespace=fire).error_code == "missing"


class Lanes:
    """A broker in memory, and the messages in its lanes."""

    def __init__(self, name: str) -> None:
        self.url = f"memory://{name}"

    def take(self, lane: str) -> list[dict[str, Any]]:
        """Take all messages out of a lane; return what they are for."""
        taken = []
        with app.connection_for_read() as connection, connection.SimpleQueue(lane) as queue:
            for _message in range(queue.qsize()):
                message = queue.get(timeout=5)
                message.ack()
                taken.append(message.payload[1])
        return taken

    def count(self, lane: str) -> int:
        with app.connection_for_read() as connection, connection.SimpleQueue(lane) as queue:
            return queue.qsize()


def holds(api: FakeCluster, namespace: Namespace, cast: Cast) -> bool:
    """Whether Eda has a binding there."""
    name = Grant.objects.get(identity__person=cast.eda).binding_name
    bindings = [item for page in api.list_pages(ROLE_BINDING, namespace.name) for item in page.items]
    return name in {binding["metadata"]["name"] for binding in bindings}


class TestSharing:
    """What a look around finds is called out, so that every worker works at it."""

    @pytest.fixture
    def lanes(self, broker: Callable[[str], None], fire: Namespace) -> Lanes:
        lanes = Lanes(str(fire.pk))
        broker(lanes.url)
        for lane in (REVOCATIONS, CHANGES):
            lanes.take(lane)
        return lanes

    @staticmethod
    def removed(namespace: Namespace, cast: Cast) -> None:
        members.remove(membership=Membership.objects.get(namespace=namespace, person=cast.eda), by=cast.nils)

    def test_those_where_a_right_is_to_end_go_in_front_of_the_others(
        self, cast: Cast, made: Namespace, api: FakeCluster, lanes: Lanes
    ) -> None:
        older = factories.NamespaceFactory.create(cluster=made.cluster, changed_at="2020-01-01T00:00Z")
        self.removed(made, cast)
        api.calls.clear()
        tasks.reconcile_due.run()
        assert lanes.take(REVOCATIONS) == [{"namespace_id": str(made.pk), "hurry": True}]
        assert lanes.take(CHANGES) == [{"namespace_id": str(older.pk), "hurry": False}]
        assert api.calls == []

    def test_what_was_changed_by_hand_is_called_out_too(
        self, cast: Cast, made: Namespace, api: FakeCluster, lanes: Lanes
    ) -> None:
        """In one a binding was deleted; in the other one that a worker made late is to go."""
        other = factories.NamespaceFactory.create(cluster=made.cluster)
        factories.MembershipFactory.create(namespace=other, person=cast.otto, role=Role.EDITOR)
        reconciliation.reconcile(other.pk)
        held = Grant.objects.get(namespace=other)
        late = api.get(ROLE_BINDING, held.binding_name, other.name)
        members.remove(membership=held.membership, by=cast.olga)
        reconciliation.reconcile(other.pk)
        late["metadata"]["uid"] = str(uuid4())
        api.outside.put(late)
        Grant.objects.update(unanswered=[late["metadata"]["annotations"][OPERATION]])
        api.outside.remove(ROLE_BINDING, Grant.objects.get(identity__person=cast.eda).binding_name, made.name)
        api.calls.clear()
        tasks.sweep_clusters.run()
        assert [each["namespace_id"] for each in lanes.take(REVOCATIONS)] == [str(other.pk)]
        assert [each["namespace_id"] for each in lanes.take(CHANGES)] == [str(made.pk)]
        assert api.writes == []
        for namespace in (made, other):
            tasks.reconcile_namespace.run(namespace_id=str(namespace.pk))
        assert sweeping.sweep(made.cluster).differing == []

    def test_lane_that_is_full_gets_no_more(
        self, made: Namespace, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        factories.NamespaceFactory.create_batch(5, cluster=made.cluster)
        monkeypatch.setattr(tasks, "MOST_MESSAGES", 3)
        for _round in range(3):
            tasks.reconcile_due.run()
        assert lanes.count(CHANGES) == 3

    @pytest.mark.parametrize("alone", [True, False])
    @pytest.mark.parametrize("task", [tasks.reconcile_due, tasks.sweep_clusters], ids=["due", "sweep"])
    def test_without_a_broker_it_is_done_here(
        self, cast: Cast, made: Namespace, api: FakeCluster, broker: Callable[[str], None], alone: bool, task: Any
    ) -> None:  # fmt: skip
        self.removed(made, cast)
        broker("redis://127.0.0.1:1/0")
        task.run(alone=alone)
        assert not holds(api, made, cast)

    @pytest.mark.parametrize("task", [tasks.reconcile_due, tasks.sweep_clusters], ids=["due", "sweep"])
    def test_worker_that_is_alone_asks_no_broker(
        self, cast: Cast, made: Namespace, api: FakeCluster, lanes: Lanes, task: Any
    ) -> None:
        self.removed(made, cast)
        task.run(alone=True)
        assert not holds(api, made, cast)
        assert (lanes.count(REVOCATIONS), lanes.count(CHANGES)) == (0, 0)

    def test_broker_that_is_full_is_none(
        self, cast: Cast, made: Namespace, api: FakeCluster, broker: Callable[[str], None], redis_address: str
    ) -> None:
        self.removed(made, cast)
        broker(redis_address)
        with redis.Redis.from_url(redis_address) as client:
            client.config_set("maxmemory", "1")
        tasks.reconcile_due.run()
        assert not holds(api, made, cast)

    def test_broker_that_is_sick_is_none(
        self, cast: Cast, made: Namespace, api: FakeCluster, sick_broker: Listener
    ) -> None:
        self.removed(made, cast)
        tasks.reconcile_due.run()
        assert sick_broker.visits >= 1
        assert not holds(api, made, cast)


class TestSuspension:
    @staticmethod
    def suspended(cast: Cast) -> None:
        until = timezone.now() + timedelta(days=1)
        suspensions.suspend(person=cast.eda, reason="They did it.", until=until, by=cast.olga)

    def test_is_called_out_in_front_of_everything_else(
        self, cast: Cast, made: Namespace, broker: Callable[[str], None], django_capture_on_commit_callbacks: Capture
    ) -> None:  # fmt: skip
        lanes = Lanes(str(made.pk))
        broker(lanes.url)
        lanes.take(REVOCATIONS)
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            self.suspended(cast)
        assert lanes.take(REVOCATIONS) == [{"namespace_id": str(made.pk), "hurry": True}]

    @pytest.mark.parametrize(
        "work", [partial(tasks.reconcile_due.run, alone=True), tasks.reconcile_neglected.run]
    )
    def test_ends_by_itself_and_what_it_took_is_there_again(
        self, cast: Cast, made: Namespace, api: FakeCluster, work: Callable[[], None]
    ) -> None:  # fmt: skip
        assert holds(api, made, cast)
        self.suspended(cast)
        sweeping.reconcile_due()
        work()
        assert not holds(api, made, cast)
        Suspension.objects.update(until=Now() - timedelta(seconds=1))
        work()
        sweeping.reconcile_due()
        assert holds(api, made, cast)


class TestLanes:
    def test_worker_takes_what_may_end_a_right_before_everything_else(
        self, fire: Namespace, broker: Callable[[str], None], redis_address: str
    ) -> None:
        """From a real Redis, in the order in which a worker asks for its queues."""
        broker(redis_address)
        for lane in (*([CHANGES] * 20), REVOCATIONS, REVOCATIONS):
            tasks.knock([fire.pk], lane)
        seen: list[str] = []
        with app.connection_for_read() as connection:
            connection.transport_options = {"queue_order_strategy": "priority"}
            queues = list(app.amqp.queues.values())
            take = functools.partial(_take, seen)
            with connection.Consumer(queues, callbacks=[take], accept=["json"], prefetch_count=1):
                while len(seen) < 3:
                    connection.drain_events(timeout=5)
        assert seen == [REVOCATIONS, REVOCATIONS, CHANGES]
        assert portal_celery._WORKER_TRANSPORT["queue_order_strategy"] == "priority"


def _take(seen: list[str], _payload: object, message: Message) -> None:
    seen.append(message.delivery_info["routing_key"])
    message.ack()


class Listener:
    """A program on the broker's port that is no Redis in working order: what it says to every command."""

    def __init__(self, says: bytes | None) -> None:
        self.says = says
        self.visits = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"
        self._visitors: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _address = self._server.accept()
            except OSError:
                return
            self.visits += 1
            self._visitors.append(visitor)
            threading.Thread(target=self._answer, args=(visitor,), daemon=True).start()

    def _answer(self, visitor: socket.socket) -> None:
        if self.says == b"":
            visitor.close()
            return
        try:
            while said := visitor.recv(65536):
                if self.says:
                    visitor.sendall(self.says * said.count(b"*"))
        except OSError:
            return

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for visitor in self._visitors:
            visitor.close()


@pytest.fixture(
    params=[
        None,
        b"",
        b"-NOAUTH Authentication required.\r\n",
        b"-OOM command not allowed\r\n",
        b"HTTP/1.1 400 Bad\r\n",
    ],
    ids=["silent", "hangs up", "wants a password", "is full", "is something else"],
)
def sick_broker(request: pytest.FixtureRequest, broker: Callable[[str], None]) -> Iterator[Listener]:
    listener = Listener(request.param)
    broker(listener.url)
    yield listener
    listener.close()


class TestSickBroker:
    def test_change_is_saved_and_nobody_sees_an_error(
        self, cast: Cast, fire: Namespace, sick_broker: Listener, django_capture_on_commit_callbacks: Capture
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        assert sick_broker.visits >= 1
        assert Membership.objects.filter(namespace=fire, person=cast.otto).exists()
        assert Event.objects.count() == 1
        assert generations() == {fire.name: 2}

    def test_is_asked_once_for_all_namespaces_of_a_change(
        self, sick_broker: Listener, fire: Namespace
    ) -> None:
        others = [factories.NamespaceFactory.create(cluster=fire.cluster).pk for _index in range(4)]
        tasks.knock([fire.pk])
        alone, sick_broker.visits = sick_broker.visits, 0
        tasks.knock([fire.pk, *others])
        assert sick_broker.visits <= alone


def test_broker_that_refuses_is_no_error(
    cast: Cast, fire: Namespace, broker: Callable[[str], None], django_capture_on_commit_callbacks: Capture
) -> None:
    broker("redis://127.0.0.1:1/0")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)
    assert Membership.objects.filter(namespace=fire, person=cast.otto).exists()
    assert generations() == {fire.name: 2}
