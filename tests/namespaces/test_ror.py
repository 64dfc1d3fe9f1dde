"""The data dump of ROR is read record by record; what is wrong with it is said with file and record."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from namespaces import ror
from namespaces.ror import BadFile, records
from tests.ror_file import OXFORD, RECORDS, SANTA_CRUZ, record, write


def wrong(path: Path) -> str:
    with pytest.raises(BadFile) as error:
        list(records(path))
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["dump.json", "dump.zip"])
def test_every_record_is_read(tmp_path: Path, name: str) -> None:
    found = list(records(write(tmp_path / name)))
    assert len(found) == len(RECORDS)
    assert found[0] == ror.Record(
        SANTA_CRUZ, "University of California, Santa Cruz", ("UC Santa Cruz", "UCSC"), "US", "active"
    )
    assert [each.status for each in found[5:7]] == ["inactive", "withdrawn"]


def test_zip_with_one_json_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        archive.writestr("v2.0-ror-data.json", json.dumps(RECORDS))
    assert len(list(records(tmp_path / "dump.zip"))) == len(RECORDS)


@pytest.mark.parametrize("names", [[], ["a.txt"], ["a.json", "b.json"]])
def test_zip_in_which_several_or_none_could_be_meant_is_refused(tmp_path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "[]")
    assert "files that could be meant" in wrong(tmp_path / "dump.zip")


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_pieces_may_end_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, piece: int
) -> None:
    monkeypatch.setattr(ror, "_PIECE", piece)
    (tmp_path / "dump.json").write_text(json.dumps(RECORDS[:3], indent=indent))
    assert [each.ror for each in records(tmp_path / "dump.json")][2] == OXFORD


def test_large_file_needs_little_memory(tmp_path: Path) -> None:
    padded = [record(SANTA_CRUZ, "A", links=["x" * 3000]) for _number in range(10_000)]
    (tmp_path / "dump.json").write_text(json.dumps(padded))
    del padded
    tracemalloc.start()
    try:
        assert sum(1 for _record in records(tmp_path / "dump.json")) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no JSON array"), (b"{}", "no JSON array"), (b"<html>", "no JSON array"), (b"[", "after record 0"),
        (json.dumps(RECORDS).encode()[:-200], "after record 7: this cannot be read as JSON"),
        (b"[\xff]", "not UTF-8"), (b"[1]", "record 1: it is no object"), (b"[nonsense]", "after record 0"),
    ],
)  # fmt: skip
def test_file_that_is_no_dump_is_told(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "dump.json").write_bytes(text)
    assert said in wrong(tmp_path / "dump.json")


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in wrong(tmp_path / "gone.json")


def test_record_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ror, "LARGEST_RECORD", 100_000)
    monkeypatch.setattr(ror, "_PIECE", 10_000)
    (tmp_path / "dump.json").write_text('["' + "x" * 1_000_000)
    assert "after record 0: this cannot be read as JSON" in wrong(tmp_path / "dump.json")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "03s65by71"}, "its id is '03s65by71'"), ({"id": "https://evil.example/03s65by71"}, "its id is"),
        ({"id": "https://ror.org/03s65by71/x"}, "its id is"), ({"id": None}, "its id is"),
        ({"names": []}, "no name of type ror_display"), ({"names": "x"}, "no name of type ror_display"),
        ({"names": [{"value": 3, "types": ["ror_display"]}]}, "no name of type ror_display"),
        ({"names": [{"value": "x", "types": None}]}, "no name of type ror_display"),
        ({"status": "closed"}, "the status 'closed'"), ({"status": None}, "the status 'None'"),
        ({"status": []}, "the status '[]'"),
    ],
)  # fmt: skip
def test_record_that_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "dump.json", RECORDS[0], record(SANTA_CRUZ, "A") | changes)
    assert f"{path}: record 2: " in wrong(path)
    assert said in wrong(path)


def test_file_of_schema_1_is_told_from_a_broken_one(tmp_path: Path) -> None:
    path = write(tmp_path / "dump.json", {"id": f"https://ror.org/{OXFORD}", "name": "University of Oxford"})
    assert "schema 1: take the file of schema 2" in wrong(path)


def test_country_is_that_of_the_first_place_that_has_one(tmp_path: Path) -> None:
    places: list[object] = [None, {"geonames_details": None}, {"geonames_details": {"country_code": "x"}}]
    path = write(
        tmp_path / "dump.json", record(OXFORD, "A", locations=places), record(SANTA_CRUZ, "B", locations=[])
    )
    assert [each.country for each in records(path)] == ["", ""]


def test_names_are_legible_and_each_stands_once(tmp_path: Path) -> None:
    path = write(tmp_path / "dump.json", record(OXFORD, "Uni\u200bversity  of\nOxford", "Oxford", "Oxford"))
    [found] = records(path)
    assert (found.name, found.other_names) == ("University of Oxford", ("Oxford",))
