"""Where histories happen: the rows that all begin with, and what is taken back after each."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.actions import people
from accounts.models import Identity
from clusters.models import Cluster
from clusters.registry import configured_clusters
from namespaces import tasks
from namespaces.reconciler import reconcile as reconcile_module
from tests.model import door
from tests.model.book import Book
from tests.model.crew import Fate
from tests.model.grounds import Grounds, MemoryGrounds
from tests.model.history import Setting
from tests.model.world import CAST, World, subject


@pytest.fixture
def in_memory(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Histories on the cluster in memory."""
    settings.CLUSTER_CONNECT = door.CONNECT
    monkeypatch.setattr(reconcile_module, "PROOF_DELAYS", (0.0,))
    Cluster.objects.sync(configured_clusters())
    config = configured_clusters()["nautilus"]
    cluster = Cluster.objects.get(name="nautilus")
    first = World(config, MemoryGrounds(config), Book(), cluster)
    monkeypatch.setattr(tasks, "knock", lambda ids, lane="": None)
    _cast(first)

    def begin() -> World:
        grounds: Grounds = MemoryGrounds(config)
        world = World(config, grounds, copy.deepcopy(first.book), cluster)
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
