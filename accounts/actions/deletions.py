"""Deleting an account: asked by the person, carried out by an operator, finished when no cluster lets them in any more.

Rights first, then the name: as long as a right may be left somewhere, it has to be known whose it is.
"""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import messages, policy, sessions
from accounts.actions import people, second_factor
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Deletion, Identity, Submission, User
from accounts.signals import person_leaves
from audit.record import record
from notifications.models import Choice, Delivery


@transaction.atomic
def ask(*, by: User) -> Deletion:
    """Ask that one's own account be deleted. Raises NotAllowed, and StateConflict for the last operator, or where it
    was asked already."""
    people.lock(by)
    if not people.as_stored(by).is_active:
        raise NotAllowed(_("Your account is not active."))
    if is_last_operator(by):
        raise StateConflict(_("You are the last operator. Somebody else has to become one before you leave."))
    try:
        with transaction.atomic():
            asked = Deletion.objects.create(person=by)
    except IntegrityError:
        raise StateConflict(_("You have asked already. An operator carries it out.")) from None
    record("deletion.asked", by=by, about=asked)
    return asked


@transaction.atomic
def withdraw(*, by: User) -> None:
    """Take one's own wish back. Raises StateConflict where there is none that waits."""
    people.lock(by)
    if not drop(by, by=by):
        raise StateConflict(_("There is nothing to withdraw."))


def drop(person: User, *, by: User) -> bool:
    """Withdraw a wish that waits, with its event; return whether there was one. For other actions, in their
    transaction."""
    asked = Deletion.objects.filter(person=person, state=Deletion.State.ASKED).first()
    if asked is None:
        return False
    Deletion.objects.filter(pk=asked.pk).update(state=Deletion.State.WITHDRAWN, ended_at=Now())
    record("deletion.withdrawn", by=by, about=asked)
    return True


@transaction.atomic
def begin(*, person: User, by: User) -> Deletion:
    """Take everything from somebody who asked to be deleted. Operators only, nobody themselves.

    Raises NotAllowed, and StateConflict where it was withdrawn; listeners may raise it as well.
    """
    people.lock(person, by)
    if not policy.may_delete(people.as_stored(by), person):
        raise NotAllowed(_("Only operators delete accounts, and nobody their own."))
    people.keep_an_operator(without=person, by=by)
    asked = Deletion.objects.filter(person=person, state=Deletion.State.ASKED).first()
    if asked is None:
        words = _("%(person)s does not ask to be deleted, or not any more.")
        raise StateConflict(words % {"person": person})
    Deletion.objects.filter(pk=asked.pk).update(state=Deletion.State.RUNNING, begun_at=Now(), begun_by=by)
    was = people.as_stored(person)
    before = {"is_active": was.is_active, "is_superuser": was.is_superuser}
    User.objects.filter(pk=person.pk).update(is_active=False, is_superuser=False)
    person.refresh_from_db()
    person.suspensions.current().update(ended_at=Now(), ended_by=by)  # or its end would let them in
    ended = sessions.end(person)
    second_factor.forget(person=person, by=by, reason="deleted")
    record(
        "deletion.begun", by=by, about=asked, before=before,
        after={"is_active": False, "is_superuser": False, "sessions": ended},
    )  # fmt: skip
    person_leaves.send(sender=User, person=person, by=by)
    messages.deletion_begun(person)
    asked.refresh_from_db()
    return asked


@transaction.atomic
def finish(person: User) -> bool:
    """Take out everything that tells who somebody was; return whether there was anything to do.

    For whoever has seen, in the same transaction and under the lock of the person, that no right is left anywhere.
    """
    running = Deletion.objects.filter(person=person, state=Deletion.State.RUNNING).first()
    if running is None:
        return False
    SocialAccount.objects.filter(user=person).delete()
    EmailAddress.objects.filter(user=person).delete()
    Submission.objects.filter(person=person).delete()
    Delivery.objects.filter(Q(person=person) | Q(about=person) | Q(by=person)).delete()
    Choice.objects.filter(person=person).delete()
    found = list(Identity.objects.filter(person=person))
    for identity in found:
        Identity.objects.filter(pk=identity.pk).update(
            subject=identity.pseudonym, state=Identity.State.RETIRED, entity_id="", institution="", name="", email="",
            email_verified=False,
        )  # fmt: skip
    User.objects.filter(pk=person.pk).update(name="", email="", institution="", deleted_at=Now())
    Deletion.objects.filter(pk=running.pk).update(state=Deletion.State.DONE, ended_at=Now())
    record("deletion.done", by=None, about=running, after={"identities": len(found)})
    person.refresh_from_db()
    return True


def is_last_operator(person: User) -> bool:
    """Whether nobody else runs the platform, but for one who was made to break the glass."""
    return person.is_operator and not people.other_operators(person).exists()
