"""Loading a namespace or a request for a reader: load and check are one step.

What the reader may not know of answers 404, like what does not exist; what they may see but not do is 403.
"""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from accounts.policy import Reader, is_known
from namespaces.access import Permission
from namespaces.models import Namespace, Request
from namespaces.policy import may_decide, permissions, visible_namespaces


def get_namespace_or_404(reader: Reader, cluster: str, name: str, permission: Permission) -> Namespace:
    """Return the namespace if the reader may do this there.

    Raises Http404 if they may not know of it, PermissionDenied if they may not do this.
    """
    namespace = visible_namespaces(reader).filter(cluster__name=cluster, name=name).first()
    if namespace is None:
        raise Http404
    if permission not in permissions(reader, namespace):
        raise PermissionDenied
    return namespace


def get_request_or_404(reader: Reader, request_id: UUID) -> Request:
    """Return the request if the reader is a party to it: who asked, who may decide. Raises Http404 otherwise."""
    if not is_known(reader):
        raise Http404
    found = (
        Request.objects.select_related("namespace__cluster", "person", "decided_by")
        .filter(pk=request_id)
        .first()
    )
    if found is None or not (found.person_id == reader.pk or may_decide(reader, found)):
        raise Http404
    return found
