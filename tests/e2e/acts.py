"""What `rows` calls in a portal's database: `python -m tests.e2e.acts WHAT …` prints its answer as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import TypeVar

import django
from django.utils import timezone
from PIL import Image, ImageDraw

django.setup()

from accounts.actions import deletions, merging, people, suspensions  # noqa: E402  (Django first)
from accounts.claims import Claims  # noqa: E402
from accounts.days import end_of  # noqa: E402
from accounts.models import Identity, Level, User  # noqa: E402
from audit.models import Event  # noqa: E402
from clusters.models import Cluster  # noqa: E402
from namespaces import links, organisations  # noqa: E402
from namespaces.access import Role  # noqa: E402
from namespaces.actions import (  # noqa: E402
    announcements,
    drift,
    invitations,
    members,
    namespaces,
    requests,
    takeovers,
)
from namespaces.logos import made_anew  # noqa: E402
from namespaces.models import (  # noqa: E402
    Invitation,
    Membership,
    Namespace,
    NamespaceStatus,
    Request,
    SeenBinding,
    SeenKeys,
    Visibility,
)
from namespaces.ror import Record  # noqa: E402
from namespaces.sweeping import due  # noqa: E402
from notifications.kinds import Kind  # noqa: E402
from notifications.models import Channel, Delivery  # noqa: E402

T = TypeVar("T")


def settle(seconds: str) -> str:
    """Wait until the cluster has everything that was decided; return what it still lacks when the time is over."""
    deadline = time.monotonic() + int(seconds)
    while due().exists():
        if time.monotonic() > deadline:
            return ", ".join(str(namespace) for namespace in due())
        time.sleep(0.1)
    return ""


def person(subject: str) -> str:
    """Return the id of a person."""
    return str(_person(subject).pk)


def identity(subject: str) -> str:
    """Return the id of an identity."""
    return str(Identity.objects.get(subject=subject).pk)


def fail_mail(subject: str, error: str) -> None:
    """Let a mail to somebody have been given up."""
    to = _person(subject)
    Delivery.objects.create(
        event="given up", kind=Kind.ACCOUNT, channel=Channel.MAIL, person=to, address=to.email, state="failed",
        subject="You are of level user now", error=error, attempts=1, tried_at=timezone.now(),
    )  # fmt: skip


def ask_to_merge(kept: str, other: str) -> str:
    """Let somebody ask that the account of another identity becomes theirs."""
    shown = Identity.objects.get(subject=other)
    claims = Claims(issuer=shown.issuer, subject=shown.subject)
    with_own = Identity.objects.get(subject=kept)
    return str(merging.ask(claims=claims, shown_with=with_own, by=with_own.person).pk)


def ask_to_be_deleted(subject: str) -> str:
    """Let somebody ask that their account be deleted; return their id."""
    return str(deletions.ask(by=_person(subject)).person_id)


def is_deleted(person_id: str) -> bool:
    """Whether nothing tells any more who this person was."""
    return User.objects.filter(pk=person_id).exclude(deleted_at=None).exists()


def membership(name: str, subject: str) -> str:
    """Return the id of somebody's membership."""
    found = Membership.objects.current().get(namespace=_namespace(name), person=_person(subject))
    return str(found.pk)


def request(name: str, subject: str) -> str:
    """Return the id of somebody's latest request."""
    return str(
        Request.objects.filter(namespace=_namespace(name), person=_person(subject)).latest("created_at").pk
    )


def create(name: str, subject: str, visibility: str) -> str:
    """Let somebody create a namespace."""
    page = namespaces.Page(visibility=Visibility(visibility))
    return str(namespaces.create(cluster=Cluster.objects.get(), name=name, page=page, by=_person(subject)).pk)


def invite(name: str, address: str, by: str) -> str:
    """Let somebody invite an address, or whoever accepts first; return the id."""
    made = invitations.invite(
        namespace=_namespace(name), role=Role.EDITOR, address=address, title="Lena Fuchs", by=_person(by)
    )
    return str(made.pk)


def open_course(name: str, title: str, by: str) -> str:
    """Let somebody invite a course of 200; return the id."""
    end = end_of(timezone.localdate() + timedelta(days=60))
    course = invitations.Course(
        title, Role.EDITOR, 200, end_of(timezone.localdate() + timedelta(days=14)), end
    )
    return str(invitations.open_course(namespace=_namespace(name), course=course, by=_person(by)).pk)


def announce(name: str, subject: str, text: str, by: str) -> None:
    """Let somebody write to the members."""
    announcements.announce(namespace=_namespace(name), subject=subject, text=text, by=_person(by))


def withdraw_invitation(invitation: str, by: str) -> None:
    """Let somebody take an invitation back."""
    invitations.withdraw(invitation=Invitation.objects.get(pk=invitation), by=_person(by))


def link(invitation: str) -> str:
    """Return the path of the link of an invitation."""
    return links.path(Invitation.objects.get(pk=invitation))


def come_by(title: str, count: str) -> int:
    """Let so many guests, who have all just logged in for the first time, come by the link of a course."""
    course, issuer = Invitation.objects.get(title=title), Identity.objects.latest("created_at").issuer
    first = 13700000 + User.objects.count()
    for number in range(int(count)):
        student = User(name=f"Student {number}")
        subject = f"http://cilogon.org/serverA/users/{first + number}"
        people.register(person=student, claims=Claims(issuer=issuer, subject=subject, name=student.name))
        invitations.accept(invitation=course, serial=course.serial, by=student)
    return Membership.objects.current().filter(invitation=course).count()


def add(name: str, subject: str, role: str, by: str) -> str:
    """Let somebody add a member."""
    made = members.add(namespace=_namespace(name), person=_person(subject), role=Role(role), by=_person(by))
    return str(made.pk)


def remove(name: str, subject: str, by: str) -> str:
    """Let somebody remove a member."""
    found = Membership.objects.current().get(namespace=_namespace(name), person=_person(subject))
    return str(members.remove(membership=found, by=_person(by)).pk)


def let_end(name: str, subject: str) -> str:
    """Let the last day of a membership be over."""
    found = Membership.objects.current().filter(namespace=_namespace(name), person=_person(subject))
    return str(found.update(ends_at=timezone.now()))


def be_away(subject: str) -> str:
    """Let somebody not have logged in for long."""
    found = User.objects.filter(pk=_person(subject).pk)
    return str(found.update(last_seen_at=timezone.now() - timedelta(days=200)))


def ask_who_takes_over(name: str, subject: str) -> str:
    """Let the workers see that an admin may be gone; return the id of what they ask, or asked already."""
    takeovers.look()
    return request(name, subject)


def ask(name: str, subject: str, role: str) -> str:
    """Let somebody ask to join."""
    reason = "We look at the same cameras, and my jobs should run beside yours."
    made = requests.ask_to_join(
        namespace=_namespace(name), role=Role(role), reason=reason, by=_person(subject)
    )
    return str(made.pk)


def ask_for_level(subject: str, level: str) -> str:
    """Let somebody ask for a level."""
    made = requests.ask_for_level(
        level=Level(level),
        reason="I lead the group that counts birds with everybody’s help.",
        institution="UC Santa Cruz",
        purpose="One namespace for each season, with six people in it.",
        by=_person(subject),
    )
    return str(made.pk)


def ask_for_namespace(subject: str, name: str) -> str:
    """Let somebody ask for a namespace."""
    made = requests.ask_for_namespace(
        cluster=Cluster.objects.get(),
        name=name,
        pi_name="Alex Pang",
        institution="UC Santa Cruz",
        size="Six people, 20 cores, no GPU, 200 GB.",
        reason="We count birds with everybody’s help, and train a model on the pictures.",
        by=_person(subject),
    )
    return str(made.pk)


def deny(request_id: str, by: str, note: str) -> str:
    """Let somebody say no."""
    found = Request.objects.select_related("namespace", "person").get(pk=request_id)
    return str(requests.deny(request=found, note=note, by=_person(by)).pk)


def make_operator(subject: str, by: str) -> str:
    """Let an operator make somebody, who has logged in once, another operator."""
    found = people.set_level(person=_person(subject), level=Level.USER, by=_person(by))
    return str(people.set_operator(person=found, is_operator=True, by=_person(by)).pk)


def vouch(subject: str, by: str) -> str:
    """Let somebody vouch for a guest."""
    return str(people.vouch(person=_person(subject), by=_person(by)).level)


def suspend(subject: str, by: str, reason: str) -> str:
    """Let somebody suspend somebody."""
    made = suspensions.suspend(person=_person(subject), reason=reason, until=None, by=_person(by))
    return str(made.pk)


def namespace(name: str) -> str:
    """Return the id of a namespace."""
    return str(_namespace(name).pk)


def organisation(ror: str, name: str) -> None:
    """Let an organisation be known, as one that was loaded from the file of ROR."""
    organisations.store([Record(ror, name, (), "US", "active")])


def draw(name: str, by: str) -> None:
    """Give a namespace a logo: a flame."""
    picture = Image.new("RGBA", (240, 240))
    drawing = ImageDraw.Draw(picture)
    for points, color in (
        ([(120, 10), (205, 130), (185, 215), (120, 232), (55, 215), (35, 130)], "#d9480f"),
        ([(120, 95), (160, 165), (150, 212), (120, 222), (90, 212), (80, 165)], "#ffd43b"),
    ):
        drawing.polygon(points, fill=color)
    written = BytesIO()
    picture.save(written, "PNG")
    content = made_anew(written.getvalue())
    namespaces.change_logo(namespace=_namespace(name), content=content, shown="", by=_person(by))


def binding(name: str) -> str:
    """Return the key of a binding that differs, once it was seen."""
    return str(_once(lambda: SeenBinding.objects.filter(name=name).first()).pk)


def keys(name: str) -> str:
    """Return the key of what others wrote into the limits of a namespace, once it was seen."""
    return str(_once(lambda: SeenKeys.objects.filter(namespace__name=name).first()).pk)


def replaced(name: str) -> str:
    """Wait until it was seen that a namespace was made anew."""
    seen = NamespaceStatus.objects.filter(namespace__name=name, error_code="replaced")
    return str(_once(seen.first).pk)


def repaired(name: str) -> str:
    """Wait until something in a namespace was made right."""
    seen = Event.objects.filter(act="binding.repaired", namespace_id=str(_namespace(name).pk))
    return str(_once(seen.first).pk)


def leave(name: str, by: str) -> str:
    """Let somebody leave a binding alone for a while, once it was seen."""
    row = _once(lambda: SeenBinding.objects.filter(name=name).first())
    until = timezone.localdate() + timedelta(days=90)
    reason = "Agreed with the group until their paper is out."
    return str(drift.leave(row=row, reason=reason, until=until, by=_person(by)).pk)


def _once(look: Callable[[], T | None]) -> T:
    """Return what the workers see within a minute."""
    deadline = time.monotonic() + 60
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the workers did not see it")
        time.sleep(0.1)
    return found


def _person(subject: str) -> User:
    return Identity.objects.get(subject=subject).person


def _namespace(name: str) -> Namespace:
    return Namespace.objects.get(name=name)


_KNOWN = (
    *(settle, person, identity, ask_to_merge, ask_to_be_deleted, is_deleted),
    *(membership, request, invite, open_course, announce, withdraw_invitation, link, come_by),
    *(
        create,
        add,
        remove,
        let_end,
        be_away,
        ask_who_takes_over,
        ask,
        ask_for_level,
        ask_for_namespace,
        deny,
        vouch,
        suspend,
        make_operator,
        fail_mail,
    ),
    *(namespace, organisation, draw, binding, keys, replaced, repaired, leave),
)
ACTS = {act.__name__: act for act in _KNOWN}

if __name__ == "__main__":
    print(json.dumps(ACTS[sys.argv[1]](*sys.argv[2:])))
