"""Names of everything that Berth makes in a cluster, and of its own accounts there.

Nothing here knows Django or the Kubernetes library. The names are a public interface: they stand in clusters
that already run, and the admission policies are written in terms of them.
"""

from __future__ import annotations

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "berth"
MANAGED_LABEL = "berth.internal/managed"
NAMESPACE_ID_LABEL = "berth.internal/namespace-id"
ANNOTATION_PREFIX = "berth.internal/"

POD_SECURITY_PREFIX = "pod-security.kubernetes.io/"
POD_SECURITY_LABEL = "pod-security.kubernetes.io/enforce"
POD_SECURITY_LEVELS = ("baseline", "restricted")

BINDING_PREFIX = "berth-"
REAPER_BINDING = "berth-reaper"
QUOTA = "berth-quota"
LIMITS = "berth-limits"

SYSTEM_NAMESPACE = "berth-system"
STATE_CONFIG_MAP = "berth-state"
# Always there (clusters.manifests makes it): a list of RoleBindings without it has been filtered on its way.
CANARY_BINDING = "berth-state"

# Under which the API server notes what Berth wrote.
FIELD_MANAGER = "berth"

ACCOUNTS = ("worker", "observer", "reaper")
# Namespaces that no setting can hand to Berth.
NEVER_MANAGED = ("default", "kube-*", "berth-system")


def service_account(account: str) -> str:
    """Return the user name under which the API server knows one of our service accounts."""
    return f"system:serviceaccount:{SYSTEM_NAMESPACE}:{account}"
