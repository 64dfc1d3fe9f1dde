"""The shell in which a newcomer's kubectl works at once."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
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


def test_what_kubectl_kept_is_gone_when_the_shell_ends() -> None:
    said = shell('echo secret >"$KUBECACHEDIR/token" && echo "$KUBECACHEDIR"')
    directory = Path(said.splitlines()[-1])
    assert directory.name.startswith("berth-kubectl-")
    assert not directory.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_kubectl_kept_is_gone_when_the_shell_is_ended_from_outside(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "demo_shell"],
        cwd=ROOT,
        env=os.environ | {"SHELL": "/bin/sh"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('echo "there: $KUBECACHEDIR"\nexec sleep 600\n')
        process.stdin.flush()
        line = next(line for line in process.stdout if line.startswith("there: "))
        directory = Path(line.removeprefix("there: ").strip())
        assert directory.exists()
        process.send_signal(number)
        try:
            process.wait(60)
        finally:
            process.kill()
    assert not directory.exists()


ENDED_AT_ITS_BEGINNING = """
import os, signal, subprocess, sys
from django.core.management import execute_from_command_line

class Popen(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))

subprocess.Popen = Popen
execute_from_command_line(["manage.py", "demo_shell"])
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_shell_that_is_ended_while_it_begins_ends(number: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDED_AT_ITS_BEGINNING, number],
        cwd=ROOT,
        env=os.environ | {"SHELL": "/bin/sh", "DJANGO_SETTINGS_MODULE": "portal.settings"},
        stdin=subprocess.PIPE,  # it stays open: the shell would wait for what to do
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.wait(60) == 255  # that of a shell that a signal ended
        finally:
            process.kill()


def test_a_failed_last_command_in_a_terminal_is_no_error_of_make() -> None:
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo_shell"],
        cwd=ROOT,
        env=os.environ | {"SHELL": shutil.which("bash") or "/bin/sh"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    os.write(ours, b"false\nexit\n")
    with contextlib.suppress(OSError):  # the terminal is gone with the last process
        while os.read(ours, 4096):
            pass
    os.close(ours)
    assert process.wait(60) == 0


def test_a_shell_that_is_not_there_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo_shell"],
        cwd=ROOT,
        env=os.environ | {"SHELL": "/nope/sh"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "SHELL=/nope/sh" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "kubectl logs in as Ana Kim"),
        (("AS=hou",), "kubectl logs in as Hou-I Lin"),
        (("AS=Hou-I Lin",), "kubectl logs in as Hou-I Lin"),
        (("AS='; id",), "AS='; id is none of: "),
        (('AS="; id #',), 'AS="; id # is none of: '),
        (("AS=-h",), "AS=-h is none of: "),
    ],
)
def test_make_hands_over_the_name_as_it_is(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """AS is also the name of the assembler, to make itself and in some people's environment."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("Makefile", "manage.py"):
        shutil.copy(ROOT / name, tree)
    (tree / "scripts").mkdir()
    (tree / "scripts" / "environment.sh").touch()
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "demo-shell", *arguments],
        cwd=tree,
        env=os.environ
        | {"AS": "/usr/bin/as", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "person"), [("ana", ANA), ("Ana", ANA), ("Hou-I Lin", HOU_I), ("lin", HOU_I)]
)
def test_a_person_is_found_by_the_beginning_of_a_name(name: str, person: object) -> None:
    assert _find(name) == person


@pytest.mark.parametrize("name", ["olaf", "o", ""])
def test_an_unclear_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(CommandError, match=f"AS={name} .*Olga Reyes"):
        call_command("demo_shell", name)
