"""Everything that a control plane needs on disk, made before any binary exists.

Idempotent: keys, secrets and data that are there stay, files of facts are written anew.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from localcluster.certificates import Authority, signing_key
from localcluster.errors import LocalClusterError
from localcluster.people import PEOPLE, ROR, DemoPerson
from localcluster.processes import LOOPBACK, free_ports, write_atomically

CLUSTER = "nautilus"
CLUSTER_TITLE = "Nautilus"
ISSUER_ID = "cilogon"
ISSUER_NAME = "CILogon"
PORTAL_CLIENT = "berth-portal"
KUBECTL_CLIENT = "berth-kubectl"  # public: kubelogin has no secret
SUBJECT_PATTERN = "^http://cilogon[.]org/server[A-Z]/users/[0-9]+$"
SCOPES = ("openid", "email", "profile", "org.cilogon.userinfo")
ACCOUNTS = ("worker", "observer", "reaper")


@dataclass(frozen=True)
class Ports:
    """The loopback ports; the defaults are those of the demonstration."""

    api_server: int = 16443
    etcd: int = 12379
    etcd_peer: int = 12380
    oidc_https: int = 18443
    oidc_http: int = 18080
    web: int = 8088
    redis: int = 16379
    smtp: int = 18025

    @classmethod
    def free(cls) -> "Ports":
        """Return ports on which nobody listens now, for tests."""
        return cls(*free_ports(8))


@dataclass(frozen=True)
class Layout:
    """Where things are in the directory of one control plane. `prepare` makes them."""

    directory: Path
    ports: Ports

    @property
    def pki(self) -> Path:
        """Directory of keys and certificates."""
        return self.directory / "pki"

    @property
    def certificate_authority(self) -> Path:
        """Certificate that signed API server and identity provider."""
        return self.pki / "ca.crt"

    @property
    def service_account_key(self) -> Path:
        """Key that signs the tokens of service accounts."""
        return self.pki / "service-accounts.key"

    @property
    def oidc_signing_key(self) -> Path:
        """Key that signs ID tokens; kept, so that tokens outlive a restart of the provider."""
        return self.pki / "oidc-signing.key"

    @property
    def portal_client_secret(self) -> Path:
        """Secret of the portal's client at the identity provider."""
        return self.directory / "portal-client-secret"

    @property
    def clusters_file(self) -> Path:
        """The file of facts that BERTH_CLUSTERS names."""
        return self.directory / "clusters.yaml"

    @property
    def issuers_file(self) -> Path:
        """The file of facts that BERTH_ISSUERS names."""
        return self.directory / "issuers.yaml"

    @property
    def people_file(self) -> Path:
        """Who can log in at the identity provider."""
        return self.directory / "people.json"

    @property
    def status_file(self) -> Path:
        """What the control plane is doing, for the pages of the portal."""
        return self.directory / "status.json"

    @property
    def logs(self) -> Path:
        """Directory of the logs of the child processes."""
        return self.directory / "logs"

    @property
    def etcd_data(self) -> Path:
        """Directory of the cluster's data."""
        return self.directory / "etcd"

    @property
    def api_server(self) -> str:
        """Address of the Kubernetes API."""
        return f"https://{LOOPBACK}:{self.ports.api_server}"

    @property
    def issuer(self) -> str:
        """Address of the identity provider, exactly as tokens name it."""
        return f"https://localhost:{self.ports.oidc_https}"

    @property
    def oidc_pages(self) -> str:
        """Address of the login page, on plain http so that browsers do not warn of a private authority."""
        return f"http://localhost:{self.ports.oidc_http}"

    def credential(self, account: str) -> Path:
        """Return the kubeconfig of admin, controller-manager, worker, observer or reaper."""
        return self.directory / "credentials" / f"{account}.kubeconfig"

    def people(self) -> tuple[DemoPerson, ...]:
        """Return who can log in at the identity provider."""
        return tuple(DemoPerson(**person) for person in json.loads(self.people_file.read_text()))


def load(directory: Path) -> Layout:
    """Return the layout of a directory that was prepared before; LocalClusterError if it was not."""
    directory = directory.absolute()
    try:
        ports = Ports(**json.loads((directory / "ports.json").read_text()))
        if not all(isinstance(port, int) for port in asdict(ports).values()):
            raise TypeError("a port must be a number")  # noqa: TRY301
    except FileNotFoundError as error:
        raise LocalClusterError(f"{directory} is not prepared: ports.json is missing") from error
    except (TypeError, ValueError) as error:
        raise LocalClusterError(f"{directory / 'ports.json'} is damaged: {error}") from error
    return Layout(directory, ports)


def prepare(directory: Path, *, ports: Ports | None = None, people: Sequence[DemoPerson] = PEOPLE) -> Layout:
    """Make certificates, keys, client secret and files of facts in `directory`; return where they are.

    `ports` defaults to the ports that the directory had, else to those of the demonstration.
    """
    directory = directory.absolute()
    for place in (directory, directory / "pki", directory / "credentials", directory / "logs"):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o700)
    if ports is None:
        ports = load(directory).ports if (directory / "ports.json").exists() else Ports()
    layout = Layout(directory, ports)
    write_atomically(directory / "ports.json", json.dumps(asdict(ports), indent=2) + "\n")
    _write_keys(layout)
    people_rows = [{**asdict(person), "claims": dict(person.claims)} for person in people]
    write_atomically(layout.people_file, json.dumps(people_rows, indent=2) + "\n")
    write_atomically(layout.clusters_file, _yaml(_clusters(layout)), mode=0o644)
    write_atomically(layout.issuers_file, _yaml(_issuers(layout, people)), mode=0o644)
    return layout


def refresh(directory: Path) -> Layout:
    """Prepare a directory with the ports and people it has; one that was never prepared is prepared now.

    Certificates that near their end are made again.
    """
    people_file = Layout(directory, Ports()).people_file
    return prepare(directory, people=load(directory).people() if people_file.exists() else PEOPLE)


def _write_keys(layout: Layout) -> None:
    authority = Authority(layout.pki)
    authority.server("apiserver")
    authority.server("oidc")
    clients = {
        "admin": authority.client("admin", "berth-admin", ["system:masters"]),
        "controller-manager": authority.client("controller-manager", "system:kube-controller-manager"),
    }
    signing_key(layout.service_account_key)
    signing_key(layout.oidc_signing_key)
    secret = layout.portal_client_secret
    if not secret.exists() or not secret.stat().st_size:
        write_atomically(secret, secrets.token_urlsafe(32) + "\n")
    for account, (certificate, key) in clients.items():
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        write_kubeconfig(layout, account, user)


def write_kubeconfig(layout: Layout, account: str, user: Mapping[str, str]) -> None:
    """Write the kubeconfig of an account in one step, readable by its owner only."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CLUSTER,
                "cluster": {
                    "server": layout.api_server,
                    "certificate-authority": str(layout.certificate_authority),
                },
            }
        ],
        "users": [{"name": account, "user": dict(user)}],
        "contexts": [{"name": account, "context": {"cluster": CLUSTER, "user": account}}],
        "current-context": account,
    }
    write_atomically(layout.credential(account), _yaml(document))


def _clusters(layout: Layout) -> dict[str, Any]:
    relative = layout.certificate_authority.relative_to(layout.directory)
    trust = {
        "issuer": layout.issuer,
        "client_id": KUBECTL_CLIENT,
        "prefix": "",
        "pattern": SUBJECT_PATTERN,
        "certificate_authority_file": str(relative),
    }
    cluster = {
        "name": CLUSTER,
        "title": CLUSTER_TITLE,
        "server": layout.api_server,
        "certificate_authority_file": str(relative),
        "credentials": {
            account: str(layout.credential(account).relative_to(layout.directory)) for account in ACCOUNTS
        },
        "status_file": layout.status_file.name,
        "issuers": [trust],
    }
    return {"clusters": [cluster]}


def _issuers(layout: Layout, people: Sequence[DemoPerson]) -> dict[str, Any]:
    institutions: dict[str, dict[str, str]] = {}
    for person in people:
        institution = {"entity_id": person.entity_id, "name": person.institution}
        if ror := ROR.get(person.entity_id):
            institution["ror"] = ror
        institutions.setdefault(person.entity_id, institution)
    issuer = {
        "id": ISSUER_ID,
        "name": ISSUER_NAME,
        "issuer": layout.issuer,
        "client_id": PORTAL_CLIENT,
        "client_secret_file": layout.portal_client_secret.name,
        "scopes": list(SCOPES),
        "form_action_origins": [layout.oidc_pages],
        "certificate_authority_file": str(layout.certificate_authority.relative_to(layout.directory)),
        "institutions": list(institutions.values()),
    }
    return {"issuers": [issuer]}


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
