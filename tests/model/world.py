"""One history: the database, the cluster, the model, and everything that can happen to them.

Each method is one thing that happens. Those that find nothing to happen to do nothing.
"""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.actions import people
from accounts.claims import Claims
from accounts.errors import Refusal
from accounts.models import Identity, Level, User
from accounts.signals import person_changed
from audit.models import Event
from clusters.api import NAMESPACE, RESOURCE_QUOTA, ROLE_BINDING, Kind, Manifest
from clusters.config import ClusterConfig
from clusters.models import Cluster, ClusterStatus
from clusters.roles import binding_name
from namespaces import reconciliation, sweeping, tasks
from namespaces.access import Role
from namespaces.actions import limits, members, namespaces, requests
from namespaces.lanes import REVOCATIONS
from namespaces.limits import Key
from namespaces.limits import Kind as LimitKind
from namespaces.models import Membership, Namespace, NamespaceStatus, Request
from tests.model import book as model
from tests.model import grounds as ground
from tests.model.book import Book
from tests.model.crew import Fate, Killed, Worker
from tests.model.door import Act, Desk, Door, Fault
from tests.model.grounds import Grounds
from tests.model.tally import Tally

OPERATOR = "olga"
CAST = (OPERATOR, "paula", "nils", "eda", "ana")
NEWCOMERS = ("kim", "otto")
PEOPLE = CAST + NEWCOMERS
FOREIGN_KEY = "count/jobs.batch"
MOST_WORKERS = 3
_MESSAGES = 12


@dataclass
class Noted:
    """What is known about the objects that Berth made or deleted, by uid."""

    made: dict[str, Act] = field(default_factory=dict)
    deleted: dict[str, Act] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Uids of bindings that people made, and that said all that was decided when a worker saw them: as good as ours."""
    defaced: set[str] = field(default_factory=set)
    """Uids of objects whose labels or annotations somebody changed: the uid alone tells whose they are."""
    resurrected: dict[str, int] = field(default_factory=dict)
    """Uids of bindings that were made after the rows had changed, with the sweeps that have passed since."""


class World:
    """Everything there is in one history."""

    def __init__(self, config: ClusterConfig, grounds: Grounds, book: Book, cluster: Cluster) -> None:
        self.config, self.grounds, self.book, self.cluster = config, grounds, book, cluster
        self.issuer = config.issuers[0].issuer
        self.tally, self.noted = Tally(), Noted()
        self.workers: list[Worker] = []
        self.messages: deque[tuple[UUID, str]] = deque(maxlen=_MESSAGES)
        self.disturbed = set(book.places)
        self.roles_changed = False
        self.rules = {name: copy.deepcopy(rules) for name, rules in grounds.roles().items()}
        self.desk = Desk(grounds.connect, book.rights, self._truth, self._judge, self._effect, self._seen)
        self.foreign_keys: dict[str, str] = {}
        self.foreign = self.foreign_now()
        self.last_event = self.newest_event()
        self.proofs: dict[UUID, tuple[str, object]] = {}
        self.recorded: dict[tuple[str, str], list[str]] = defaultdict(list)

    # --- People ------------------------------------------------------------------------------------------------

    def log_in(self, name: str) -> None:
        """Somebody comes, for the first time or again."""
        claims = Claims(issuer=self.issuer, subject=subject(name), name=name, email=f"{name}@example.edu")
        known = self.book.people.get(name)
        if known is not None:
            identity = Identity.objects.get(subject=subject(name))
            self.act(lambda: people.welcome_back(identity=identity, claims=claims))
            return
        made = self.act(lambda: people.register(person=User(), claims=claims), "person.registered")
        assert made is not None
        self.book.people[name] = model.Person(made.person_id, "guest", subjects={made.subject: True})

    def set_level(self, name: str, level: str, by: str) -> None:
        person = self.book.people.get(name)
        if person is None or by not in self.book.people:
            return
        acts = ("person.level",) if person.level != level else ()
        if self.act(
            lambda: people.set_level(person=self.user(name), level=Level(level), by=self.user(by)), *acts
        ):
            person.level = level

    def vouch(self, name: str, by: str) -> None:
        person = self.book.people.get(name)
        if person is None or by not in self.book.people:
            return
        acts = ("person.vouched",) if person.level == "guest" else ()
        if self.act(lambda: people.vouch(person=self.user(name), by=self.user(by)), *acts) and acts:
            person.level = "user"

    def set_active(self, name: str, *, is_active: bool) -> None:
        """An account is suspended, or taken up again. No action does that yet: it is told as actions tell it."""
        person = self.book.people.get(name)
        if person is None or person.is_active == is_active or name == OPERATOR:
            return
        if self.act(lambda: self._change_person(name, lambda row: row.update(is_active=is_active))):
            person.is_active = is_active

    def second_identity(self, name: str) -> None:
        """Somebody links another identity, or retires it, or takes it up again."""
        person = self.book.people.get(name)
        if person is None:
            return
        other = f"{subject(name)}77"
        usable = not person.subjects.get(other, False)

        def change(_row: object) -> None:
            if other not in person.subjects:
                Identity.objects.create(person_id=person.pk, issuer=self.issuer, subject=other)
                return
            state = Identity.State.ACTIVE if usable else Identity.State.RETIRED
            Identity.objects.filter(subject=other).update(state=state)

        if self.act(lambda: self._change_person(name, change)):
            person.subjects[other] = usable

    # --- Namespaces and memberships ----------------------------------------------------------------------------

    def create_namespace(self, place: str, by: str) -> None:
        if by not in self.book.people or place in self.book.places:
            return
        page = namespaces.Page(title=place)
        made = self.act(
            lambda: namespaces.create(cluster=self.cluster, name=place, page=page, by=self.user(by)),
            "namespace.created",
        )
        if made is None:
            return
        member = Membership.objects.get(namespace=made)
        self.book.places[place] = model.Place(made.pk, dict(model.QUOTA), copy.deepcopy(model.CONTAINER))
        self.book.memberships.append(model.Membership(member.pk, place, by, "admin"))
        self.disturbed.add(place)

    def edit_limits(self, place: str, pods: str, *, with_cpu: bool) -> None:
        known = self.book.places.get(place)
        if known is None:
            return
        quota = {"pods": pods} if pods else {}
        amounts = {Key(LimitKind.QUOTA, "pods"): int(pods)} if pods else {}
        container = {}
        if with_cpu:
            quota["requests.cpu"] = "3"
            amounts[Key(LimitKind.QUOTA, "requests.cpu")] = 3000
            container = {"defaultRequest": {"cpu": "200m"}}
            amounts[Key(LimitKind.DEFAULT_REQUEST, "cpu")] = 200
        row = self.row(place)
        if self.act(
            lambda: limits.decide(
                namespace=row, amounts=amounts, version=row.limits_version, by=self.user(OPERATOR)
            ),
            "limits.decided",
        ):
            known.quota, known.container = quota, container

    def add(self, place: str, person: str, role: str, by: str) -> None:
        if not self._are_known(place, person, by):
            return
        made = self.act(
            lambda: members.add(
                namespace=self.row(place), person=self.user(person), role=Role(role), by=self.user(by)
            ),
            "member.added",
            *self._vouching(person),
        )
        self._joined(made, place, person, role)

    def ask(self, place: str, person: str, role: str) -> None:
        if not self._are_known(place, person):
            return
        made = self.act(
            lambda: requests.ask_to_join(
                namespace=self.row(place), role=Role(role), reason="I work with them.", by=self.user(person)
            ),
            "request.made",
        )
        if made is not None:
            self.book.requests[made.pk] = (place, person, role)

    def withdraw(self, place: str, person: str) -> None:
        pk = self.book.request(place, person)
        if pk is None:
            return
        row = Request.objects.get(pk=pk)
        if self.act(lambda: requests.withdraw(request=row, by=self.user(person)), "request.withdrawn"):
            del self.book.requests[pk]

    def decide(self, place: str, person: str, by: str, *, yes: bool) -> None:
        pk = self.book.request(place, person)
        if pk is None or by not in self.book.people:
            return
        row = Request.objects.select_related("namespace__cluster", "person").get(pk=pk)
        role = row.role
        if yes:
            acts = ("request.approved", "member.added", *self._vouching(person))
            done = self.act(lambda: requests.approve(request=row, by=self.user(by)), *acts)
        else:
            done = self.act(
                lambda: requests.deny(request=row, note="No.", by=self.user(by)), "request.denied"
            )
        if done is None:
            return
        del self.book.requests[pk]
        if yes:
            made = Membership.objects.current().get(namespace__name=place, person=row.person)
            self._joined(made, place, person, role)

    def set_role(self, place: str, person: str, role: str, by: str) -> None:
        member = self.book.member(place, person)
        if member is None or by not in self.book.people:
            return
        row = Membership.objects.select_related("namespace__cluster", "person").get(pk=member.pk)
        acts = ("member.role",) if member.role != role else ()
        if self.act(lambda: members.set_role(membership=row, role=Role(role), by=self.user(by)), *acts):
            member.role = role

    def remove(self, place: str, person: str, by: str) -> None:
        """Somebody is removed, or leaves."""
        member = self.book.member(place, person)
        if member is None or by not in self.book.people:
            return
        row = Membership.objects.select_related("namespace__cluster", "person").get(pk=member.pk)
        act = "member.left" if person == by else "member.removed"
        if self.act(lambda: members.remove(membership=row, by=self.user(by)), act):
            member.has_ended = True

    # --- Hands in the cluster ----------------------------------------------------------------------------------

    def hand_deletes(self, which: int) -> None:
        found = self._binding(which)
        if found is not None:
            with self.hands(found["metadata"]["namespace"]):
                self.grounds.remove(ROLE_BINDING, found["metadata"]["namespace"], found["metadata"]["name"])

    def hand_edits(self, which: int, how: str, other: str) -> None:
        """Somebody edits a binding: its subjects, its label, its annotations."""
        found = self._binding(which)
        if found is None:
            return
        edits: dict[str, Callable[[Manifest], Any]] = {
            "swap": lambda seen: seen.update(subjects=[_subject(subject(other))]),
            "add": lambda seen: seen["subjects"].append(_subject(subject(other))),
            "empty": lambda seen: seen.update(subjects=[]),
            "strip": lambda seen: seen["metadata"].update(labels={}),
            "label": lambda seen: seen["metadata"].update(labels={"app.kubernetes.io/managed-by": "berth"}),
            "forget": lambda seen: seen["metadata"].update(annotations={}),
            "spoof": lambda seen: seen["metadata"].update(annotations=self._annotations(other)),
        }
        metadata = found["metadata"]
        if how not in ("swap", "add", "empty"):
            self.noted.defaced.add(metadata["uid"])
        with self.hands(metadata["namespace"]):
            self.grounds.change(ROLE_BINDING, metadata["namespace"], metadata["name"], edits[how])

    def hand_makes(self, place: str, name: str, person: str, role: str, *, ours: bool) -> None:
        """Somebody makes a binding: under the name of one of ours (a person's, of `role`), or under another."""
        if not ground.is_there(self.grounds.all(), place):
            return
        if name in self.book.people:
            name = binding_name(role, self.issuer, subject(name))
        if (ROLE_BINDING.name, place, name) in self.grounds.all():
            return
        manifest = ground.binding(
            place, name, subject(person), f"berth:{role}", ours=ours, annotations=self._annotations(person)
        )
        with self.hands(place):
            self.grounds.put(manifest)

    def hand_copies(self, which: int, place: str, name: str, *, again: bool) -> None:
        """Somebody takes a binding down in a file, and applies it under another name, elsewhere, or `again`."""
        found = self._binding(which)
        if found is not None and again:
            place = found["metadata"]["namespace"]
        if found is None or not ground.is_there(self.grounds.all(), place):
            return
        made = copy.deepcopy(found)
        metadata = made["metadata"]
        for each in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            metadata.pop(each, None)
        if again:
            with self.hands(place):
                self.grounds.remove(ROLE_BINDING, place, metadata["name"])
        else:
            if name in self.book.people:
                role = found["roleRef"]["name"].partition(":")[2]
                name = binding_name(role, self.issuer, subject(name)) if role in model.RANKS else name
            metadata["name"], metadata["namespace"] = name, place
        if (ROLE_BINDING.name, place, metadata["name"]) in self.grounds.all():
            return
        with self.hands(place):
            self.grounds.put(made)
            if again and not self.recorded[found["metadata"]["uid"], ""]:
                # Who made the first one died before noting it: only the operation tells, and the copy has it too.
                self.noted.taken.add(
                    self.grounds.all()[ROLE_BINDING.name, place, metadata["name"]]["metadata"]["uid"]
                )

    def hand_ends_namespace(self, place: str) -> None:
        if ground.is_there(self.grounds.all(), place):
            with self.hands(place):
                self.grounds.terminate(place)

    def hand_makes_namespace(self, place: str, *, labelled: bool) -> None:
        """Somebody makes a namespace that has one's name, with its labels or without."""
        if (NAMESPACE.name, "", place) in self.grounds.all():
            return
        known = self.book.places.get(place)
        ours = labels(known.pk) if labelled and known else {}
        with self.hands(place):
            self.grounds.put(ground.namespace(place, ours))

    def settle(self) -> None:
        """The controllers of the cluster work."""
        with self.hands(*self.book.places):
            self.grounds.settle()

    def hand_on_limits(self, place: str, how: str) -> None:
        """Somebody changes our quota, adds a key of their own, takes its label off, deletes it, or adds another one."""
        if not ground.is_there(self.grounds.all(), place):
            return
        found = self.grounds.all().get((RESOURCE_QUOTA.name, place, "berth-quota"))
        if how == "own":
            spec = {"hard": {"pods": "2"}}
            metadata = {"name": "theirs", "namespace": place}
            quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec}
            with self.hands(place):
                self.grounds.put(quota)
        elif how == "delete" and found is not None:
            with self.hands(place):
                self.grounds.remove(RESOURCE_QUOTA, place, "berth-quota")
            self.foreign_keys.pop(place, None)
        elif found is not None:
            edits: dict[str, Callable[[Manifest], Any]] = {
                "tighten": lambda seen: seen["spec"]["hard"].update(pods="1"),
                "key": lambda seen: seen["spec"]["hard"].update({FOREIGN_KEY: "7"}),
                "strip": lambda seen: seen["metadata"].update(labels={}),
            }
            with self.hands(place):
                self.grounds.change(RESOURCE_QUOTA, place, "berth-quota", edits[how])
            if how == "key":
                self.foreign_keys[place] = found["metadata"]["uid"]
            elif how == "strip":
                self.noted.defaced.add(found["metadata"]["uid"])

    def hand_on_roles(self, role: str, how: str) -> None:
        """Somebody deletes a ClusterRole, takes all rules out of it, or applies the manifests again."""
        name = f"berth:{role}"
        if how == "delete" and name not in self.grounds.roles():
            return
        rules = {"delete": None, "empty": [], "restore": self.rules[name]}[how]
        with self.hands(*self.book.places):
            self.grounds.set_rules(name, rules)
        self.roles_changed = True

    # --- Faults ------------------------------------------------------------------------------------------------

    def fault(self, fault: Fault) -> None:
        self.desk.faults.append(fault)

    def outage(self, *, begins: bool) -> None:
        self.desk.is_down = begins

    def filter(self, which: int | None) -> None:
        """Lists leave a binding out, or the canary (None)."""
        if which is None:
            self.desk.dropped.add("berth-state")
        elif (found := self._binding(which)) is not None:
            self.desk.dropped.add(found["metadata"]["name"])

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.desk.calm()

    def lands(self) -> None:
        """What was on its way to the cluster for long arrives."""
        if self.desk.in_flight:
            self.desk.in_flight.pop(0)()

    # --- Work --------------------------------------------------------------------------------------------------

    def jobs(self, name: str, place: str) -> Callable[[], object]:
        """Return what a worker is to do: `pass` over one namespace, one in a `hurry`, what is `due`, or a `sweep`."""
        known = self.book.places.get(place)
        if name in ("pass", "hurry") and known is not None:
            return lambda: reconciliation.reconcile(known.pk, hurry=name == "hurry")
        return sweeping.sweep_clusters if name == "sweep" else sweeping.reconcile_due

    def work(self, job: str, place: str, fate: Fate) -> None:
        """A worker works to the end, or dies on the way."""
        before = self.desk.is_calm and not fate.dies_at
        self.desk.fate = fate
        try:
            self.jobs(job, place)()
        except Killed:
            before = False
        self.desk.fate = Fate()
        if before:
            self._worked(job, place)

    def begin(self, job: str, place: str, fate: Fate) -> None:
        """A worker begins, and stands still at some call."""
        if len(self.workers) < MOST_WORKERS:
            worker = Worker(self.jobs(job, place), about=f"{job} {place}")
            self.workers.append(worker)
            self._go_on(worker, fate)

    def go_on(self, which: int, fate: Fate) -> None:
        """A worker that stood still goes on, to the end, to its death, or until it stands again."""
        if self.workers:
            self._go_on(self.workers[which % len(self.workers)], fate)

    def deliver(self, which: int, *, keep: bool) -> None:
        """A message arrives, early or late; it may come once more."""
        if not self.messages:
            return
        place = which % len(self.messages)
        namespace_id, lane = self.messages[place]
        if not keep:
            del self.messages[place]
        tasks.reconcile_namespace(namespace_id=str(namespace_id), hurry=lane == REVOCATIONS)

    def lose_messages(self) -> None:
        self.messages.clear()

    def time_passes(self, seconds: int) -> None:
        """What is stored as a moment lies so much further back."""
        ago = timedelta(seconds=seconds)
        NamespaceStatus.objects.update(next_reconcile_at=F("next_reconcile_at") - ago)
        NamespaceStatus.objects.filter(lease_until__isnull=False).update(lease_until=F("lease_until") - ago)
        for moment in ("contacted_at", "throttled_until"):
            ClusterStatus.objects.filter(**{f"{moment}__isnull": False}).update(**{moment: F(moment) - ago})

    # --- What the others need ----------------------------------------------------------------------------------

    def act(self, do: Callable[[], Any], *acts: str) -> Any:
        """Do what a person does, and see that exactly these acts are recorded; None if it was refused."""
        before = self.newest_event()
        try:
            with transaction.atomic():
                done = do()
        except Refusal:
            done, acts = None, ()
        found = Event.objects.filter(pk__gt=before).values_list("act", flat=True)
        assert sorted(found) == sorted(acts), f"recorded: {sorted(found)}; done: {sorted(acts)}"
        callbacks, connection.run_on_commit = connection.run_on_commit, []
        for each in callbacks if done is not None else ():
            each[1]()
        return done

    def hands(self, *places: str) -> _Hands:
        """While somebody works in the cluster who is not Berth: what is there afterwards was meant."""
        return _Hands(self, places)

    def foreign_now(self) -> dict[tuple[str, str, str], Manifest]:
        """Return everything in the cluster that Berth did not make, apart from its mark."""
        return {
            key: _content(found)
            for key, found in self.grounds.all().items()
            if found["metadata"]["uid"] not in {*self.noted.made, *self.noted.taken} and key[0] != "ConfigMap"
        }

    def leases(self) -> set[str]:
        """Return the namespaces that a worker holds."""
        held = NamespaceStatus.objects.filter(lease_until__isnull=False)
        return set(held.values_list("namespace__name", flat=True))

    def newest_event(self) -> int:
        return Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def user(self, name: str) -> User:
        return User.objects.get(pk=self.book.people[name].pk)

    def row(self, place: str) -> Namespace:
        return Namespace.objects.select_related("cluster").get(pk=self.book.places[place].pk)

    def end(self) -> None:
        """End the workers that stand around."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    # --- Behind it ---------------------------------------------------------------------------------------------

    def _go_on(self, worker: Worker, fate: Fate) -> None:
        try:
            worker.go_on(fate)
        finally:
            if worker.has_ended:
                self.workers.remove(worker)

    def _worked(self, job: str, place: str) -> None:
        """An undisturbed worker has ended: a pass leaves nothing open, and a sweep no right that came back.

        Of a role that somebody changed a pass knows after the next sweep.
        """
        if job == "pass" and place not in self.leases() and not self.roles_changed:
            self.disturbed.discard(place)
        if job != "sweep" or ClusterStatus.objects.filter(throttled_until__gt=Now()).exists():
            return
        self.roles_changed = False
        for uid in self.noted.resurrected:
            self.noted.resurrected[uid] += 1

    def _truth(self, place: str, user: str) -> frozenset[str]:
        return ground.let_in(self.grounds.all(), self.grounds.roles(), place, user)

    def _judge(self, door: Door, act: Act, manifest: Manifest | None) -> None:
        """Look at a write before it goes out."""
        if act.kind is not ROLE_BINDING:
            return
        objects = self.grounds.all()
        wanted = self.book.rights()
        if act.verb == "create":
            assert manifest is not None
            right = model.says(manifest)
            assert right in wanted, f"I-2: {right} is made, and nobody wants it"
            return
        found = objects.get((act.kind.name, act.place, act.name))
        if found is None or found["metadata"]["uid"] != act.uid:
            return
        assert act.uid in {*self.noted.made, *self.noted.taken}, (
            f"I-3: {act.name} in {act.place} is deleted, and is not ours"
        )
        right = model.says(found)
        explained = any(right not in each for each in door.wanted)
        assert explained, f"I-5: {right} is deleted, and was wanted all the time"
        self.disturbed |= {act.place} if right in wanted else set()

    def _seen(self, kind: Kind, found: Manifest) -> None:
        """Note what a worker may take for its own: it says of itself that we made it for what is decided now."""
        metadata = found["metadata"]
        if kind is not ROLE_BINDING or metadata["uid"] in self.noted.made:
            return
        right = model.says(found)
        installation = (metadata.get("annotations") or {}).get("berth.internal/installation")
        if right not in self.book.rights() or installation != str(self.cluster.installation_id):
            return
        if metadata["name"] == binding_name(right.role, self.issuer, right.user):
            self.noted.taken.add(metadata["uid"])
            self.foreign.pop((kind.name, metadata["namespace"], metadata["name"]), None)

    def _effect(self, door: Door, act: Act, answer: Manifest | None) -> None:
        """Note a write that had its effect."""
        if act.verb == "delete":
            self.noted.deleted[act.uid] = act
            life = self.noted.resurrected.pop(act.uid, None)
            if life is not None:
                self.tally.gone_after(life)
            return
        if act.verb == "create":
            assert answer is not None
            self.noted.made[act.uid] = act
            if act.kind is ROLE_BINDING and model.says(answer) not in self.book.rights():
                self.noted.resurrected[act.uid] = 0
                self.disturbed.add(act.place)

    def _change_person(self, name: str, change: Callable[[Any], object]) -> User:
        rows = User.objects.filter(pk=self.book.people[name].pk)
        change(rows)
        person = rows.get()
        person_changed.send(sender=User, person=person, by=None)
        return person

    def _joined(self, made: Membership | None, place: str, person: str, role: str) -> None:
        if made is None:
            return
        self.book.memberships.append(model.Membership(made.pk, place, person, role))
        if self.book.people[person].level == "guest":
            self.book.people[person].level = "user"

    def _vouching(self, person: str) -> tuple[str, ...]:
        return ("person.vouched",) if self.book.people[person].level == "guest" else ()

    def _are_known(self, place: str, *names: str) -> bool:
        return place in self.book.places and all(name in self.book.people for name in names)

    def _binding(self, which: int) -> Manifest | None:
        """Return some RoleBinding in a namespace of ours."""
        found = [
            each
            for (kind, place, _name), each in sorted(self.grounds.all().items(), key=lambda item: item[0])
            if kind == "RoleBinding" and place in self.book.places
        ]
        return found[which % len(found)] if found else None

    def _annotations(self, person: str) -> dict[str, str]:
        """Return the annotations of a binding of somebody, as somebody else could copy them."""
        for each in ground.bindings(self.grounds.all()):
            if subject(person) in ground.users(each):
                return dict(each["metadata"].get("annotations") or {})
        return {}


class _Hands:
    """See `World.hands`."""

    def __init__(self, world: World, places: tuple[str, ...]) -> None:
        self.world, self.places = world, places

    def __enter__(self) -> None:
        return

    def __exit__(self, *_error: object) -> None:
        self.world.disturbed |= set(self.places)
        self.world.foreign = self.world.foreign_now()


def subject(name: str) -> str:
    """Return the user name of somebody."""
    return f"http://cilogon.org/serverA/users/{100 + PEOPLE.index(name)}"


def _subject(user: str) -> dict[str, str]:
    return {"apiGroup": ground.RBAC, "kind": "User", "name": user}


def labels(namespace_id: UUID) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": "berth",
        "berth.internal/managed": "true",
        "berth.internal/namespace-id": str(namespace_id),
        "pod-security.kubernetes.io/enforce": "baseline",
    }


def _content(found: Manifest) -> Manifest:
    metadata = {
        key: value
        for key, value in found["metadata"].items()
        if key not in ("resourceVersion", "managedFields", "generation")
    }
    kept = {key: value for key, value in found.items() if key not in ("status", "metadata")}
    return copy.deepcopy({**kept, "metadata": metadata})
