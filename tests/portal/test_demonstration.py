"""The demonstration without its programs: where it may live, which ports it needs, what its programs are told."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from localcluster.processes import free_ports
from portal.demonstration import Demonstration
from portal.demonstration_directory import CannotStart

NAMES = ("web", "redis", "oidc_https", "oidc_http", "api_server", "etcd", "etcd_peer")


@pytest.fixture(autouse=True)
def ports(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    monkeypatch.setattr("portal.demonstration.PORT_PATIENCE_SECONDS", 0.0)
    settings.DEMO_PORTS = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    return settings.DEMO_PORTS  # type: ignore[no-any-return]


@pytest.fixture
def demonstration(tmp_path: Path) -> Demonstration:
    return Demonstration(tmp_path / "data")


@pytest.fixture
def listener(ports: dict[str, int]) -> Iterator[int]:
    """Somebody else listens on the port of the portal."""
    with socket.create_server(("127.0.0.1", ports["web"])) as taken:
        yield taken.getsockname()[1]


def test_a_taken_port_is_named_with_its_purpose_and_variable(
    demonstration: Demonstration, listener: int
) -> None:
    with pytest.raises(CannotStart) as refused:
        demonstration.check()
    assert f"{listener}  the portal (BERTH_DEMO_PORT)" in str(refused.value)
    assert "etcd" not in str(refused.value)


def test_ports_of_what_is_not_started_may_be_taken(tmp_path: Path, ports: dict[str, int]) -> None:
    with socket.create_server(("127.0.0.1", ports["etcd"])):
        Demonstration(tmp_path, other_cluster="/etc/berth/clusters.yaml").check()


def test_another_port_of_the_provider_would_make_other_people(
    demonstration: Demonstration, ports: dict[str, int]
) -> None:
    with demonstration.locked():
        demonstration.prepare()
    before = ports["oidc_https"]
    ports["oidc_https"] = free_ports(1)[0]
    with pytest.raises(CannotStart, match=f"BERTH_DEMO_PORT_OIDC_HTTPS={before}.*make demo-reset"):
        demonstration.check()


def test_without_go_and_binaries_both_ways_out_are_named(
    demonstration: Demonstration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match=r"Install Go(?s:.*)KUBEBUILDER_ASSETS"):
        demonstration.check()


def test_keys_and_secrets_stay_between_starts(demonstration: Demonstration) -> None:
    with demonstration.locked():
        demonstration.prepare()
        before = (demonstration.directory / "secret-key").read_text()
        demonstration.prepare()
    assert (demonstration.directory / "secret-key").read_text() == before
    assert len(before) >= 50


def test_what_is_secret_is_for_the_owner_only(demonstration: Demonstration) -> None:
    with demonstration.locked():
        demonstration.prepare()
    for path in (demonstration.directory / "secret-key", demonstration.layout.portal_client_secret):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(demonstration.directory.stat().st_mode) == 0o700


def test_programs_get_files_and_no_settings_of_the_persons_shell(
    demonstration: Demonstration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://berth:password@db.example.org/berth")
    monkeypatch.setenv("BERTH_SECRET_KEY", "of another installation")
    monkeypatch.setenv("BERTH_SITE_NAME", "Our berth")
    told = demonstration.environment(is_worker=False)
    assert "DATABASE_URL" not in told
    assert "BERTH_SECRET_KEY" not in told
    assert told["BERTH_SITE_NAME"] == "Our berth"
    assert told["BERTH_PROCESS"] == "web"
    assert demonstration.environment(is_worker=True)["BERTH_PROCESS"] == "worker"


def test_with_another_cluster_no_local_one_is_started(tmp_path: Path) -> None:
    demonstration = Demonstration(tmp_path, other_cluster="/etc/berth/clusters.yaml")
    assert "cluster" not in [program.name for program in demonstration.others()]
    assert demonstration.environment(is_worker=False)["BERTH_CLUSTERS"] == "/etc/berth/clusters.yaml"
    assert demonstration.seed().command[-2:] == ["--only", "people"]


def test_with_other_issuers_nobody_is_made_up(tmp_path: Path) -> None:
    demonstration = Demonstration(tmp_path, other_issuers="/etc/berth/issuers.yaml")
    assert demonstration.login() == []
    assert demonstration.seed().command[-2:] == ["--only", "tables"]
