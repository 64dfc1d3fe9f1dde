"""Organisations: loading them again and again, completing their names, and which one a name means."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from namespaces import organisations
from namespaces.models import Organisation
from namespaces.organisations import matching, suggestions
from tests.ror_file import MERCED, OXFORD, SANTA_CRUZ, record, write

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def load(path: Path) -> str:
    said = StringIO()
    call_command("load_organisations", str(path), stdout=said)
    return said.getvalue().strip()


@pytest.fixture
def loaded(tmp_path: Path) -> None:
    load(write(tmp_path / "dump.json"))


def values(typed: str) -> list[str]:
    return [each.value for each in suggestions(typed)]


def test_file_is_loaded_and_counted(tmp_path: Path) -> None:
    assert load(write(tmp_path / "dump.zip")) == "8 organisations: 6 active, 1 inactive, 1 withdrawn."
    stored = Organisation.objects.get(pk=SANTA_CRUZ)
    assert (stored.name, stored.country, stored.status) == (
        "University of California, Santa Cruz",
        "US",
        "active",
    )
    assert stored.other_names == "UC Santa Cruz\nUCSC"
    assert Organisation.objects.get(pk="01abcde04").status == "withdrawn"


def test_loading_again_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "dump.json")
    load(path)
    before = list(Organisation.objects.order_by("pk").values())
    load(path)
    assert list(Organisation.objects.order_by("pk").values()) == before


def test_newer_file_renews_what_is_there(tmp_path: Path, loaded: None) -> None:
    newer = record(OXFORD, "Oxford University", "University of Oxford", country="GB", status="withdrawn")
    load(write(tmp_path / "newer.json", newer, newer))
    stored = Organisation.objects.get(pk=OXFORD)
    assert (stored.name, stored.other_names, stored.status) == (
        "Oxford University", "University of Oxford", "withdrawn",
    )  # fmt: skip
    assert Organisation.objects.count() == 8


def test_more_than_a_batch_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organisations, "_BATCH", 3)
    assert load(write(tmp_path / "dump.json")).startswith("8 organisations")
    assert Organisation.objects.count() == 8


def test_nothing_of_a_broken_file_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organisations, "_BATCH", 1)
    path = write(tmp_path / "dump.json", record(OXFORD, "University of Oxford"), record("nonsense", "A"))
    with pytest.raises(CommandError, match=f"{path}: record 2: its id is"):
        load(path)
    assert not Organisation.objects.exists()


def test_many_long_names_are_kept_as_far_as_there_is_room(tmp_path: Path) -> None:
    load(
        write(tmp_path / "dump.json", record(OXFORD, "A", *(f"{number} {'x' * 290}" for number in range(20))))
    )
    assert 1000 < len(Organisation.objects.get().other_names) <= 2000


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("University of Calif", ["University of California, Merced", "University of California, Santa Cruz"]),
        ("santa cruz", ["University of California, Santa Cruz"]),
        ("cruz univ", ["University of California, Santa Cruz"]),
        ("ucsc", ["University of California, Santa Cruz"]),
        ("besancon", ["Université de Besançon"]), ("BESANÇ", ["Université de Besançon"]),
        ("oxf", ["University of Oxford"]), ("xford", []), ("old univ", []), ("never", []), ("%", []), ("___", []),
        ("un", []), ("u n", []), ("", []), ("zzz", []), ("'; DROP", []),
    ],
)  # fmt: skip
def test_name_is_completed(loaded: None, typed: str, found: list[str]) -> None:
    assert values(typed) == found


def test_names_that_are_alike_are_told_apart_by_their_country(loaded: None) -> None:
    assert values("ministry") == ["Ministry of Health (KE)", "Ministry of Health (PE)"]


def test_what_was_found_stands_beside_the_name(loaded: None) -> None:
    [found] = suggestions("uc santa")
    assert found.about == f"US · UC Santa Cruz · UCSC · ror.org/{SANTA_CRUZ}"


def test_there_are_ten_at_most_and_what_begins_so_comes_first(tmp_path: Path) -> None:
    many = [record(f"01abcd{number:03}", f"A Lake {number:03}") for number in range(20)]
    load(write(tmp_path / "dump.json", *many, record(OXFORD, "Lake Institute of the North", country="GB")))
    assert len(values("lake")) == 10
    assert values("lake")[0] == "Lake Institute of the North"


def test_number_of_queries_does_not_grow(loaded: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        suggestions("uni")
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("name", "ror"),
    [
        ("University of California, Merced", MERCED), ("University of Oxford", OXFORD), ("Oxford", ""),
        ("Ministry of Health", ""), ("Ministry of Health (KE)", "01abcde01"), ("Ministry of Health (DE)", ""),
        ("Old University", ""), ("Never a University", ""), ("", ""), ("UC Santa Cruz", ""),
    ],
)  # fmt: skip
def test_name_means_the_one_organisation_that_has_it(loaded: None, name: str, ror: str) -> None:
    assert matching(name) == ror


def test_every_suggestion_means_one_organisation(loaded: None) -> None:
    for typed in ("uni", "min", "bes"):
        assert all(matching(value) for value in values(typed))
