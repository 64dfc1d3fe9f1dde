"""What Dockerfile and docker-compose.yml name exists in the code, and no secret is in them.

There is no container engine where these tests run; they keep the files true to the code.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.variables import read_by_settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = [name for name, service in COMPOSE["services"].items() if service["image"].startswith("berth:")]
IMAGE = dict(re.findall(r"(\w+)=(\S+)", DOCKERFILE[DOCKERFILE.rindex("ENV ") : DOCKERFILE.rindex("WORKDIR")]))


def environment(service: str) -> dict[str, str]:
    return {**IMAGE, **COMPOSE["services"][service]["environment"]}


def mounts(service: str) -> dict[str, str]:
    found = [volume.split(":") for volume in COMPOSE["services"][service]["volumes"]]
    return {inside: outside for outside, inside, *_ in found}


def test_all_processes_are_one_image() -> None:
    assert set(OURS) == {"migrate", "web", "worker", "beat", "watch"}
    assert len({COMPOSE["services"][name]["image"] for name in OURS}) == 1


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_one_that_the_settings_read(service: str) -> None:
    foreign = {"PATH", "PYTHONUNBUFFERED", "DJANGO_SETTINGS_MODULE"}
    given = {name.removesuffix("_FILE") for name in environment(service)} - foreign
    # The file of the sign of life is no secret in a file, but the name of a file.
    given = {"BERTH_LIVENESS_FILE" if name == "BERTH_LIVENESS" else name for name in given}
    assert given <= read_by_settings()


def test_every_secret_is_a_file_that_exists_inside() -> None:
    secrets = set(COMPOSE["secrets"])
    for name, service in COMPOSE["services"].items():
        assert set(service.get("secrets", ())) <= secrets, name
        for variable, value in service.get("environment", {}).items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"], variable


def test_the_secrets_are_those_that_the_script_makes() -> None:
    script = (ROOT / "deploy" / "secrets.sh").read_text()
    for name, secret in COMPOSE["secrets"].items():
        assert secret["file"] == f"./deploy/secrets/{name}"
        assert re.search(rf"\b{name}\b", script), name


def test_secrets_come_from_files_only() -> None:
    for name, service in COMPOSE["services"].items():
        for variable in service.get("environment", {}):
            if re.search("SECRET|PASSWORD|DATABASE_URL|BROKER_URL", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
    for name in ("Dockerfile", "docker-compose.yml"):
        assert not re.search(r"://[^/\s]*:[^/\s]+@", (ROOT / name).read_text()), name


def test_only_worker_and_watch_hold_credentials_of_clusters() -> None:
    assert [name for name in OURS if "/etc/berth/credentials" in mounts(name)] == ["worker", "watch"]


def test_only_the_watch_is_optional() -> None:
    assert [name for name in OURS if "profiles" in COMPOSE["services"][name]] == ["watch"]


def test_only_web_can_log_people_in() -> None:
    assert [name for name in OURS if "BERTH_ISSUERS" in environment(name)] == ["web"]
    assert [name for name in OURS if "oidc-client-secret" in COMPOSE["services"][name]["secrets"]] == ["web"]


def test_the_web_process_is_the_only_one_that_says_so() -> None:
    assert {name: environment(name)["BERTH_PROCESS"] for name in OURS} == {
        "web": "web",
        "worker": "worker",
        "beat": "worker",
        "watch": "worker",
        "migrate": "worker",
    }


def test_the_published_port_is_that_on_which_the_server_listens() -> None:
    port = IMAGE["BERTH_BIND"].rpartition(":")[2]
    assert f"EXPOSE {port}\n" in DOCKERFILE
    assert COMPOSE["services"]["web"]["ports"] == [f"127.0.0.1:{port}:{port}"]


@pytest.mark.parametrize("service", OURS)
def test_every_command_exists(service: str) -> None:
    program, *arguments = COMPOSE["services"][service]["command"]
    if program == "python":
        assert (ROOT / arguments[0]).is_file()
        return
    assert importlib.util.find_spec(program) is not None
    asked = subprocess.run(
        [sys.executable, "-m", program, *arguments, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert asked.returncode == 0, asked.stderr


def test_everything_that_is_copied_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _target = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_every_application_is_copied() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert {name for name in packages if f"COPY {name} {name}\n" in DOCKERFILE} == packages


def test_the_image_does_not_run_as_root() -> None:
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.search(r"^USER (?!0)\d+$", final, re.MULTILINE)


def test_the_health_check_runs_a_file_that_exists() -> None:
    health = re.search(r'HEALTHCHECK(?s:.)+?CMD \["python", "-I", "([^"]+)"\]', DOCKERFILE)
    assert health is not None
    assert (ROOT / health[1]).is_file()


def test_the_sign_of_life_is_written_where_the_probe_looks_and_may_be_written() -> None:
    service = COMPOSE["services"]["worker"]
    place = Path(environment("worker")["BERTH_LIVENESS_FILE"])
    assert service["read_only"] is True
    assert str(place.parent) in service["tmpfs"]
