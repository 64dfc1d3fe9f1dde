"""The least that a control plane can start with: three accounts, one policy, one issuer."""

import yaml

from localcluster.layout import KUBECTL_CLIENT, SUBJECT_PATTERN, Layout
from localcluster.testing import Documents

REFUSED_NAME = "pink"

_MANIFESTS = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: berth-system}}
---
apiVersion: v1
kind: List
items:
- {{apiVersion: v1, kind: ServiceAccount, metadata: {{name: worker, namespace: berth-system}}}}
- {{apiVersion: v1, kind: ServiceAccount, metadata: {{name: observer, namespace: berth-system}}}}
- {{apiVersion: v1, kind: ServiceAccount, metadata: {{name: reaper, namespace: berth-system}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: no-{REFUSED_NAME}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}}]
  validations: [{{expression: "object.metadata.name != '{REFUSED_NAME}'"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: no-{REFUSED_NAME}}}
spec: {{policyName: no-{REFUSED_NAME}, validationActions: [Deny]}}
"""


def minimal(layout: Layout) -> Documents:
    """Return the documents for this layout."""
    issuer = {
        "url": layout.issuer,
        "audiences": [KUBECTL_CLIENT],
        "certificateAuthority": layout.certificate_authority.read_text(),
    }
    rule = {"expression": f"user.username.matches('{SUBJECT_PATTERN}')", "message": "not a subject"}
    authentication = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [
            {
                "issuer": issuer,
                "claimMappings": {"username": {"claim": "sub", "prefix": ""}},
                "userValidationRules": [rule],
            }
        ],
    }
    return Documents(manifests=_MANIFESTS, authentication=yaml.safe_dump(authentication))
