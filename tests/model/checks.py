"""The invariants (faults.md, section 1), judged from outside: by the rows, by the cluster, by the model.

What concerns a single write (I-2, I-5) is judged in `World` when the write goes out.
"""

from __future__ import annotations

from collections import Counter

from audit.models import Event
from clusters.api import KINDS, NAMESPACE, RESOURCE_QUOTA, ROLE_BINDING, Kind
from clusters.roles import ROLES, binding_name
from namespaces import standing
from namespaces.models import DriftDecision, Grant, Namespace, NamespaceStatus
from namespaces.standing import State
from tests.model import book as model
from tests.model import grounds as ground
from tests.model.crew import Fate
from tests.model.door import Door
from tests.model.world import FOREIGN_KEY, World, labels

MOST_ROUNDS = 12
ENDS = ("binding.ended", "binding.gone", "binding.pruned", "binding.repaired", "binding.reverted")


def after_step(world: World) -> None:
    """See that everything holds that must always hold."""
    world.tally.steps += 1
    foreign_is_untouched(world)
    ends_come_first(world)
    newest = world.newest_event()
    if world.desk.opened or newest != world.last_event:  # else nothing was written to the database
        audit_is_single(world)
        world.last_event = newest
        proofs_are_true(world)
        pages_are_true(world)
    nobody_is_back(world)
    world.desk.opened.clear()


def foreign_is_untouched(world: World) -> None:
    """I-3: what Berth did not make is as people left it, and so are their keys in an object of ours."""
    now = world.foreign_now()
    if now != world.foreign:
        world.tally.foreign_changed += 1
    changed = [key for key in {*now, *world.foreign} if now.get(key) != world.foreign.get(key)]
    assert not changed, f"I-3: changed, and not ours: {changed}"
    objects = world.grounds.all()
    for place, uid in world.foreign_keys.items():
        found = objects.get((RESOURCE_QUOTA.name, place, "berth-quota"))
        if found is not None and found["metadata"]["uid"] == uid:
            assert found["spec"]["hard"].get(FOREIGN_KEY) == "7", (
                f"I-3: a key of somebody else's is gone in {place}"
            )


def ends_come_first(world: World) -> None:
    """I-4: in a pass, no binding is deleted after one was made, but the one that was made; none is forgotten."""
    for door in world.desk.opened:
        begun = False
        made: set[str] = set()
        for act in door.acts:
            if act.kind is not ROLE_BINDING:
                continue
            if act.verb == "create":
                begun = True
                made.add(act.name)
            elif act.verb == "delete":
                assert not begun or act.name in made, f"I-4: {act.name} is deleted after something was made"


def audit_is_single(world: World) -> None:
    """I-9: no write is recorded twice."""
    new = Event.objects.filter(pk__gt=world.last_event, act__startswith="binding.")
    for act, before, after in new.values_list("act", "before", "after"):
        begins = act in ("binding.made", "binding.found")
        uid, end = (after.get("uid", ""), "") if begins else (before.get("uid", ""), "end")
        world.recorded[uid, end].append(act)
        found = world.recorded[uid, end]
        assert len(found) == 1, f"I-9: {uid or 'nothing'} is recorded more than once: {found}"


def audit_is_whole(world: World) -> None:
    """I-9, at the end: each binding that Berth made and that is there has its row, and each that Berth deleted.

    One whose worker died right after it made it, and that another one deleted and died as well, is known to nobody.
    """
    objects = world.grounds.all()
    there = {found["metadata"]["uid"] for found in objects.values()}
    for uid, act in world.noted.made.items():
        if act.kind is ROLE_BINDING and uid in there:
            assert world.recorded[uid, ""] == ["binding.made"], (
                f"I-9: the making of {act.name} in {act.place} is not recorded"
            )
    for uid, act in world.noted.deleted.items():
        if act.kind is ROLE_BINDING and world.recorded[uid, ""]:
            assert world.recorded[uid, "end"], f"I-9: the end of {act.name} in {act.place} is not recorded"


def proofs_are_true(world: World) -> None:
    """I-7: what is newly called proved was so when the API server was asked, as the outside saw it then."""
    rows = Grant.objects.filter(proved_at__isnull=False).values_list(
        "pk", "namespace__name", "username", "role", "state", "proved_at"
    )
    for pk, place, user, role, state, moment in rows:
        known = world.proofs.get(pk)
        world.proofs[pk] = (state, moment)
        if known == (state, moment) or state not in (Grant.State.ACTIVE, Grant.State.REVOKED):
            continue
        if known is not None and known[1] == moment:
            assert known[0] == state, f"I-7: {role} of {user} in {place} became {state} without a proof"
        asked = [(door, truth) for door in world.desk.opened for truth in door.truths.get((place, user), ())]
        if state == Grant.State.ACTIVE:
            holds = any(_lets_in(truth, role) for _door, truth in asked)
        else:
            holds = any(not _beyond(truth, door, place, user) for door, truth in asked)
        assert holds, f"I-7: {role} of {user} in {place} is called {state}; the cluster had {asked}"


def pages_are_true(world: World) -> None:
    """I-7: where nobody disturbed the cluster since the last whole pass, the pages say what is so."""
    for name, place in world.book.places.items():
        if name in world.disturbed:
            continue
        found = standing.of_members(Namespace.objects.get(pk=place.pk))
        for who, person in world.book.people.items():
            stands = found.get(person.pk)
            if stands is None:
                continue
            truths = [world._truth(name, user) for user in person.subjects]
            if stands.state == State.ACTIVE:
                assert any(_lets_in(truth, str(stands.role)) for truth in truths), (
                    f"I-7: {who} is called active in {name}; the cluster has {truths}"
                )
            if stands.state == State.REVOKED and stands.moment is not None:
                assert not any(truths), f"I-7: {who} is called revoked in {name}; the cluster has {truths}"
            if stands.state == State.REVOKED and stands.moment is None:  # nothing of it was in the cluster
                ours = {binding_name(role, world.issuer, user) for role in ROLES for user in person.subjects}
                made = [
                    act.name for act in world.noted.made.values() if act.place == name and act.name in ours
                ]
                assert made == [], f"I-7: {who} is said to have had nothing in {name}; there was {made}"


def nobody_is_back(world: World) -> None:
    """I-2: a right that came back by a late create is gone with the next sweep that nobody disturbed."""
    objects = ground.bindings(world.grounds.all())
    there = {found["metadata"]["uid"] for found in objects}
    wanted = world.book.rights()
    meant = {found["metadata"]["uid"] for found in objects if model.says(found) in wanted}
    for uid, sweeps in list(world.noted.resurrected.items()):
        if uid not in there or uid in meant:
            del world.noted.resurrected[uid]
            world.tally.gone_after(sweeps)


def at_end(world: World) -> None:
    """Let everything be well again, and see that it is well (I-1)."""
    _heal(world)
    _until_quiet(world)
    cluster_is_as_decided(world)
    before = world.desk.writes
    for place in world.book.places:
        world.work("pass", place, Fate())
    world.work("sweep", "", Fate())
    assert world.desk.writes == before, "I-1: a second pass writes"
    after_step(world)
    audit_is_whole(world)
    _pages_agree(world)


def cluster_is_as_decided(world: World) -> None:
    """I-1: the bindings of ours are those that the rows want, and the limits those that were decided."""
    objects = world.grounds.all()
    ours = [found for found in ground.bindings(objects) if found["metadata"]["uid"] in world.noted.made]
    has = Counter(model.says(found) for found in ours)
    wanted: Counter[model.Right | None] = Counter(world.book.rights())
    stale = has - wanted
    world.tally.stale += stale.total()
    assert not stale, f"I-1: stale: {stale}"
    assert not wanted - has, f"I-1: missing: {wanted - has}; {_states()}"
    for name, place in world.book.places.items():
        _limits_are_as_decided(world, name, place)


def _limits_are_as_decided(world: World, name: str, place: model.Place) -> None:
    objects = world.grounds.all()
    quota = objects.get((RESOURCE_QUOTA.name, name, "berth-quota"), {"spec": {"hard": {}}})
    hard = {key: model.number(value) for key, value in quota["spec"]["hard"].items() if key != FOREIGN_KEY}
    assert hard == {key: model.number(value) for key, value in place.quota.items()}, f"I-1: quota of {name}"
    found = objects.get(("LimitRange", name, "berth-limits"), {"spec": {"limits": []}})
    values = {
        section: {key: model.number(value) for key, value in values.items()}
        for item in found["spec"]["limits"]
        for section, values in item.items()
        if isinstance(values, dict)
    }
    wanted = {
        section: {key: model.number(value) for key, value in values.items()}
        for section, values in place.container.items()
    }
    assert values == wanted, f"I-1: limits of {name}: {values}"


def _pages_agree(world: World) -> None:
    """Every proof is true, and nobody is left without one, now that all is quiet."""
    rights = world.book.rights()
    for name, place in world.book.places.items():
        found = standing.of_members(Namespace.objects.get(pk=place.pk))
        for who, person in world.book.people.items():
            stands = found.get(person.pk)
            if stands is None:
                continue
            wanted = [right for right in rights if right.place == name and right.user in person.subjects]
            truths = {user: world._truth(name, user) for user in person.subjects}
            if wanted:
                assert stands.state == State.ACTIVE, f"I-7: {who} in {name} is called {stands}, with {truths}"
                continue
            assert stands.state != State.ENDING, f"I-7: {who} in {name} is called {stands}, with {truths}"
            if stands.state == State.RESIDUAL or (stands.state == State.REVOKED and stands.moment):
                assert (stands.state == State.RESIDUAL) == any(truths.values()), (
                    f"I-7: {who} in {name} is called {stands}, with {truths}"
                )


def _heal(world: World) -> None:
    """End all faults and all standing workers, let late writes land, and put right what only people can."""
    world.calm()
    while world.workers:
        world.go_on(0, Fate())
    while world.desk.in_flight:
        world.lands()
    for role in world.rules:
        if role.removeprefix("berth:") in model.RANKS:
            world.hand_on_roles(role.removeprefix("berth:"), "restore")
    world.settle()
    for place in world.book.places:
        _clear(world, place)
    after_step(world)


def _clear(world: World, place: str) -> None:
    """Take away what is in our way and not ours, and confirm a namespace that people deleted or made anew."""
    for (kind, there, name), found in list(world.grounds.all().items()):
        uid = found["metadata"]["uid"]
        in_the_way = uid not in world.noted.made
        # Label and operation are what one of ours is known by whose maker died before it noted the uid.
        known_by_uid = kind == "RoleBinding" and Grant.objects.filter(binding_uid=uid).exists()
        unknown = uid in world.noted.defaced and not known_by_uid
        if there == place and name.startswith("berth-") and (in_the_way or unknown):
            with world.hands(place):
                world.grounds.remove(_kind(kind), place, name)
            world.foreign_keys.pop(place, None)
    known = world.book.places[place]
    status = NamespaceStatus.objects.filter(pk=known.pk).first()
    recorded = status.cluster_uid if status else ""
    namespace = world.grounds.all().get(("Namespace", "", place))
    uid = namespace["metadata"]["uid"] if namespace else ""
    if namespace and not recorded and uid not in world.noted.made:
        world.hand_ends_namespace(place)  # it was there before ours, so that ours never was
        world.settle()
    elif namespace and recorded and uid != recorded:
        with world.hands(place):
            world.grounds.change(
                NAMESPACE, "", place, lambda seen: seen["metadata"].update(labels=labels(known.pk))
            )
        _confirm(known, place, uid)
    elif namespace is None and recorded:
        _confirm(known, place, recorded)


def _confirm(known: model.Place, name: str, uid: str) -> None:
    """An operator says that Berth may work in this namespace, or may make again the one that is gone."""
    kind, act = DriftDecision.Kind.NAMESPACE, DriftDecision.Act.CONFIRM
    DriftDecision.objects.get_or_create(
        namespace_id=known.pk, kind=kind, uid=uid, act=act, defaults={"name": name, "reason": "It is ours."}
    )


def _until_quiet(world: World) -> None:
    """Work, as the clock does, until nothing is written and nothing changes any more."""
    before: object = None
    for _round in range(MOST_ROUNDS):
        world.time_passes(3600)
        world.work("due", "", Fate())
        after_step(world)
        world.work("sweep", "", Fate())
        after_step(world)
        now = (
            world.desk.writes,
            list(Grant.objects.order_by("pk").values_list("pk", "state", "binding_uid")),
        )
        if now == before:
            return
        before = now
    raise AssertionError(f"I-1: not quiet after {MOST_ROUNDS} rounds; {_states()}")


def _states() -> object:
    return list(
        NamespaceStatus.objects.values_list("namespace__name", "state", "error_code", "error_message")
    )


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)


def _lets_in(truth: frozenset[str], role: str) -> bool:
    """Whether who has these roles may do all that `role` may."""
    return any(model.RANKS.get(name.removeprefix("berth:"), 0) >= model.RANKS[role] for name in truth)


def _beyond(truth: frozenset[str], door: Door, place: str, user: str) -> bool:
    """Whether who has these roles may do more than some role that was wanted for them while the door was open."""
    kept = max(
        (model.RANKS[right.role] for wanted in door.wanted for right in wanted if right[:2] == (place, user)),
        default=0,
    )
    return any(model.RANKS.get(name.removeprefix("berth:"), 9) > kept for name in truth)
