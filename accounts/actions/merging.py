"""Two accounts of one person become one: one takes over everything, the other stays, empty, for the record.

Whoever asks has shown an identity of each. An account that nothing was ever decided about is taken over at once: it is
what a first login with the second identity leaves. For every other one an operator decides.
"""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import messages, policy, sessions
from accounts.actions import deletions, identities, people, second_factor
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import Identity, Level, LevelChange, Merge, User
from accounts.signals import account_in_use, accounts_merged, identity_changed, person_changed
from accounts.wishes import PAUSE
from audit.record import record
from notifications.models import Delivery


def is_unused(person: User) -> bool:
    """Whether the account is a guest's about whom nothing was ever decided, and who never asked for anything."""
    if person.is_superuser or not person.is_guest or not person.is_active:
        return False
    if person.level_changes.exists() or person.suspensions.exists():
        return False
    if Merge.objects.filter(Q(kept=person) | Q(emptied=person)).exists():
        return False
    return not any(answer for _receiver, answer in account_in_use.send(sender=User, person=person))


def other_account(claims: Claims, person: User) -> User | None:
    """Return the account that the identity of these claims has, if it is another than this person's.

    One that was retired there shows nothing: its institution may have given it to somebody else since.
    """
    identity = _find(claims)
    if identity is None or identity.person_id == person.pk or identity.state != Identity.State.ACTIVE:
        return None
    return identity.person


@transaction.atomic
def take_over(*, claims: Claims, by: User) -> Identity:
    """Take over the unused account of an identity that was just shown. Raises StateConflict if it is in use."""
    shown = _shown(claims)
    _lock(by, shown.person)
    if not is_unused(shown.person):
        raise StateConflict(_("This account is in use: an operator has to merge the two."))
    _merge(kept=by, emptied=shown.person, by=by)
    shown.refresh_from_db()
    return shown


@transaction.atomic
def ask(*, claims: Claims, shown_with: Identity, by: User) -> Merge:
    """Ask the operators to merge the account of an identity that the person has just shown into theirs.

    Raises StateConflict where it was asked already, or one of the two cannot be merged, and TooMany within a week after
    a denial.
    """
    shown = _shown(claims)
    _lock(by, shown.person)
    _may_be_merged(kept=by, emptied=shown.person)
    before = Merge.objects.filter(kept=by, emptied=shown.person)
    if before.filter(state=Merge.State.DENIED, decided_at__gt=Now() - PAUSE).exists():
        raise TooMany(_("This was denied less than a week ago. Ask the operators why before you ask again."))
    for merge in before.filter(state=Merge.State.PENDING).exclude(pk__in=before.open()):
        _end(merge, Merge.State.WITHDRAWN, by=by)  # nobody decided it in time
    try:
        with transaction.atomic():
            asked = Merge.objects.create(kept=by, emptied=shown.person, shown=shown, shown_with=shown_with)
    except IntegrityError:
        raise StateConflict(_("You have asked already. An operator decides.")) from None
    record("merge.asked", by=by, about=asked)
    return asked


@transaction.atomic
def approve(*, merge: Merge, by: User) -> Merge:
    """Merge the two accounts. Raises NotAllowed (operators only, and not their own), StateConflict."""
    _may_decide(merge, by)
    _lock(merge.kept, merge.emptied)  # first: whoever merges them withdraws other merges under it
    decided = _decide(merge, Merge.State.DONE, by=by)
    both = Identity.objects.filter(pk__in=(merge.shown_id, merge.shown_with_id))
    if both.exclude(state=Identity.State.ACTIVE).exists():
        raise StateConflict(_("One of the two identities was retired since, so it shows nothing any more."))
    _merge(kept=decided.kept, emptied=decided.emptied, by=by)
    return decided


@transaction.atomic
def deny(*, merge: Merge, note: str, by: User) -> Merge:
    """Say no, with a note that the asker reads. Raises NotAllowed, StateConflict."""
    _may_decide(merge, by)
    return _decide(merge, Merge.State.DENIED, by=by, note=note)


@transaction.atomic
def withdraw(*, merge: Merge, by: User) -> Merge:
    """Take one's own wish back. Raises NotAllowed, StateConflict."""
    if merge.kept_id != by.pk:
        raise NotAllowed(_("Only who asked can withdraw this."))
    return _decide(merge, Merge.State.WITHDRAWN, by=by)


def on_person_leaves(sender: type[User], person: User, by: User, **_kwargs: object) -> None:
    """End every pending merge of an account that goes away, in the same transaction."""
    for merge in Merge.objects.filter(Q(kept=person.pk) | Q(emptied=person.pk), state=Merge.State.PENDING):
        _end(merge, Merge.State.WITHDRAWN, by=by)


def _find(claims: Claims) -> Identity | None:
    found = Identity.objects.select_related("person")
    return found.filter(issuer=claims.issuer, subject=claims.subject).first()


def _shown(claims: Claims) -> Identity:
    found = _find(claims)
    if found is None:
        raise StateConflict(_("Nobody has an account with this identity any more. Link it."))
    if found.state != Identity.State.ACTIVE:
        raise identities.in_use()
    return found


def _lock(*both: User) -> None:
    """Hold both accounts, and read them as they are then."""
    people.lock(*both)
    for person in both:
        person.refresh_from_db()


def _may_decide(merge: Merge, by: User) -> None:
    if not policy.is_operator(people.as_stored(by)) or by.pk in (merge.kept_id, merge.emptied_id):
        raise NotAllowed(_("Only operators merge accounts, and nobody their own."))


def _may_be_merged(*, kept: User, emptied: User) -> None:
    if kept.pk == emptied.pk or not kept.is_active or not emptied.is_active:
        raise StateConflict(_("Both accounts must be active, and two."))
    if emptied.is_superuser:
        raise StateConflict(
            _("An operator's account is not given up by merging. Merge the other one into it.")
        )


def _decide(merge: Merge, state: Merge.State, *, by: User, note: str = "") -> Merge:
    """Move a merge that is still open to its end. Raises StateConflict."""
    won = Merge.objects.open().filter(pk=merge.pk).exists() and _end(merge, state, by=by, note=note)
    decided = Merge.objects.select_related("kept", "emptied", "decided_by").get(pk=merge.pk)
    if won:
        return decided
    if decided.state == Merge.State.PENDING:
        raise StateConflict(
            _("This was asked more than 30 days ago: both identities have to be shown again.")
        )
    raise StateConflict(_("This was decided already: %(state)s.") % {"state": decided})


def _end(merge: Merge, state: Merge.State, *, by: User, note: str = "") -> bool:
    """Move a pending merge to its end, with its event; return whether it was pending."""
    pending = Merge.objects.filter(pk=merge.pk, state=Merge.State.PENDING)
    if not pending.update(state=state, decided_at=Now(), decided_by=by, note=note):
        return False
    record(
        f"merge.{state}", by=by, about=merge, before={"state": Merge.State.PENDING}, after={"state": state}
    )
    return True


def _merge(*, kept: User, emptied: User, by: User) -> None:
    _may_be_merged(kept=kept, emptied=emptied)
    before = {"level": kept.level, "emptied": str(emptied.pk), "emptied_level": emptied.level}
    level = max(kept.level, emptied.level, key=lambda each: Level(each).rank)
    User.objects.filter(pk=emptied.pk).update(
        merged_into=kept, is_active=False, level=Level.GUEST, name="", email="", institution=""
    )
    seen = max(filter(None, (kept.last_seen_at, emptied.last_seen_at)), default=None)
    User.objects.filter(pk=kept.pk).update(level=level, last_seen_at=seen)
    came = list(
        Identity.objects.filter(person=emptied.pk, state=Identity.State.ACTIVE).values_list("pk", flat=True)
    )
    Identity.objects.filter(person=emptied.pk).update(person=kept)
    SocialAccount.objects.filter(user=emptied.pk).update(user=kept)
    sessions.end(emptied)
    second_factor.forget(person=emptied, by=by, reason="merged")
    on_person_leaves(User, emptied, by)
    deletions.drop(emptied, by=by)
    for person, new in ((kept, level), (emptied, Level.GUEST)):
        if person.level != new:
            LevelChange.objects.create(
                person=person, act=LevelChange.Act.MERGED, before=person.level, after=new, by=by
            )
    record("person.merged", by=by, about=kept, before=before, after={"level": level})
    kept.refresh_from_db()
    emptied.refresh_from_db()
    accounts_merged.send(sender=User, kept=kept, emptied=emptied, by=by)
    person_changed.send(sender=User, person=kept, by=by, counts_as_before=True)
    told = Delivery.objects.filter(person=kept).values("event")
    Delivery.objects.filter(person=emptied).exclude(event__in=told).update(person=kept)
    Delivery.objects.filter(person=emptied).delete()  # they were told the same
    for identity in Identity.objects.filter(pk__in=came).select_related("person"):
        identity_changed.send(sender=Identity, identity=identity)
    messages.merged(kept)
