"""What the API server must be told about identity providers, from the same facts as the portal's own checks.

Without rules about names an issuer could make any user name there is: a token whose subject is
`system:serviceaccount:kube-system:x` would *be* that service account, and one without a subject a nameless
member of `system:authenticated`.
"""

from __future__ import annotations

from typing import Any

from clusters.api import Manifest
from clusters.config import ClusterConfig, IssuerTrust

SIGNING_ALGORITHMS = ("RS256", "ES256")


def render(config: ClusterConfig) -> Manifest:
    """Return the AuthenticationConfiguration of the API server (Kubernetes 1.34 and later).

    It goes into the file that `--authentication-config` names, see
    https://kubernetes.io/docs/reference/access-authn-authz/authentication/. The API server reads a
    changed file by itself within some seconds, provided that it was replaced in one step and every issuer in
    it can be reached.
    """
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [_issuer(trust) for trust in config.issuers],
    }


def _issuer(trust: IssuerTrust) -> dict[str, Any]:
    issuer: dict[str, Any] = {"url": trust.issuer, "audiences": [trust.client_id]}
    if trust.certificate_authority:
        issuer["certificateAuthority"] = trust.certificate_authority
    return {
        "issuer": issuer,
        "claimMappings": {"username": {"claim": "sub", "prefix": trust.prefix}},
        "userValidationRules": [
            {"expression": trust.cel("user.username"), "message": "this issuer may not name a user so"}
        ],
    }


def flags(config: ClusterConfig) -> list[str]:
    """Return the flags of the API server for the one issuer of a cluster, where a file cannot be had.

    Flags know no rules about names: with an empty prefix, the issuer is trusted with every user name of the
    cluster. Raises ValueError where there are several issuers, for which there are no flags.
    """
    if len(config.issuers) != 1:
        raise ValueError(f"{config.name} trusts {len(config.issuers)} issuers; flags can name only one")
    trust = config.issuers[0]
    made = [
        f"--oidc-issuer-url={trust.issuer}",
        f"--oidc-client-id={trust.client_id}",
        "--oidc-username-claim=sub",
        f"--oidc-username-prefix={trust.prefix or '-'}",
        f"--oidc-signing-algs={','.join(SIGNING_ALGORITHMS)}",
    ]
    # The flag wants a file on the host of the API server, whose path only the operator knows.
    return [*made, "--oidc-ca-file=FILE"] if trust.certificate_authority else made
