"""`manage.py cluster`."""

from __future__ import annotations

import io
import sys

import pytest
import yaml
from django.core.management import CommandError, call_command
from pytest_django import Settings

from clusters import authentication, manifests, registry
from clusters.config import load
from tests.clusters.clusters_file import Facts
from tests.clusters.raw_api import id_token
from tests.conftest import ControlPlane


@pytest.fixture
def clusters_file(facts: Facts, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """The clusters file of the settings."""
    monkeypatch.setattr(registry, "_loaded", None)
    settings.CLUSTERS_FILE = str(facts.write())
    return facts


@pytest.fixture
def real(control_plane: ControlPlane, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ControlPlane:
    monkeypatch.setattr(registry, "_loaded", None)
    settings.CLUSTERS_FILE = str(control_plane.layout.clusters_file)
    settings.CLUSTER_CONNECT = "clusters.kube.connect"
    return control_plane


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("cluster", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_manifests_are_those_of_the_facts_and_settings(clusters_file: Facts, settings: Settings) -> None:
    out, _ = run("manifests", "nautilus")
    config = load(clusters_file.path)["nautilus"]
    assert list(yaml.safe_load_all(out)) == manifests.render(config, reserved=settings.RESERVED_NAMESPACES)


def test_manifests_without_side_door_fence_and_with_another_group(clusters_file: Facts) -> None:
    assert "berth-side-doors" not in run("manifests", "nautilus", "--without-p3")[0]
    assert "'site:ops'" in run("manifests", "nautilus", "--operators-group", "site:ops")[0]


def test_reserved_names_that_are_none_are_named(clusters_file: Facts, settings: Settings) -> None:
    settings.RESERVED_NAMESPACES = ["No Name"]
    with pytest.raises(CommandError, match="BERTH_RESERVED_NAMESPACES: 'No Name'"):
        run("manifests", "nautilus")


def test_authentication_is_a_document(clusters_file: Facts) -> None:
    out, _ = run("authentication", "nautilus")
    assert yaml.safe_load(out) == authentication.render(load(clusters_file.path)["nautilus"])


def test_flags_come_with_a_warning_where_the_prefix_is_empty(clusters_file: Facts) -> None:
    out, err = run("authentication", "nautilus", "--flags")
    assert "--oidc-username-prefix=-" in out.splitlines()
    assert "Give it a prefix" in err


def test_unknown_cluster_is_named_with_those_there_are(clusters_file: Facts) -> None:
    with pytest.raises(CommandError, match="no cluster nautilos; there are: nautilus"):
        run("manifests", "nautilos")


def test_unusable_file_is_said(clusters_file: Facts) -> None:
    clusters_file.path.write_text("clusters: []")
    with pytest.raises(CommandError, match="at least one cluster"):
        run("check", "nautilus")


def test_no_file_is_said(settings: Settings) -> None:
    settings.CLUSTERS_FILE = ""
    with pytest.raises(CommandError, match="BERTH_CLUSTERS names no file"):
        run("check", "nautilus")


def test_check_finds_the_real_cluster_good(real: ControlPlane) -> None:
    out, _ = run("check", real.config.name)
    assert "WRONG" not in out
    assert "worker: has its rights, and no more" in out
    assert "The fence refuses a namespace without the labels of Berth." in out


def test_check_of_a_cluster_that_is_away_fails(clusters_file: Facts) -> None:
    with pytest.raises(CommandError, match="nautilus is not ready for Berth"):
        run("check", "nautilus")


@pytest.mark.parametrize(
    ("subject", "good"), [("http://cilogon.org/serverA/users/4713", True), ("system:masters", False)]
)
def test_check_of_a_token_compares_the_names(
    real: ControlPlane, monkeypatch: pytest.MonkeyPatch, subject: str, *, good: bool
) -> None:
    trust = real.config.issuers[0]
    text = id_token(
        real.layout.oidc_signing_key.read_bytes(), iss=trust.issuer, aud=trust.client_id, sub=subject
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))
    if good:
        assert f"agree on the name {subject}" in run("check", real.config.name, "--token")[0]
    else:
        with pytest.raises(CommandError, match="not ready"):
            run("check", real.config.name, "--token")
