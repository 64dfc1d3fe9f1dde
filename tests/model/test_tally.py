"""The numbers of histories: how they are added up, passed on from one process to another, and told."""

from __future__ import annotations

import pytest

from tests.model.crew import Fate
from tests.model.history import Setting, Step, outcome
from tests.model.tally import Tally


def tally(*, lives: tuple[int, ...] = (), seconds: tuple[float, ...] = (), steps: int = 0) -> Tally:
    made = Tally(steps=steps)
    for life in lives:
        made.gone_after(life)
    for each in seconds:
        made.ended_after(each)
    return made


def test_numbers_are_added_up() -> None:
    total = tally(lives=(0, 0, 1), seconds=(0.52, 1.0), steps=120)
    total.stale, total.foreign_changed = 1, 2
    other = tally(lives=(0, 3), seconds=(0.46,), steps=60)
    other.stale, other.foreign_changed = 4, 6
    total.add(other)
    assert (total.steps, total.stale, total.foreign_changed, total.histories) == (180, 5, 8, 3)
    assert total.lives == {0: 3, 1: 1, 3: 1}
    assert total.seconds == {0.5: 2, 1.0: 1}


def test_they_are_found_in_what_another_process_has_printed() -> None:
    first = tally(lives=(0, 0, 12), seconds=(0.5, 10.0), steps=120)
    first.stale, first.foreign_changed = 1, 2
    assert Tally.find(f"..\n{first.line()}\n.\n1 passed in 3.14s\n") == first


@pytest.mark.parametrize("output", ["", "1 failed in 3.14s", f"no line begins with {Tally().line()}"])
def test_no_numbers_are_found_where_none_were_printed(output: str) -> None:
    assert Tally.find(output) is None


def test_line_is_no_longer_for_many_histories_than_for_few() -> None:
    def many(times: int) -> Tally:
        return tally(lives=(0, 1) * times, seconds=(0.5, 0.61) * times)

    assert len(many(1000).line()) < len(many(1).line()) + 20


def test_figures_say_how_many_from_which_seeds_and_the_usual_quantiles() -> None:
    total = tally(lives=(0,) * 90 + (1,) * 8 + (2, 5), seconds=(0.5,) * 94 + (1.5,) * 6)
    lives, seconds = (figure.row() for figure in total.figures("memory", "seeds 5 to 9"))
    quantiles = ("n", "median", "p95", "p99", "max", "unit", "note")
    assert [lives[name] for name in quantiles] == [100, 0, 1, 2, 5, "sweeps", "seeds 5 to 9"]
    assert [seconds[name] for name in quantiles] == [100, 0.5, 1.5, 1.5, 1.5, "s", "seeds 5 to 9"]
    assert str(lives["name"]).startswith("memory: ")
    assert str(seconds["name"]).startswith("memory: ")


def test_what_did_not_happen_has_no_figure() -> None:
    assert [figure.unit for figure in tally(seconds=(0.5,)).figures("memory", "")] == ["s"]
    assert tally().figures("memory", "") == []


def test_it_is_told_in_words() -> None:
    told = tally(lives=(0, 0, 3), seconds=(0.5,), steps=60).told()
    assert told.startswith("1 histories, 60 steps, ")
    assert told.endswith("3 rights given again by late workers, the longest for 3 sweeps")
    assert tally().told().endswith("0 rights given again by late workers, the longest for 0 sweeps")


@pytest.mark.usefixtures("in_memory")
def test_history_is_counted_once_it_has_ended_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Setting, "tally", Tally())
    step = Step("work", ("pass", "avis-fire", Fate()), {})
    assert outcome([step]) == ""
    taken = Setting.tally.steps
    assert (Setting.tally.histories, taken > 0) == (1, True)
    assert outcome([step, Step("nobody_knows_how", (), {})]) != ""
    assert (Setting.tally.histories, Setting.tally.steps) == (1, taken + 1)
