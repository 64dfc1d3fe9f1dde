"""`manage.py cluster`: what an operator applies to a cluster, and whether that is as Berth needs it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from clusters import authentication, diagnosis, manifests
from clusters.config import ClusterConfig, ConfigError
from clusters.documents import dump
from clusters.registry import configured_clusters

# By its path, as CLUSTER_CONNECT is, so that the other verbs do not load the Kubernetes library.
_CONNECT_WITH_TOKEN = "clusters.kube.connect_with_token"  # noqa: S105 - no password


class Command(BaseCommand):
    # It reports on its own subject, and must be able to where the installation is not complete yet.
    requires_system_checks: tuple[str, ...] = ()
    help = "Writes what a cluster needs for Berth, and checks a cluster."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        applied = verbs.add_parser("manifests", help="objects for kubectl apply: accounts, rights, policies")
        applied.add_argument("--operators-group", default="berth:operators", help="group that P3 leaves free")
        applied.add_argument(
            "--without-p3", action="store_true", help="leave the side doors of managed namespaces open"
        )
        told = verbs.add_parser("authentication", help="the AuthenticationConfiguration of the API server")
        told.add_argument("--flags", action="store_true", help="flags instead, where no file can be used")
        checked = verbs.add_parser("check", help="asks the cluster whether it is ready for Berth")
        checked.add_argument(
            "--token", action="store_true", help="read an ID token from standard input and compare the names"
        )
        for verb in (applied, told, checked):
            verb.add_argument("cluster", help="name of the cluster in the clusters file")

    def handle(self, *args: Any, **options: Any) -> None:
        config = _config(options["cluster"])
        verb = {"manifests": self._manifests, "authentication": self._authentication, "check": self._check}
        verb[options["verb"]](config, options)

    def _manifests(self, config: ClusterConfig, options: dict[str, Any]) -> None:
        try:
            rendered = manifests.render(
                config,
                reserved=settings.RESERVED_NAMESPACES,
                operators_group=options["operators_group"],
                with_p3=not options["without_p3"],
            )
        except ValueError as error:
            raise CommandError(f"BERTH_RESERVED_NAMESPACES: {error}") from error
        self.stdout.write(dump(rendered), ending="")

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
        connect = import_string(settings.CLUSTER_CONNECT)
        if options["token"]:
            text = sys.stdin.read().strip()
            findings = [diagnosis.token(config, text, import_string(_CONNECT_WITH_TOKEN))]
        else:
            findings = list(diagnosis.accounts(config, connect))
            if all(finding.good for finding in findings):
                findings += diagnosis.fences(connect(config, "worker"))
        for finding in findings:
            self.stdout.write(f"{_('good ') if finding.good else _('WRONG')}  {finding.sentence}")
        if not all(finding.good for finding in findings):
            raise CommandError(_("%(cluster)s is not ready for Berth.") % {"cluster": config.name})


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
