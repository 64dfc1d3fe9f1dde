"""`manage.py demo_shell`: a shell whose kubectl works with the demonstration. `make demo-shell AS=ana` calls it."""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from localcluster import binaries
from localcluster.errors import LocalClusterError
from localcluster.kubectl import PLUGIN_DIRECTORY, SUBJECT_VARIABLE
from localcluster.people import PEOPLE, DemoPerson

PLUGIN = "kubectl-oidc_login"
DEFAULT_PERSON = "Ana Kim"


class Command(BaseCommand):
    """Run a shell in which `kubectl` is the one of the local cluster and can log in."""

    help = "Open a shell whose kubectl works with the demonstration's cluster."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "person", nargs="?", default=DEFAULT_PERSON, help="who kubectl logs in as: a part of a name"
        )

    def handle(self, *args: Any, person: str, **options: Any) -> None:
        try:
            found = binaries.find()
        except LocalClusterError as error:
            raise CommandError(str(error)) from error
        if found is None:
            raise CommandError(
                "kubectl is not built yet: `make demo` builds it, or `python -m localcluster build`."
            )
        who = _find(person)
        has_plugin = shutil.which(PLUGIN) is not None
        stand_in = [] if has_plugin else [str(PLUGIN_DIRECTORY)]
        path = [str(found.directory), *stand_in, os.environ.get("PATH", os.defpath)]
        environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        environment["PATH"] = os.pathsep.join(path)
        if not has_plugin:
            environment[SUBJECT_VARIABLE] = who.subject
        self._say(who, has_plugin=has_plugin)
        sys.exit(_run(environment))

    def _say(self, who: DemoPerson, *, has_plugin: bool) -> None:
        address = f"http://localhost:{settings.DEMO_PORTS['web']}"
        login = (
            f"{PLUGIN} is installed here: kubectl opens the login page, and you choose the person there."
            if has_plugin
            else f"kubectl logs in as {who.name} without a browser (another person: make demo-shell AS=name)."
        )
        self.stdout.write(
            "\n".join(
                [
                    f"A shell for the demonstration's cluster. {login}",
                    "",
                    f"1. Log in to {address}/ as the same person; {address}/config/ has the file.",
                    "2. Say where it was saved:   export KUBECONFIG=~/Downloads/config",
                    "3. Who am I there?           kubectl auth whoami",
                    "   What runs?                kubectl get pods",
                    "4. Leave with:               exit",
                    "",
                ]
            )
        )
        self.stdout.flush()


def _find(name: str) -> DemoPerson:
    """Return the demonstration person one of whose names begins so. Raises CommandError."""
    found = [person for person in PEOPLE if f" {person.name}".casefold().find(f" {name}".casefold()) >= 0]
    if len(found) == 1:
        return found[0]
    those = ", ".join(person.name for person in found or PEOPLE)
    problem = "could be any of" if found else "is none of"
    raise CommandError(f"AS={name} {problem}: {those}")


def _run(environment: dict[str, str]) -> int:
    """Run the shell to its end and return its exit code. Raises CommandError if it cannot be started."""
    shell = os.environ.get("SHELL") or pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    # Else kubectl would keep what it learnt of this cluster beside what it knows of others; tokens are among it.
    with tempfile.TemporaryDirectory(prefix="berth-kubectl-") as directory:
        environment["KUBECACHEDIR"] = directory
        command = _command(shell, environment, Path(directory))
        process: subprocess.Popen[bytes] | None = None
        is_ended = False

        def end(_number: int, _frame: FrameType | None) -> None:
            nonlocal is_ended
            is_ended = True
            if process is not None:
                process.send_signal(signal.SIGHUP)

        # Ctrl-C is for what runs in the shell. A handler that does nothing, unlike SIG_IGN, is not inherited: also not
        # that of SIGHUP, which is ignored under nohup, and by which the shell is ended here.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, _nothing)
        for number in (signal.SIGTERM, signal.SIGHUP):  # a shell in a terminal does not listen to SIGTERM
            signal.signal(number, end)
        try:
            process = subprocess.Popen(command, env=environment)
        except OSError as error:
            raise CommandError(
                f"SHELL={shell} cannot be started: {error.strerror}. Name another: SHELL=/bin/sh make demo-shell"
            ) from error
        if is_ended:  # while it began
            process.send_signal(signal.SIGHUP)
        code = process.wait()
    # In a terminal make would call a last command that failed an error of its own.
    return 0 if sys.stdin.isatty() else code


def _nothing(_number: int, _frame: FrameType | None) -> None:
    pass


def _command(shell: str, environment: dict[str, str], directory: Path) -> list[str]:
    """Return how to start the shell. Start-up files may put another kubectl first, so bash gets PATH after them."""
    if not sys.stdin.isatty():
        return [shell]
    if Path(shell).name != "bash":
        return [shell, "-i"]
    startup = directory / "berth.bashrc"
    startup.write_text(
        "[ -f ~/.bashrc ] && . ~/.bashrc\n"
        'PATH="$BERTH_DEMO_PATH"; unset BERTH_DEMO_PATH KUBECONFIG\n'
        'PS1="(berth) $PS1"\n'
    )
    environment["BERTH_DEMO_PATH"] = environment["PATH"]
    return [shell, "--rcfile", str(startup), "-i"]
