"""Creating a namespace, editing its page, and giving it a logo."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.audience import Audience
from accounts.errors import BadInput, NotAllowed, StateConflict, TooMany
from accounts.models import User
from accounts.policy import may_create_namespaces
from audit.record import record
from clusters.models import Cluster
from clusters.names import NEVER_MANAGED
from namespaces import logos, organisations, search
from namespaces.access import Permission, Role
from namespaces.actions import limits
from namespaces.models import PARTS, Logo, Membership, Namespace, Publication, Software, Visibility
from namespaces.policy import permits
from namespaces.profiles import configured_profiles
from namespaces.tasks import request_reconcile
from namespaces.validators import name_problems

PAGE_FIELDS = ("title", "description", "pi_name", "institution", "field", "visibility")


@dataclass(frozen=True)
class PublicationEntry:
    """A publication as typed: `link` is an http(s) address or empty."""

    title: str
    link: str = ""
    year: int | None = None
    authors: str = ""


@dataclass(frozen=True)
class Page:
    """What a namespace's page says; validated by the form. `audiences` has those of parts that are not for all."""

    title: str = ""
    description: str = ""
    pi_name: str = ""
    institution: str = ""
    field: str = ""
    visibility: Visibility = Visibility.LISTED
    software: Sequence[str] = ()
    publications: Sequence[PublicationEntry] = ()
    audiences: Mapping[str, Audience] = dataclasses.field(default_factory=dict)

    def values(self) -> dict[str, object]:
        """Return what the row of the namespace keeps of it."""
        audiences = {f"{part}_to": self.audiences.get(part, Audience.PUBLIC) for part in PARTS}
        return {name: getattr(self, name) for name in PAGE_FIELDS} | audiences


@dataclass(frozen=True)
class Wanted:
    """A namespace to be made: its name, the beginning of its page, and whether the rules of style are passed over."""

    name: str
    page: Page
    override_style: bool = False


@transaction.atomic
def create(
    *,
    cluster: Cluster,
    name: str,
    page: Page,
    override_style: bool = False,
    admin: User | None = None,
    by: User,
) -> Namespace:
    """Create a namespace; `admin` becomes its admin, else `by`. Operators may override the style rules for names.

    Raises NotAllowed, TooMany (`NAMESPACES_PER_ADMIN`), BadInput (name), StateConflict (name taken in Berth).
    """
    people.lock(by)  # the limit holds under it
    if not may_create_namespaces(people.as_stored(by)):
        raise NotAllowed(_("Only people of level admin create namespaces."))
    own = Namespace.objects.filter(created_by=by).count()
    if not by.is_operator and own >= settings.NAMESPACES_PER_ADMIN:
        raise TooMany(
            _(
                "You have created %(own)d namespaces, which is as many as one person may. Ask an operator for more."
            )
            % {"own": own}
        )
    problems = problems_of_name(name, override_style=override_style and by.is_operator)
    if problems:
        raise BadInput("name", " ".join(problems))
    try:
        with transaction.atomic():
            namespace = Namespace.objects.create(
                cluster=cluster,
                name=name,
                created_by=by,
                ror=organisations.matching(page.institution),
                **page.values(),
            )
    except IntegrityError:
        raise StateConflict(_("A namespace of this name exists already.")) from None
    _store_lists(namespace, page)
    Membership.objects.create(namespace=namespace, person=admin or by, role=Role.ADMIN, added_by=by)
    limits.store(namespace, configured_profiles().default.amounts)
    record("namespace.created", by=by, about=namespace, namespace_id=namespace.pk, after={"name": name})
    request_reconcile(namespace.pk)
    return namespace


@transaction.atomic
def edit_page(*, namespace: Namespace, page: Page, version: int, by: User) -> Namespace:
    """Change what the page says. `version` is the `page_version` that the form was made from.

    Raises NotAllowed, and StateConflict if somebody else changed the page meanwhile.
    """
    if not permits(people.as_stored(by), Permission.EDIT_PAGE, namespace):
        raise NotAllowed(_("Only the admins of this namespace edit its page."))
    before = _content(namespace)
    won = Namespace.objects.filter(pk=namespace.pk, page_version=version).update(
        page_version=F("page_version") + 1,
        ror=organisations.matching(page.institution),
        **page.values(),
    )
    if not won:
        raise StateConflict(
            _("Somebody else changed this page meanwhile. Look at it again before you save yours.")
        )
    _store_lists(namespace, page)
    search.write(namespace.pk)
    namespace.refresh_from_db()
    after = _content(namespace)
    changed = sorted(part for part in after if before[part] != after[part])
    record("namespace.page", by=by, about=namespace, namespace_id=namespace.pk, after={"changed": changed})
    return namespace


@transaction.atomic
def change_logo(*, namespace: Namespace, content: bytes | None, shown: str, by: User) -> None:
    """Give the namespace this logo, made by `logos`, or none. `shown` is the digest of the one that the form showed.

    Raises NotAllowed, and StateConflict if somebody else changed the logo meanwhile.
    """
    if not permits(people.as_stored(by), Permission.EDIT_PAGE, namespace):
        raise NotAllowed(_("Only the admins of this namespace edit its page."))
    Namespace.objects.select_for_update(no_key=True).get(pk=namespace.pk)
    before = namespace.logo_digest
    digest = logos.digest_of(content) if content else ""
    if digest == before:
        return
    if shown != before:
        raise StateConflict(
            _("Somebody else changed the logo meanwhile. Look at it, and choose again if you like.")
        )
    Logo.objects.filter(namespace=namespace).delete()
    if content:
        Logo.objects.create(namespace=namespace, digest=digest, content=content)
    Namespace.objects.filter(pk=namespace.pk).update(shown_version=F("shown_version") + 1)
    record(
        "namespace.logo",
        by=by,
        about=namespace,
        namespace_id=namespace.pk,
        before={"logo": before},
        after={"logo": digest},
    )


def problems_of_name(name: str, *, override_style: bool = False) -> list[str]:
    """Return every rule of this installation that the name breaks, as sentences; empty if it may be used."""
    reserved = (*NEVER_MANAGED, *settings.RESERVED_NAMESPACES)
    return name_problems(name, reserved=reserved, override_style=override_style)


def _content(namespace: Namespace) -> dict[str, object]:
    """Return what the page says as stored now, for telling what an edit changed."""
    columns = (*PAGE_FIELDS, *(f"{part}_to" for part in PARTS))
    fields = Namespace.objects.filter(pk=namespace.pk).values(*columns).get()
    return {
        **fields,
        "software": set(namespace.software.values_list("name")),
        "publications": set(namespace.publications.values_list("title", "link", "year", "authors")),
    }


def _store_lists(namespace: Namespace, page: Page) -> None:
    namespace.software.all().delete()
    Software.objects.bulk_create(
        Software(namespace=namespace, name=name) for name in dict.fromkeys(page.software)
    )
    namespace.publications.all().delete()
    entries = {entry.title: entry for entry in page.publications}
    Publication.objects.bulk_create(
        Publication(namespace=namespace, **dataclasses.asdict(entry)) for entry in entries.values()
    )
