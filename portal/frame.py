"""What waits for the reader of a page, asked in one query that is made once (`accounts.prepared`).

Of banners for operators it is asked only whether there are any: they are rare, and are made where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, Func, IntegerField, QuerySet, Subquery

from accounts.models import User
from accounts.policy import Reader
from accounts.prepared import Prepared
from namespaces import inbox
from notifications import reading
from portal.banners import late_mails, overdue, told_of_break_glass


@dataclass(frozen=True)
class Frame:
    """How many requests wait for the reader, how many messages they have not seen; and, for operators, whether there is
    something to say of a break-glass operator, mails that should have gone, or memberships that should have ended."""

    to_decide: int = 0
    unseen: int = 0
    break_glass: bool = False
    late_mails: bool = False
    overdue: bool = False


def of(reader: Reader) -> Frame:
    """Return what waits for this reader now, in one query; nothing waits for who is not logged in."""
    if not isinstance(reader, User):
        return Frame()
    (waiting,) = _frame.rows(reader=reader)
    return Frame(*waiting)


def _ask(reader: User) -> QuerySet[User, Any]:
    return User.objects.filter(pk=reader.pk).values_list(
        _count(inbox.to_decide(reader)),
        _count(reading.unseen(reader.pk)),
        Exists(told_of_break_glass()),
        Exists(late_mails()),
        Exists(overdue()),
    )


def _count(found: QuerySet[Any]) -> Subquery:
    # Not Count, which would group the rows.
    number = Func(F("pk"), function="COUNT", output_field=IntegerField())
    return Subquery(found.order_by().values(number=number))


_frame = Prepared(_ask)
