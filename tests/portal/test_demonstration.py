"""The demonstration without its programs: where it may live, which ports it needs, what its programs are told."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from localcluster import layout
from localcluster.processes import free_ports
from portal.demonstration import Demonstration
from portal.demonstration_directory import CannotStart

NAMES = ("web", "redis", "smtp", "oidc_https", "oidc_http", "api_server", "etcd", "etcd_peer")


@pytest.fixture(autouse=True)
def ports(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    monkeypatch.setattr("portal.demonstration_ports.PATIENCE_SECONDS", 0.0)
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
    facts = layout.prepare(tmp_path / "other").clusters_file
    with socket.create_server(("127.0.0.1", ports["etcd"])):
        Demonstration(tmp_path, other_cluster=str(facts)).check()


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


def test_the_database_is_for_the_owner_only_wherever_it_lies(demonstration: Demonstration) -> None:
    demonstration.directory.mkdir(mode=0o755)
    with demonstration.locked():
        demonstration.prepare()
    assert stat.S_IMODE((demonstration.directory / "berth.sqlite3").stat().st_mode) == 0o600


def test_a_database_of_an_earlier_version_becomes_private(demonstration: Demonstration) -> None:
    with demonstration.locked():
        for name in ("berth.sqlite3", "berth.sqlite3-wal"):
            (demonstration.directory / name).touch(mode=0o644)
        demonstration.prepare()
    for path in demonstration.directory.glob("berth.sqlite3*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("port", [70000, 65536, 0, -1])
def test_what_is_no_port_is_refused_with_its_variable(
    demonstration: Demonstration, ports: dict[str, int], port: int
) -> None:
    ports["redis"] = port
    with pytest.raises(CannotStart, match=f"BERTH_DEMO_PORT_REDIS={port} is not a port.*1 to 65535"):
        demonstration.check()


def test_one_port_for_two_things_is_refused_with_both_variables(
    demonstration: Demonstration, ports: dict[str, int]
) -> None:
    ports["redis"] = ports["web"]
    with pytest.raises(
        CannotStart, match=f"BERTH_DEMO_PORT and BERTH_DEMO_PORT_REDIS are both {ports['web']}"
    ):
        demonstration.check()


def test_a_port_that_may_not_be_used_is_not_called_taken(
    demonstration: Demonstration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcluster.processes.LOOPBACK", "192.0.2.1")  # nobody can listen there
    with pytest.raises(CannotStart, match=r"BERTH_DEMO_PORT=\d+: .*cannot be used") as refused:
        demonstration.check()
    assert "taken" not in str(refused.value)


def test_facts_that_cannot_be_read_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"BERTH_CLUSTERS: /nope\.yaml"):
        Demonstration(tmp_path, other_cluster="/nope.yaml").check()
    with pytest.raises(CannotStart, match=r"BERTH_ISSUERS: /nope\.yaml"):
        Demonstration(tmp_path, other_issuers="/nope.yaml").check()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"oidc_https": "x"}', '{"unknown": 1}'])
def test_a_damaged_file_of_ports_is_named_with_the_way_out(demonstration: Demonstration, text: str) -> None:
    with demonstration.locked():
        demonstration.prepare()
        (demonstration.cluster_directory / "ports.json").write_text(text)
    with pytest.raises(CannotStart, match=r"ports\.json(?s:.*)make demo-reset"):
        demonstration.check()


@pytest.mark.parametrize("name", ["ca.key", "ca.crt", "apiserver.crt"])
@pytest.mark.parametrize("text", ["", "no key"])
def test_a_damaged_key_is_named_with_the_way_out(demonstration: Demonstration, name: str, text: str) -> None:
    with demonstration.locked():
        demonstration.prepare()
        (demonstration.layout.pki / name).write_text(text)
        with pytest.raises(CannotStart, match=rf"{name}(?s:.*)make demo-reset"):
            demonstration.prepare()


@pytest.mark.parametrize("name", ["secret-key", "cluster/portal-client-secret"])
def test_an_empty_secret_is_made_anew(demonstration: Demonstration, name: str) -> None:
    with demonstration.locked():
        demonstration.prepare()
        (demonstration.directory / name).write_text("")
        demonstration.prepare()
    assert len((demonstration.directory / name).read_text()) >= 40


@pytest.mark.parametrize("damage", ["header", "end"])
def test_a_damaged_database_is_named_with_the_way_out(demonstration: Demonstration, damage: str) -> None:
    path = demonstration.directory / "berth.sqlite3"
    with demonstration.locked():
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript("create table people (name); create index by_name on people (name)")
        whole = path.read_bytes()
        path.write_bytes(b"x" * 100 + whole[100:] if damage == "header" else whole[:-4096])
        with pytest.raises(CannotStart, match=r"berth\.sqlite3 (?s:.*)make demo-reset"):
            demonstration.prepare()


def _check_and_prepare(demonstration: Demonstration) -> None:
    demonstration.check()
    demonstration.prepare()


@pytest.mark.parametrize("name", ["logs", "redis", "cluster"])
def test_a_file_where_a_directory_belongs_is_named_with_the_way_out(
    demonstration: Demonstration, name: str
) -> None:
    with demonstration.locked():
        (demonstration.directory / name).touch()
        with pytest.raises(CannotStart, match=rf"data/{name}(?s:.*)make demo-reset"):
            _check_and_prepare(demonstration)


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
