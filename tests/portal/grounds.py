"""What the addresses of the table are about, for one kind of person: rows, a browser, and an address for each thing."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.client import ClientHandler
from django.urls import reverse
from django.utils import timezone

from accounts.models import Acceptance, Level, Merge, Session, Suspension, Terms, User
from audit.models import Event
from clusters.models import ClusterStatus
from namespaces import directory, links
from namespaces.access import Role
from namespaces.models import (
    DriftDecision,
    Invitation,
    Membership,
    Namespace,
    NamespaceStatus,
    Request,
    SeenBinding,
    SeenKeys,
)
from notifications.models import Delivery
from tests import factories
from tests.namespaces.views.conftest import show
from tests.passkeys import Passkey
from tests.portal.addresses import (
    DELIVERIES,
    FACTORS,
    IDENTITIES,
    INVITATIONS,
    ISSUERS,
    KINDS,
    LINES,
    LINKS,
    LOGIN,
    LOGOS,
    MEMBERSHIPS,
    MERGES,
    NAMESPACES,
    NOBODY,
    NOTHING,
    PEOPLE,
    REQUESTS,
    SESSIONS,
    TABLE,
    TERMS,
    Kind,
    Things,
)

NOT_STATE = (Event, Session)  # what may be written whatever the answer is; so may what is cached
_TABLES = [model._meta.db_table for model in apps.get_models() if model not in NOT_STATE]
_WRITE = re.compile(
    rf"\s*(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|REPLACE INTO)\W+(?:{'|'.join(_TABLES)})\b"
)
_VARYING = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')


class Browser(RequestFactory):
    """Sends requests to Berth as Django's client does, but keeps neither cookies nor what was rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.handler = ClientHandler(enforce_csrf_checks=False)

    def request(self, **request: Any) -> Any:
        return self.handler(self._base_environ(**request))  # type: ignore[attr-defined]


@dataclass
class Grounds:
    """A person of one kind among others, logged in; `addresses` has a path for each (name, thing)."""

    kind: Kind
    person: User | None
    browser: Browser
    addresses: dict[tuple[str, str], str]

    def send(self, method: str, path: str, data: str | bytes = "", **headers: str) -> HttpResponse:
        """Send a request as if it were the first of the browser; an error of ours is an answer."""
        kind = headers.pop("content_type", "application/x-www-form-urlencoded")
        answer: Any = self.browser.generic(method, path, data, content_type=kind, headers=headers)
        return answer  # type: ignore[no-any-return]


def checksum() -> dict[str, list[str]]:
    """Return every row of every table but those that may always be written."""
    tables = [model for model in apps.get_models() if model not in NOT_STATE]
    return {model._meta.label: sorted(map(repr, model._default_manager.values())) for model in tables}


@contextmanager
def noting_writes() -> Iterator[list[str]]:
    """Yields the statements inside that wrote to what must not change."""
    writes: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if _WRITE.match(sql):
            writes.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield writes


@contextmanager
def undone() -> Iterator[list[str]]:
    """Inside, something is tried, and taken back at the end. Yields what `noting_writes` does."""
    point = transaction.savepoint()
    writes: list[str] = []
    try:
        with noting_writes() as writes:
            yield writes
    finally:
        transaction.savepoint_rollback(point)
        if writes:
            directory.forget()


def seen(response: HttpResponse) -> int | str:
    """Return the status, or where the answer leads if that is to the login or the terms."""
    target = response.headers.get("Location", "") if response.status_code == 302 else ""
    leads = {reverse("account_login"): LOGIN, reverse("terms"): TERMS}
    return leads.get(target.partition("?")[0], response.status_code)


def without_what_varies(response: HttpResponse) -> tuple[dict[str, str], bytes]:
    """Return headers and body without the id of the request and the token of forms."""
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-Id"}
    return headers, _VARYING.sub(b"", response.content)


def make(name: str) -> Grounds:
    """Make everything for a kind of person."""
    kind = KINDS[name]
    levels = {NOBODY: Level.USER, "operator": Level.ADMIN, "level admin": Level.ADMIN}
    person = factories.person(
        "Robin Vance", level=levels.get(kind.level) or kind.level, is_superuser=kind.level == "operator"
    )
    others = _Others.make()
    for place in ("fire", "rip", "quiet"):
        _join(others.namespaces[place], person, getattr(kind, place), has_ended=name == "former admin")
    terms = Terms.objects.create(text="Be kind.", binds_from=timezone.now())
    if name != "without terms":
        Acceptance.objects.create(person=person, terms=terms)
    client, browser = Client(), Browser()
    paths = _Paths(person, others)
    paths.make()
    if name != "anonymous":
        client.force_login(person)
        show(client, person)
        browser.cookies = client.cookies
    if name == "suspended":  # with the session still there: no request believes it
        User.objects.filter(pk=person.pk).update(is_active=False)
        Suspension.objects.create(person=person, reason="They did what nobody may do.", by=others.paula)
    directory.forget()
    return Grounds(kind, None if name == "anonymous" else person, browser, paths.found)


def _join(namespace: Namespace, person: User, role: str, *, has_ended: bool) -> None:
    if role:
        ended = timezone.now() if has_ended and role.startswith("(") else None
        factories.MembershipFactory.create(
            namespace=namespace, person=person, role=role.strip("()"), ended_at=ended
        )


@dataclass
class _Others:
    """Paula runs all namespaces, Vera looks at each, Otto and the guest Ana ask for this and that."""

    paula: User
    vera: User
    otto: User
    ana: User
    namespaces: dict[str, Namespace]

    @classmethod
    def make(cls) -> _Others:
        people = {
            "paula": factories.person("Paula Ilić", level=Level.ADMIN, is_superuser=True),
            "vera": factories.person("Vera Lind"),
            "otto": factories.person("Otto Brandt"),
            "ana": factories.person("Ana Kim", level=Level.GUEST),
        }
        cluster = factories.ClusterFactory.create(name="nautilus")
        ClusterStatus.objects.get_or_create(cluster=cluster)
        found = {}
        for place in ("fire", "rip", "quiet", "sea"):
            found[place] = factories.NamespaceFactory.create(
                cluster=cluster,
                name=f"avis-{place}",
                created_by=people["paula"],
                visibility="members" if place == "quiet" else "listed",
            )
            for who, role in (("paula", Role.ADMIN), ("vera", Role.VIEWER)):
                factories.MembershipFactory.create(namespace=found[place], person=people[who], role=role)
        return cls(**people, namespaces=found)


class _Paths:
    """Makes the things, and finds the addresses that are about them."""

    def __init__(self, person: User, others: _Others) -> None:
        self.person, self.others = person, others
        self.found: dict[tuple[str, str], str] = {}

    def make(self) -> None:
        of: dict[int, dict[str, tuple[object, ...]]] = {
            id(NOTHING): {"": ()},
            id(NAMESPACES): {thing: ("nautilus", f"avis-{thing}") for thing in NAMESPACES.names},
            id(MEMBERSHIPS): self._memberships(),
            id(INVITATIONS): self._invitations(),
            id(LINKS): self._links(),
            id(LOGOS): self._logos(),
            id(REQUESTS): {thing: (key,) for thing, key in self._requests().items()},
            id(PEOPLE): {
                "self": (self.person.pk,), "guest": (self.others.ana.pk,), "absent": (uuid.uuid4(),),
            },
            id(IDENTITIES): {thing: (key,) for thing, key in self._identities().items()},
            id(SESSIONS): {thing: (key,) for thing, key in self._sessions().items()},
            id(MERGES): {thing: (key,) for thing, key in self._merges().items()},
            id(FACTORS): {"other": (self._passkey(),), "absent": (0,)},
            id(DELIVERIES): {"there": (self._mail(),), "gone": (uuid.uuid4(),)},
            id(ISSUERS): {"known": ("cilogon",), "absent": ("nobody",)},
        }  # fmt: skip
        lines = self._lines()
        for name, row in TABLE.items():
            about: Things = row.about
            things = lines[name] if about is LINES else of[id(about)]
            for thing in about.names:
                self.found[name, thing] = reverse(name, args=things[thing])

    def _memberships(self) -> dict[str, tuple[object, ...]]:
        places = {place: ("nautilus", f"avis-{place}") for place in NAMESPACES.names}
        mine = Membership.objects.filter(person=self.others.vera)
        keys = {place: mine.get(namespace=found).pk for place, found in self.others.namespaces.items()}
        return {
            **{place: (*places[place], keys.get(place, keys["sea"])) for place in places},
            "of another": (*places["fire"], keys["rip"]),
            "of nobody": (*places["fire"], uuid.uuid4()),
        }

    def _course(self, place: str) -> Invitation:
        """A course of Paula, who may vouch."""
        later = timezone.now() + timedelta(days=30)
        return Invitation.objects.create(
            namespace=self.others.namespaces[place], kind="course", title="Fires", role=Role.VIEWER, places=9,
            expires_at=later, access_ends_at=later, created_by=self.others.paula,
        )  # fmt: skip

    def _invitations(self) -> dict[str, tuple[object, ...]]:
        places = {place: ("nautilus", f"avis-{place}") for place in NAMESPACES.names}
        keys = {place: self._course(place).pk for place in self.others.namespaces}
        return {
            **{place: (*places[place], keys.get(place, keys["sea"])) for place in places},
            "of another": (*places["fire"], keys["rip"]),
            "of nobody": (*places["fire"], uuid.uuid4()),
        }

    def _links(self) -> dict[str, tuple[object, ...]]:
        opened = self._course("sea")
        key, serial, proof = links.path(opened).strip("/").split("/")[1:]
        return {"open": (key, serial, proof), "forged": (key, int(serial) + 1, proof)}

    def _logos(self) -> dict[str, tuple[object, ...]]:
        found = self.others.namespaces
        digests = {
            place: factories.LogoFactory.create(namespace=made).digest for place, made in found.items()
        }
        digests |= {"absent": digests["sea"], "of another": "0" * 64}
        places = {thing: "fire" if thing == "of another" else thing for thing in LOGOS.names}
        return {thing: ("nautilus", f"avis-{place}", digests[thing]) for thing, place in places.items()}

    def _mail(self) -> uuid.UUID:
        """A mail that was given up; and one message to the person, which they have not seen."""
        told = {"kind": "account", "subject": "Hello", "state": "sent"}
        Delivery.objects.create(event="told", channel="inbox", person=self.person, **told)
        given_up = {"state": "failed", "error": "550 no such user", "tried_at": timezone.now()}
        to = {"channel": "mail", "person": self.others.otto, "address": self.others.otto.email}
        return Delivery.objects.create(event="given up", **{**told, **given_up, **to}).pk

    def _requests(self) -> dict[str, uuid.UUID]:
        def ask(who: User, place: str) -> uuid.UUID:
            made: Request = factories.RequestFactory.create(
                namespace=self.others.namespaces[place], person=who
            )
            return made.pk

        def over(who: User) -> uuid.UUID:
            made: Request = factories.TakeoverFactory.create(
                namespace=self.others.namespaces["fire"], person=who
            )
            return made.pk

        return {
            "own": ask(self.person, "sea"),
            **{place: ask(self.others.otto, place) for place in ("fire", "rip", "quiet")},
            "guest to fire": ask(self.others.ana, "fire"),
            "promotion": factories.PromotionFactory.create(person=self.others.ana).pk,
            "takeover": over(self.others.vera),
            "from the reader": over(self.person),
            "absent": uuid.uuid4(),
        }

    def _identities(self) -> dict[str, uuid.UUID]:
        return {
            "own": self.person.identities.get().pk,
            "other": self.others.ana.identities.get().pk,
            "absent": uuid.uuid4(),
        }

    def _sessions(self) -> dict[str, str]:
        handles = {}
        for thing, who in (("own", self.person), ("other", self.others.otto)):
            client = Client()
            client.force_login(who)
            handles[thing] = Session.objects.get(pk=client.session.session_key).handle
        return {**handles, "absent": "0" * 32}

    def _passkey(self) -> int:
        said = Passkey("http://localhost:8088").create({"publicKey": {"challenge": "AAAA"}})
        passkey = {"name": "phone", "credential": json.loads(said)}
        made: int = Authenticator.objects.create(user=self.others.otto, type="webauthn", data=passkey).pk
        return made

    def _merges(self) -> dict[str, uuid.UUID]:
        def ask(kept: User, emptied: User) -> uuid.UUID:
            shown, shown_with = emptied.identities.get(), kept.identities.get()
            return Merge.objects.create(kept=kept, emptied=emptied, shown=shown, shown_with=shown_with).pk

        return {
            "own": ask(self.person, factories.person("Robin V.")),
            "other": ask(self.others.otto, factories.person("Otto B.")),
            "absent": uuid.uuid4(),
        }

    def _lines(self) -> dict[str, dict[str, tuple[object, ...]]]:
        fire = self.others.namespaces["fire"]
        binding = SeenBinding.objects.create(
            namespace=fire, name="berth-x", role="ClusterRole berth:viewer", uid="1"
        )
        keys = SeenKeys.objects.create(
            namespace=fire, kind="ResourceQuota", uid="2", keys=[["", "pods", "", "3"]]
        )
        NamespaceStatus.objects.create(namespace=fire, state="conflict", error_code="replaced", seen_uid="3")
        decision = DriftDecision.objects.create(
            namespace=fire, kind="RoleBinding", name="other", uid="4", act="revert", reason="A copy."
        )
        acts = ("adopt", "revert", "leave")
        return {
            **{f"drift_{act}": {"there": (binding.pk,), "gone": (0,)} for act in acts},
            **{f"drift_limits_{act}": {"there": (keys.pk,), "gone": (0,)} for act in acts},
            "drift_confirm": {"there": (fire.pk,), "gone": (uuid.uuid4(),)},
            "drift_take_back": {"there": (decision.pk,), "gone": (0,)},
        }
