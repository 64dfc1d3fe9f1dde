"""Connection facts of the clusters, read from the file that BERTH_CLUSTERS names.

No page, form or table holds these facts: whoever could change the address, the certificate authority or the
pattern of user names there would own the cluster. Reading the file needs no credential: the web process may
do it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from clusters import facts, patterns
from clusters.facts import ConfigError, Entry
from clusters.names import ACCOUNTS

__all__ = ["ClusterConfig", "ConfigError", "IssuerTrust", "load", "load_with_sources"]

SUBJECT_MAX_LENGTH = 255
# An identity's subject (docs/architecture.md, "Identity"): the API server itself accepts every text but the
# empty one.
_SUBJECT_CHARACTERS = "[A-Za-z0-9:/._@+=~-]"
_SUBJECT = re.compile(rf"{_SUBJECT_CHARACTERS}{{1,{SUBJECT_MAX_LENGTH}}}\Z")
_PREFIX = re.compile(r"[A-Za-z0-9:/._@+=~#-]{0,200}\Z")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_SYSTEM = "system:"
_CLUSTER_FIELDS = (
    "name", "title", "server", "certificate_authority", "certificate_authority_file", "credentials",
    "status_file", "issuers",
)  # fmt: skip
_ISSUER_FIELDS = (
    "issuer", "client_id", "prefix", "pattern", "certificate_authority", "certificate_authority_file",
)  # fmt: skip


@dataclass(frozen=True)
class IssuerTrust:
    """One identity provider that a cluster believes, and which user names it may make there.

    A user name is `prefix` and the subject; it must match `pattern` as a whole. `client_id` is the public
    client that people's kubectl logs in with.
    """

    issuer: str
    client_id: str
    prefix: str
    pattern: str
    certificate_authority: str | None = None

    def username(self, subject: str) -> str | None:
        """Return the user name of a subject, or None where this cluster must not know it under any name."""
        name = self.prefix + subject
        if not _SUBJECT.match(subject) or subject.startswith(_SYSTEM) or name.startswith(_SYSTEM):
            return None
        return name if patterns.parse(self.pattern).matches(name) else None

    def cel(self, variable: str) -> str:
        """Return the CEL expression that judges a user name in `variable` as `username` judges a subject."""
        shape = f"{patterns.escape(self.prefix)}{_SUBJECT_CHARACTERS}{{1,{SUBJECT_MAX_LENGTH}}}"
        terms = [
            f"{variable}.matches({patterns.cel_string(patterns.whole(shape))})",
            f"{variable}.matches({patterns.cel_string(patterns.whole(self.pattern))})",
            f"!{variable}.startsWith({patterns.cel_string(_SYSTEM)})",
        ]
        if self.prefix:
            terms.append(f"!{variable}.startsWith({patterns.cel_string(self.prefix + _SYSTEM)})")
        return " && ".join(terms)

    def fixed_beginning(self) -> str:
        """Return the characters that every user name of this issuer begins with."""
        literal = patterns.parse(self.pattern).literal_prefix
        return max(self.prefix, literal, key=len)


@dataclass(frozen=True)
class ClusterConfig:
    """One cluster: where it is, how it proves itself, and whom it lets in.

    `certificate_authority` is PEM text. `credentials` names one kubeconfig per account of ours; only workers
    may read those files. `status_file` is written by a control plane that runs on this machine, None
    elsewhere.
    """

    name: str
    title: str
    server: str
    certificate_authority: str
    credentials: Mapping[str, Path]
    issuers: tuple[IssuerTrust, ...]
    status_file: Path | None = None

    def trust(self, issuer: str) -> IssuerTrust | None:
        """Return what this cluster believes of an issuer, None where it does not know it."""
        return next((trust for trust in self.issuers if trust.issuer == issuer), None)

    def username(self, issuer: str, subject: str) -> str | None:
        """Return the name of an identity in this cluster, None where it has none and must get none."""
        trust = self.trust(issuer)
        return trust.username(subject) if trust else None

    def may_name(self, username: str) -> bool:
        """Whether some identity of an issuer of this cluster has this user name."""
        return any(
            username.startswith(trust.prefix)
            and trust.username(username.removeprefix(trust.prefix)) == username
            for trust in self.issuers
        )


def load(path: Path) -> dict[str, ClusterConfig]:
    """Read the clusters file; raise ConfigError that names file, cluster and field."""
    return load_with_sources(path)[0]


def load_with_sources(path: Path) -> tuple[dict[str, ClusterConfig], tuple[Path, ...]]:
    """Like `load`, and return every file that was read, so that a change to one of them can be noticed."""
    document = facts.read(path, ("clusters",))
    try:
        return _clusters(document), document.sources()
    except ConfigError as error:
        error.sources = document.sources()
        raise


def _clusters(document: Entry) -> dict[str, ClusterConfig]:
    configs: dict[str, ClusterConfig] = {}
    for entry in document.entries("clusters", "cluster", label="name"):
        config = _cluster(entry)
        if config.name in configs:
            raise entry.error("name", "another cluster has this name")
        configs[config.name] = config
    return configs


def _cluster(entry: Entry) -> ClusterConfig:
    entry.known(_CLUSTER_FIELDS)
    name = entry.text("name")
    if not _SLUG.match(name):
        raise entry.error(
            "name", "may hold only a to z, 0 to 9 and dashes, at most 63, for it stands in addresses"
        )
    issuers = tuple(_issuer(each) for each in entry.entries("issuers", "issuer", label="issuer"))
    _refuse_overlaps(entry, issuers)
    return ClusterConfig(
        name=name,
        title=entry.text("title", default=name),
        server=entry.https("server").rstrip("/"),
        certificate_authority=_authority(entry, required=True) or "",
        credentials=_credentials(entry),
        issuers=issuers,
        status_file=entry.path("status_file") if entry.has("status_file") else None,
    )


def _credentials(entry: Entry) -> Mapping[str, Path]:
    accounts = entry.mapping("credentials")
    accounts.known(ACCOUNTS)
    return MappingProxyType({account: accounts.path(account) for account in ACCOUNTS})


def _issuer(entry: Entry) -> IssuerTrust:
    entry.known(_ISSUER_FIELDS, hint="the user name is always prefix and subject, never an e-mail address")
    prefix = entry.text("prefix", empty=True)
    if not _PREFIX.match(prefix) or prefix.startswith(_SYSTEM):
        raise entry.error(
            "prefix", 'may hold only letters, digits and :/._@+=~#- and may not begin with "system:"'
        )
    trust = IssuerTrust(
        issuer=entry.https("issuer"),
        client_id=entry.text("client_id"),
        prefix=prefix,
        pattern=_pattern(entry, prefix),
        certificate_authority=_authority(entry, required=False),
    )
    if trust.fixed_beginning().startswith(_SYSTEM):
        raise entry.error(
            "pattern", 'matches names that begin with "system:", which belong to the cluster itself'
        )
    return trust


def _pattern(entry: Entry, prefix: str) -> str:
    if not entry.has("pattern"):
        if not prefix:
            raise entry.error(
                "pattern",
                "must be given where the prefix is empty: else the issuer could make every user name",
            )
        return f"{patterns.escape(prefix)}{_SUBJECT_CHARACTERS}+"
    text = entry.text("pattern")
    try:
        literal = patterns.parse(text).literal_prefix
    except patterns.PatternError as error:
        raise entry.error("pattern", str(error)) from error
    if not (literal.startswith(prefix) or prefix.startswith(literal)):
        raise entry.error("pattern", f"can match no name that begins with the prefix {prefix!r}")
    return text


def _authority(entry: Entry, *, required: bool) -> str | None:
    """Return PEM text of certificates, given here or in a file."""
    if entry.has("certificate_authority") and entry.has("certificate_authority_file"):
        raise entry.error("certificate_authority", "give this or certificate_authority_file, not both")
    field = "certificate_authority" if entry.has("certificate_authority") else "certificate_authority_file"
    if not required and not entry.has(field):
        return None
    pem = entry.text(field) if field == "certificate_authority" else entry.file_text(field)
    if "PRIVATE KEY" in pem:
        raise entry.error(field, "holds a private key; it is handed out to everybody and must not")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise entry.error(field, "holds no certificate in PEM form") from error
    return pem


def _refuse_overlaps(entry: Entry, issuers: tuple[IssuerTrust, ...]) -> None:
    """Refuse two issuers that could name the same user; the API server would take them (CVE-2022-2385).

    Names are apart where their fixed beginnings are; that is the proof we ask for, since the patterns as such
    are not compared.
    """
    for one, other in combinations(issuers, 2):
        if one.issuer == other.issuer:
            raise entry.error("issuers", f"{one.issuer} is listed twice")
        first, second = one.fixed_beginning(), other.fixed_beginning()
        if first.startswith(second) or second.startswith(first):
            raise entry.error(
                "issuers",
                f"{one.issuer} and {other.issuer} could name the same user: names of one begin with"
                f" {first!r}, of the other with {second!r}. Give one of them a prefix, or"
                " patterns that begin differently",
            )
