"""The documentation speaks of what is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from accounts import issuers
from clusters import config
from namespaces import profiles
from tests.docs.variables import read_by_settings

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_FILE = re.compile(r"\b(?:[\w-]+/)+[\w-]+\.(?:py|sh|toml|yml)\b|`([\w-]+\.(?:py|toml|yml))`")
_OURS = ("portal/", "namespaces/", "accounts/", "clusters/", "audit/", "localcluster/", "scripts/", "tests/")


def section(title: str) -> str:
    return SETTINGS.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", SETTINGS, re.MULTILINE))
    assert rows == read_by_settings()


def test_the_documented_default_of_the_reserved_names_is_the_default() -> None:
    assert f"| `{','.join(settings.RESERVED_NAMESPACES)}` |" in SETTINGS


def test_every_error_of_the_checks_is_documented_and_no_other() -> None:
    source = (ROOT / "portal" / "checks.py").read_text() + (ROOT / "portal" / "start.py").read_text()
    numbered = {f"portal.E{int(number):03}" for number in re.findall(r"_wrong\(\s*(\d+)", source)}
    named = set(re.findall(r'"(portal\.E\d+)"', source))
    assert numbered | named == set(re.findall(r"portal\.E\d+", section("What refuses to start")))


def example(name: str) -> str:
    return re.search(rf"```yaml\n# {name}\n(.+?)```", SETTINGS, re.DOTALL)[1]  # type: ignore[index]


def test_the_example_of_a_clusters_file_is_accepted(tmp_path: Path) -> None:
    authority = (ROOT / "tests" / "facts" / "ca.crt").read_text()
    for name in ("nautilus-ca.crt", "idp-ca.crt"):
        (tmp_path / name).write_text(authority)
    (tmp_path / "clusters.yaml").write_text(example("clusters.yaml"))
    assert list(config.load(tmp_path / "clusters.yaml")) == ["nautilus"]


def test_the_example_of_an_issuers_file_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("given by the provider\n")
    text = example("issuers.yaml").replace("/run/secrets/oidc-client-secret", str(tmp_path / "secret"))
    (tmp_path / "issuers.yaml").write_text(text)
    assert [issuer.id for issuer in issuers.load(tmp_path / "issuers.yaml")] == ["cilogon"]


def test_the_example_of_limit_profiles_is_accepted() -> None:
    found = profiles.read(yaml.safe_load(example("limits.yaml")))
    assert list(found.by_name) == ["standard", "teaching"]
    assert found.default.amounts == profiles._load("").default.amounts


def test_every_field_of_an_issuer_is_in_the_example() -> None:
    assert all(re.search(rf"\b{name}\b", example("issuers.yaml")) for name in issuers._FIELDS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(document: Path) -> None:
    text = document.read_text()
    named = {found[0].strip("`") for found in _FILE.finditer(text)}
    missing = [name for name in named if name.startswith(_OURS) and not (ROOT / name).exists()]
    assert not missing
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (document.parent / target).exists(), target


def test_the_path_of_a_change_names_files() -> None:
    assert len({found[0] for found in _FILE.finditer(ARCHITECTURE)}) >= 20


def commands_of_make() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_make_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.MULTILINE))
    assert named <= commands_of_make()


def test_every_command_of_make_is_in_the_list() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20).stdout
    assert commands_of_make() == set(re.findall(r"^  make ([a-z-]+) ", listed, re.MULTILINE))


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
    assert "\nmake test\n" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=lambda path: path.name)
def test_a_decision_fits_on_a_page_and_says_why(record: Path) -> None:
    text = record.read_text()
    assert len(text.split()) < 400
    assert "**Decision.**" in text
    assert "**Why.**" in text


def test_the_compose_file_is_what_the_manual_starts() -> None:
    variables = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    manual = (ROOT / "docs" / "operations.md").read_text()
    assert variables
    assert all(f"{name}=" in manual for name in variables)
    assert yaml.safe_load((ROOT / "docker-compose.yml").read_text())["name"] == "berth"
