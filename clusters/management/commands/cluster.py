"""`manage.py cluster`: what an operator applies to a cluster, whether it is as Berth needs it, and whether it holds."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from clusters import authentication, diagnosis, inspection, manifests
from clusters.api import Account, ClusterError, Manifest
from clusters.attack import Outcome, Verdict, attack
from clusters.config import ClusterConfig, ConfigError
from clusters.diagnosis import Finding
from clusters.documents import dump
from clusters.forbidden_acts import FORBIDDEN
from clusters.ground import NothingThere, survey
from clusters.registry import configured_clusters

# By its path, as CLUSTER_CONNECT is, so that the other verbs do not load the Kubernetes library.
_CONNECT_WITH_TOKEN = "clusters.kube.connect_with_token"  # noqa: S105 - no password


INCOMPLETE = 2
"""The exit status of an attack in which everything tried was refused, and not everything could be tried."""
_CONNECT_WITH_FILE = "clusters.kube.connect_with_file"
_MARKS = {
    Verdict.DENIED: "denied by {}",
    Verdict.NOT_DENIED: "NOT DENIED ({})",
    Verdict.UNANSWERED: "NO ANSWER TO THE QUESTION ({})",
    Verdict.NOT_MADE: "not made: {}",
}


class Command(BaseCommand):
    # It reports on its own subject, and must be able to where the installation is not complete yet.
    requires_system_checks: tuple[str, ...] = ()
    help = "Writes what a cluster needs for Berth, checks a cluster, and attacks its fences."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        applied = verbs.add_parser("manifests", help="objects for kubectl apply: accounts, rights, policies")
        told = verbs.add_parser("authentication", help="the AuthenticationConfiguration of the API server")
        told.add_argument("--flags", action="store_true", help="flags instead, where no file can be used")
        checked = verbs.add_parser("check", help="asks the cluster whether it is ready for Berth")
        checked.add_argument(
            "--token", action="store_true", help="read an ID token from standard input and compare the names"
        )
        checked.add_argument(
            "--kubeconfig",
            type=Path,
            help="of an operator: compare every object that was applied, and try P3",
        )
        attacked = verbs.add_parser(
            "attack", help="lets our accounts try what must be refused; changes nothing"
        )
        attacked.add_argument("--namespace", help="the managed namespace to try it in; else one with members")
        for verb in (applied, checked):
            verb.add_argument(
                "--operators-group", default="berth:operators", help="group that P3 leaves free"
            )
            verb.add_argument(
                "--without-p3", action="store_true", help="leave the side doors of managed namespaces open"
            )
        for verb in (applied, told, checked, attacked):
            verb.add_argument("cluster", help="name of the cluster in the clusters file")

    def handle(self, *args: Any, **options: Any) -> None:
        config = _config(options["cluster"])
        verbs = {
            "manifests": self._manifests,
            "authentication": self._authentication,
            "check": self._check,
            "attack": self._attack,
        }
        verbs[options["verb"]](config, options)

    def _manifests(self, config: ClusterConfig, options: dict[str, Any]) -> None:
        self.stdout.write(dump(_rendered(config, options)), ending="")

    def _authentication(self, config: ClusterConfig, options: dict[str, Any]) -> None:
        if not options["flags"]:
            self.stdout.write(dump([authentication.render(config)]), ending="")
            return
        try:
            flags = authentication.flags(config)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(flags))
        if not config.issuers[0].prefix:
            self.stderr.write(
                _(
                    "Flags know no rules about user names: with an empty prefix the API server believes"
                    " this issuer every name, also those of the cluster itself. Give it a prefix."
                )
            )

    def _check(self, config: ClusterConfig, options: dict[str, Any]) -> None:
        if options["token"]:
            text = sys.stdin.read().strip()
            findings = [diagnosis.token(config, text, import_string(_CONNECT_WITH_TOKEN))]
        else:
            findings = list(_cautiously(_findings(config, options)))
        for finding in findings:
            mark = _("good      ") if finding.good else _("WRONG     ")
            self.stdout.write(f"{mark if finding.tried else _('not tried ')} {finding.sentence}")
            if finding.remedy:
                self.stdout.write(f"           {_('To do:')} {finding.remedy}")
        if not all(finding.good for finding in findings):
            raise CommandError(_("%(cluster)s is not ready for Berth.") % {"cluster": config.name})

    def _attack(self, config: ClusterConfig, options: dict[str, Any]) -> None:
        connect = import_string(settings.CLUSTER_CONNECT)
        try:
            ground = survey(connect(config, "worker"), config, options["namespace"])
        except (NothingThere, ClusterError) as problem:
            raise CommandError(str(problem)) from problem
        verdicts: Counter[Verdict] = Counter()
        each: Account
        for each in ("worker", "observer", "reaper"):
            self.stdout.write(f"{each}:")
            mine = [attempt for attempt in FORBIDDEN if attempt.account == each]
            counted: Counter[Verdict] = Counter()
            for outcome in attack(mine, ground, connect(config, each)):
                counted[outcome.verdict] += 1
                self.stdout.write(f"  {line(outcome)}")
            self.stdout.write(f"  {_totals(counted)}")
            verdicts += counted
        if verdicts[Verdict.NOT_DENIED] or verdicts[Verdict.UNANSWERED]:
            raise CommandError(_("Not everything was refused: %(totals)s") % {"totals": _totals(verdicts)})
        if verdicts[Verdict.NOT_MADE]:
            rest = _("What was tried was refused, but not everything could be tried: %(totals)s")
            raise CommandError(rest % {"totals": _totals(verdicts)}, returncode=INCOMPLETE)
        self.stdout.write(_("Every attempt was refused."))


def line(outcome: Outcome) -> str:
    """Return what is reported of one attempt."""
    said = f"{outcome.attempt.title}: {_MARKS[outcome.verdict].format(outcome.detail)}"
    if outcome.verdict == Verdict.DENIED and outcome.detail != outcome.attempt.fence:
        # Refused all the same; but the fence that should have been first was not there, or not reached.
        return f"{said} (expected: {outcome.attempt.fence})"
    return said


def _findings(config: ClusterConfig, options: dict[str, Any]) -> Iterator[Finding]:
    connect = import_string(settings.CLUSTER_CONNECT)
    found = []
    for finding in diagnosis.accounts(config, connect):
        found.append(finding)
        yield finding
    if not all(finding.good for finding in found):
        yield Finding(True, _("The fences, because the accounts are not right."), tried=False)
    else:
        worker = connect(config, "worker")
        yield inspection.version(worker)
        yield from diagnosis.given_roles(worker)
        yield from diagnosis.fences(worker)
    if options["kubeconfig"]:
        yield from _seen_by_operator(config, options)
    else:
        sentence = _("Accounts, bindings and policies one by one, and P3: give --kubeconfig of an operator.")
        yield Finding(True, sentence, tried=False)


def _seen_by_operator(config: ClusterConfig, options: dict[str, Any]) -> Iterator[Finding]:
    operator = import_string(_CONNECT_WITH_FILE)(config, options["kubeconfig"])
    worker = import_string(settings.CLUSTER_CONNECT)(config, "worker")
    if not inspection.is_same_cluster(operator, worker):
        yield Finding(
            False, _("The kubeconfig is of another cluster than %(cluster)s.") % {"cluster": config.name}
        )
        return
    wanted = _rendered(config, options)
    yield from inspection.objects(operator, wanted)
    yield from inspection.strangers(operator, wanted)
    if not options["without_p3"]:
        yield inspection.side_doors(config, operator, worker)


def _cautiously(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings, and as the last one what the cluster answered instead of any further."""
    try:
        yield from findings
    except ClusterError as error:
        yield Finding(False, error.message)


def _totals(counted: Counter[Verdict]) -> str:
    return _(
        "%(denied)d denied, %(allowed)d not denied, %(unanswered)d without an answer, %(missing)d not made"
    ) % {
        "denied": counted[Verdict.DENIED],
        "allowed": counted[Verdict.NOT_DENIED],
        "unanswered": counted[Verdict.UNANSWERED],
        "missing": counted[Verdict.NOT_MADE],
    }


def _rendered(config: ClusterConfig, options: dict[str, Any]) -> list[Manifest]:
    try:
        return manifests.render(
            config,
            reserved=settings.RESERVED_NAMESPACES,
            operators_group=options["operators_group"],
            with_p3=not options["without_p3"],
        )
    except ValueError as error:
        raise CommandError(f"BERTH_RESERVED_NAMESPACES: {error}") from error


def _config(name: str) -> ClusterConfig:
    try:
        configs = configured_clusters()
    except ConfigError as error:
        raise CommandError(str(error)) from error
    if name not in configs:
        known = ", ".join(configs) or _("none: BERTH_CLUSTERS names no file")
        raise CommandError(
            _("There is no cluster %(name)s; there are: %(known)s") % {"name": name, "known": known}
        )
    return configs[name]
