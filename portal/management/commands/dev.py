"""`manage.py dev`: everything on this machine with one command; Ctrl-C ends it. `make demo` calls it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from localcluster.people import PEOPLE
from portal.demonstration import Demonstration, Program
from portal.demonstration_directory import CannotStart
from portal.supervisor import StopRequested, SupervisionError, Supervisor

READY_SECONDS = 60.0
SEED_SECONDS = 120.0
INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended


class Command(BaseCommand):
    """Run broker, portal, workers, identity provider and a real Kubernetes control plane, and supervise them."""

    help = (
        "Run the demonstration: portal, workers, Redis, identity provider, a local cluster. Ctrl-C stops it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--reset",
            action="store_true",
            help="forget the data of the demonstration, and end",
        )
        parser.add_argument(
            "--end-with-parent",
            action="store_true",
            help="stop when the process that started this one ends",
        )

    def handle(self, *args: Any, reset: bool, end_with_parent: bool, **options: Any) -> None:
        parent = os.getppid() if end_with_parent else None
        demonstration = Demonstration(
            settings.DATA_DIR.absolute(), settings.CLUSTERS_FILE, settings.ISSUERS_FILE
        )
        supervisor = Supervisor(demonstration.logs, self._say, parent=parent)
        try:
            if reset:
                self._forget(demonstration)
                return
            with demonstration.locked(), supervisor.running():
                demonstration.check()
                demonstration.prepare()
                self._run(demonstration, supervisor)
        except (CannotStart, SupervisionError) as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:
            sys.exit(INTERRUPTED)  # nobody reads what we say any more
        except StopRequested:
            self._say(
                "Berth has stopped. Its data is kept; `make demo` continues, `make demo-reset` forgets it."
            )
            sys.exit(INTERRUPTED)

    def _forget(self, demonstration: Demonstration) -> None:
        left = demonstration.forget()
        self._say(f"Forgotten: the demonstration in {demonstration.directory}")
        if left:
            self._say(f"Left there, because the demonstration did not make it: {', '.join(left)}")

    def _run(self, demonstration: Demonstration, supervisor: Supervisor) -> None:
        def start(program: Program) -> None:
            environment = demonstration.environment(is_worker=program.is_worker)
            supervisor.start(program.name, program.command, environment, quiet=program.quiet)

        self._say(f"Berth starts; its data is in {demonstration.directory}")
        start(demonstration.redis())
        start(demonstration.mail())
        seed = demonstration.seed()
        environment = demonstration.environment(is_worker=False)
        supervisor.run(seed.name, seed.command, environment, seconds=SEED_SECONDS)
        start(demonstration.web())
        supervisor.wait(demonstration.redis_answers, seconds=READY_SECONDS, what="Redis")
        supervisor.wait(demonstration.web_answers, seconds=READY_SECONDS, what="the portal")
        self._say(f"\nBerth answers at {demonstration.address}/\n")
        # Only now the rest, the cluster last: pages and login do not wait for its share of the processor.
        for program in demonstration.login():
            start(program)
        supervisor.wait(demonstration.login_answers, seconds=READY_SECONDS, what="the identity provider")
        for program in demonstration.others():
            start(program)
        self._say_welcome(demonstration)
        self._watch(demonstration, supervisor)

    def _watch(self, demonstration: Demonstration, supervisor: Supervisor) -> None:
        said = bool(demonstration.other_cluster)
        while True:
            supervisor.tick()
            if not said and _state(demonstration) == "ready":
                said = True
                self._say("The cluster is ready. What was approved meanwhile becomes active by itself.")

    def _say_welcome(self, demonstration: Demonstration) -> None:
        lines = [""]
        if not demonstration.other_issuers:
            lines.append("Log in as one of these; no password is asked:")
            lines += [f"  {person.name:<18} {person.line}" for person in PEOPLE]
        if demonstration.other_cluster:
            lines += [
                "",
                f"Cluster: as {demonstration.other_cluster} says; no local one is started.",
            ]
        else:
            lines += [
                "",
                "The local cluster comes up beside it; the pages say how far it is.",
                "Another cluster instead: BERTH_CLUSTERS=/path/to/clusters.yaml make demo",
                "kubectl for it:          make demo-shell",
            ]
        lines += [f"Mails: {demonstration.logs / 'mail.log'}"]
        lines += [f"Logs: {demonstration.logs}", "Stop: Ctrl-C", ""]
        self._say("\n".join(lines))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _state(demonstration: Demonstration) -> str:
    try:
        return str(json.loads(demonstration.layout.status_file.read_text())["state"])
    except FileNotFoundError:
        return ""
