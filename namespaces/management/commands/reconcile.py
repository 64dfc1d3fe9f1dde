"""`manage.py reconcile`: what differs between the decisions and the cluster, and making it right as workers do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from clusters.api import ClusterError
from namespaces import differences, epoch, pruning, reconciliation
from namespaces.differences import Difference
from namespaces.models import Namespace, NamespaceStatus
from namespaces.reconciler.diff import Drift

CLEAN, FAILED, CHANGED = 0, 1, 2
"""Exit statuses: nothing differed; something could not be asked or done; something differed (and was changed)."""


class Command(BaseCommand):
    help = (
        "Compares namespaces with the cluster and makes them right. Exit status: "
        f"{CLEAN} nothing differed, {CHANGED} something differed, {FAILED} something failed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="a namespace, as NAME or CLUSTER/NAME")
        parser.add_argument("--all", action="store_true", help="every namespace of every cluster")
        parser.add_argument("--dry-run", action="store_true", help="only say what differs; no write")
        parser.add_argument(
            "--allow-prune",
            type=int,
            default=0,
            metavar="N",
            help="also delete bindings of Berth of which no row knows why they should end, if there are at most N",
        )

    def handle(self, *names: str, all: bool, dry_run: bool, allow_prune: int, **options: Any) -> None:
        chosen = options["names"]
        if bool(chosen) == all:
            raise CommandError("Name namespaces, or say --all.")
        namespaces = list(_every() if all else _named(chosen))
        prune = self._allowed(namespaces, allow_prune) if allow_prune else {}
        results = [
            self._one(namespace, dry_run=dry_run, prune=prune.get(namespace.pk, frozenset()))
            for namespace in namespaces
        ]
        status = FAILED if FAILED in results else max(results, default=CLEAN)
        counts = {
            word: results.count(result) for result, word in enumerate(("as decided", "failed", "differed"))
        }
        self.stdout.write(", ".join(f"{number} {word}" for word, number in counts.items()))
        sys.exit(status)

    def _allowed(self, namespaces: Iterable[Namespace], most: int) -> dict[UUID, frozenset[str]]:
        """Return the uids that may be pruned, by namespace; raise CommandError if they are more than were allowed."""
        if why := epoch.reason():
            raise CommandError(why)
        found = {}
        for namespace in namespaces:
            try:
                found[namespace.pk] = pruning.without_a_row(reconciliation.look(namespace))
            except ClusterError as error:
                raise CommandError(f"{namespace.audit_text}: {error.message}") from error
        number = sum(map(len, found.values()))
        if number > most:
            raise CommandError(
                f"{number} bindings of Berth have no row that explains their end, more than {most}. Nothing was done."
            )
        return found

    def _one(self, namespace: Namespace, *, dry_run: bool, prune: frozenset[str]) -> int:
        try:
            drift = reconciliation.look(namespace)
        except ClusterError as error:
            self.stdout.write(f"{namespace.audit_text}: {error.message}")
            return FAILED
        lines = list(describe(drift, namespace.name))
        pruned = [f"- {line.text}" for line in lines if line.uid in prune]
        kept = [str(line) for line in lines if line.uid not in prune]
        if lines:
            self.stdout.write("\n".join([namespace.audit_text, *(f"  {line}" for line in (*pruned, *kept))]))
        if drift.is_empty and not pruned:
            return CLEAN
        if dry_run:
            return CHANGED
        reconciliation.reconcile(namespace.pk, prune=prune)
        status = NamespaceStatus.objects.get(namespace=namespace)
        if status.state != NamespaceStatus.State.READY:
            self.stdout.write(f"  {status.get_state_display()}: {status.error_message}")
            return FAILED
        if self._is_left(namespace, prune):  # a worker held the namespace, and the status is from before
            self.stdout.write("  A worker is at it, and this is not done yet. Try again.")
            return FAILED
        return CHANGED

    def _is_left(self, namespace: Namespace, prune: frozenset[str]) -> bool:
        """Whether something still differs, or what was to be pruned is still there."""
        try:
            drift = reconciliation.look(namespace)
        except ClusterError:
            return True
        return not drift.is_empty or bool(prune & pruning.without_a_row(drift))


def describe(drift: Drift, name: str) -> Iterator[Difference]:
    """Yield every difference of the namespace `name`: what a pass does about it, and what it leaves."""
    yield from differences.effects(drift, name)
    yield from differences.left_alone(drift, name)


def _every() -> QuerySet[Namespace]:
    return Namespace.objects.select_related("cluster").order_by("cluster__name", "name")


def _named(names: Iterable[str]) -> Iterable[Namespace]:
    for name in names:
        cluster, _slash, bare = name.rpartition("/")
        found = _every().filter(name=bare)
        matches = [each for each in found if not cluster or each.cluster.name == cluster]
        if not matches:
            raise CommandError(f"There is no namespace {name}.")
        if len(matches) > 1:
            those = ", ".join(each.audit_text for each in matches)
            raise CommandError(f"{name} is in several clusters: {those}")
        yield matches[0]
