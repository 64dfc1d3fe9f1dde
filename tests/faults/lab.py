"""A namespace of its own for one test of faults: its people, and what the cluster says of it past the portal."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from accounts.models import Level, User
from clusters.api import Manifest
from clusters.config import load
from clusters.models import Cluster, ClusterStatus
from clusters.raw import Request
from clusters.roles import binding_name
from localcluster.admin_api import AdminApi
from localcluster.layout import CLUSTER, Layout
from namespaces import reconciliation, standing
from namespaces.access import Role
from namespaces.actions import members
from namespaces.models import Membership, Namespace, NamespaceStatus
from namespaces.standing import State
from tests import factories
from tests.clusters.raw_api import RawApi, id_token

PATIENCE_SECONDS = 60
RBAC = "/apis/rbac.authorization.k8s.io/v1"
MAY_CREATE_PODS = {"verb": "create", "resource": "pods"}


class Lab:
    """A namespace with its admin. What the cluster says is asked as its administrator, or with people's own tokens."""

    def __init__(self, layout: Layout, cluster: Cluster) -> None:
        self.layout = layout
        self.outside = AdminApi(layout)
        self.admin = self.person(Level.ADMIN)
        self.row = factories.NamespaceFactory.create(
            cluster=cluster, name=f"lab-{uuid.uuid4().hex[:16]}", created_by=self.admin
        )
        factories.MembershipFactory.create(namespace=self.row, person=self.admin, role=Role.ADMIN)

    # --- People and rows -------------------------------------------------------------------------------------------

    def person(self, level: Level = Level.USER) -> User:
        made = factories.PersonFactory.create(level=level)
        subject = f"http://cilogon.org/serverA/users/{uuid.uuid4().int % 10**12}"
        factories.IdentityFactory.create(person=made, issuer=self.layout.issuer, subject=subject)
        return made

    def add(self, role: Role = Role.EDITOR) -> User:
        """Let somebody in; no worker has looked yet."""
        person = self.person()
        members.add(namespace=self.row, person=person, role=role, by=self.admin)
        return person

    def member(self, role: Role = Role.EDITOR) -> User:
        """Let somebody in, and let a worker do its work."""
        person = self.add(role)
        self.reconcile()
        assert self.stands(person) == State.ACTIVE, self.status().error_message
        return person

    def remove(self, person: User) -> None:
        members.remove(membership=self.membership(person), by=self.admin)

    def membership(self, person: User) -> Membership:
        current = Membership.objects.current().select_related("namespace", "person")
        return current.get(namespace=self.row, person=person)

    def reconcile(self) -> None:
        reconciliation.reconcile(self.row.pk)

    def stands(self, person: User) -> State:
        fresh = Namespace.objects.get(pk=self.row.pk)
        return standing.of_person(User.objects.get(pk=person.pk), [fresh])[self.row.pk].state

    def status(self) -> NamespaceStatus:
        return NamespaceStatus.objects.get(namespace=self.row)

    def time_passes(self) -> None:
        """Let a lease that somebody left behind run out, and every wait be over."""
        past = "2020-01-01T00:00:00Z"
        NamespaceStatus.objects.filter(namespace=self.row, lease_until__isnull=False).update(lease_until=past)
        NamespaceStatus.objects.filter(namespace=self.row).update(next_reconcile_at=past)
        ClusterStatus.objects.filter(cluster=self.row.cluster).update(throttled_until=None)

    # --- What the cluster says ---------------------------------------------------------------------------------------

    @property
    def place(self) -> str:
        return f"/api/v1/namespaces/{self.row.name}"

    @property
    def bindings_path(self) -> str:
        return f"{RBAC}/namespaces/{self.row.name}/rolebindings"

    def bindings(self) -> dict[str, Manifest]:
        """Return all bindings of the namespace by name."""
        found = self.outside.expect("GET", self.bindings_path)
        return {item["metadata"]["name"]: item for item in found["items"]}

    def binding(self, person: User, role: str) -> str:
        identity = person.identities.get()
        return binding_name(role, identity.issuer, identity.subject)

    def holds(self) -> set[tuple[str, str]]:
        """Return who has which role by a binding, as (user name, name of the role)."""
        return {
            (subject["name"], item["roleRef"]["name"])
            for item in self.bindings().values()
            for subject in item.get("subjects") or ()
        }

    def may(self, person: User, act: Mapping[str, str] = MAY_CREATE_PODS) -> bool:
        """Whether the API server says yes to this person, asked with their own token."""
        config = load(self.layout.clusters_file)[CLUSTER]
        trust = config.issuers[0]
        claims = {"iss": trust.issuer, "aud": trust.client_id, "sub": person.identities.get().subject}
        token = id_token(self.layout.oidc_signing_key.read_bytes(), **claims)
        review = {"spec": {"resourceAttributes": {"namespace": self.row.name, **act}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = RawApi(config, token).send(Request("POST", path, review))
        assert answer.status == 201, answer.message
        return bool(answer.body["status"]["allowed"])

    def foreign(self) -> dict[str, Any]:
        """Return everything in the namespace that has to do with rights and limits, and is not Berth's, by its uid."""
        kinds = (self.bindings_path, f"{self.place}/resourcequotas", f"{self.place}/limitranges")
        items = [item for path in kinds for item in self.outside.expect("GET", path)["items"]]
        return {
            item["metadata"]["uid"]: {key: value for key, value in item.items() if key != "status"}
            for item in items
            if not item["metadata"]["name"].startswith("berth-")
        }


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what others do in their own time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
