"""`manage.py seed_demo`: tables, people and namespaces of the demonstration. What is there stays as it is."""

from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts import claims, terms
from accounts.actions import people
from accounts.actions import terms as terms_actions
from accounts.audience import Audience
from accounts.issuers import Issuer
from accounts.models import Identity, Level, User
from audit.models import Event
from clusters.models import Cluster
from clusters.registry import configured_clusters
from localcluster import layout
from localcluster.people import ALEX, BEN, FAHIM, HOU_I, MAYA, OLGA, DemoPerson
from namespaces.actions import members, namespaces
from namespaces.models import Membership, Namespace
from notifications.models import Delivery
from portal.checks import is_demonstration
from portal.demonstration_content import NAMESPACES, TERMS, DemoNamespace
from portal.schema import unapplied_migrations

# Everybody but the operator and Ana Kim, whose first login is a part of what is demonstrated.
LEVELS = (
    (ALEX, Level.ADMIN),
    (MAYA, Level.ADMIN),
    (HOU_I, Level.USER),
    (FAHIM, Level.USER),
    (BEN, Level.USER),
)


class Command(BaseCommand):
    """Fill the database of the demonstration through the same actions that the pages call."""

    requires_system_checks: list[str] = []  # the web server makes them all, a moment later
    help = (
        "Make the tables, people and namespaces of the demonstration; what exists already is left as it is."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--only", choices=("tables", "people"), help="stop after this part")

    def handle(self, *args: Any, only: str | None, **options: Any) -> None:
        if not is_demonstration():
            raise CommandError(f"{settings.BASE_URL} is no demonstration; its people would get rights there.")
        if unapplied_migrations():
            call_command("migrate", interactive=False, verbosity=0)
        Cluster.objects.sync(configured_clusters())
        if only == "tables":
            return
        is_new = not User.objects.exists()
        self._fill(only)
        if is_new:
            Delivery.objects.all().delete()  # how the demonstration came about is no news to anybody

    def _fill(self, only: str | None) -> None:
        known = self._people()
        if only == "people":
            return
        cluster = Cluster.objects.filter(name=layout.CLUSTER).first()
        if cluster is None:
            raise CommandError(
                f"The clusters file {settings.CLUSTERS_FILE!r} has no cluster {layout.CLUSTER}."
            )
        for content in NAMESPACES:
            _make_namespace(cluster, content, known)
        _publish_terms(known)

    def _people(self) -> dict[str, User]:
        """Return the people by subject."""
        issuer = next(
            (issuer for issuer in settings.ISSUERS if issuer.id == layout.ISSUER_ID),
            None,
        )
        if issuer is None:
            raise CommandError(
                f"The issuers file {settings.ISSUERS_FILE!r} has no issuer {layout.ISSUER_ID}."
            )
        operator = _operator(issuer)
        known = {OLGA.subject: operator}
        for person, level in LEVELS:
            known[person.subject] = _make_person(issuer, person, level, by=operator)
        return known


def _identity(issuer: Issuer, person: DemoPerson) -> Identity:
    """Return the identity of a demonstration person, registered as the first login would register it."""
    found = (
        Identity.objects.select_related("person").filter(issuer=issuer.issuer, subject=person.subject).first()
    )
    if found:
        return found
    token = {"sub": person.subject, **person.all_claims()}
    return people.register(person=User(), claims=claims.read(token, {}, issuer))


@transaction.atomic
def _operator(issuer: Issuer) -> User:
    identity = _identity(issuer, OLGA)
    if Event.objects.filter(act=people.FIRST_OPERATOR).exists():
        return identity.person
    people.set_named_to(person=identity.person, audience=Audience.PUBLIC, by=identity.person)
    return people.make_first_operator(identity=identity)


@transaction.atomic
def _make_person(issuer: Issuer, person: DemoPerson, level: Level, *, by: User) -> User:
    existed = Identity.objects.filter(issuer=issuer.issuer, subject=person.subject).exists()
    identity = _identity(issuer, person)
    if existed:
        return identity.person
    people.set_named_to(person=identity.person, audience=Audience.PUBLIC, by=identity.person)
    return people.set_level(person=identity.person, level=level, by=by)


@transaction.atomic
def _publish_terms(known: dict[str, User]) -> None:
    """Publish terms that everybody has accepted who is here already; whoever logs in for the first time is asked."""
    if terms.newest() is not None:
        return
    published = terms_actions.publish(text=TERMS, binds_from=timezone.now(), by=known[OLGA.subject])
    for person in known.values():
        terms_actions.accept(version=published.pk, by=person)


@transaction.atomic
def _make_namespace(cluster: Cluster, content: DemoNamespace, known: dict[str, User]) -> None:
    if Namespace.objects.filter(cluster=cluster, name=content.name).exists():
        return
    operator = known[OLGA.subject]
    namespace = namespaces.create(
        cluster=cluster,
        name=content.name,
        page=content.page,
        by=operator,
        override_style=True,
    )
    for person, role in content.members:
        if person != OLGA:
            members.add(
                namespace=namespace,
                person=known[person.subject],
                role=role,
                by=operator,
            )
    if not content.operator_stays:
        own = Membership.objects.current().get(namespace=namespace, person=operator)
        members.remove(membership=own, by=operator)
