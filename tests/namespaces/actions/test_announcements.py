"""Writing to the members of a namespace: who reads it, where answers go, how often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import User
from namespaces.access import Role
from namespaces.actions import announcements
from namespaces.models import Announcement, Membership, Namespace
from notifications.mail import compose
from notifications.models import Choice, Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def mails(settings: Settings) -> None:
    settings.MAIL_FROM = "berth@portal.example.org"


def announce(namespace: Namespace, by: User, role: Role | None = None) -> Announcement:
    return announcements.announce(
        namespace=namespace, subject="Next week", text="No water on Monday.", role=role, by=by
    )


def readers(channel: str = "inbox") -> set[str]:
    return {str(told.person) for told in Delivery.objects.filter(channel=channel, kind="announcements")}


def test_other_members_read_it(cast: Cast, fire: Namespace) -> None:
    made = announce(fire, cast.nils)
    assert readers() == readers("mail") == {"Paula Ilić", "Eda Kaya", "Vera Lind"}
    assert made.recipients == 3
    assert acts() == ["announcement.made"]


def test_one_role_reads_it(cast: Cast, fire: Namespace) -> None:
    announce(fire, cast.nils, Role.VIEWER)
    assert readers() == {"Vera Lind"}


def test_who_is_out_or_kept_out_does_not(cast: Cast, fire: Namespace) -> None:
    Membership.objects.filter(person=cast.vera).update(ended_at=timezone.now())
    User.objects.filter(pk=cast.eda.pk).update(is_active=False)
    announce(fire, cast.nils)
    assert readers() == {"Paula Ilić"}


def test_mail_comes_as_each_chose(cast: Cast, fire: Namespace) -> None:
    Choice.objects.create(person=cast.eda, kind="announcements", way="off")
    announce(fire, cast.nils)
    assert readers("mail") == {"Paula Ilić", "Vera Lind"}


def test_answers_go_to_who_wrote_and_nobody_reads_another_address(cast: Cast, fire: Namespace) -> None:
    announce(fire, cast.nils)
    for told in Delivery.objects.filter(channel="mail"):
        mail = compose([told])
        assert mail.reply_to == [cast.nils.email]
        assert mail.to == [told.address]
        said = mail.message().as_string()
        others = {cast.eda.email, cast.vera.email, cast.paula.email} - {told.address}
        assert not [address for address in others if address in said]
        assert f"Nils Berg wrote this to members of avis-fire. Answer to {cast.nils.email}." in mail.body


@pytest.mark.parametrize("who", ["eda", "vera", "otto"])
def test_only_admins_write(cast: Cast, fire: Namespace, who: str) -> None:
    with Unchanged(), pytest.raises(NotAllowed):
        announce(fire, getattr(cast, who))
    assert not Announcement.objects.exists()


def test_five_times_a_day(cast: Cast, fire: Namespace) -> None:
    for by in (cast.nils, cast.paula, cast.nils, cast.paula, cast.nils):
        announce(fire, by)
    with Unchanged(), pytest.raises(TooMany):
        announce(fire, cast.paula)
    Announcement.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    announce(fire, cast.paula)


def test_ten_times_a_day_in_all_namespaces_together(cast: Cast, fire: Namespace) -> None:
    for _number in range(2):
        other = factories.NamespaceFactory.create(created_by=cast.olga)
        factories.MembershipFactory.create(namespace=other)
        for _again in range(5):
            announce(other, cast.olga)
    with pytest.raises(TooMany):
        announce(fire, cast.olga)


def test_nobody_to_read_it(cast: Cast, fire: Namespace) -> None:
    Membership.objects.filter(namespace=fire, role=Role.VIEWER).update(ended_at=timezone.now())
    with Unchanged(), pytest.raises(StateConflict):
        announce(fire, cast.nils, Role.VIEWER)
