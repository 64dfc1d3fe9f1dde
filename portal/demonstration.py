"""What the demonstration on one machine consists of: its directory, ports, secrets, environment and programs.

`manage.py dev` runs it. Nothing here is used in production.
"""

from __future__ import annotations

import contextlib
import http.client
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from accounts import issuers
from clusters import authentication, manifests
from clusters.config import ClusterConfig, ConfigError
from clusters.config import load as load_clusters
from clusters.documents import dump
from localcluster import binaries, layout, services
from localcluster.errors import LocalClusterError
from localcluster.layout import Layout, Ports
from localcluster.processes import LOOPBACK, module_environment, write_atomically
from localcluster.status import StatusFile
from portal import demonstration_directory, demonstration_ports
from portal.demonstration_directory import RESET, CannotStart, in_words

SWEEP_SECONDS = 2.0
_CLUSTER_PORTS = ("api_server", "etcd", "etcd_peer")
_PROVIDER_PORTS = ("oidc_https", "oidc_http")
# Of the person's own environment only this reaches the programs; the rest of BERTH_* is decided here.
_KEPT = frozenset(
    {
        "BERTH_SITE_NAME",
        "BERTH_SUPPORT_URL",
        "BERTH_NAMESPACES_PER_ADMIN",
        "BERTH_RESERVED_NAMESPACES",
        "BERTH_TIME_ZONE",
    }
)


@dataclass(frozen=True)
class Program:
    """One program of the demonstration."""

    name: str
    command: list[str]
    is_worker: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Demonstration:
    """The demonstration in one directory. `other_cluster` and `other_issuers`, if set, replace the local ones."""

    directory: Path
    other_cluster: str = ""
    other_issuers: str = ""

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def cluster_directory(self) -> Path:
        return self.directory / "cluster"

    @property
    def ports(self) -> Ports:
        return Ports(**settings.DEMO_PORTS)

    @property
    def address(self) -> str:
        return f"http://localhost:{self.ports.web}"

    @property
    def layout(self) -> Layout:
        return Layout(self.cluster_directory, self.ports)

    @property
    def _manifests(self) -> Path:
        return self.cluster_directory / "manifests.yaml"

    @property
    def _authentication(self) -> Path:
        return self.cluster_directory / "authentication.yaml"

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Inside, no other process runs or resets this demonstration. Raises CannotStart if that cannot be."""
        return demonstration_directory.locked(self.directory)

    def forget(self) -> list[str]:
        """Delete what the demonstration has stored; return the names of what others left beside. Raises CannotStart."""
        return demonstration_directory.forget(self.directory)

    def check(self) -> None:
        """Raise CannotStart if a port is taken or a tool or file is missing. Nothing has been started by then."""
        self._check_facts()
        with in_words(self.directory, RESET):
            self._check_issuer()
        demonstration_ports.check(self.ports, self._needed_ports())
        with in_words(self.directory, RESET):
            self.redis()
        try:
            if not self.other_cluster and binaries.find() is None:
                binaries.check_go()
        except LocalClusterError as error:
            raise CannotStart(str(error)) from error

    def _check_facts(self) -> None:
        if self.other_cluster:
            try:
                load_clusters(Path(self.other_cluster))
            except ConfigError as error:
                raise CannotStart(f"BERTH_CLUSTERS: {error}") from error
        _found, problem = issuers.load_or_explain(self.other_issuers)
        if problem:
            raise CannotStart(f"BERTH_ISSUERS: {problem}")

    def _check_issuer(self) -> None:
        if self.other_issuers or not (self.cluster_directory / "ports.json").exists():
            return
        before = layout.load(self.cluster_directory).ports.oidc_https
        if before != self.ports.oidc_https:
            raise CannotStart(
                f"the demonstration in {self.directory} was made with BERTH_DEMO_PORT_OIDC_HTTPS={before}, and that "
                "port is part of who its people are. Use that port again, or forget the data first: make demo-reset"
            )

    def _needed_ports(self) -> list[str]:
        provider = () if self.other_issuers else _PROVIDER_PORTS
        cluster = () if self.other_cluster else _CLUSTER_PORTS
        return ["web", "redis", "smtp", *provider, *cluster]

    def prepare(self) -> None:
        """Make keys, secrets and files of facts; what is there stays. Raises CannotStart if it is damaged."""
        with in_words(self.directory, RESET):
            for name in ("logs", "static"):
                (self.directory / name).mkdir(exist_ok=True, mode=0o700)
            key = self.directory / "secret-key"
            if not key.exists() or not key.stat().st_size:
                write_atomically(key, secrets.token_urlsafe(64))
            demonstration_directory.prepare_database(self.directory)
            place = layout.prepare(self.cluster_directory, ports=self.ports)
            self._render_documents(load_clusters(place.clusters_file)[layout.CLUSTER])
            # What an earlier run left must not pass for the state of this one.
            StatusFile(place.status_file).write("starting", "The local cluster is starting.")

    def _render_documents(self, config: ClusterConfig) -> None:
        try:
            rendered = manifests.render(config, reserved=settings.RESERVED_NAMESPACES)
        except ValueError as error:
            raise CannotStart(f"BERTH_RESERVED_NAMESPACES: {error}") from error
        write_atomically(self._manifests, dump(rendered))
        write_atomically(self._authentication, dump([authentication.render(config)]))

    def environment(self, *, is_worker: bool) -> dict[str, str]:
        """Return the environment of a program: what the person's shell has, with our settings."""
        inherited = {
            name: value
            for name, value in module_environment().items()
            if name in _KEPT or not name.startswith(("BERTH_", "DATABASE_URL"))
        }
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            # On a laptop in a container one may well be root; Celery's advice against it is for servers.
            "PYTHONWARNINGS": "ignore:::celery.platforms",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "BERTH_PROCESS": "worker" if is_worker else "web",
            "BERTH_DEBUG": "0",
            "BERTH_DATA_DIR": str(self.directory),
            "BERTH_SECRET_KEY_FILE": str(self.directory / "secret-key"),
            "BERTH_BASE_URL": self.address,
            "BERTH_ALLOWED_HOSTS": "localhost,127.0.0.1",
            "BERTH_BIND": f"{LOOPBACK}:{self.ports.web}",
            "BERTH_BROKER_URL": f"redis://{LOOPBACK}:{self.ports.redis}/0",
            "BERTH_CLUSTERS": self.other_cluster or str(self.layout.clusters_file),
            "BERTH_ISSUERS": self.other_issuers or str(self.layout.issuers_file),
            "BERTH_STATIC_FROM_SOURCE": "1",
            "BERTH_SECOND_FACTOR": "nobody",  # whoever sets one up is asked for it
            "BERTH_MAIL_URL": f"smtp://{LOOPBACK}:{self.ports.smtp}",
            "BERTH_MAIL_FROM": "Berth <berth@localhost>",
            "BERTH_SWEEP_SECONDS": str(SWEEP_SECONDS),
            "BERTH_LOG_FORMAT": "console",
        }

    def redis(self) -> Program:
        """The broker."""
        return Program("redis", services.redis(self.directory / "redis", self.ports.redis), quiet=True)

    def mail(self) -> Program:
        """A mail server that takes every mail and delivers none: its log is everybody's mailbox."""
        listen = ["--listen", f"{LOOPBACK}:{self.ports.smtp}"]
        command = _python(
            "aiosmtpd", "--nosetuid", *listen, "--class", "aiosmtpd.handlers.Debugging", "stdout"
        )
        return Program("mail", command, quiet=True)

    def web(self) -> Program:
        """The portal's pages."""
        return Program(
            "web",
            _python("gunicorn", "--config", "gunicorn.conf.py", "--graceful-timeout", "3"),
        )

    def seed(self) -> Program:
        """What fills the database, and ends. Nobody and nothing is made where it would appear in somebody's cluster."""
        arguments = ["manage.py", "seed_demo"]
        if self.other_issuers:
            arguments += ["--only", "tables"]
        elif self.other_cluster:
            arguments += ["--only", "people"]
        return Program("seed", [sys.executable, *arguments])

    def login(self) -> list[Program]:
        """The identity provider, if it is ours."""
        if self.other_issuers:
            return []
        directory = ["--directory", str(self.cluster_directory)]
        return [Program("login", _python("localcluster.identity_provider", *directory))]

    def others(self) -> list[Program]:
        """Everything beside broker, pages and login."""
        celery = ["celery", "--quiet", "--app", "portal"]
        programs = [
            Program(
                "worker",
                _python(*celery, "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING"),
                is_worker=True,
            ),
            Program(
                "beat",
                _python(*celery, "beat", "--scheduler", "portal.workers:LiveScheduler", "--loglevel", "WARNING"),
                is_worker=True,
            ),
            Program("watch", [sys.executable, "manage.py", "watch"], is_worker=True),
        ]  # fmt: skip
        if not self.other_cluster:
            documents = ["--manifests", str(self._manifests), "--authentication", str(self._authentication)]
            command = _python("localcluster", "run", "--directory", str(self.cluster_directory), *documents)
            programs.append(Program("cluster", command))
        return programs

    def redis_answers(self) -> bool:
        """Whether the broker is there."""
        return demonstration_ports.is_taken(self.ports.redis)

    def web_answers(self) -> bool:
        """Whether the portal answers."""
        return _answers(self.ports.web, "/livez")

    def login_answers(self) -> bool:
        """Whether people can log in."""
        return bool(self.other_issuers) or _answers(self.ports.oidc_http, "/.well-known/openid-configuration")


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
