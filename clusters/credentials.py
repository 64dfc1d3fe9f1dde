"""Credential files: reading the kubeconfig of one of our accounts, and noticing that it was renewed.

Nothing here knows Django or the Kubernetes library. Of a kubeconfig only the current context counts; what it
says of trust is taken or refused, never softened.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from clusters.api import Unauthorized, Unavailable
from clusters.config import ClusterConfig
from clusters.facts import Signature, signature

_FILE_FIELDS = ("tokenFile", "client-certificate", "client-key")


@dataclass(frozen=True)
class Token:
    """A bearer token that somebody handed over."""

    value: str = field(repr=False)


@dataclass(frozen=True)
class Credential:
    """A kubeconfig ready for use: one context, the certificate authority apart, and where it came from.

    `sources` are the files that were read, `signature` what changes when one of them does.
    """

    name: str
    kubeconfig: dict[str, Any] = field(repr=False)
    certificate_authority: str
    folder: Path
    sources: tuple[Path, ...] = ()
    signature: Signature = ()


def load(config: ClusterConfig, credential: Path | Token) -> Credential:
    """Return what is needed to call the cluster.

    Raises Unavailable while the file is missing or half written, Unauthorized for one that must not be used.
    """
    if isinstance(credential, Token):
        user = {"token": _usable("The token", credential.value)}
        return Credential(
            "The token", _kubeconfig({"server": config.server}, user), config.certificate_authority, Path()
        )
    return _load_file(config, credential)


def _load_file(config: ClusterConfig, path: Path) -> Credential:
    before = signature((path,))  # a change while we read is then seen at the next call
    document = _document(path)
    context = _named(path, document, "contexts", document.get("current-context"), "context")
    cluster = _named(path, document, "clusters", context.get("cluster"), "cluster")
    user = _named(path, document, "users", context.get("user"), "user")
    if cluster.get("insecure-skip-tls-verify"):
        raise Unauthorized(f"{path} asks not to verify the API server, which Berth never does.")
    if not str(cluster.get("server", "")).startswith("https://"):
        raise Unauthorized(f"{path} names a server without https://.")
    if "auth-provider" in user:
        raise Unauthorized(f"{path} uses auth-provider, which Kubernetes has given up: use a token or exec.")
    authority_file = cluster.get("certificate-authority")
    files = [authority_file, *(user.get(name) for name in _FILE_FIELDS)]
    others = tuple(path.parent / name for name in files if name)
    after = signature(others)
    authority = _authority(path, cluster) or config.certificate_authority
    if user.get("tokenFile") and not user.get("token"):
        user["token"] = _text(path.parent / user.pop("tokenFile"))
    if "token" in user:
        user["token"] = _usable(str(path), user["token"])
    return Credential(
        str(path), _kubeconfig(cluster, user), authority, path.parent, (path, *others), before + after
    )


def _usable(name: str, token: object) -> str:
    """Return a token that can be sent; the library would send blanks and line ends along."""
    text = token.strip() if isinstance(token, str) else ""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise Unauthorized(f"{name} holds no usable token.")
    return text


def _kubeconfig(cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """Return a kubeconfig of one context, without the certificate authority."""
    trusted = {key: value for key, value in cluster.items() if not key.startswith("certificate-authority")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "berth",
        "contexts": [{"name": "berth", "context": {"cluster": "berth", "user": "berth"}}],
        "clusters": [{"name": "berth", "cluster": trusted}],
        "users": [{"name": "berth", "user": user}],
    }


def _authority(path: Path, cluster: dict[str, Any]) -> str:
    encoded = cluster.get("certificate-authority-data")
    if encoded:
        try:
            return base64.b64decode(encoded, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError, TypeError) as error:
            raise Unauthorized(f"{path} holds a certificate authority that cannot be read.") from error
    named = cluster.get("certificate-authority")
    return _text(path.parent / named) if named else ""


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise Unavailable(f"{path} is not a kubeconfig yet.") from error
    if not isinstance(document, dict):
        raise Unavailable(f"{path} is not a kubeconfig yet.")
    return document


def _named(path: Path, document: dict[str, Any], field_name: str, name: object, inner: str) -> dict[str, Any]:
    """Return a copy of the entry of that name in one of the lists of a kubeconfig."""
    for entry in document.get(field_name) or []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(inner), dict):
            return dict(entry[inner])
    raise Unauthorized(f"{path} names no usable {inner} for its current context.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Unauthorized(f"{path} is not text.") from error
