"""Records as in the data dump of the Research Organization Registry, schema 2.1, and files of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

SANTA_CRUZ, MERCED, OXFORD = "03s65by71", "00d9ah105", "052gg0110"


def record(
    ror: str, name: str, *others: str, country: str = "US", status: str = "active", **changes: Any
) -> dict[str, Any]:
    """Return a record as the dump has it."""
    names: list[Any] = [{"lang": "en", "types": ["ror_display", "label"], "value": name}]
    names += [{"lang": None, "types": ["alias"], "value": other} for other in others]
    place = {"geonames_id": 1, "geonames_details": {"country_code": country, "country_name": "A country"}}
    return {
        "admin": {"created": {"date": "2018-11-14", "schema_version": "1.0"}}, "domains": [], "established": 1965,
        "external_ids": [], "id": f"https://ror.org/{ror}", "links": [], "locations": [place], "names": names,
        "relationships": [], "status": status, "types": ["education"],
    } | changes  # fmt: skip


RECORDS = [
    record(SANTA_CRUZ, "University of California, Santa Cruz", "UC Santa Cruz", "UCSC"),
    record(MERCED, "University of California, Merced", "UC Merced"),
    record(OXFORD, "University of Oxford", "Oxford", country="GB"),
    record("01abcde01", "Ministry of Health", country="KE"),
    record("01abcde02", "Ministry of Health", country="PE"),
    record("01abcde03", "Old University", status="inactive"),
    record("01abcde04", "Never a University", status="withdrawn"),
    record("01abcde05", "Université de Besançon", "Besançon", country="FR"),
]


def write(path: Path, *records: dict[str, Any]) -> Path:
    """Write a dump of these records, or of all, zipped if the name says so."""
    text = json.dumps(list(records or RECORDS), indent=2, ensure_ascii=False)
    if path.suffix != ".zip":
        path.write_text(text, encoding="utf-8")
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v1.70-ror-data.csv", "id,name")
        archive.writestr("v1.70-ror-data_schema_v2.json", text)
        archive.writestr("v1.70-ror-data.json", "[{}]")
    return path
