"""The identity providers that people may log in with: facts from a file, read once at start.

The settings import this module to read the file, so importing it needs neither applications nor environment.
docs/settings.md describes the file. Every error names the file, the issuer and the field.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import yaml
from django.conf import settings

ANY = "any"
GUEST, REFUSE = "guest", "refuse"
DEFAULT_SCOPES = ("openid", "email", "profile")
# Any https origin: for providers that send the browser on to many campuses before they show a page.
ANY_HTTPS_ORIGIN = "https:"

_MAX_BYTES = 1 << 20
_SLUG = re.compile(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z")
_SCOPE = re.compile(r"\A[\x21\x23-\x5b\x5d-\x7e]+\Z")  # scope-token of RFC 6749, section 3.3
_ORIGIN = re.compile(r"\A(https?)://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?\Z")
_FIELDS = (
    "id",
    "name",
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "scopes",
    "form_action_origins",
    "certificate_authority_file",
    "institutions",
    "institution",
    "unknown_institutions",
    "auth_params",
)
_INSTITUTION_FIELDS = ("entity_id", "name", "ror")
# What makes the request safe is decided by the code; the file can add `idphint`, `skin` and the like.
_RESERVED_PARAMS = frozenset(
    (
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
    )
)


class IssuersError(ValueError):
    """The file of issuers cannot be used. The text names file, issuer and field, and holds no secret."""


class UnknownIssuer(LookupError):
    """No issuer of the file has this id."""


@dataclass(frozen=True)
class Institution:
    """An institution that an EntityID stands for; `ror` is its address at https://ror.org, or empty."""

    name: str
    ror: str = ""


@dataclass(frozen=True)
class Issuer:
    """One identity provider.

    `institutions` maps EntityIDs to institutions; None means that any is welcome under the name that the
    provider gives it. An issuer that sends no EntityID has `institution` instead, one name for everybody.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    form_action_origins: tuple[str, ...] = ()
    certificate_authority_file: Path | None = None
    institutions: Mapping[str, Institution] | None = None
    institution: str = ""
    unknown_institutions: str = GUEST
    auth_params: Mapping[str, str] = field(default_factory=dict)

    def may_redirect_to(self, url: str) -> bool:
        """Whether the security policy of the login page lets a browser follow a redirect to this address."""
        parts = urlsplit(url)
        if ANY_HTTPS_ORIGIN in self.form_action_origins and parts.scheme == "https":
            return True
        return f"{parts.scheme}://{parts.netloc}" in self.form_action_origins


def by_id(issuer_id: str) -> Issuer:
    """Return the issuer of the settings with this id. Raises UnknownIssuer."""
    for issuer in settings.ISSUERS:
        if issuer.id == issuer_id:
            return issuer
    raise UnknownIssuer(issuer_id)


def ror_of(address: str, entity_id: str) -> str:
    """Return the page at https://ror.org of the institution that an EntityID of an issuer stands for; empty if the file
    names none.
    """
    for issuer in settings.ISSUERS:
        if issuer.issuer == address and issuer.institutions and entity_id in issuer.institutions:
            return str(issuer.institutions[entity_id].ror)
    return ""


def load_or_explain(path: str) -> tuple[tuple[Issuer, ...], str]:
    """Return the issuers and no error, or no issuers and what is wrong: a system check says it, with a hint.

    An empty path means that there is no file, which is no error here.
    """
    if not path:
        return (), ""
    try:
        return load(Path(path)), ""
    except IssuersError as error:
        return (), str(error)


def load(path: Path) -> tuple[Issuer, ...]:
    """Read the file of issuers. Relative paths inside are relative to it. Raises IssuersError."""
    document = _document(path)
    rows = document.pop("issuers", None)
    if document:
        raise IssuersError(f'{path}: field "{next(iter(document))}": is not known; there is only "issuers"')
    if not isinstance(rows, list) or not rows:
        raise IssuersError(f'{path}: field "issuers": must be a list of at least one issuer')
    found = tuple(_issuer(_Row(values, path, number)) for number, values in enumerate(rows, start=1))
    for name in ("id", "issuer"):
        values = [getattr(issuer, name) for issuer in found]
        if doubled := next((value for value in values if values.count(value) > 1), None):
            raise IssuersError(f'{path}: issuer "{doubled}": field "{name}": is given to two issuers')
    return found


def is_acceptable_address(url: str) -> bool:
    """Whether an address is absolute and https, or plain http on this machine, with nothing hidden in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Row:
    """One issuer of the file while it is read; every error knows its place."""

    def __init__(self, values: Any, path: Path, number: int) -> None:
        self.folder = path.parent
        called = values.get("id") if isinstance(values, dict) else None
        self.place = (
            f'{path}: issuer "{called}"' if isinstance(called, str) else f"{path}: issuer number {number}"
        )
        if not isinstance(values, dict):
            raise IssuersError(f"{self.place}: must be a mapping of fields to values")
        self.values = values
        self.refuse_unknown(values, _FIELDS)

    def error(self, name: str, problem: str) -> IssuersError:
        return IssuersError(f'{self.place}: field "{name}": {problem}')

    def refuse_unknown(self, values: Mapping[Any, Any], known: tuple[str, ...], within: str = "") -> None:
        for name in values:
            if name not in known:
                raise self.error(f"{within}{name}", f"is not known; there are: {', '.join(known)}")

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, *, limit: int) -> str:
        return self.checked_text(name, self.values.get(name), limit=limit)

    def checked_text(self, name: str, value: Any, *, limit: int) -> str:
        if value is None:
            raise self.error(name, "must be given")
        if not isinstance(value, str):
            raise self.error(name, "must be a text; put it in quotes")
        if not value or value != value.strip() or not value.isprintable():
            raise self.error(name, "must be a text without line breaks and without blanks around it")
        if len(value) > limit:
            raise self.error(name, f"must have at most {limit} characters")
        return value

    def texts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        if not self.has(name):
            return default
        values = self.values[name]
        if not isinstance(values, list) or not values:
            raise self.error(name, "must be a list of at least one text")
        return tuple(self.checked_text(name, value, limit=255) for value in values)

    def one_of(self, first: str, second: str) -> str:
        if self.has(first) == self.has(second):
            raise self.error(first, f'give either this or "{second}"')
        return first if self.has(first) else second


def _issuer(row: _Row) -> Issuer:
    slug = row.text("id", limit=50)
    if not _SLUG.match(slug):
        raise row.error("id", "must be small letters, digits and single hyphens: it stands in addresses")
    address = row.text("issuer", limit=255)
    if not is_acceptable_address(address) or urlsplit(address).query or urlsplit(address).fragment:
        raise row.error("issuer", "must be an https address (plain http only on this machine), without query")
    scopes = row.texts("scopes", DEFAULT_SCOPES)
    if "openid" not in scopes or not all(_SCOPE.match(scope) for scope in scopes):
        raise row.error("scopes", 'must be a list of scopes, "openid" among them')
    parts = urlsplit(address)
    origins = row.texts("form_action_origins", (f"{parts.scheme}://{parts.netloc}",))
    for origin in origins:
        if origin != ANY_HTTPS_ORIGIN and not (_ORIGIN.match(origin) and is_acceptable_address(origin)):
            raise row.error(
                "form_action_origins", f"must be origins like https://login.example.edu, not {origin!r}"
            )
    institutions, institution = _institutions(row)
    return Issuer(
        id=slug,
        name=row.text("name", limit=40),
        issuer=address,
        client_id=row.text("client_id", limit=191),
        client_secret=_client_secret(row),
        scopes=scopes,
        form_action_origins=origins,
        certificate_authority_file=_certificate_authority(row),
        institutions=institutions,
        institution=institution,
        unknown_institutions=_unknown_institutions(row),
        auth_params=_auth_params(row),
    )


def _client_secret(row: _Row) -> str:
    if row.one_of("client_secret", "client_secret_file") == "client_secret":
        return row.text("client_secret", limit=1000)
    path = row.folder / row.text("client_secret_file", limit=1000)
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise row.error("client_secret_file", f"{path} cannot be read") from problem
    if not secret or not secret.isprintable():
        raise row.error("client_secret_file", f"{path} must hold the secret, on one line")
    return secret


def _certificate_authority(row: _Row) -> Path | None:
    if not row.has("certificate_authority_file"):
        return None
    path = (row.folder / row.text("certificate_authority_file", limit=1000)).absolute()
    try:
        ssl.create_default_context(cafile=path)
    except OSError as problem:  # ssl.SSLError is one of them
        raise row.error(
            "certificate_authority_file", f"{path} is not a file of PEM certificates"
        ) from problem
    return path


def _institutions(row: _Row) -> tuple[Mapping[str, Institution] | None, str]:
    """Return the table of institutions (None: any), and the one name for issuers without EntityIDs."""
    if row.one_of("institutions", "institution") == "institution":
        return MappingProxyType({}), row.text("institution", limit=200)
    values = row.values["institutions"]
    if values == ANY:
        return None, ""
    if not isinstance(values, list) or not values:
        raise row.error("institutions", 'must be a list of institutions, or "any" when everybody is welcome')
    table: dict[str, Institution] = {}
    for number, value in enumerate(values, start=1):
        within = f"institutions[{number}]."
        if not isinstance(value, dict):
            raise row.error(f"institutions[{number}]", "must be a mapping with entity_id and name")
        row.refuse_unknown(value, _INSTITUTION_FIELDS, within)
        entity_id = row.checked_text(f"{within}entity_id", value.get("entity_id"), limit=255)
        if entity_id in table:
            raise row.error(f"{within}entity_id", f"{entity_id} is given twice")
        ror = value.get("ror", "")
        if ror and not (isinstance(ror, str) and ror.startswith("https://ror.org/")):
            raise row.error(f"{within}ror", "must be an address that begins with https://ror.org/")
        table[entity_id] = Institution(row.checked_text(f"{within}name", value.get("name"), limit=200), ror)
    return MappingProxyType(table), ""


def _unknown_institutions(row: _Row) -> str:
    if not row.has("unknown_institutions"):
        return GUEST
    value = row.text("unknown_institutions", limit=20)
    if value not in (GUEST, REFUSE):
        raise row.error("unknown_institutions", f'must be "{GUEST}" or "{REFUSE}"')
    if not isinstance(row.values.get("institutions"), list):
        raise row.error("unknown_institutions", 'has a meaning only beside a list of "institutions"')
    return value


def _auth_params(row: _Row) -> Mapping[str, str]:
    values = row.values.get("auth_params") or {}
    if not isinstance(values, dict):
        raise row.error("auth_params", "must be a mapping of names to texts")
    for name, value in values.items():
        if not isinstance(name, str) or name in _RESERVED_PARAMS:
            raise row.error(f"auth_params.{name}", "is set by Berth itself")
        row.checked_text(f"auth_params.{name}", value, limit=500)
    return MappingProxyType(dict(values))


class _UniqueKeyLoader(yaml.SafeLoader):
    """The safe loader, but a key given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for index, (key, _) in enumerate(node.value):
            if key.value in keys[:index]:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value!r} is given twice", problem_mark=key.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _document(path: Path) -> dict[Any, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise IssuersError(f"{path}: is larger than {_MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        document = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a safe loader
    except OSError as problem:
        raise IssuersError(f"{path}: cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise IssuersError(f"{path}: is not UTF-8 text") from problem
    except yaml.MarkedYAMLError as problem:
        line = f"line {problem.problem_mark.line + 1}: " if problem.problem_mark else ""
        raise IssuersError(f"{path}: {line}{problem.problem}") from problem
    except yaml.YAMLError as problem:
        raise IssuersError(f"{path}: is not YAML") from problem
    if not isinstance(document, dict):
        raise IssuersError(f'{path}: must hold a mapping with the field "issuers"')
    return document
