"""`manage.py restore`: after a backup of the database was restored, what would change, and accepting it."""

from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from accounts.models import Identity, User
from clusters.api import ClusterApi, ClusterError
from clusters.models import Cluster
from clusters.registry import configured_clusters
from namespaces.actions import restoring
from namespaces.actions.restoring import Line, RestoreError


class Command(BaseCommand):
    help = (
        "Berth writes nothing to a cluster that has seen a later state of the database. `diff` lists what would change"
        " in it, `accept` says yes to lines; with the last one the workers go on."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        shown = verbs.add_parser("diff", help="what would change in the cluster; nothing is written")
        accepted = verbs.add_parser("accept", help="accept lines of the diff")
        accepted.add_argument("keys", nargs="*", metavar="LINE", help="keys of lines, from `diff`")
        accepted.add_argument("--all", action="store_true", help="every line")
        accepted.add_argument(
            "--installation", action="store_true", help="give a new database the id of the lost one first"
        )
        accepted.add_argument(
            "--by", required=True, metavar="SUBJECT", help="subject of the operator who decides"
        )
        accepted.add_argument("--reason", required=True, help="kept in the audit record")
        for verb in (shown, accepted):
            verb.add_argument("--cluster", required=True, help="name of the cluster in the clusters file")

    def handle(self, *args: Any, **options: Any) -> None:
        cluster = _cluster(options["cluster"])
        connect = import_string(settings.CLUSTER_CONNECT)
        api: ClusterApi = connect(configured_clusters()[cluster.name], "worker")
        verb = {"diff": self._diff, "accept": self._accept}[options["verb"]]
        try:
            verb(api, cluster, options)
        except ClusterError as error:
            raise CommandError(f"{cluster.name}: {error.message}") from error
        except RestoreError as error:
            raise CommandError(str(error)) from error

    def _diff(self, api: ClusterApi, cluster: Cluster, options: dict[str, Any]) -> None:
        quarantined = restoring.is_quarantined(api, cluster)
        self._print(restoring.lines(api, cluster))
        state = (
            "is quarantined: nothing is written" if quarantined else "is not quarantined: the workers do this"
        )
        self.stdout.write(f"{cluster.name} {state}")

    def _accept(self, api: ClusterApi, cluster: Cluster, options: dict[str, Any]) -> None:
        keys, everything, reason = options["keys"], options["all"], options["reason"].strip()
        if bool(keys) == everything:
            raise CommandError("Name lines, or say --all.")
        if not reason:
            raise CommandError("--reason: say why.")
        by = _operator(options["by"])
        if options["installation"]:
            restoring.take_over(api, cluster, reason=reason, by=by)
        remaining = restoring.accept(api, cluster, keys=None if everything else keys, reason=reason, by=by)
        self._print(remaining)
        if remaining:
            self.stdout.write(f"{len(remaining)} lines are open; {cluster.name} stays quarantined.")
        else:
            self.stdout.write(f"No line is open: the workers go on with {cluster.name}.")

    def _print(self, lines: list[Line]) -> None:
        for line in lines:
            accepted = "  accepted" if line.accepted else ""
            self.stdout.write(f"{line.key}  {line.namespace.audit_text}  {line.difference}{accepted}")


def _cluster(name: str) -> Cluster:
    Cluster.objects.sync(configured_clusters())
    found = Cluster.objects.filter(name=name).first()
    if found is None or name not in configured_clusters():
        known = ", ".join(configured_clusters()) or "none"
        raise CommandError(f"There is no cluster {name}; there are: {known}")
    return found


def _operator(subject: str) -> User:
    people = {
        identity.person
        for identity in Identity.objects.filter(subject=subject, state=Identity.State.ACTIVE).select_related(
            "person"
        )
    }
    operators = [person for person in people if person.is_superuser and person.is_active]
    if len(operators) != 1:
        raise CommandError(f"--by: no operator has logged in with the subject {subject}.")
    return operators[0]
