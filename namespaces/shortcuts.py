"""Loading a namespace or a request for a reader: load and check are one step.

What the reader may not know of answers 404, like what does not exist; what they may see but not do is 403.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from accounts.models import User
from accounts.policy import Reader, is_known
from accounts.prepared import Given, Prepared, columns, from_row
from clusters.models import Cluster
from namespaces.access import Permission
from namespaces.models import Namespace, Request
from namespaces.policy import may_decide, permissions, visible_namespaces


def get_namespace_or_404(reader: Reader, cluster: str, name: str, permission: Permission) -> Namespace:
    """Return the namespace if the reader may do this there.

    Raises Http404 if they may not know of it, PermissionDenied if they may not do this.
    """
    namespace = _find(reader, cluster, name)
    if namespace is None:
        raise Http404
    if permission not in permissions(reader, namespace):
        raise PermissionDenied
    return namespace


def get_request_or_404(reader: Reader, request_id: UUID) -> Request:
    """Return the request if the reader is a party to it: who asked, who may decide; of a takeover not whom it is about.
    Raises Http404 otherwise."""
    if not is_known(reader):
        raise Http404
    found = (
        Request.objects.select_related("namespace__cluster", "person", "decided_by")
        .filter(pk=request_id)
        .first()
    )
    if found is None:
        raise Http404
    has_asked = found.person_id == reader.pk and not found.is_takeover
    if not (has_asked or may_decide(reader, found)):
        raise Http404
    return found


def _find(reader: Reader, cluster: str, name: str) -> Namespace | None:
    """Return a namespace that the reader may know of, with its cluster."""
    asks: dict[str, Given] = {"reader": reader} if isinstance(reader, User) else {}
    for row in _namespace.rows(**asks, cluster=cluster, name=name):
        found = from_row(Namespace, row[: len(_OWN)])
        found.cluster = from_row(Cluster, row[len(_OWN) :])
        return found
    return None


def _ask(cluster: str, name: str, reader: User | None = None) -> QuerySet[Namespace, Any]:
    found = visible_namespaces(reader or AnonymousUser()).filter(cluster__name=cluster, name=name)
    return found.order_by().values_list(*_OWN, *columns(Cluster, "cluster__"))


_OWN = columns(Namespace)
_namespace = Prepared(_ask)
