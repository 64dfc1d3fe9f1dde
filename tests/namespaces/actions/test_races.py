"""Acts in a namespace that two transactions do at once: rules of the whole hold, one is told, nothing hangs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import merging, people, suspensions
from accounts.claims import Claims
from accounts.errors import StateConflict, TooMany
from accounts.models import Level, LevelChange, User
from audit.models import Event
from clusters.api import ROLE_BINDING
from clusters.models import Cluster
from namespaces import reconciliation, sweeping
from namespaces.access import Role
from namespaces.actions import (
    adding,
    drift,
    ends,
    invitations,
    ladder,
    members,
    namespaces,
    requests,
    succession,
    takeovers,
)
from namespaces.actions.namespaces import Page
from namespaces.models import Grant, Invitation, Membership, Namespace, NamespaceStatus, Request, SeenBinding
from tests import factories
from tests.fake_cluster import FakeCluster
from tests.racing import MANY, Act, race, rounds

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def admins(cluster: Cluster) -> tuple[User, User]:
    """Two people of level admin; what they race about is made for each run."""
    one, two = (factories.person(name, level=Level.ADMIN) for name in ("One", "Two"))
    return one, two


@pytest.fixture
def lab(cluster: Cluster, admins: tuple[User, User]) -> Callable[[], Namespace]:
    """Return a function that makes a namespace of which both are admins."""

    def make() -> Namespace:
        namespace = factories.NamespaceFactory.create(cluster=cluster, created_by=admins[0])
        for admin in admins:
            factories.MembershipFactory.create(namespace=namespace, person=admin, role=Role.ADMIN)
        return namespace

    return make


def fresh(person: User) -> User:
    """Return the person as the request of a page loads them."""
    return User.objects.get(pk=person.pk)


def admins_of(namespace: Namespace) -> int:
    """Return how many admins with effect a namespace has."""
    return Membership.objects.admins().filter(namespace=namespace).count()


def current(namespace: Namespace, person: User) -> Membership:
    return Membership.objects.current().select_related("namespace").get(namespace=namespace, person=person)


def approve(request: Request, by: User) -> Act:
    return lambda: requests.approve(
        request=Request.objects.select_related("namespace").get(pk=request.pk), by=by
    )


def hand_over(request: Request, successor: User, by: User) -> Act:
    return lambda: requests.approve(
        request=Request.objects.select_related("namespace").get(pk=request.pk),
        successor=fresh(successor), by=fresh(by),
    )  # fmt: skip


def deny(request: Request, by: User) -> Act:
    return lambda: requests.deny(
        request=Request.objects.select_related("namespace").get(pk=request.pk), note="No.", by=by
    )


def remove(membership: Membership, by: User) -> Act:
    return lambda: members.remove(membership=membership, by=fresh(by))


def ask(namespace: Namespace, by: User) -> Act:
    return lambda: requests.ask_to_join(
        namespace=namespace, role=Role.VIEWER, reason="I work there.", by=fresh(by)
    )


def ask_for_level(by: User) -> Act:
    return lambda: requests.ask_for_level(level=Level.USER, reason="I work there.", by=fresh(by))


def withdraw(request: Request, by: User) -> Act:
    return lambda: requests.withdraw(request=Request.objects.get(pk=request.pk), by=fresh(by))


def step_down(membership: Membership, by: User) -> Act:
    return lambda: members.set_role(membership=membership, role=Role.VIEWER, by=fresh(by))


def promote(membership: Membership, by: User) -> Act:
    return lambda: members.set_role(membership=membership, role=Role.ADMIN, by=fresh(by))


def add(namespace: Namespace, person: User, by: User) -> Act:
    return lambda: members.add(namespace=namespace, person=fresh(person), role=Role.VIEWER, by=fresh(by))


def set_level(person: User, level: Level, by: User) -> Act:
    return lambda: people.set_level(person=fresh(person), level=level, by=fresh(by))


def create(name: str, by: User) -> Act:
    cluster = Cluster.objects.get()
    return lambda: namespaces.create(cluster=cluster, name=name, page=Page(), by=fresh(by))


def edit(namespace: Namespace, version: int, by: User) -> Act:
    page = Page(title=by.name, software=(by.name,))
    return lambda: namespaces.edit_page(
        namespace=Namespace.objects.get(pk=namespace.pk), page=page, version=version, by=fresh(by)
    )


def reconcile(namespace: Namespace) -> Act:
    return lambda: reconciliation.reconcile(namespace.pk)


@pytest.mark.parametrize(
    "pair", [(approve, deny), (approve, approve), (deny, deny)], ids=["mixed", "yes", "no"]
)
def test_first_of_two_deciders_wins_and_the_second_is_told(
    admins: tuple[User, User], lab: Callable[[], Namespace], fake_cluster: FakeCluster,
    pair: tuple[Callable[[Request, User], Act], Callable[[Request, User], Act]],
) -> None:  # fmt: skip
    namespace = lab()
    for chance in rounds(MANY):
        asker = factories.person("Asker", level=Level.GUEST)
        request = factories.RequestFactory.create(namespace=namespace, person=asker, role=Role.EDITOR)
        finishes = race(chance, pair[0](request, admins[0]), pair[1](request, admins[1]))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        request.refresh_from_db()
        approved = request.state == Request.State.APPROVED
        assert request.decided_by == admins[0 if finishes[0].won else 1]
        assert Event.objects.filter(object_id=str(request.pk)).count() == 1
        assert Membership.objects.filter(person=asker).count() == approved
        assert Event.objects.filter(act="person.vouched", object_id=str(asker.pk)).count() == approved
    reconciliation.reconcile(namespace.pk)
    bindings = fake_cluster.outside._state.of(ROLE_BINDING)
    made = [key for key in bindings if key[0] == namespace.name]
    assert len(made) == Membership.objects.current().filter(namespace=namespace).count()


@pytest.mark.parametrize(
    "pair", [(approve, deny), (approve, approve), (deny, deny)], ids=["mixed", "yes", "no"]
)
def test_first_of_two_who_decide_a_promotion_wins_and_the_second_is_told(
    admins: tuple[User, User],
    pair: tuple[Callable[[Request, User], Act], Callable[[Request, User], Act]],
) -> None:
    for chance in rounds():
        asker = factories.person("Asker", level=Level.GUEST)
        request = factories.PromotionFactory.create(person=asker)
        finishes = race(chance, pair[0](request, fresh(admins[0])), pair[1](request, fresh(admins[1])))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        request.refresh_from_db()
        approved = request.state == Request.State.APPROVED
        assert request.decided_by == admins[0 if finishes[0].won else 1]
        assert Event.objects.filter(object_id=str(request.pk)).count() == 1
        assert User.objects.get(pk=asker.pk).level == (Level.USER if approved else Level.GUEST)
        assert LevelChange.objects.filter(person=asker).count() == approved


def test_guest_who_is_vouched_for_while_their_request_is_decided_becomes_a_user_once(
    admins: tuple[User, User],
) -> None:
    for chance in rounds():
        asker = factories.person("Asker", level=Level.GUEST)
        request = factories.PromotionFactory.create(person=asker)
        decide = chance.choice([approve, deny])
        finishes = race(
            chance,
            lambda: people.vouch(person=fresh(asker), by=fresh(admins[0])),  # noqa: B023
            decide(request, fresh(admins[1])),
        )
        assert finishes[0].won
        assert User.objects.get(pk=asker.pk).level == Level.USER
        assert LevelChange.objects.filter(person=asker).count() == 1
        assert Event.objects.filter(object_id=str(request.pk)).count() == 1
        request.refresh_from_db()
        assert not request.is_pending


def test_request_that_runs_out_while_it_is_decided_ends_once(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    namespace = lab()
    for chance in rounds():
        asker = factories.person("Asker")
        request = factories.RequestFactory.create(namespace=namespace, person=asker)
        left = Request.EXPIRES_AFTER - timedelta(seconds=chance.uniform(-0.005, 0.02))
        Request.objects.filter(pk=request.pk).update(created_at=Now() - left)
        race(chance, approve(request, fresh(admins[0])), ladder.expire)
        ladder.expire()
        request.refresh_from_db()
        approved = request.state == Request.State.APPROVED
        assert Event.objects.filter(object_id=str(request.pk)).count() == (0 if request.is_pending else 1)
        assert Membership.objects.filter(person=asker).count() == approved


def test_one_of_two_who_ask_for_a_level_twice_does(cluster: Cluster) -> None:
    for chance in rounds():
        asker = factories.person("Asker", level=Level.GUEST)
        finishes = race(chance, ask_for_level(asker), ask_for_level(asker))
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        assert Request.objects.filter(person=asker).count() == 1
        assert Event.objects.filter(act="request.made", actor=str(asker.pk)).count() == 1


def test_asker_who_withdraws_while_it_is_approved_is_in_or_out_and_not_both(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    namespace = lab()
    for chance in rounds():
        asker = factories.person("Asker")
        request = factories.RequestFactory.create(namespace=namespace, person=asker)
        finishes = race(
            chance,
            approve(request, admins[0]),
            withdraw(request, asker),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert Membership.objects.filter(person=asker).exists() is finishes[0].won


def test_last_two_admins_who_remove_each_other_leave_one(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    one, two = admins
    for chance in rounds(MANY):
        namespace = lab()
        finishes = race(chance, remove(current(namespace, two), one), remove(current(namespace, one), two))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert admins_of(namespace) == 1
        assert Event.objects.filter(act="member.removed", namespace_id=str(namespace.pk)).count() == 1


def test_two_operators_who_give_each_other_a_namespace_do_not_wait_for_each_other(cluster: Cluster) -> None:
    olga, oskar = (factories.person("Operator", level=Level.ADMIN, is_superuser=True) for _index in range(2))
    for chance in rounds():
        wishes = [
            factories.RequestFactory.create(
                person=person, kind="namespace", namespace=None, role="", cluster=cluster,
                name=f"lab-{chance.getrandbits(40):x}x", pi_name="Olga", institution="UC Merced",
            )
            for person in (olga, oskar)
        ]  # fmt: skip
        finishes = race(chance, approve(wishes[0], fresh(oskar)), approve(wishes[1], fresh(olga)))
        assert all(finish.won for finish in finishes)


def test_last_admin_who_leaves_while_they_make_somebody_else_one_or_become_one_elsewhere_leaves_one(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    one, two = admins
    for chance in rounds(MANY):
        here, elsewhere = lab(), lab()
        members.set_role(membership=current(here, two), role=Role.EDITOR, by=one)
        members.set_role(membership=current(elsewhere, one), role=Role.EDITOR, by=two)
        finishes = race(
            chance,
            remove(current(here, one), one),
            promote(current(here, two), one),
            promote(current(elsewhere, one), two),
        )
        assert finishes[2].won
        assert admins_of(here) >= 1
        assert finishes[0].won or finishes[1].won
        assert admins_of(elsewhere) == 2


def test_last_two_admins_who_leave_at_once_leave_one(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    one, two = admins
    for chance in rounds():
        namespace = lab()
        finishes = race(chance, remove(current(namespace, one), one), remove(current(namespace, two), two))
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        assert admins_of(namespace) == 1


def test_last_admin_who_leaves_while_their_successor_is_removed_leaves_one(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    one, two = admins
    olga = factories.person("Olga", level=Level.ADMIN, is_superuser=True)
    for chance in rounds(MANY):
        namespace = lab()
        members.set_role(membership=current(namespace, two), role=Role.EDITOR, by=one)
        succession.name(namespace=namespace, successor=two, by=one)
        finishes = race(chance, remove(current(namespace, one), one), remove(current(namespace, two), olga))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        left = Membership.objects.admins().get(namespace=namespace).person
        assert left == (two if finishes[0].won else one)
        took_over = Event.objects.filter(act="member.took_over", namespace_id=str(namespace.pk))
        assert took_over.count() == finishes[0].won


def test_last_admin_who_leaves_while_their_successor_is_suspended_leaves_one(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    one, _two = admins
    olga = factories.person("Olga", level=Level.ADMIN, is_superuser=True)
    for chance in rounds():
        heir, namespace = factories.person("Heir"), lab()
        members.set_role(membership=current(namespace, admins[1]), role=Role.EDITOR, by=one)
        factories.MembershipFactory.create(namespace=namespace, person=heir)
        succession.name(namespace=namespace, successor=heir, by=one)
        finishes = race(
            chance,
            remove(current(namespace, one), one),
            lambda: suspensions.suspend(person=fresh(heir), reason="Gone.", until=None, by=fresh(olga)),  # noqa: B023
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert admins_of(namespace) == 1


def test_two_workers_ask_once_who_takes_over_and_one_of_two_who_decide_wins(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    """The admins of the first namespace decide about the third one."""
    for chance in rounds():
        namespace, gone, heir = lab(), factories.person("Gone"), factories.person("Heir")
        factories.MembershipFactory.create(namespace=namespace, person=gone, role=Role.ADMIN)
        factories.MembershipFactory.create(namespace=namespace, person=heir)
        User.objects.filter(pk=gone.pk).update(last_seen_at=timezone.now() - timedelta(days=200))
        race(chance, takeovers.look, takeovers.look)
        asked = Request.objects.get(namespace=namespace)
        finishes = race(chance, hand_over(asked, heir, admins[0]), hand_over(asked, admins[1], admins[1]))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert current(namespace, gone).role == Role.EDITOR
        assert (current(namespace, heir).role == Role.ADMIN) is finishes[0].won
        assert Event.objects.filter(object_id=str(asked.pk)).count() == 2


def test_last_two_admins_who_step_down_at_once_leave_one(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    for chance in rounds():
        namespace = lab()
        finishes = race(
            chance,
            *(step_down(current(namespace, admin), admin) for admin in admins),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert admins_of(namespace) == 1


def test_admin_demoted_while_the_other_is_removed_leaves_one(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    olga = factories.person("Olga", level=Level.ADMIN, is_superuser=True)
    for chance in rounds():
        one, two = (factories.person("Admin") for _index in range(2))
        namespace = factories.NamespaceFactory.create(cluster=Cluster.objects.get(), created_by=one)
        for person in (one, two):
            factories.MembershipFactory.create(namespace=namespace, person=person, role=Role.ADMIN)
        finishes = race(
            chance,
            set_level(one, Level.GUEST, olga),
            remove(current(namespace, two), olga),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert admins_of(namespace) == 1


def test_two_demotions_that_concern_the_same_namespaces_do_not_wait_for_each_other(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    olga, oskar = (factories.person("Operator", level=Level.ADMIN, is_superuser=True) for _index in range(2))
    labs = [lab() for _index in range(4)]
    for namespace in labs:
        factories.MembershipFactory.create(namespace=namespace, person=olga, role=Role.ADMIN)
    one, two = admins
    for chance in rounds():
        levels = chance.choices([Level.GUEST, Level.USER, Level.ADMIN], k=2)
        race(
            chance,
            set_level(one, levels[0], olga),
            set_level(two, levels[1], oskar),
        )
        assert [fresh(one).level, fresh(two).level] == levels


def test_two_who_are_admins_where_the_other_is_a_member_do_not_wait_for_each_other(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    """Each is the admin of one namespace, and its changes mark the other as changed."""
    olga, oskar = (factories.person("Operator", level=Level.ADMIN, is_superuser=True) for _index in range(2))
    one, two = (factories.person(name) for name in ("One", "Two"))
    for namespace, roles in ((lab(), (Role.ADMIN, Role.EDITOR)), (lab(), (Role.EDITOR, Role.ADMIN))):
        for person, role in zip((one, two), roles, strict=True):
            factories.MembershipFactory.create(namespace=namespace, person=person, role=role)
    for chance in rounds(200):
        levels = chance.choices([Level.GUEST, Level.USER, Level.ADMIN], k=2)
        race(chance, set_level(one, levels[0], olga), set_level(two, levels[1], oskar))
        assert [fresh(one).level, fresh(two).level] == levels


def test_merge_and_demotion_in_the_same_namespaces_do_not_wait_for_each_other(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    """What the kept account is admin of comes before what the emptied one is in, or after it."""
    olga, oskar = (factories.person("Operator", level=Level.ADMIN, is_superuser=True) for _index in range(2))
    labs = sorted((lab() for _index in range(2)), key=lambda each: each.pk)
    for chance in rounds(100):
        kept, emptied = (factories.person(name) for name in ("Kept", "Emptied"))
        first, second = chance.sample(labs, 2)
        factories.MembershipFactory.create(namespace=first, person=kept, role=Role.ADMIN)
        factories.MembershipFactory.create(namespace=second, person=emptied, role=Role.EDITOR)
        shown = emptied.identities.get()
        claims = Claims(issuer=shown.issuer, subject=shown.subject)
        asked = merging.ask(claims=claims, shown_with=kept.identities.get(), by=kept)
        level = chance.choice([Level.USER, Level.GUEST, Level.ADMIN])
        finishes = race(
            chance,
            lambda: merging.approve(merge=asked, by=fresh(olga)),  # noqa: B023
            set_level(admins[0], level, oskar),
        )
        assert [finish.won for finish in finishes] == [True, True]
        assert Membership.objects.current().filter(person=kept).count() == 2


def test_who_is_added_while_their_account_is_merged_is_a_member_as_who_they_are_now(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    olga = factories.person("Olga", level=Level.ADMIN, is_superuser=True)
    namespace = lab()
    for chance in rounds():
        kept, emptied = (factories.person(name) for name in ("Kept", "Emptied"))
        shown = emptied.identities.get()
        claims = Claims(issuer=shown.issuer, subject=shown.subject)
        asked = merging.ask(claims=claims, shown_with=kept.identities.get(), by=kept)
        added, merged = race(
            chance,
            add(namespace, emptied, admins[0]),
            lambda: merging.approve(merge=asked, by=fresh(olga)),  # noqa: B023
        )
        assert merged.won
        assert not Membership.objects.current().filter(person=emptied).exists()
        assert Membership.objects.current().filter(person=kept).exists() is added.won


def test_who_is_adopted_while_their_account_is_merged_is_a_member_as_who_they_are_now(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    olga = factories.person("Olga", level=Level.ADMIN, is_superuser=True)
    namespace = lab()
    for chance in rounds(25):
        kept, emptied = (factories.person(name) for name in ("Kept", "Emptied"))
        shown = emptied.identities.get()
        claims = Claims(issuer=shown.issuer, subject=shown.subject)
        asked = merging.ask(claims=claims, shown_with=kept.identities.get(), by=kept)
        row = SeenBinding.objects.create(
            namespace=namespace, name="beside", role="ClusterRole view", users=[shown.subject]
        )
        adopted, merged = race(
            chance,
            lambda: drift.adopt(row=row, role=Role.VIEWER, reason="They work here.", by=fresh(olga)),  # noqa: B023
            lambda: merging.approve(merge=asked, by=fresh(olga)),  # noqa: B023
        )
        assert merged.won
        assert adopted.won
        assert Membership.objects.current().get(person__in=(kept, emptied)).person == kept
        SeenBinding.objects.all().delete()


def test_admin_whose_level_is_set_while_he_decides_does_not_hang(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    olga = factories.person("Olga", level=Level.ADMIN, is_superuser=True)
    one = admins[0]
    namespace = lab()
    for chance in rounds():
        request = factories.RequestFactory.create(namespace=namespace, person=factories.person("Asker"))
        level = chance.choice([Level.USER, Level.ADMIN])
        finishes = race(
            chance,
            approve(request, fresh(one)),
            set_level(one, level, olga),
        )
        assert [finish.won for finish in finishes] == [True, True]


def test_guest_who_asks_again_while_being_let_in_does_not_hang(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    for chance in rounds():
        namespace = lab()
        asker = factories.person("Asker", level=Level.GUEST)
        request = factories.RequestFactory.create(namespace=namespace, person=asker)
        approved, asked = race(chance, approve(request, admins[0]), ask(namespace, asker))
        assert approved.won
        assert Membership.objects.filter(person=asker).count() == 1
        assert asked.won or isinstance(asked.refusal, StateConflict)


def test_one_of_two_who_add_the_same_person_does(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    namespace = lab()
    for chance in rounds():
        person = factories.person("New")
        finishes = race(
            chance,
            *(add(namespace, person, by) for by in admins),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert Membership.objects.filter(person=person).count() == 1


def test_one_of_two_who_ask_twice_does(lab: Callable[[], Namespace]) -> None:
    namespace = lab()
    for chance in rounds():
        asker = factories.person("Asker")
        finishes = race(chance, ask(namespace, asker), ask(namespace, asker))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        assert Request.objects.filter(person=asker).count() == 1
        assert Event.objects.filter(act="request.made", actor=str(asker.pk)).count() == 1


def test_limit_of_open_requests_holds(lab: Callable[[], Namespace], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_OPEN", 1)
    one, two = lab(), lab()
    for chance in rounds():
        asker = factories.person("Asker")
        finishes = race(chance, ask(one, asker), ask(two, asker))
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [TooMany]
        assert Request.objects.filter(person=asker).count() == 1


def test_one_of_two_who_create_one_name_does(admins: tuple[User, User], settings: Settings) -> None:
    settings.NAMESPACES_PER_ADMIN = 1000
    for chance in rounds():
        name = f"lab-{uuid.UUID(int=chance.getrandbits(128)).hex[:12]}"
        finishes = race(
            chance,
            *(create(name, by) for by in admins),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        made = Namespace.objects.get(name=name)
        assert made.created_by == admins[0 if finishes[0].won else 1]
        assert Membership.objects.get(namespace=made).person == made.created_by
        assert Event.objects.filter(namespace_id=str(made.pk)).count() == 1


def test_limit_of_namespaces_holds(cluster: Cluster, settings: Settings) -> None:
    settings.NAMESPACES_PER_ADMIN = 1
    for chance in rounds():
        by = factories.person("Admin", level=Level.ADMIN)
        names = [f"lab-{chance.getrandbits(40):x}x{place}" for place in range(2)]
        finishes = race(
            chance,
            *(create(name, by) for name in names),
        )
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [TooMany]
        assert Namespace.objects.filter(created_by=by).count() == 1


def test_one_of_two_writers_of_a_page_wins(admins: tuple[User, User], lab: Callable[[], Namespace]) -> None:
    namespace = lab()
    for chance in rounds():
        version = Namespace.objects.get(pk=namespace.pk).page_version
        finishes = race(
            chance,
            *(edit(namespace, version, by) for by in admins),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        winner = admins[0 if finishes[0].won else 1]
        stored = Namespace.objects.get(pk=namespace.pk)
        assert (stored.title, stored.page_version) == (winner.name, version + 1)
        assert [software.name for software in stored.software.all()] == [winner.name]


def test_every_change_is_counted(admins: tuple[User, User], lab: Callable[[], Namespace]) -> None:
    namespace = lab()
    for chance in rounds():
        before = Namespace.objects.get(pk=namespace.pk).generation
        race(
            chance,
            *(add(namespace, factories.person("New"), by) for by in admins),
        )
        assert Namespace.objects.get(pk=namespace.pk).generation == before + 2


def test_two_workers_make_a_namespace_once(lab: Callable[[], Namespace], fake_cluster: FakeCluster) -> None:
    """The second finds the lease taken, also for a namespace that no worker has seen before."""
    for chance in rounds():
        namespace = lab()
        fake_cluster.calls.clear()
        race(chance, reconcile(namespace), reconcile(namespace))
        assert sorted(call.verb for call in fake_cluster.writes) == ["create"] * 3
        status = NamespaceStatus.objects.get(namespace=namespace)
        assert (status.state, status.lease_holder) == (NamespaceStatus.State.READY, None)
        assert Grant.objects.filter(namespace=namespace, state=Grant.State.ACTIVE).count() == 2


def test_right_withdrawn_at_any_moment_of_its_making_does_not_stay(
    admins: tuple[User, User], lab: Callable[[], Namespace], fake_cluster: FakeCluster
) -> None:
    namespace = lab()
    for chance in rounds():
        person = factories.person("New")
        joined = members.add(namespace=namespace, person=person, role=Role.EDITOR, by=admins[0])
        race(chance, reconcile(namespace), remove(joined, admins[1]))
        sweeping.reconcile_due()
        (grant,) = Grant.objects.filter(identity__person=person) or [None]
        assert grant is None or grant.state == Grant.State.REVOKED
        left = {key[1] for key in fake_cluster.outside._state.of(ROLE_BINDING) if key[0] == namespace.name}
        assert left == set(
            Grant.objects.filter(namespace=namespace, state=Grant.State.ACTIVE).values_list(
                "binding_name", flat=True
            )
        )
        assert len(left) == 2


def suspend_after(person: User, by: User, namespace: Namespace, successor: User) -> Act:
    """Suspend somebody; the successor takes over first."""
    return lambda: succession.suspend(
        person=fresh(person), reason="They left without a word.", until=None, by=fresh(by),
        successors={namespace.pk: fresh(successor)},
    )  # fmt: skip


def test_successor_who_is_suspended_meanwhile_takes_over_nothing(cluster: Cluster) -> None:
    """Either the one is an admin and stays, or was out before: then nothing of the other act is left."""
    olga, oskar = (factories.person(name, is_superuser=True) for name in ("Olga", "Oskar"))
    for chance in rounds():
        person, successor = factories.person("Nils"), factories.person("Eda")
        namespace = factories.NamespaceFactory.create(cluster=cluster)
        factories.MembershipFactory.create(namespace=namespace, person=person, role=Role.ADMIN)
        factories.MembershipFactory.create(namespace=namespace, person=successor)
        finishes = race(
            chance,
            suspend_after(person, olga, namespace, successor),
            suspend_after(successor, oskar, namespace, person),
        )
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        assert admins_of(namespace) == 1
        out = Event.objects.filter(act="person.suspended", object_id__in=(str(person.pk), str(successor.pk)))
        assert out.count() == 1


def test_successor_who_is_removed_meanwhile_takes_over_nothing(cluster: Cluster) -> None:
    olga, oskar = (factories.person(name, is_superuser=True) for name in ("Olga", "Oskar"))
    for chance in rounds():
        person, successor, third = (factories.person(name) for name in ("Nils", "Eda", "Vera"))
        namespace = factories.NamespaceFactory.create(cluster=cluster)
        factories.MembershipFactory.create(namespace=namespace, person=person, role=Role.ADMIN)
        for each in (successor, third):
            factories.MembershipFactory.create(namespace=namespace, person=each)
        membership = current(namespace, successor)
        suspended, removed = race(
            chance, suspend_after(person, olga, namespace, successor), remove(membership, oskar)
        )
        assert suspended.won != removed.won
        assert admins_of(namespace) == 1
        assert fresh(person).is_active is not suspended.won


def test_two_who_demote_each_others_successor_do_not_wait_for_each_other(cluster: Cluster) -> None:
    olga, oskar = (factories.person(name, is_superuser=True) for name in ("Olga", "Oskar"))

    def demote(person: User, by: User, namespace: Namespace, successor: User) -> Act:
        return lambda: succession.set_level(
            person=fresh(person), level=Level.GUEST, by=fresh(by),
            successors={namespace.pk: fresh(successor)},
        )  # fmt: skip

    for chance in rounds():
        one, two = (factories.person(name) for name in ("Nils", "Eda"))
        labs = [factories.NamespaceFactory.create(cluster=cluster) for _index in range(2)]
        for namespace, admin, editor in ((labs[0], one, two), (labs[1], two, one)):
            factories.MembershipFactory.create(namespace=namespace, person=admin, role=Role.ADMIN)
            factories.MembershipFactory.create(namespace=namespace, person=editor)
        finishes = race(chance, demote(one, olga, labs[0], two), demote(two, oskar, labs[1], one))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [admins_of(namespace) for namespace in labs] == [1, 1]


def undo(request: Request, by: User) -> Act:
    return lambda: requests.undo(
        request=Request.objects.select_related("namespace").get(pk=request.pk), by=fresh(by)
    )


def restore(membership: Membership, by: User) -> Act:
    return lambda: members.restore(membership=Membership.objects.get(pk=membership.pk), by=fresh(by))


def set_end(membership: Membership, days: float | None, by: User) -> Act:
    ends_at = None if days is None else timezone.now() + timedelta(days=days)
    return lambda: members.set_end(
        membership=Membership.objects.get(pk=membership.pk), ends_at=ends_at, by=fresh(by)
    )


def add_many(namespace: Namespace, people: list[User], by: User) -> Act:
    entries = [adding.Entry(number, each.email, Role.VIEWER) for number, each in enumerate(people, 1)]
    return lambda: adding.add(namespace=namespace, entries=entries, together=False, by=fresh(by))


def is_member(namespace: Namespace, person: User) -> bool:
    return Membership.objects.current().filter(namespace=namespace, person=person).exists()


@pytest.mark.parametrize("level", [Level.GUEST, Level.USER])
def test_one_of_two_who_take_a_yes_back_does(
    admins: tuple[User, User], lab: Callable[[], Namespace], level: Level
) -> None:
    namespace = lab()
    for chance in rounds():
        asker = factories.person("Asker", level=level)
        request = factories.RequestFactory.create(namespace=namespace, person=asker, role=Role.EDITOR)
        approve(request, fresh(admins[0]))()
        finishes = race(chance, undo(request, admins[0]), undo(request, admins[1]))
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert [type(finish.refusal) for finish in finishes if not finish.won] == [StateConflict]
        request.refresh_from_db()
        assert (request.state, is_member(namespace, asker)) == ("pending", False)
        assert fresh(asker).level == level
        assert Event.objects.filter(act="request.undone", object_id=str(request.pk)).count() == 1


@pytest.mark.parametrize("decide", [approve, deny])
def test_no_that_is_taken_back_while_somebody_decides_ends_in_one_of_both(
    admins: tuple[User, User], lab: Callable[[], Namespace], decide: Callable[[Request, User], Act]
) -> None:
    namespace = lab()
    for chance in rounds():
        asker = factories.person("Asker", level=Level.GUEST)
        request = factories.RequestFactory.create(namespace=namespace, person=asker, role=Role.EDITOR)
        deny(request, fresh(admins[0]))()
        finishes = race(chance, undo(request, admins[0]), decide(request, fresh(admins[1])))
        assert finishes[0].won
        request.refresh_from_db()
        assert request.is_pending is not finishes[1].won
        assert is_member(namespace, asker) is (request.state == "approved")


@pytest.mark.parametrize("what", ["remove", "role", "leave", "suspended level"])
def test_yes_that_is_taken_back_while_the_membership_changes(
    admins: tuple[User, User], lab: Callable[[], Namespace], what: str
) -> None:
    namespace = lab()
    olga = factories.person("Olga", level=Level.ADMIN, is_superuser=True)
    for chance in rounds():
        asker = factories.person("Asker", level=Level.GUEST)
        request = factories.RequestFactory.create(namespace=namespace, person=asker, role=Role.EDITOR)
        approve(request, fresh(admins[0]))()
        made = current(namespace, asker)
        other = {
            "remove": remove(made, admins[1]),
            "role": step_down(made, admins[1]),
            "leave": remove(made, asker),
            "suspended level": set_level(asker, Level.GUEST, olga),
        }[what]
        finishes = race(chance, undo(request, admins[0]), other)
        request.refresh_from_db()
        assert any(finish.won for finish in finishes)
        assert request.is_pending is finishes[0].won
        assert Membership.objects.filter(namespace=namespace, person=asker).count() == 1
        if finishes[0].won:
            assert not is_member(namespace, asker)


@pytest.mark.parametrize("what", ["longer", "remove", "role", "last admins"])
def test_end_that_comes_while_somebody_changes_it(
    admins: tuple[User, User], lab: Callable[[], Namespace], what: str
) -> None:
    one, two = admins
    for chance in rounds():
        namespace = lab()
        person = two if what == "last admins" else factories.person("Somebody")
        if what != "last admins":
            factories.MembershipFactory.create(namespace=namespace, person=person, role=Role.EDITOR)
        membership = current(namespace, person)
        left = timedelta(seconds=chance.uniform(-0.005, 0.01))
        Membership.objects.filter(pk=membership.pk).update(ends_at=Now() + left)
        other = {
            "longer": set_end(membership, 30, one),
            "remove": remove(membership, one),
            "role": step_down(membership, one),
            "last admins": remove(current(namespace, one), one),
        }[what]
        finishes = race(chance, ends.end_due, other)
        ends.end_due()
        membership.refresh_from_db()
        assert admins_of(namespace) >= 1
        endings = Event.objects.filter(
            object_id=str(membership.pk), act__in=("member.ended", "member.removed")
        )
        assert endings.count() == (membership.ended_at is not None)
        if what == "longer":
            assert (membership.ended_at is None) is finishes[1].won


def test_two_workers_who_end_and_warn_do_it_once(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    for chance in rounds():
        namespace = lab()
        gone, soon = (factories.MembershipFactory.create(namespace=namespace) for _index in range(2))
        Membership.objects.filter(pk=gone.pk).update(ends_at=Now())
        Membership.objects.filter(pk=soon.pk).update(ends_at=Now() + timedelta(hours=5))
        finishes = race(chance, ends.end_due, ends.end_due, ends.warn, ends.warn)
        assert sorted(str(finish.value) for finish in finishes) == ["0", "0", "1", "1"]
        assert Event.objects.filter(object_id=str(gone.pk), act="member.ended").count() == 1


@pytest.mark.parametrize("what", ["restore", "add", "many"])
def test_removal_that_is_undone_while_they_are_added_lets_them_in_once(
    admins: tuple[User, User], lab: Callable[[], Namespace], what: str
) -> None:
    one, two = admins
    for chance in rounds():
        namespace = lab()
        person = factories.person("Somebody")
        factories.MembershipFactory.create(namespace=namespace, person=person, role=Role.EDITOR)
        removed = current(namespace, person)
        remove(removed, one)()
        User.objects.filter(pk=person.pk).update(email=f"{person.pk}@ou.example")
        other = {
            "restore": restore(removed, two), "add": add(namespace, person, two),
            "many": add_many(namespace, [fresh(person)], two),
        }[what]  # fmt: skip
        finishes = race(chance, restore(removed, one), other)
        assert sorted(finish.won for finish in finishes) == [False, True]
        assert Membership.objects.current().filter(namespace=namespace, person=person).count() == 1


def test_lists_with_the_same_people_in_another_order_add_each_once(
    admins: tuple[User, User], lab: Callable[[], Namespace]
) -> None:
    one, two = admins
    for chance in rounds(20):
        here, there = lab(), lab()
        guests = [factories.person("Guest", level=Level.GUEST) for _index in range(6)]
        for guest in guests:
            User.objects.filter(pk=guest.pk).update(email=f"{guest.pk}@ou.example")
        people_ = [fresh(guest) for guest in guests]
        race(
            chance, add_many(here, people_, one), add_many(here, people_[::-1], two),
            add_many(there, people_[::-1], two), add(here, people_[3], one),
        )  # fmt: skip
        for namespace in (here, there):
            assert Membership.objects.current().filter(namespace=namespace, person__in=guests).count() == 6
        assert LevelChange.objects.filter(person__in=guests).count() == 6


@pytest.mark.parametrize("what", ["lists", "one", "requests"])
def test_guests_who_are_in_the_other_namespace_are_let_in_at_once(
    admins: tuple[User, User], lab: Callable[[], Namespace], what: str
) -> None:
    def let_in(namespace: Namespace, guest: User, by: User) -> Act:
        if what == "requests":
            return approve(factories.RequestFactory.create(namespace=namespace, person=guest), fresh(by))
        return add(namespace, guest, by) if what == "one" else add_many(namespace, [fresh(guest)], by)

    one, two = admins
    for chance in rounds():
        here, there = lab(), lab()
        first, second = (factories.person("Guest", level=Level.GUEST) for _index in range(2))
        for guest, namespace in ((first, there), (second, here)):
            User.objects.filter(pk=guest.pk).update(email=f"{guest.pk}@ou.example")
            factories.MembershipFactory.create(namespace=namespace, person=guest)
        finishes = race(chance, let_in(here, first, one), let_in(there, second, two))
        assert all(finish.won for finish in finishes)


@pytest.fixture
def course(lab: Callable[[], Namespace], admins: tuple[User, User]) -> Callable[[int], Invitation]:
    """Return a function that makes the link of a course with so many places."""

    def make(places: int) -> Invitation:
        end = timezone.now() + timedelta(days=30)
        asked = invitations.Course("School", Role.EDITOR, places, end, end)
        return invitations.open_course(namespace=lab(), course=asked, by=admins[0])

    return make


def come(invitation: Invitation, person: User) -> Act:
    return lambda: invitations.accept(invitation=invitation, serial=1, by=fresh(person))


def test_last_place_of_a_course_is_taken_by_one(course: Callable[[int], Invitation]) -> None:
    early, second = factories.person("Early Bird"), factories.person("Second Mouse")
    for chance in rounds():
        made = course(1)
        finishes = race(chance, come(made, early), come(made, second))
        assert sum(finish.won for finish in finishes) == 1
        assert made.memberships.count() == 1


def test_nobody_is_left_who_came_while_a_course_ended(
    course: Callable[[int], Invitation], admins: tuple[User, User]
) -> None:
    def end(invitation: Invitation) -> Act:
        return lambda: invitations.end_course(invitation=invitation, by=fresh(admins[1]))

    late = factories.person("Late Comer")
    for chance in rounds():
        made = course(5)
        _came, ended = race(chance, come(made, late), end(made))
        assert ended.won
        assert not Membership.objects.current().filter(invitation=made).exists()


def test_invitation_that_is_taken_back_lets_in_before_or_not_at_all(
    lab: Callable[[], Namespace], admins: tuple[User, User]
) -> None:
    def withdraw(invitation: Invitation) -> Act:
        return lambda: invitations.withdraw(invitation=invitation, by=fresh(admins[1]))

    person = factories.person("Quick Hand")
    for chance in rounds():
        made = invitations.invite(namespace=lab(), role=Role.EDITOR, by=admins[0])
        came, withdrawn = race(chance, come(made, person), withdraw(made))
        assert came.won != withdrawn.won
        assert made.memberships.exists() == came.won


def test_mails_of_a_day_are_counted_in_all_namespaces_together(
    lab: Callable[[], Namespace],
    admins: tuple[User, User],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def invite(namespace: Namespace, chance: int) -> Act:
        return lambda: invitations.invite(
            namespace=namespace, role=Role.EDITOR, address=f"ana{chance}@ou.example", by=fresh(admins[0])
        )

    settings.MAIL_FROM = "berth@portal.example.org"
    monkeypatch.setattr(invitations, "MOST_TO_ONE", 1)
    for number, chance in enumerate(rounds()):
        finishes = race(chance, invite(lab(), number), invite(lab(), number))
        assert sum(finish.won for finish in finishes) == 1
