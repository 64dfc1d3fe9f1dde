"""Profiles come from a file that is read strictly, and are copied when they are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from clusters.models import Cluster
from namespaces.actions import limits as actions
from namespaces.actions import namespaces
from namespaces.checks import check_limit_profiles
from namespaces.limits import Key, Kind
from namespaces.profiles import ProfileError, configured_profiles, read
from tests.conftest import Cast

GOOD: dict[str, Any] = {
    "default": "small",
    "profiles": {"small": {"quota": {"pods": 5}}, "big": {"quota": {"pods": 500}}},
}


def test_profiles_are_read() -> None:
    found = read(GOOD)
    assert found.default.amounts == {Key(Kind.QUOTA, "pods"): 5}
    assert found.by_name["big"].title == "big"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "two keys"), ([], "two keys"), ({}, "two keys"), ({**GOOD, "more": 1}, "two keys"),
        ({**GOOD, "default": "huge"}, "no profile 'huge'"), ({**GOOD, "profiles": []}, "profiles: a map"),
        ({"default": "a", "profiles": {"a": 1}}, "profiles.a: a map"),
        ({"default": "a", "profiles": {"a": {"quotas": {}}}}, "profiles.a.quotas: unknown key"),
        ({"default": "a", "profiles": {"a": {"quota": [1]}}}, "profiles.a.quota: a map"),
        ({"default": "a", "profiles": {"a": {"quota": {"podz": 1}}}}, "profiles.a.quota.podz"),
        ({"default": "a", "profiles": {"a": {"quota": {"pods": -1}}}}, "profiles.a.quota.pods: Write a whole number"),
        ({"default": "a", "profiles": {"a": {"quota": {"pods": 1.5}}}}, "profiles.a.quota.pods"),
        ({"default": "a", "profiles": {"a": {"quota": {"cpu": 1}}}}, "default_request.cpu: the quota needs it"),
        ({"default": "a", "profiles": {"a": {"default": {"cpu": 2}, "max": {"cpu": 1}}}}, "profiles.a.default.cpu"),
    ],
)  # fmt: skip
def test_place_of_what_is_wrong_is_named(document: object, said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        read(document)


@pytest.mark.parametrize("typed", ["0x10", "010", "1_000", "1:30", "0b11", "1e3", "yes", "~", ".inf", "1.0"])
def test_quantity_in_the_file_is_read_as_it_is_written(
    tmp_path: Path, settings: Settings, typed: str
) -> None:
    """YAML would make 16 of 0x10, 8 of 010 and 90 of 1:30, and nobody would see it."""
    path = tmp_path / "profiles.yaml"
    path.write_text(f"default: a\nprofiles: {{a: {{quota: {{pods: {typed}}}}}}}\n")
    settings.LIMIT_PROFILES_FILE = str(path)
    with pytest.raises(ProfileError, match=r"profiles.a.quota.pods: Write a whole number"):
        configured_profiles()


def test_limit_that_is_named_twice_is_refused() -> None:
    quota = {"nvidia.com/gpu": 1, "requests.nvidia.com/gpu": 8}
    with pytest.raises(ProfileError, match=r"requests.nvidia.com/gpu: this is limited above already"):
        read({"default": "a", "profiles": {"a": {"quota": quota}}})


def test_built_in_profile_holds_by_its_own_rules(settings: Settings) -> None:
    settings.LIMIT_PROFILES_FILE = ""
    assert Key(Kind.QUOTA, "pods") in configured_profiles().default.amounts
    assert check_limit_profiles(None) == []


@pytest.mark.parametrize("content", ["default: [", "default: huge\nprofiles: {}\n", None])
def test_file_that_cannot_be_used_is_found_by_the_checks(
    tmp_path: Path, settings: Settings, content: str | None
) -> None:
    file = tmp_path / "limits.yaml"
    if content is not None:
        file.write_text(content)
    settings.LIMIT_PROFILES_FILE = str(file)
    assert [message.id for message in check_limit_profiles(None)] == ["namespaces.E001"]


@pytest.mark.django_db
def test_new_namespace_gets_the_default_profile(
    cast: Cast, cluster: Cluster, tmp_path: Path, settings: Settings
) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text("default: small\nprofiles: {small: {quota: {pods: 5}}}\n")
    settings.LIMIT_PROFILES_FILE = str(file)
    made = namespaces.create(cluster=cluster, name="avis-new", page=namespaces.Page(), by=cast.paula)
    assert actions.of(made) == {Key(Kind.QUOTA, "pods"): 5}
