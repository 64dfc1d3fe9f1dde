"""Invitations: of one person by a link, of everybody of a course; whom they let in, and whom not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import deletions
from accounts.errors import BadInput, NotAllowed, StateConflict, TooMany
from accounts.models import Identity, Level, User
from audit.models import Event
from namespaces import links
from namespaces.access import Role
from namespaces.actions import invitations, members, succession
from namespaces.actions.invitations import Course
from namespaces.models import Invitation, Membership, Namespace
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ADDRESS = "ana.kim@ou.example"


@pytest.fixture(autouse=True)
def mails(settings: Settings) -> None:
    settings.MAIL_FROM = "berth@portal.example.org"


def days(number: int) -> datetime:
    return timezone.now() + timedelta(days=number)


def known_as(person: User, address: str = "", entity_id: str = "") -> None:
    """Let the institution of a person say this address, or be this one."""
    Identity.objects.filter(person=person).update(email=address, entity_id=entity_id)


def invite(namespace: Namespace, by: User, *, address: str = ADDRESS, **more: Any) -> Invitation:
    return invitations.invite(namespace=namespace, role=Role.EDITOR, address=address, by=by, **more)


def course(namespace: Namespace, by: User, **more: Any) -> Invitation:
    given: dict[str, Any] = {
        "title": "Summer school", "role": Role.EDITOR, "places": 3, "expires_at": days(7), "access_ends_at": days(30),
    }  # fmt: skip
    return invitations.open_course(namespace=namespace, course=Course(**given | more), by=by)


def accept(invitation: Invitation, by: User) -> Membership | None:
    return invitations.accept(invitation=invitation, serial=invitation.serial, by=by)


def mails_sent() -> list[tuple[str, str]]:
    found = Delivery.objects.filter(kind="invitations").order_by("created_at")
    return list(found.values_list("address", "link"))


class TestInvite:
    def test_link_is_sent_and_nobody_is_told_in_the_page(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils)
        assert mails_sent() == [(ADDRESS, links.unsigned_path(made))]
        assert Delivery.objects.filter(channel="inbox").count() == 0
        assert (made.role, made.created_by) == (Role.EDITOR, cast.nils)
        assert timedelta(days=13) < made.expires_at - timezone.now() < timedelta(days=15)
        assert acts() == ["invitation.made"]

    def test_what_opens_the_link_is_stored_nowhere(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils)
        proof = links.path(made).split("/")[-2]
        assert len(proof) > 40
        rows = [*Delivery.objects.values(), *Invitation.objects.values(), *Event.objects.values()]
        assert proof not in repr(rows)

    def test_same_answer_whether_or_not_the_address_is_known(self, cast: Cast, fire: Namespace) -> None:
        stranger, known = invite(fire, cast.nils), invite(fire, cast.nils, address=cast.otto.email)
        assert (stranger.kind, stranger.role, stranger.person) == (known.kind, known.role, known.person)
        assert [address for address, _link in mails_sent()] == [ADDRESS, cast.otto.email]

    def test_address_is_not_in_the_audit(self, cast: Cast, fire: Namespace) -> None:
        invite(fire, cast.nils, title="Ana of the other lab")
        (event,) = Event.objects.all()
        assert ADDRESS not in repr(vars(event))
        assert "other lab" not in repr(vars(event))

    @pytest.mark.parametrize(
        "address",
        [
            f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.org",
            '"ana kim"@ou.example',
            "ſara@ou.example",
        ],
    )
    def test_address_that_no_login_names(self, cast: Cast, fire: Namespace, address: str) -> None:
        with Unchanged(), pytest.raises(BadInput) as refused:
            invite(fire, cast.nils, address=address)
        assert refused.value.field == "address"

    def test_domain_is_written_as_logins_name_it(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils, address="ana@münchen.example")
        known_as(cast.otto, "ana@xn--mnchen-3ya.example")
        assert accept(made, cast.otto)

    def test_whoever_accepts_first_gets_no_mail(self, cast: Cast, fire: Namespace) -> None:
        invite(fire, cast.nils, address="")
        assert mails_sent() == []

    def test_same_address_again_renews_it(self, cast: Cast, fire: Namespace) -> None:
        first = invite(fire, cast.nils)
        Invitation.objects.update(sent_at=days(-1))
        again = invitations.invite(namespace=fire, role=Role.VIEWER, address=ADDRESS.upper(), by=cast.paula)
        assert again.pk == first.pk
        again.refresh_from_db()
        assert (again.serial, again.role, again.created_by) == (2, Role.VIEWER, cast.paula)
        assert acts() == ["invitation.made", "invitation.renewed"]

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_only_admins_invite(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            invite(fire, getattr(cast, who))
        assert mails_sent() == []

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"expires_at": -1}, "expires"),
            ({"expires_at": 200}, "expires"),
            ({"expires_at": 14, "access_ends_at": 3}, "until"),
        ],
    )
    def test_days_must_make_sense(
        self, cast: Cast, fire: Namespace, more: dict[str, int], field: str
    ) -> None:
        with Unchanged(), pytest.raises(BadInput) as refused:
            invite(fire, cast.nils, address="", **{name: days(number) for name, number in more.items()})
        assert refused.value.field == field

    def test_number_of_open_ones_is_limited(
        self, cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(invitations, "MOST_OPEN", 2)
        invite(fire, cast.nils, address="")
        invite(fire, cast.paula, address="")
        with pytest.raises(TooMany):
            invite(fire, cast.nils)

    def test_mails_of_a_day_are_limited_in_all_namespaces_together(
        self, cast: Cast, fire: Namespace, hidden: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(invitations, "MOST_A_DAY", 2)
        invite(fire, cast.olga, address="one@example.org")
        invitations.withdraw(invitation=invite(hidden, cast.olga, address="two@example.org"), by=cast.olga)
        with pytest.raises(TooMany):
            invite(fire, cast.olga, address="three@example.org")
        invite(fire, cast.nils, address="three@example.org")

    def test_mail_says_where_it_leads_and_repeats_no_words(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils, title="VISIT http://evil.example")
        (mail,) = Delivery.objects.all()
        assert mail.subject == "Nils Berg invites you to avis-fire, as editor"
        assert "evil" not in mail.subject + mail.text
        assert mail.complete_link == links.path(made)


class TestLink:
    def test_only_what_this_installation_made_is_genuine(
        self, cast: Cast, fire: Namespace, settings: Settings
    ) -> None:
        made, other = invite(fire, cast.nils), invite(fire, cast.nils, address="")
        proof = links.path(made).split("/")[-2]
        assert links.is_genuine(made.pk, 1, proof)
        assert not links.is_genuine(made.pk, 2, proof)
        assert not links.is_genuine(other.pk, 1, proof)
        assert not links.is_genuine(made.pk, 1, "")
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "n" * 60
        assert links.is_genuine(made.pk, 1, proof)
        settings.SECRET_KEY_FALLBACKS = []
        assert not links.is_genuine(made.pk, 1, proof)


class TestAccept:
    def test_who_has_the_address_becomes_a_member(self, cast: Cast, fire: Namespace) -> None:
        known_as(cast.otto, ADDRESS.upper())
        made = invite(fire, cast.nils, access_ends_at=days(60))
        accepted = accept(made, cast.otto)
        assert accepted
        stored = Membership.objects.get(pk=accepted.pk)
        assert (stored.role, stored.added_by, stored.invitation) == (Role.EDITOR, cast.nils, made)
        assert stored.ends_at == made.access_ends_at
        assert generation(fire) == fire.generation + 1
        assert acts() == ["invitation.made", "member.added", "invitation.accepted"]
        made.refresh_from_db()
        assert (made.person, made.address) == (cast.otto, "")
        told = Delivery.objects.get(person=cast.nils, channel="inbox")
        assert told.subject == "Otto Brandt accepted your invitation to avis-fire"

    def test_somebody_else_who_was_forwarded_it_does_not(self, cast: Cast, fire: Namespace) -> None:
        known_as(cast.otto, "otto@elsewhere.example")
        made = invite(fire, cast.nils)
        with Unchanged(), pytest.raises(NotAllowed, match="for the address it was sent to"):
            accept(made, cast.otto)

    def test_address_of_a_retired_identity_counts_for_nothing(self, cast: Cast, fire: Namespace) -> None:
        known_as(cast.otto, ADDRESS)
        Identity.objects.filter(person=cast.otto).update(state="retired")
        with pytest.raises(NotAllowed):
            accept(invite(fire, cast.nils), cast.otto)

    def test_lets_one_person_in_once(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils, address="")
        accept(made, cast.otto)
        other = factories.person("Somebody Else")
        with Unchanged(), pytest.raises(StateConflict, match="accepted already"):
            accept(made, other)

    def test_is_not_a_way_back_in(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula)
        came = accept(made, cast.otto)
        assert came
        members.remove(membership=came, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="before"):
            accept(made, cast.otto)

    def test_no_link_is_a_way_back_in_for_who_was_removed_since(self, cast: Cast, fire: Namespace) -> None:
        link, school = _made(fire, cast.nils), course(fire, cast.paula)
        members.remove(membership=Membership.objects.get(namespace=fire, person=cast.eda), by=cast.nils)
        for made in (link, school):
            with Unchanged(), pytest.raises(StateConflict, match="removed"):
                accept(made, cast.eda)
        assert accept(invitations.renew(invitation=link, by=cast.nils), cast.eda)

    def test_who_left_or_was_in_a_course_that_ended_may_come(self, cast: Cast, fire: Namespace) -> None:
        made, school, link = course(fire, cast.paula), course(fire, cast.paula), _made(fire, cast.nils)
        accept(school, cast.otto)
        invitations.end_course(invitation=school, by=cast.nils)
        members.remove(membership=Membership.objects.get(namespace=fire, person=cast.eda), by=cast.eda)
        assert accept(made, cast.otto)
        assert accept(link, cast.eda)

    def test_whom_it_was_for_is_not_kept(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils, address="", title="Ana Kim of Ohio")
        accept(made, cast.otto)
        made.refresh_from_db()
        assert made.title == ""

    def test_what_is_kept_for_who_is_deleted_says_no_more_whom_it_was_for(
        self, cast: Cast, fire: Namespace
    ) -> None:
        made = invite(fire, cast.nils, title="Ana Kim")
        known_as(cast.ana, ADDRESS)
        assert accept(made, cast.ana) is None
        deletions.ask(by=cast.ana)
        deletions.begin(person=cast.ana, by=cast.olga)
        made.refresh_from_db()
        assert (made.title, made.address, made.ended_by) == ("", "", cast.olga)

    def test_member_stays_what_they_are(self, cast: Cast, fire: Namespace) -> None:
        made = _made(fire, cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="already"):
            accept(made, cast.vera)

    def test_nobody_accepts_their_own(self, cast: Cast, hidden: Namespace) -> None:
        made = _made(hidden, cast.olga)
        with Unchanged(), pytest.raises(NotAllowed, match="their own"):
            accept(made, cast.olga)

    @pytest.mark.parametrize("what", ["withdrawn", "run out", "access over", "an older link"])
    def test_over(self, cast: Cast, fire: Namespace, what: str) -> None:
        made = invite(fire, cast.nils, address="")
        old = Invitation.objects.get(pk=made.pk)
        if what == "withdrawn":
            invitations.withdraw(invitation=made, by=cast.paula)
        elif what == "run out":
            Invitation.objects.update(expires_at=days(-1))
        elif what == "access over":
            Invitation.objects.update(access_ends_at=days(-1))
        else:
            invitations.renew(invitation=made, by=cast.paula)
        with Unchanged(), pytest.raises(StateConflict):
            accept(old, cast.otto)

    @pytest.mark.parametrize("what", ["removed", "editor", "suspended", "guest"])
    def test_has_no_effect_once_the_inviter_may_not_let_anybody_in(
        self, cast: Cast, fire: Namespace, what: str
    ) -> None:
        made = _made(fire, cast.nils)
        membership = Membership.objects.get(namespace=fire, person=cast.nils)
        if what == "removed":
            members.remove(membership=membership, by=cast.paula)
        elif what == "editor":
            members.set_role(membership=membership, role=Role.EDITOR, by=cast.paula)
        elif what == "suspended":
            User.objects.filter(pk=cast.nils.pk).update(is_active=False)
        else:
            User.objects.filter(pk=cast.nils.pk).update(level=Level.GUEST)
        with Unchanged(), pytest.raises(StateConflict, match="cannot let anybody in any more"):
            accept(made, cast.otto)
        accept(invitations.renew(invitation=made, by=cast.paula), cast.otto)

    def test_suspended_person_does_not_come_in(self, cast: Cast, fire: Namespace) -> None:
        made = _made(fire, cast.nils)
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="not active"):
            accept(made, cast.otto)

    def test_nothing_is_kept_for_a_guest_who_was_suspended_meanwhile(
        self, cast: Cast, fire: Namespace
    ) -> None:
        made = _made(fire, cast.nils)
        User.objects.filter(pk=cast.ana.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="not active"):
            accept(made, cast.ana)

    def test_guest_is_vouched_for_by_who_may(self, cast: Cast, fire: Namespace) -> None:
        assert accept(_made(fire, cast.paula), cast.ana)
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.USER
        assert Event.objects.get(act="person.vouched").actor == str(cast.paula.pk)

    def test_is_kept_for_a_guest_until_somebody_vouches(self, cast: Cast, fire: Namespace) -> None:
        made = _made(fire, cast.nils)
        assert accept(made, cast.ana) is None
        cast.ana.refresh_from_db()
        assert cast.ana.level == Level.GUEST
        with pytest.raises(NotAllowed, match="Somebody else"):
            accept(made, cast.otto)
        User.objects.filter(pk=cast.ana.pk).update(level=Level.USER)
        assert accept(made, cast.ana)


class TestRenewAndWithdraw:
    def test_new_link_is_sent_and_lasts_again(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils)
        Invitation.objects.update(sent_at=days(-20), expires_at=days(-6))
        renewed = invitations.renew(invitation=made, by=cast.nils)
        assert renewed.serial == 2
        assert renewed.expires_at > days(13)
        assert [link for _address, link in mails_sent()] == [links.unsigned_path(renewed)]

    def test_not_twice_in_an_hour(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils)
        with Unchanged(), pytest.raises(TooMany):
            invitations.renew(invitation=made, by=cast.paula)
        with Unchanged(), pytest.raises(TooMany):
            invite(fire, cast.paula)

    def test_one_that_ran_out_needs_room_again(
        self, cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(invitations, "MOST_OPEN", 1)
        old = invite(fire, cast.nils)
        Invitation.objects.update(expires_at=days(-1), sent_at=days(-1))
        assert _made(fire, cast.nils)
        with Unchanged(), pytest.raises(TooMany, match="open"):
            invitations.renew(invitation=old, by=cast.nils)
        with Unchanged(), pytest.raises(TooMany, match="open"):
            invite(fire, cast.nils)

    def test_taking_it_back_is_no_way_to_bother_an_address(self, cast: Cast, fire: Namespace) -> None:
        for _again in range(invitations.MOST_TO_ONE):
            made = invite(fire, cast.nils)
            Delivery.objects.update(state="sent")
            invitations.withdraw(invitation=made, by=cast.nils)
        with Unchanged(), pytest.raises(TooMany):
            invite(fire, cast.nils, address=ADDRESS.upper())
        assert invite(fire, cast.nils, address="another@ou.example")
        assert invite(fire, cast.paula)  # of what others sent it says nothing

    def test_is_not_renewed_beyond_the_access_that_it_gives(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils, address="", expires_at=days(2), access_ends_at=days(5))
        assert invitations.renew(invitation=made, by=cast.nils).expires_at == made.access_ends_at

    @pytest.mark.parametrize("act", [invitations.renew, invitations.withdraw])
    def test_only_admins_and_only_while_it_stands(self, cast: Cast, fire: Namespace, act: Any) -> None:
        made = _made(fire, cast.nils)
        with Unchanged(), pytest.raises(NotAllowed):
            act(invitation=made, by=cast.eda)
        invitations.withdraw(invitation=made, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict):
            act(invitation=made, by=cast.nils)

    def test_link_that_opens_nothing_any_more_is_not_sent(self, cast: Cast, fire: Namespace) -> None:
        made = invite(fire, cast.nils)
        Invitation.objects.update(sent_at=days(-1))
        renewed = invitations.renew(invitation=made, by=cast.nils)
        assert [link for _address, link in mails_sent()] == [links.unsigned_path(renewed)]
        Delivery.objects.update(state="sent")
        Invitation.objects.update(sent_at=days(-1))
        invitations.withdraw(invitation=invitations.renew(invitation=made, by=cast.nils), by=cast.nils)
        assert [link for _address, link in mails_sent()] == [links.unsigned_path(renewed)]

    def test_accepted_one_is_not_taken_back(self, cast: Cast, fire: Namespace) -> None:
        made = _made(fire, cast.nils)
        accept(made, cast.otto)
        with Unchanged(), pytest.raises(StateConflict):
            invitations.withdraw(invitation=made, by=cast.nils)

    def test_addresses_that_nobody_came_from_are_forgotten(self, cast: Cast, fire: Namespace) -> None:
        old, withdrawn, new = (invite(fire, cast.nils, address=f"{name}@example.org") for name in "abc")
        invitations.withdraw(invitation=withdrawn, by=cast.nils)
        Invitation.objects.filter(pk=old.pk).update(expires_at=days(-31))
        Invitation.objects.filter(pk=withdrawn.pk).update(ended_at=days(-31))
        Invitation.objects.update(title="Ana Kim")
        assert invitations.forget() == 2
        assert invitations.forget() == 0
        addresses = dict(Invitation.objects.values_list("pk", "address"))
        assert addresses == {old.pk: "", withdrawn.pk: "", new.pk: "c@example.org"}
        assert Invitation.objects.exclude(title="").get() == new


class TestCourse:
    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"role": Role.ADMIN}, "role"),
            ({"places": 0}, "places"),
            ({"places": 501}, "places"),
            ({"expires_at": days(-1)}, "expires"),
            ({"expires_at": days(40)}, "until"),
            ({"access_ends_at": days(182)}, "until"),
        ],
    )
    def test_limits(self, cast: Cast, fire: Namespace, more: dict[str, Any], field: str) -> None:
        with Unchanged(), pytest.raises(BadInput) as refused:
            course(fire, cast.nils, **more)
        assert refused.value.field == field
        assert Invitation.objects.count() == 0

    def test_access_of_180_days_is_allowed(self, cast: Cast, fire: Namespace) -> None:
        assert course(fire, cast.nils, access_ends_at=days(180))

    def test_only_admins(self, cast: Cast, fire: Namespace) -> None:
        with pytest.raises(NotAllowed):
            course(fire, cast.eda)

    def test_lets_in_until_the_places_are_taken(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula, places=2)
        people = [factories.person(f"Student {number}", level=Level.GUEST) for number in range(3)]
        for person in people[:2]:
            membership = accept(made, person)
            assert membership
            assert membership.ends_at == made.access_ends_at
        with Unchanged(), pytest.raises(StateConflict, match="places are taken"):
            accept(made, people[2])
        assert vars(invitations.shown(fire).get())["used"] == 2

    def test_place_of_who_was_removed_stays_taken(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula, places=1)
        came = accept(made, cast.otto)
        assert came
        members.remove(membership=came, by=cast.nils)
        with pytest.raises(StateConflict, match="places are taken"):
            accept(made, factories.person("Late Comer"))

    def test_institution_is_that_of_the_login_and_not_of_the_mail(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.nils, institutions=["urn:mace:incommon:ucsc.edu"])
        known_as(cast.otto, "otto@ucsc.edu", "http://google.com/accounts/o8/id")
        with Unchanged(), pytest.raises(NotAllowed, match="certain institutions"):
            accept(made, cast.otto)
        known_as(cast.otto, "otto@gmail.example", "urn:mace:incommon:ucsc.edu")
        assert accept(made, cast.otto)

    def test_guest_needs_a_voucher_and_nothing_is_kept(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="You are a guest"):
            accept(made, cast.ana)
        made.refresh_from_db()
        assert made.person is None


class TestEndCourse:
    def test_exactly_those_who_came_by_it_are_out(self, cast: Cast, fire: Namespace) -> None:
        made, other = course(fire, cast.paula), course(fire, cast.paula)
        students = [factories.person(f"Student {number}") for number in range(3)]
        for student in students:
            accept(made, student)
        accept(other, cast.otto)
        by_hand = factories.person("Added By Hand")
        members.add(namespace=fire, person=by_hand, role=Role.EDITOR, by=cast.nils)
        before = generation(fire)
        assert len(invitations.end_course(invitation=made, by=cast.nils)) == 3
        left = Membership.objects.current().filter(namespace=fire).values_list("person__name", flat=True)
        assert set(left) == {
            "Nils Berg", "Paula Ilić", "Eda Kaya", "Vera Lind", "Otto Brandt", "Added By Hand",
        }  # fmt: skip
        assert generation(fire) == before + 1
        ended = Event.objects.filter(act="member.removed")
        assert {event.after["invitation"] for event in ended} == {str(made.pk)}
        told = Delivery.objects.filter(channel="inbox", kind="memberships", person__in=students)
        assert told.filter(subject="You are not a member of avis-fire any more").count() == 3
        with pytest.raises(StateConflict):
            accept(made, factories.person("Late Comer"))

    def test_who_was_let_in_again_by_hand_stays(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula)
        came = accept(made, cast.otto)
        assert came
        members.remove(membership=came, by=cast.nils)
        members.add(namespace=fire, person=cast.otto, role=Role.EDITOR, by=cast.nils)
        assert invitations.end_course(invitation=made, by=cast.nils) == []

    def test_who_was_removed_by_mistake_is_still_of_the_course(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula, places=2)
        came = accept(made, cast.otto)
        assert came
        members.remove(membership=came, by=cast.nils)
        members.restore(membership=came, by=cast.nils)
        assert (invitations.used(made), invitations.shown(fire).get().used) == (1, 1)  # type: ignore[attr-defined]
        assert accept(made, factories.person("Second Student"))
        assert len(invitations.end_course(invitation=made, by=cast.nils)) == 2

    def test_who_came_by_it_takes_over_from_nobody_any_more(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula)
        accept(made, cast.otto)
        succession.name(namespace=fire, successor=cast.otto, by=cast.nils)
        invitations.end_course(invitation=made, by=cast.nils)
        assert Membership.objects.get(namespace=fire, person=cast.nils).successor is None

    def test_last_admin_stays(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula)
        came = accept(made, cast.otto)
        assert came
        members.set_role(membership=came, role=Role.ADMIN, by=cast.nils)
        for person in (cast.nils, cast.paula):
            members.remove(membership=Membership.objects.get(namespace=fire, person=person), by=cast.olga)
        assert invitations.end_course(invitation=made, by=cast.olga) == []
        assert Membership.objects.admins().filter(namespace=fire).count() == 1

    def test_only_admins(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula)
        accept(made, cast.otto)
        with Unchanged(), pytest.raises(NotAllowed):
            invitations.end_course(invitation=made, by=cast.eda)

    def test_after_the_link_was_closed(self, cast: Cast, fire: Namespace) -> None:
        made = course(fire, cast.paula)
        accept(made, cast.otto)
        invitations.withdraw(invitation=made, by=cast.nils)
        assert len(invitations.end_course(invitation=made, by=cast.nils)) == 1


class TestShown:
    def test_what_waits_and_courses_whose_people_are_in(self, cast: Cast, fire: Namespace) -> None:
        waits, ran_out = invite(fire, cast.nils), invite(fire, cast.nils, address="")
        Invitation.objects.filter(pk=ran_out.pk).update(expires_at=days(-3))
        accepted, withdrawn = invite(fire, cast.nils, address=""), invite(fire, cast.nils, address="")
        accept(accepted, cast.otto)
        invitations.withdraw(invitation=withdrawn, by=cast.nils)
        closed, past = course(fire, cast.nils), course(fire, cast.nils)
        invitations.withdraw(invitation=closed, by=cast.nils)
        Invitation.objects.filter(pk=past.pk).update(access_ends_at=days(-1))
        assert set(invitations.shown(fire)) == {waits, ran_out, closed}


def _made(namespace: Namespace, by: User) -> Invitation:
    """Return an invitation for who accepts first."""
    return invite(namespace, by, address="")
