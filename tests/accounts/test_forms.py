"""The level that an operator gives somebody."""

from __future__ import annotations

import pytest

from accounts.forms import LevelForm
from accounts.models import Level


@pytest.mark.parametrize("level", list(Level))
def test_every_level_is_accepted(level: Level) -> None:
    assert LevelForm({"level": level}).is_valid()


@pytest.mark.parametrize("level", ["operator", "", "Admin", "superuser"])
def test_anything_else_is_refused(level: str) -> None:
    assert "level" in LevelForm({"level": level}).errors
