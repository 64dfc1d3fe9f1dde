"""Credential files: what is read of them, what is refused, and when they are renewed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters import credentials
from clusters.api import Unauthorized, Unavailable
from clusters.config import ClusterConfig
from clusters.facts import signature
from tests.contract.hands import fake_config


def document(*, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "there", "context": {"cluster": "d", "user": "v"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "abc"} if user is None else user}],
    }


@pytest.fixture
def config() -> ClusterConfig:
    return fake_config()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worker.kubeconfig"


def load(config: ClusterConfig, path: Path, **parts: Any) -> credentials.Credential:
    path.write_text(yaml.safe_dump(document(**parts)))
    return credentials.load(config, path)


def user_of(credential: credentials.Credential) -> dict[str, Any]:
    return credential.kubeconfig["users"][0]["user"]  # type: ignore[no-any-return]


def test_only_the_current_context_counts(config: ClusterConfig, path: Path) -> None:
    loaded = load(config, path)
    assert user_of(loaded) == {"token": "abc"}
    assert len(loaded.kubeconfig["contexts"]) == 1
    assert loaded.sources == (path,)


def test_token_is_not_shown(config: ClusterConfig, path: Path) -> None:
    assert "abc" not in repr(load(config, path))
    assert "abc" not in repr(credentials.Token("abc"))


def test_token_file_is_read_without_its_line_end(config: ClusterConfig, path: Path) -> None:
    (path.parent / "token").write_text("xyz\n")
    loaded = load(config, path, user={"tokenFile": "token"})
    assert user_of(loaded) == {"token": "xyz"}
    assert loaded.sources == (path, path.parent / "token")


def test_authority_of_the_file_comes_before_that_of_the_clusters_file(
    config: ClusterConfig, path: Path
) -> None:
    data = base64.b64encode(b"PEM of the file").decode()
    loaded = load(config, path, cluster={"certificate-authority-data": data})
    assert loaded.certificate_authority == "PEM of the file"
    (path.parent / "ca.crt").write_text("PEM beside it")
    loaded = load(config, path, cluster={"certificate-authority": "ca.crt"})
    assert loaded.certificate_authority == "PEM beside it"
    assert "certificate-authority" not in loaded.kubeconfig["clusters"][0]["cluster"]


def test_without_authority_that_of_the_clusters_file_counts(path: Path) -> None:
    config = ClusterConfig("c", "C", "https://x", "PEM of the clusters file", {}, ())
    assert load(config, path).certificate_authority == "PEM of the clusters file"


@pytest.mark.parametrize("changed", ["worker.kubeconfig", "token"])
def test_signature_changes_with_every_file(config: ClusterConfig, path: Path, changed: str) -> None:
    (path.parent / "token").write_text("xyz")
    loaded = load(config, path, user={"tokenFile": "token"})
    assert loaded.signature == signature(loaded.sources)
    other = path.parent / changed
    new = path.parent / "new"
    new.write_text(other.read_text())
    new.replace(other)
    assert loaded.signature != signature(loaded.sources)


@pytest.mark.parametrize("text", ["", "a: [", "[]", "just words"])
def test_file_that_is_half_written_is_waited_for(config: ClusterConfig, path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(Unavailable, match=r"worker\.kubeconfig"):
        credentials.load(config, path)


def test_file_that_is_missing_is_waited_for(config: ClusterConfig, path: Path) -> None:
    with pytest.raises(Unavailable, match=r"worker\.kubeconfig cannot be read: No such file"):
        credentials.load(config, path)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"cluster": {"insecure-skip-tls-verify": True}}, "never does"),
        ({"cluster": {"server": "http://127.0.0.1"}}, "without https"),
        ({"cluster": {"server": ""}}, "without https"),
        ({"cluster": {"certificate-authority-data": "%%%"}}, "certificate authority"),
        ({"user": {"auth-provider": {"name": "oidc"}}}, "auth-provider"),
    ],
)
def test_file_that_must_not_be_used_is_refused(
    config: ClusterConfig, path: Path, parts: dict[str, Any], words: str
) -> None:
    with pytest.raises(Unauthorized, match=words):
        load(config, path, **parts)


@pytest.mark.parametrize("missing", ["contexts", "clusters", "users", "current-context"])
def test_file_with_a_part_missing_is_refused(config: ClusterConfig, path: Path, missing: str) -> None:
    broken = document()
    del broken[missing]
    path.write_text(yaml.safe_dump(broken))
    with pytest.raises(Unauthorized, match="names no usable"):
        credentials.load(config, path)


def test_token_in_hand_goes_to_the_server_of_the_clusters_file() -> None:
    config = ClusterConfig("c", "C", "https://server.example", "PEM", {}, ())
    loaded = credentials.load(config, credentials.Token("abc"))
    assert loaded.kubeconfig["clusters"][0]["cluster"] == {"server": "https://server.example"}
    assert user_of(loaded) == {"token": "abc"}
    assert loaded.certificate_authority == "PEM"
