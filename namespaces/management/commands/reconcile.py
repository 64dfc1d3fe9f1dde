"""`manage.py reconcile`: what differs between the decisions and the cluster, and making it right as workers do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from clusters.api import ClusterError
from namespaces import reconciliation
from namespaces.models import Namespace, NamespaceStatus
from namespaces.reconciler.diff import Drift
from namespaces.reconciler.quotas import Act
from namespaces.reconciler.reconcile import obstacle_words

CLEAN, FAILED, CHANGED = 0, 1, 2
"""Exit statuses: nothing differed; something could not be asked or done; something differed (and was changed)."""

_SIGNS = {Act.CREATE: "+", Act.REPLACE: "~", Act.DELETE: "-", Act.CONFLICT: "!"}


class Command(BaseCommand):
    help = (
        "Compares namespaces with the cluster and makes them right. Exit status: "
        f"{CLEAN} nothing differed, {CHANGED} something differed, {FAILED} something failed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="a namespace, as NAME or CLUSTER/NAME")
        parser.add_argument("--all", action="store_true", help="every namespace of every cluster")
        parser.add_argument("--dry-run", action="store_true", help="only say what differs; no write")

    def handle(self, *names: str, all: bool, dry_run: bool, **options: Any) -> None:
        chosen = options["names"]
        if bool(chosen) == all:
            raise CommandError("Name namespaces, or say --all.")
        namespaces = list(_every() if all else _named(chosen))
        results = [self._one(namespace, dry_run=dry_run) for namespace in namespaces]
        status = FAILED if FAILED in results else max(results, default=CLEAN)
        counts = {
            word: results.count(result) for result, word in enumerate(("as decided", "failed", "differed"))
        }
        self.stdout.write(", ".join(f"{number} {word}" for word, number in counts.items()))
        sys.exit(status)

    def _one(self, namespace: Namespace, *, dry_run: bool) -> int:
        try:
            drift = reconciliation.look(namespace)
        except ClusterError as error:
            self.stdout.write(f"{namespace.audit_text}: {error.message}")
            return FAILED
        lines = list(describe(drift, namespace.name))
        if lines:
            self.stdout.write("\n".join([namespace.audit_text, *(f"  {line}" for line in lines)]))
        if drift.is_empty:
            return CLEAN
        if dry_run:
            return CHANGED
        reconciliation.reconcile(namespace.pk)
        status = NamespaceStatus.objects.get(namespace=namespace)
        if status.state == NamespaceStatus.State.READY:
            return CHANGED
        self.stdout.write(f"  {status.get_state_display()}: {status.error_message}")
        return FAILED


def describe(drift: Drift, name: str) -> Iterable[str]:
    """Yield a line for each difference: + made, - deleted, ~ replaced, ! in the way or beside Berth, ? unexplained."""
    if drift.obstacle is not None:
        yield f"! {obstacle_words(drift.obstacle, name)}"
    if drift.create_namespace:
        yield f"+ Namespace {name}"
    for seen in drift.delete:
        yield f"- RoleBinding {seen.name}"
    for binding, _seen in drift.replace:
        yield f"~ RoleBinding {binding.name}: {binding.role} for {binding.username}"
    for binding in drift.create:
        yield f"+ RoleBinding {binding.name}: {binding.role} for {binding.username}"
    for change in drift.limits:
        yield f"{_SIGNS[change.act]} {change.kind.name} {change.manifest['metadata']['name']}"
    for binding, _seen in drift.conflicts:
        yield f"! RoleBinding {binding.name} is there that Berth did not make; {binding.username} waits for its name"
    for seen in drift.unexplained:
        yield f"? RoleBinding {seen.name} is Berth's, and nobody decided its end; it is left alone"
    for foreign in drift.foreign:
        whom = ", ".join(foreign.users) or "a group"
        yield f"! RoleBinding {foreign.name} gives rights beside Berth to {whom}; it is left alone"


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
