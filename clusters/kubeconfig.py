"""The file that people download: how their kubectl reaches the namespaces they are in, and nothing secret.

It says where to log in, not who somebody is: the plugin int128/kubelogin gets the token, on the person's own
machine (https://github.com/int128/kubelogin/blob/master/docs/usage.md). It is called under its own name: as
`kubectl oidc-login`, a kubectl that looks for plugins itself could start itself again without end.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from clusters.config import ClusterConfig, IssuerTrust
from clusters.documents import dump

Login = Literal["browser", "no-browser", "device-code"]
"""How the plugin logs in: it opens a browser; it prints an address to open by hand, with port 8000 forwarded;
or it shows a code to enter on another device."""

PLUGIN = "kubectl-oidc_login"
INSTALL_HINT = (
    "The login plugin int128/kubelogin is not installed. Install it with one of:\n"
    "  brew install kubelogin\n"
    "  kubectl krew install oidc-login\n"
    "  choco install kubelogin\n"
    "or put the program from https://github.com/int128/kubelogin/releases\n"
    f"into your PATH under the name {PLUGIN}.\n"
)
_LOGIN_ARGUMENTS: dict[Login, list[str]] = {
    "browser": [],
    "no-browser": ["--skip-open-browser"],
    "device-code": ["--grant-type=device-code"],
}


@dataclass(frozen=True)
class Context:
    """One place to work in: a namespace of a cluster, or the cluster alone, reached through one issuer."""

    cluster: ClusterConfig
    issuer: IssuerTrust
    namespace: str | None = None

    @property
    def name(self) -> str:
        """What the context is called: neither part can hold the dot, so that no two are called alike."""
        return f"{self.namespace}.{self.cluster.name}" if self.namespace else self.cluster.name

    @property
    def user(self) -> str:
        """What the login is called: after the cluster, with a number where several issuers are used there."""
        position = self.cluster.issuers.index(self.issuer) + 1
        return f"berth-{self.cluster.name}" + (f"-{position}" if position > 1 else "")


def build(contexts: Sequence[Context], *, current: str | None = None, login: Login = "browser") -> bytes:
    """Return the kubeconfig for these contexts; the same bytes for the same contexts, in whatever order.

    `current` is the name of the context in use, the first in order of name unless given. Raises ValueError
    without contexts, for two of the same name, and for a current one that is not among them.
    """
    ordered = sorted(contexts, key=lambda context: (context.cluster.name, context.namespace or ""))
    names = [context.name for context in ordered]
    if not names:
        raise ValueError("a kubeconfig needs at least one context")
    if len(set(names)) != len(names):
        raise ValueError("two contexts have the same name")
    if current is not None and current not in names:
        raise ValueError(f"there is no context {current!r}")
    clusters = {context.cluster.name: context.cluster for context in ordered}
    users = {context.user: context.issuer for context in ordered}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current or names[0],
        "contexts": [_context(context) for context in ordered],
        "clusters": [_cluster(cluster) for cluster in clusters.values()],
        "users": [{"name": name, "user": {"exec": _exec(issuer, login)}} for name, issuer in users.items()],
    }
    return dump([document]).encode()


def _context(context: Context) -> dict[str, Any]:
    content = {"cluster": context.cluster.name, "user": context.user}
    if context.namespace:
        content["namespace"] = context.namespace
    return {"name": context.name, "context": content}


def _cluster(cluster: ClusterConfig) -> dict[str, Any]:
    authority = _base64(cluster.certificate_authority)
    return {
        "name": cluster.name,
        "cluster": {"server": cluster.server, "certificate-authority-data": authority},
    }


def _exec(issuer: IssuerTrust, login: Login) -> dict[str, Any]:
    arguments = [
        "get-token",
        f"--oidc-issuer-url={issuer.issuer}",
        f"--oidc-client-id={issuer.client_id}",
        "--oidc-pkce-method=S256",
        "--oidc-extra-scope=email",
        *_LOGIN_ARGUMENTS[login],
    ]
    if issuer.certificate_authority:
        arguments.append(f"--certificate-authority-data={_base64(issuer.certificate_authority)}")
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": PLUGIN,
        "args": arguments,
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
        "installHint": INSTALL_HINT,
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
