"""The banners about clusters: what the workers saw, and what a control plane on this machine says of itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from django.test import Client

from clusters.config import ClusterConfig, ConfigError
from clusters.models import Cluster
from clusters.registry import configured_clusters
from portal import banners
from portal.banners import Banner, cluster_banners
from tests import factories

pytestmark = pytest.mark.django_db


def seen(cluster: Cluster, state: str) -> list[Banner]:
    cluster.status.state = state
    cluster.status.save()
    return cluster_banners()


def test_reachable_cluster_has_none(cluster: Cluster) -> None:
    assert seen(cluster, "reachable") == []


@pytest.mark.parametrize(
    ("state", "said", "is_trouble"),
    [
        ("unknown", "has not been contacted yet", False),
        ("unreachable", "does not answer", True),
        ("refused", "refuses Berth", True),
        ("foreign", "is not the cluster it was", True),
    ],
)
def test_other_states_are_said(cluster: Cluster, state: str, said: str, is_trouble: bool) -> None:
    (banner,) = seen(cluster, state)
    assert said in banner.text
    assert banner.text.startswith("Nautilus ")
    assert banner.is_trouble == is_trouble


def test_unreachable_says_since_when_on_every_page(client: Client, cluster: Cluster) -> None:
    seen(cluster, "unreachable")
    page = client.get("/").content.decode()
    assert "Nautilus does not answer." in page
    assert f'datetime="{cluster.status.since.isoformat(timespec="seconds")}"' in page


def test_cluster_that_is_no_longer_configured_has_none(cluster: Cluster) -> None:
    seen(cluster, "reachable")
    factories.ClusterFactory.create(name="atlantis")
    assert cluster_banners() == []


def test_page_answers_where_the_clusters_file_is_unusable(
    client: Client, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> dict[str, ClusterConfig]:
        raise ConfigError("unusable")

    monkeypatch.setattr(banners, "configured_clusters", fail)
    assert client.get("/").status_code == 200


class TestOnThisMachine:
    @pytest.fixture
    def status(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "status.json"
        config = dataclasses.replace(configured_clusters()["nautilus"], status_file=path)
        monkeypatch.setattr(banners, "configured_clusters", lambda: {"nautilus": config})
        return path

    @pytest.mark.parametrize(
        ("state", "said", "is_trouble"),
        [
            ("building", "is still being built", False),
            ("starting", "is starting", False),
            ("stopped", "is stopped", True),
            ("failed", "could not be started", True),
        ],
    )
    def test_its_own_word_goes_before_what_the_workers_saw(
        self, cluster: Cluster, status: Path, state: str, said: str, is_trouble: bool
    ) -> None:
        detail = "Building kube-apiserver, 3 of 4."
        status.write_text(
            json.dumps({"state": state, "detail": detail, "since": "2026-08-01T10:00:00+00:00"})
        )
        (banner,) = seen(cluster, "unreachable")
        assert said in banner.text
        assert banner.detail == detail
        assert banner.is_trouble == is_trouble
        assert banner.since is not None

    def test_ready_leaves_it_to_what_the_workers_saw(self, cluster: Cluster, status: Path) -> None:
        status.write_text(json.dumps({"state": "ready", "detail": "", "since": "2026-08-01T10:00:00+00:00"}))
        assert seen(cluster, "reachable") == []
        assert len(seen(cluster, "unreachable")) == 1

    @pytest.mark.parametrize(
        "text", [None, "", "{", "[]", '{"state": "building"}', '{"state": [], "detail": 1, "since": 2}']
    )
    def test_file_that_cannot_be_read_says_nothing(
        self, cluster: Cluster, status: Path, text: str | None
    ) -> None:
        if text is not None:
            status.write_text(text)
        assert seen(cluster, "reachable") == []


def test_clusters_are_those_that_are_configured_now(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen(cluster, "unreachable")
    config = configured_clusters()["nautilus"]
    for configs, number in (({}, 0), ({"atlantis": config}, 0), ({"nautilus": config}, 1)):
        monkeypatch.setattr(banners, "configured_clusters", lambda found=configs: found)
        assert len(cluster_banners()) == number
