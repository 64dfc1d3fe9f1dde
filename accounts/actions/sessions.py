"""What people do about their own sessions."""

from __future__ import annotations

from django.db import transaction

from accounts import sessions
from accounts.models import Session, User
from audit.record import record


@transaction.atomic
def end_one(*, session: Session, by: User) -> bool:
    """End a session of one's own. Return whether it was still there."""
    ended, _ = Session.objects.filter(pk=session.pk, person=by).delete()
    return _recorded(ended, by) > 0


@transaction.atomic
def end_others(*, current: str, by: User) -> int:
    """End all sessions of one's own but the current one; return how many."""
    return _recorded(sessions.end(by, but=current), by)


def _recorded(ended: int, by: User) -> int:
    if ended:
        record("session.ended", by=by, about=by, after={"sessions": ended})
    return ended
