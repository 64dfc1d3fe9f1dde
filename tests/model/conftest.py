"""Where histories happen: the rows that all begin with, and what is taken back after each."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.actions import people
from accounts.models import Identity
from clusters.config import ClusterConfig
from clusters.models import Cluster
from clusters.registry import configured_clusters
from namespaces import tasks
from namespaces.reconciler import reconcile as reconcile_module
from tests.conftest import documents
from tests.faults.frail_plane import frail_plane
from tests.model import door
from tests.model.book import Book
from tests.model.crew import Fate
from tests.model.grounds import Grounds, MemoryGrounds
from tests.model.history import Setting
from tests.model.machine import PLACES
from tests.model.real_grounds import RealGrounds
from tests.model.world import CAST, World, subject


@pytest.fixture
def in_memory(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Histories on the cluster in memory, a new one for each."""
    monkeypatch.setattr(reconcile_module, "PROOF_DELAYS", (0.0,))
    with _histories(settings, monkeypatch, MemoryGrounds):
        yield


@pytest.fixture
def on_a_real_server(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Histories on a real API server of their own, emptied before each."""
    with frail_plane(tmp_path / "plane", documents) as plane:
        plane.stop_controllers()
        settings.CLUSTERS_FILE = str(plane.layout.clusters_file)
        grounds = RealGrounds(plane.layout, PLACES)

        def emptied(_config: ClusterConfig) -> Grounds:
            grounds.begin()
            return grounds

        with _histories(settings, monkeypatch, emptied):
            yield


@contextlib.contextmanager
def _histories(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ground: Callable[[ClusterConfig], Grounds]
) -> Iterator[None]:
    """Let each history begin with the cast, in a namespace that is not made yet."""
    settings.CLUSTER_CONNECT = door.CONNECT
    Cluster.objects.sync(configured_clusters())
    config = configured_clusters()["nautilus"]
    cluster = Cluster.objects.get(name="nautilus")
    first = World(config, ground(config), Book(), cluster)
    monkeypatch.setattr(tasks, "knock", lambda ids, lane="": None)
    _cast(first)

    def begin() -> World:
        world = World(config, ground(config), copy.deepcopy(first.book), cluster)
        monkeypatch.setattr(
            tasks, "knock", lambda ids, lane="": world.messages.extend((each, lane) for each in ids)
        )
        return world

    monkeypatch.setattr(Setting, "begin", staticmethod(begin), raising=False)
    connection.inc_thread_sharing()
    yield
    connection.dec_thread_sharing()


def _cast(world: World) -> None:
    """Bring the cast in by the acts of the product, and make the namespace avis-fire."""
    for name in CAST:
        world.log_in(name)
    world.act(
        lambda: people.make_first_operator(identity=Identity.objects.get(subject=subject("olga"))),
        "operator.first",
    )
    world.book.people["olga"].level = "admin"
    for name, level in (("paula", "admin"), ("nils", "user"), ("eda", "user")):
        world.set_level(name, level, "olga")
    world.create_namespace("avis-fire", "paula")
    world.add("avis-fire", "nils", "admin", "paula")
    world.add("avis-fire", "eda", "editor", "nils")
    world.desk.fate = Fate()
