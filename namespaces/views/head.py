"""What the pages of one namespace have in common: its name, what the reader may do there, what waits there."""

from __future__ import annotations

from typing import Any

from accounts.policy import Reader
from namespaces import policy
from namespaces.access import Permission
from namespaces.models import Namespace, Request


def head(reader: Reader, namespace: Namespace) -> dict[str, Any]:
    """Return the part of the context that the head of each such page needs; `may` holds names of permissions."""
    permissions = policy.permissions(reader, namespace)
    decides = Permission.DECIDE_REQUESTS in permissions
    return {
        "namespace": namespace,
        "may": {permission.name for permission in permissions},
        "to_decide": Request.objects.open().filter(namespace=namespace).count() if decides else 0,
    }
