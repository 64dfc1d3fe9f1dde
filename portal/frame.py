"""What the frame of a page has to say to its reader, asked in one query that is made once (`accounts.prepared`).

Of banners it is asked only whether there are any: they are rare, and are made where there is one.
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
from portal.banners import clusters_in_trouble, late_mails, told_of_break_glass, usable_clusters


@dataclass(frozen=True)
class Frame:
    """How many requests wait for the reader and how many messages they have not seen; and whether there may be banners
    about clusters and, for operators, about the others."""

    to_decide: int = 0
    unseen: int = 0
    break_glass: bool = False
    late_mails: bool = False
    clusters: bool = False


def of(reader: Reader) -> Frame:
    """Return what there is to say to this reader now, in one query."""
    configs = usable_clusters()
    names = tuple(configs)
    # A control plane on this machine says itself how it is, in a file.
    is_local = any(config.status_file for config in configs.values())
    if not isinstance(reader, User):
        return Frame(clusters=is_local or bool(_for_anybody.rows(names)))
    to_decide, unseen, break_glass, late, clusters = _for_reader.rows(names, reader=reader)[0]
    return Frame(to_decide, unseen, break_glass, late, clusters or is_local)


def _ask_for_reader(clusters: tuple[str, ...], reader: User) -> QuerySet[User, Any]:
    return User.objects.filter(pk=reader.pk).values_list(
        _count(inbox.to_decide(reader)),
        _count(reading.unseen(reader.pk)),
        Exists(told_of_break_glass()),
        Exists(late_mails()),
        Exists(clusters_in_trouble(clusters)),
    )


def _count(found: QuerySet[Any]) -> Subquery:
    # Not Count, which would group the rows.
    number = Func(F("pk"), function="COUNT", output_field=IntegerField())
    return Subquery(found.order_by().values(number=number))


_for_reader = Prepared(_ask_for_reader)
_for_anybody = Prepared(lambda clusters: clusters_in_trouble(clusters).values_list("pk")[:1])
