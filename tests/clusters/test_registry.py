"""The clusters as the file says now; a slip of the editor does not take them away."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest
from pytest_django import Settings

from clusters import registry
from clusters.config import ConfigError
from clusters.registry import configured_clusters
from tests.clusters.clusters_file import Facts


@pytest.fixture
def facts(tmp_path: Path, authority: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """A clusters file that the settings name, and a process that has not read it yet."""
    monkeypatch.setattr(registry, "_loaded", None)
    facts = Facts(tmp_path, authority)
    settings.CLUSTERS_FILE = str(facts.write())
    return facts


def replace_text(path: Path, text: str) -> None:
    """Write the file as editors do: a new one in its place, so that it is another even within one tick."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def test_clusters_come_from_the_file_of_the_settings(facts: Facts) -> None:
    assert list(configured_clusters()) == ["nautilus"]


def test_no_file_is_no_cluster(settings: Settings) -> None:
    settings.CLUSTERS_FILE = ""
    assert configured_clusters() == {}


def test_an_unchanged_file_is_read_once(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    first = configured_clusters()["nautilus"]
    monkeypatch.setattr(registry, "load_with_sources", lambda path: pytest.fail("read again"))
    assert configured_clusters()["nautilus"] is first


def test_a_changed_file_is_read_again(facts: Facts) -> None:
    configured_clusters()
    replace_text(facts.path, facts.path.read_text().replace("title: Nautilus", "title: Another"))
    assert configured_clusters()["nautilus"].title == "Another"


def test_a_changed_certificate_is_read_again(facts: Facts, tmp_path: Path) -> None:
    before = configured_clusters()["nautilus"].certificate_authority
    bundle = tmp_path / "pki" / "ca.crt"
    replace_text(bundle, before + before)
    assert configured_clusters()["nautilus"].certificate_authority == before + before


def test_an_unusable_change_is_logged_and_the_last_good_state_stays(
    facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    good = configured_clusters()
    replace_text(facts.path, "clusters: []")
    with caplog.at_level(logging.ERROR):
        assert configured_clusters() == good
        assert configured_clusters() == good
    assert len([record for record in caplog.records if record.name == "clusters.registry"]) == 1


def test_the_repair_of_a_missing_certificate_is_noticed(facts: Facts, tmp_path: Path) -> None:
    configured_clusters()
    other = facts.path.read_text().replace("pki/ca.crt", "pki/other.crt").replace("Nautilus", "Another")
    replace_text(facts.path, other)
    assert configured_clusters()["nautilus"].title == "Nautilus"
    shutil.copy(tmp_path / "pki" / "ca.crt", tmp_path / "pki" / "other.crt")
    assert configured_clusters()["nautilus"].title == "Another"


def test_a_file_that_never_was_usable_is_an_error(facts: Facts) -> None:
    replace_text(facts.path, "clusters: []")
    with pytest.raises(ConfigError, match="at least one cluster"):
        configured_clusters()


def test_callers_cannot_change_what_the_next_one_gets(facts: Facts) -> None:
    configured_clusters().clear()
    assert list(configured_clusters()) == ["nautilus"]
