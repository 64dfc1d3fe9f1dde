"""Memberships and requests of an account that another takes over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actions import merging
from accounts.claims import Claims
from accounts.errors import StateConflict
from accounts.models import Level, LevelChange, User
from audit.models import Event
from clusters.api import ROLE_BINDING
from clusters.roles import cluster_role
from namespaces import reconciliation, standing
from namespaces.access import Role
from namespaces.actions import invitations, requests
from namespaces.models import Grant, Membership, Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def merge(kept: User, emptied: User, by: User) -> None:
    identity = emptied.identities.get()
    claims = Claims(issuer=identity.issuer, subject=identity.subject)
    asked = merging.ask(claims=claims, shown_with=kept.identities.get(), by=kept)
    merging.approve(merge=asked, by=by)


def role_of(person: User, namespace: Namespace) -> str | None:
    found = Membership.objects.current().filter(person=person, namespace=namespace).first()
    return found.role if found else None


def test_membership_goes_along_as_it_is(cast: Cast, fire: Namespace) -> None:
    before = Membership.objects.get(person=cast.eda, namespace=fire)
    generation = fire.generation
    merge(cast.otto, cast.eda, cast.olga)
    after = Membership.objects.get(pk=before.pk)
    assert (after.person, after.role, after.ended_at) == (cast.otto, Role.EDITOR, None)
    fire.refresh_from_db()
    assert fire.generation > generation
    event = Event.objects.get(act="member.merged")
    assert (event.before["person"], event.after["person"]) == (str(cast.eda.pk), str(cast.otto.pk))


@pytest.mark.parametrize(("kept", "emptied"), [("vera", "eda"), ("eda", "vera")])
def test_higher_role_wins_where_both_are_members(
    cast: Cast, fire: Namespace, kept: str, emptied: str
) -> None:
    stays, goes = getattr(cast, kept), getattr(cast, emptied)
    merge(stays, goes, cast.olga)
    assert (role_of(stays, fire), role_of(goes, fire)) == (Role.EDITOR, None)
    assert Membership.objects.filter(person=goes, ended_at__isnull=False).count() == 1


@pytest.mark.parametrize(("kept", "emptied"), [("vera", "eda"), ("eda", "vera")])
def test_both_identities_are_bound_with_the_higher_role_and_nothing_of_before_is_left(
    cast: Cast, made: Namespace, fake_cluster: FakeCluster, kept: str, emptied: str
) -> None:
    stays, goes = getattr(cast, kept), getattr(cast, emptied)
    merge(stays, goes, cast.olga)
    for _again in range(2):
        reconciliation.reconcile(made.pk)
    subjects = {identity.subject for identity in stays.identities.all()}
    bound = [
        (subject["name"], binding["roleRef"]["name"])
        for (namespace, _name), binding in fake_cluster.outside._state.of(ROLE_BINDING).items()
        if namespace == made.name
        for subject in binding["subjects"]
        if subject["name"] in subjects
    ]
    assert sorted(bound) == sorted((subject, cluster_role("editor")) for subject in subjects)
    grants = Grant.objects.filter(identity__person=stays).values_list("role", "state")
    assert sorted(grants) == [("editor", "active"), ("editor", "active"), ("viewer", "revoked")]
    standings = standing.of_members(made)
    assert standings[stays.pk].state == standing.State.ACTIVE
    assert standings[goes.pk].state in (standing.State.NONE, standing.State.REVOKED)


def test_last_admin_stays_one(cast: Cast, fire: Namespace) -> None:
    Membership.objects.filter(person=cast.paula).delete()
    merge(cast.otto, cast.nils, cast.olga)
    assert role_of(cast.otto, fire) == Role.ADMIN


def test_pending_request_goes_along(cast: Cast, fire: Namespace) -> None:
    wish = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    merge(cast.olga, cast.otto, factories.person("Oskar", is_superuser=True))
    wish.refresh_from_db()
    assert (wish.person, wish.state) == (cast.olga, Request.State.PENDING)


def test_request_that_became_needless_is_withdrawn(cast: Cast, fire: Namespace) -> None:
    wish = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    merge(cast.eda, cast.otto, cast.olga)
    wish.refresh_from_db()
    assert (wish.person, wish.state) == (cast.eda, Request.State.WITHDRAWN)
    event = Event.objects.get(act="request.withdrawn")
    assert (event.object_id, event.actor) == (str(wish.pk), str(cast.olga.pk))
    assert event.namespace_id == str(fire.pk)


def test_who_decides_does_not_find_the_request_to_be_their_own_meanwhile(cast: Cast, fire: Namespace) -> None:
    """The page was made before the merge: to the operator it was somebody else's."""
    read = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    merge(cast.olga, cast.otto, factories.person("Oskar", is_superuser=True))
    with pytest.raises(StateConflict, match="merged"):
        requests.approve(request=read, by=cast.olga)
    read.refresh_from_db()
    assert (read.person, read.state) == (cast.olga, "pending")
    assert role_of(cast.olga, fire) is None


def test_request_that_ran_out_before_is_not_called_withdrawn(cast: Cast, fire: Namespace) -> None:
    wish = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    Request.objects.update(created_at=timezone.now() - Request.EXPIRES_AFTER)
    merge(cast.eda, cast.otto, cast.olga)
    wish.refresh_from_db()
    assert (wish.person, wish.state) == (cast.eda, Request.State.EXPIRED)


@pytest.mark.parametrize("what", ["member", "former member", "asker"])
def test_account_with_a_past_is_in_use(cast: Cast, fire: Namespace, what: str) -> None:
    assert merging.is_unused(cast.ana)
    if what == "asker":
        factories.RequestFactory.create(namespace=fire, person=cast.ana, state=Request.State.WITHDRAWN)
    else:
        ended = fire.created_at if what == "former member" else None
        factories.MembershipFactory.create(namespace=fire, person=cast.ana, ended_at=ended)
    assert not merging.is_unused(cast.ana)


def test_of_two_requests_for_a_level_one_stays(cast: Cast, fire: Namespace) -> None:
    own, other = (factories.PromotionFactory.create(person=each) for each in (cast.eda, cast.otto))
    merge(cast.eda, cast.otto, cast.olga)
    for wish in (own, other):
        wish.refresh_from_db()
    assert (own.person, own.state) == (cast.eda, "pending")
    assert (other.person, other.state) == (cast.eda, "withdrawn")


def test_request_for_the_level_of_the_other_account_is_approved_by_that(cast: Cast) -> None:
    wish = factories.PromotionFactory.create(person=cast.otto)
    merge(cast.otto, cast.paula, cast.olga)
    wish.refresh_from_db()
    assert (wish.state, wish.decided_by) == ("approved", cast.olga)
    levels = {each.person: (each.act, each.before, each.after, each.by) for each in LevelChange.objects.all()}
    assert levels == {
        cast.otto: ("merged", "user", "admin", cast.olga),
        cast.paula: ("merged", "admin", "guest", cast.olga),
    }


def test_merge_that_leaves_the_level_is_no_change_of_it(cast: Cast) -> None:
    merge(cast.eda, cast.ana, cast.olga)
    assert not LevelChange.objects.exists()


def test_invitation_that_is_kept_for_a_guest_goes_along(cast: Cast, fire: Namespace) -> None:
    made = invitations.invite(namespace=fire, role=Role.EDITOR, by=cast.nils)
    guest = factories.person("Guest", level=Level.GUEST)
    assert invitations.accept(invitation=made, serial=1, by=guest) is None
    merge(cast.otto, guest, cast.olga)
    assert invitations.accept(invitation=made, serial=1, by=cast.otto)


def test_invitations_of_an_admin_stay_good(cast: Cast, fire: Namespace) -> None:
    made = invitations.invite(namespace=fire, role=Role.EDITOR, by=cast.nils)
    merge(cast.eda, cast.nils, cast.olga)
    assert invitations.accept(invitation=made, serial=1, by=cast.otto)


@pytest.mark.parametrize(
    ("role", "kept", "emptied", "left"),
    [(Role.VIEWER, "otto", "eda", Role.EDITOR), (Role.EDITOR, "vera", "otto", None)],
)
def test_course_ends_what_it_gave_and_no_more(
    cast: Cast, fire: Namespace, role: Role, kept: str, emptied: str, left: Role | None
) -> None:
    end = timezone.now() + timedelta(days=30)
    asked = invitations.Course("School", role, 5, end, end)
    made = invitations.open_course(namespace=fire, course=asked, by=cast.nils)
    assert invitations.accept(invitation=made, serial=1, by=cast.otto)
    stays = getattr(cast, kept)
    merge(stays, getattr(cast, emptied), cast.olga)
    invitations.end_course(invitation=made, by=cast.nils)
    assert role_of(stays, fire) == left
