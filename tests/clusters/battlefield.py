"""Where the attacks of `test_fences` take place: some namespaces, the people in them, and everybody's credentials."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from clusters import names
from clusters.api import NAMESPACE, ROLE_BINDING, Manifest
from clusters.config import ClusterConfig
from clusters.ground import Ground
from clusters.kube import connect
from clusters.raw import Answer, Request, collection, one
from localcluster.admin_api import AdminApi
from localcluster.layout import Layout
from tests.clusters.raw_api import RawApi, id_token
from tests.contract.hands import binding, limits, namespace, quota, reaper_binding, subject

PEOPLE = {"viewer": 9001, "editor": 9002, "admin": 9003}
OUTSIDER = 9009
LOCK = "careless.lock"
"""Held, shared, in the directory of the control plane while somebody gives the worker too much there."""


@dataclass(frozen=True)
class Battlefield:
    """`home` has a viewer, an editor and an admin; `other` is managed too; `foreign` is not; `condemned` is to end.

    In `careless` somebody gave the worker every right: there the policies stand alone.
    """

    config: ClusterConfig
    apis: dict[str, RawApi]
    administrator: AdminApi
    home: str = field(default_factory=lambda: f"fences-home-{uuid.uuid4().hex[:8]}")
    other: str = field(default_factory=lambda: f"fences-other-{uuid.uuid4().hex[:8]}")
    foreign: str = field(default_factory=lambda: f"fences-foreign-{uuid.uuid4().hex[:8]}")
    careless: str = field(default_factory=lambda: f"fences-careless-{uuid.uuid4().hex[:8]}")
    condemned: str = field(default_factory=lambda: f"fences-condemned-{uuid.uuid4().hex[:8]}")

    def send(self, actor: str, request: Request) -> Answer:
        """Let somebody try something."""
        return self.apis[actor].send(request)

    @property
    def ground(self) -> Ground:
        """The same place for the attempts of the product's own attack."""
        return Ground(self.home, self.foreign, subject(PEOPLE["viewer"]))

    def hand_made(self) -> Manifest:
        """Return the binding that somebody made by hand in `home`, for its own service account."""
        manifest = account_binding(self.home, "made-by-hand", "default")
        manifest["roleRef"]["name"] = "berth:viewer"
        return manifest


def account_binding(place: str, name: str, account: str, *, of: str | None = None) -> Manifest:
    """Return the binding of a service account to the role of editors, as a chart would bring it."""
    made = binding(place, role="editor")
    made["metadata"] = {"name": name, "namespace": place}
    made["subjects"] = [{"kind": "ServiceAccount", "name": account, "namespace": of or place}]
    return made


def prepare(config: ClusterConfig, layout: Layout) -> Battlefield:
    """Make the namespaces and bring everybody in; returns when everybody's rights are in force."""
    apis = {account: RawApi(config, _token(config.credentials[account])) for account in names.ACCOUNTS}
    signing_key = layout.oidc_signing_key.read_bytes()
    for person, number in {**PEOPLE, "outsider": OUTSIDER}.items():
        trust = config.issuers[0]
        token = id_token(signing_key, iss=trust.issuer, aud=trust.client_id, sub=subject(number))
        apis[person] = RawApi(config, token)
    made = Battlefield(config, apis, AdminApi(layout))
    worker = connect(config, "worker")
    for place in (made.home, made.other, made.careless, made.condemned):
        worker.create(NAMESPACE, namespace(place))
    for role, number in PEOPLE.items():
        worker.create(ROLE_BINDING, binding(made.home, number, role))
    worker.create(ROLE_BINDING, reaper_binding(made.condemned))
    _by_hand(made)
    return made


def _by_hand(place: Battlefield) -> None:
    home = place.home
    secret = {"name": "treasure", "namespace": home}
    wide = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    role = {"name": "wide", "namespace": home}
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place.foreign}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": secret},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": role, "rules": [wide]},
        place.hand_made(),
        {
            **account_binding(place.careless, "careless", "worker", of=names.SYSTEM_NAMESPACE),
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
        },
        binding(place.careless),
        quota(home),
        quota(home, name="of-somebody-else"),
        limits(place.foreign, "1Gi"),
    ]
    for manifest in made:
        place.administrator.expect("POST", collection(manifest), manifest)


def clear(place: Battlefield) -> None:
    """Take the right of the worker away that it should not have, and let the namespaces end."""
    careless = account_binding(place.careless, "careless", "worker")
    place.administrator.expect("DELETE", one(careless, "DELETE").path)
    for name in (place.home, place.other, place.foreign, place.careless, place.condemned):
        place.administrator.expect("DELETE", f"/api/v1/namespaces/{name}")


def _token(kubeconfig: Path) -> str:
    document = yaml.safe_load(kubeconfig.read_text())
    return str(document["users"][0]["user"]["token"])
