"""Every fault has its row, and every row its tests, which exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.table import TABLE, Row

TESTS = Path(__file__).resolve().parents[1]


def found_in(path: Path) -> set[str]:
    """Return the tests of a file as `name` or `Class::name`."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


def test_every_fault_has_its_row() -> None:
    assert list(TABLE) == [f"F-{number:02}" for number in range(1, 39)]


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_tests_of_a_row_exist_and_what_has_none_has_a_reason(row: Row) -> None:
    assert row.tests or row.missing
    for test in row.tests:
        path, _colons, name = test.partition("::")
        assert name.rpartition("::")[2].startswith("test_"), test
        assert name in found_in(TESTS / path), test


def test_every_test_of_this_package_makes_a_fault_that_is_in_the_table() -> None:
    named = {test for row in TABLE.values() for test in row.tests}
    about_themselves = {"test_proxy.py", "test_table.py"}
    made = {
        f"faults/{path.name}::{name}"
        for path in Path(__file__).parent.glob("test_*.py")
        if path.name not in about_themselves
        for name in found_in(path)
        if name.rpartition("::")[2].startswith("test_")
    }
    assert made <= named
