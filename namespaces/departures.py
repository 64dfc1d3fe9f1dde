"""The end of deleting an account: when no right of the person is left in any cluster, and only then, nothing tells any
more who they were."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from accounts.actions import deletions, people
from accounts.models import Deletion, User
from clusters.models import ClusterStatus
from namespaces.models import Grant, Namespace, SeenBinding
from namespaces.reconciliation import LATE_CREATES_FOR


def where_left(person: User) -> list[Namespace]:
    """Return the namespaces in which a right of the person may be left, by name: what was given there is not proved
    gone, or nobody has looked since, or what a cluster proved is of an earlier day, or a binding made by hand names
    them.
    """
    own = Grant.objects.filter(identity__person=person)
    # A worker that stood still may yet make what has ended.
    proved = own.filter(Q(unanswered=[]) | Q(since__lte=Now() - LATE_CREATES_FOR), state=Grant.State.REVOKED)
    left = own.exclude(pk__in=proved.values("pk"))
    concerned = Q(memberships__person=person) | Q(grants__identity__person=person)
    untried = Q(status__isnull=True) | ~Q(status__attempted_generation=F("generation"))
    doubtful = Q(cluster__status__state=ClusterStatus.State.QUARANTINED)
    found = Q(pk__in=left.values("namespace")) | (concerned & (untried | doubtful)) | Q(pk__in=_by_hand(own))
    return list(Namespace.objects.filter(found).distinct().select_related("cluster").order_by("name"))


def finish_due() -> int:
    """Finish the deletions that nothing is left of; return how many."""
    finished = 0
    for person in User.objects.filter(deletions__state=Deletion.State.RUNNING):
        with transaction.atomic():
            people.lock(person)
            if not where_left(person):
                finished += _finish(person)
    return finished


def _finish(person: User) -> bool:
    """Take the names out of what clusters were asked, too."""
    if not deletions.finish(person):
        return False
    for identity in person.identities.all():
        Grant.objects.filter(identity=identity).update(username=identity.pseudonym)
    return True


def _by_hand(own: QuerySet[Grant]) -> list[UUID]:
    """Return the namespaces with a binding beside Berth for one of the names of these grants."""
    names = set(own.values_list("username", flat=True))
    if not names:
        return []
    seen = SeenBinding.objects.values_list("namespace", "users")
    return [namespace for namespace, users in seen if not names.isdisjoint(users)]
