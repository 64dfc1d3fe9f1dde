"""The words of what people are told about accounts, and whom they reach. Said by the actions, in their transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.days import in_words
from accounts.models import Identity, Level, Suspension, User
from notifications.kinds import Kind
from notifications.telling import Message, Recipient, tell

DORMANT = "dormant "
"""What the events of these warnings begin with."""


def to(people: Iterable[User]) -> list[Recipient]:
    """Return people as recipients, each at the address of the identity they used last."""
    return [Recipient(person.pk, (person.email,)) for person in people]


def everywhere(person: User) -> Recipient:
    """Return somebody as a recipient at every address of theirs: for what a thief might have done with one.

    Not at that of an identity that was retired: its institution may have given it to somebody else since.
    """
    own = person.identities.filter(state=Identity.State.ACTIVE).exclude(email="")
    return Recipient(person.pk, {person.email, *own.values_list("email", flat=True)})


def to_operators(*, but: User | None = None) -> list[Recipient]:
    """Return everybody who runs the platform as recipients, but for the one who knows already."""
    found = User.objects.operators()
    return to(found.exclude(pk=but.pk) if but else found)


def identity_linked(identity: Identity) -> None:
    """Tell somebody that another identity is theirs now."""
    text = _(
        "%(identity)s can log in to your account now, and has the same rights.\n\nIf this was not you, retire it in"
        " your profile, end your sessions there, and tell the operators."
    )
    _tell_about_account(
        identity.person, _("An identity was linked to your account"), text % {"identity": identity}
    )


def identity_retired(identity: Identity) -> None:
    """Tell somebody that an identity is theirs no more; at its own address as well."""
    text = _(
        "%(identity)s cannot log in to your account any more, and has no rights.\n\nIf this was not you, tell the"
        " operators."
    )
    _tell_about_account(
        identity.person,
        _("An identity was retired from your account"),
        text % {"identity": identity},
        also=identity.email,
    )


def suspended(suspension: Suspension) -> None:
    """Tell somebody that they are kept out, why, and until when: they cannot read it in the page."""
    until = suspension.until
    text = _("You cannot log in, and have no rights in the clusters.\n\nReason: %(reason)s") % {
        "reason": suspension.reason
    }
    text += "\n\n" + (
        _("It ends by itself on %(day)s.") % {"day": in_words(until)}
        if until
        else _("The operators can end it, if you ask them.")
    )
    _tell_about_account(suspension.person, _("Your account is suspended"), text)


def suspension_ended(person: User) -> None:
    """Tell somebody that they are let in again."""
    text = _("You can log in again, and have the rights that you had.")
    _tell_about_account(person, _("Your account is not suspended any more"), text)


def vouched_for(person: User, *, by: User) -> None:
    """Tell a guest that they are a user now."""
    text = _("%(by)s vouched for you. You can be a member of namespaces, and ask for one of your own.") % {
        "by": by
    }
    _tell_about_account(person, _("You are a user now"), text, by=by)


def merged(person: User) -> None:
    """Tell somebody that what was two accounts is one."""
    own = person.identities.filter(state=Identity.State.ACTIVE).order_by("created_at")
    text = _(
        "Everything of both is in one account now. It is logged in to with: %(identities)s.\n\nIf you did not ask for"
        " this, tell the operators."
    )
    named = ", ".join(str(identity) for identity in own)
    _tell_about_account(person, _("Your accounts were merged"), text % {"identities": named})


def second_factor_changed(person: User, *, is_added: bool) -> None:
    """Tell somebody that a second factor was set up or taken away."""
    text = _("If this was not you, end your sessions in your profile, and tell the operators.")
    subject = (
        _("A second factor was set up for your account")
        if is_added
        else _("A second factor of your account was removed")
    )
    _tell_about_account(person, subject, text)


def level_set(person: User, *, by: User, was_asked_for: bool) -> None:
    """Tell the operators who is of level admin now, and the person what they are; not if they asked for it: then they
    are told of the answer."""
    if not was_asked_for:
        subject = _("You are of level %(level)s now") % {"level": Level(person.level).label}
        text = _("%(by)s set your level. It counts at once.") % {"by": by}
        _tell_about_account(person, subject, text, by=by)
    if person.level == Level.ADMIN:
        _tell_operators(_("%(person)s is of level admin now") % {"person": person}, by=by, about=person)


def operator_set(person: User, *, by: User) -> None:
    """Tell the operators, and whom it is about, who has become one or is none any more."""
    words = (
        _("%(person)s runs the platform now, as an operator")
        if person.is_superuser
        else _("%(person)s is not an operator any more")
    )
    subject = words % {"person": person}
    _tell_operators(subject, by=by, about=person)
    if not person.is_superuser:
        _tell_about_account(
            person, _("You are not an operator any more"), _("%(by)s decided it.") % {"by": by}, by=by
        )


def break_glass(subject: str, *, event: str = "") -> None:
    """Tell all operators what happened with a break-glass operator."""
    text = _("It is made and ended by a command on the server, and logs in with a password. If nobody of you did this,"
             " somebody else can run commands there.")  # fmt: skip
    tell(Message(Kind.OPERATION, subject, text), to_operators(), event=event)


def deletion_begun(person: User) -> None:
    """Tell somebody that the account they asked to be deleted is being deleted."""
    text = _(
        "All rights in the clusters end first. When that is shown to be done, everything that says who you were is"
        " deleted, this message included. If you log in again, you begin as a guest."
    )
    _tell_about_account(person, _("Your account is being deleted, as you asked"), text)


def dormant(person: User, *, seen_at: datetime, day: datetime) -> None:
    """Tell somebody that they will be suspended because they have not logged in for so long."""
    days = (timezone.now() - seen_at).days
    text = ngettext(
        "You have not logged in for %(days)d day.", "You have not logged in for %(days)d days.", days
    ) % {"days": days}
    text += " " + _(
        "If you do not log in before %(day)s, your account is suspended: your rights in the clusters end, also those"
        " that you use with kubectl. To keep them, log in once. If you do not need them any more, you need do nothing."
    ) % {"day": in_words(day)}
    message = Message(Kind.ACCOUNT, _("Log in to keep your account"), text, reverse("home"))
    tell(message, [everywhere(person)], event=f"{DORMANT}{uuid.uuid4()}")


def dormant_admin(person: User, *, why: str) -> None:
    """Tell the operators that somebody is not suspended for being away, because nobody would take over."""
    text = _(
        "They have not logged in for long, and would be suspended for it. But: %(why)s\n\nSuspend them on their page,"
        " and choose who takes over."
    ) % {"why": why}
    subject = _("%(person)s is away, and the last admin of a namespace") % {"person": person}
    link = reverse("person", args=(person.pk,))
    tell(Message(Kind.OPERATION, subject, text, link, about=person.pk), to_operators())


def _tell_about_account(
    person: User, subject: str, text: str, *, by: User | None = None, also: str = ""
) -> None:
    known = everywhere(person)
    to_all = Recipient(known.person_id, {*known.addresses, also})
    link = reverse("profile") if person.is_active else ""  # who is kept out cannot open it
    tell(Message(Kind.ACCOUNT, subject, text, link, by=by.pk if by else None), [to_all])


def _tell_operators(subject: str, *, by: User, about: User) -> None:
    text, link = _("%(by)s decided it.") % {"by": by}, reverse("person", args=(about.pk,))
    tell(Message(Kind.OPERATION, subject, text, link, about=about.pk, by=by.pk), to_operators(but=by))
