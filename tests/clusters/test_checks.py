"""System checks of the clusters file."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from clusters.checks import check_clusters_file, check_reserved_namespaces
from tests.clusters.clusters_file import Facts


def test_checks_are_registered(settings: Settings) -> None:
    settings.CLUSTERS_FILE = "/nowhere/clusters.yaml"
    assert "clusters.E001" in {message.id for message in run_checks()}


def test_no_file_is_a_warning(settings: Settings) -> None:
    settings.CLUSTERS_FILE = ""
    [message] = check_clusters_file(None)
    assert message.id == "clusters.W001"
    assert "BERTH_CLUSTERS" in str(message.hint)


def test_a_good_file_is_silent(settings: Settings, facts: Facts) -> None:
    settings.CLUSTERS_FILE = str(facts.write())
    assert check_clusters_file(None) == []


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read"), ("clusters: []", "at least one cluster")]
)
def test_a_file_that_cannot_be_used_is_an_error(
    settings: Settings, tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "clusters.yaml"
    if text is not None:
        path.write_text(text)
    settings.CLUSTERS_FILE = str(path)
    [message] = check_clusters_file(None)
    assert message.id == "clusters.E001"
    assert str(path) in message.msg
    assert words in message.msg


def test_reserved_names_must_be_patterns(settings: Settings) -> None:
    settings.RESERVED_NAMESPACES = ["kube-*", "No Name"]
    [message] = check_reserved_namespaces(None)
    assert message.id == "clusters.E002"
    assert "No Name" in message.msg
