"""The shell in which a newcomer's kubectl works at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from localcluster import binaries
from localcluster.people import ANA, HOU_I
from portal.management.commands.demo_shell import _find

ROOT = Path(__file__).parents[2]


def shell(script: str, *arguments: str, **variables: str) -> str:
    """Return what the shell says about a script that it is given."""
    kept = {name: value for name, value in os.environ.items() if name != "BERTH_DEMO_SUBJECT"}
    return subprocess.run(
        [sys.executable, "manage.py", "demo_shell", *arguments],
        cwd=ROOT,
        env=kept | {"SHELL": "/bin/sh"} | variables,
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_kubectl_is_the_one_that_was_built() -> None:
    found = binaries.find()
    assert found is not None
    assert shell("command -v kubectl").splitlines()[-1] == found["kubectl"]


def test_another_kubeconfig_is_out_of_the_way() -> None:
    assert shell('echo "[$KUBECONFIG]"', KUBECONFIG="/home/ana/.kube/config").splitlines()[-1] == "[]"


def test_the_stand_in_logs_in_as_the_person_asked_for() -> None:
    said = shell('command -v kubectl-oidc_login; echo "$BERTH_DEMO_SUBJECT"', "hou", PATH="/usr/bin:/bin")
    assert said.splitlines()[-2:] == [str(ROOT / "localcluster/plugin/kubectl-oidc_login"), HOU_I.subject]


def test_a_plugin_that_is_installed_is_used(tmp_path: Path) -> None:
    plugin = tmp_path / "kubectl-oidc_login"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    said = shell(
        'command -v kubectl-oidc_login; echo "[$BERTH_DEMO_SUBJECT]"', PATH=f"{tmp_path}:/usr/bin:/bin"
    )
    assert said.splitlines()[-2:] == [str(plugin), "[]"]


@pytest.mark.parametrize(
    ("name", "person"), [("ana", ANA), ("Ana", ANA), ("Hou-I Lin", HOU_I), ("lin", HOU_I)]
)
def test_a_person_is_found_by_the_beginning_of_a_name(name: str, person: object) -> None:
    assert _find(name) == person


@pytest.mark.parametrize("name", ["olaf", "o", ""])
def test_an_unclear_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(CommandError, match=f"AS={name} .*Olga Reyes"):
        call_command("demo_shell", name)
