"""Every abuse case has its row, and every row its tests, which exist."""

from __future__ import annotations

import pytest

from tests.faults.test_table import TESTS, found_in
from tests.portal.abuse import CASES, FAMILIES, Row


def test_every_case_has_its_row() -> None:
    assert list(CASES) == [f"A-{number:02}" for number in range(1, 60)]


@pytest.mark.parametrize("row", [*FAMILIES.values(), *CASES.values()], ids=[*FAMILIES, *CASES])
def test_tests_of_a_row_exist_and_what_has_none_has_a_reason(row: Row) -> None:
    assert row.tests or row.missing
    for test in row.tests:
        path, _colons, name = test.partition("::")
        assert name.rpartition("::")[2].startswith("test_"), test
        assert name in found_in(TESTS / path), test
