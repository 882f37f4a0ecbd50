from __future__ import annotations

from typing import Any

from dashboard.sections.series import MOST_NAMES, OTHER, Grid


def window(start_s: int, **fields: Any) -> dict[str, Any]:
    return {"timestamp": start_s * 1000, "window_end": (start_s + 10) * 1000, **fields}


def test_a_window_that_is_not_there_had_no_events_and_no_average() -> None:
    grid = Grid([window(100, total=5, avg=1.5), window(130, total=7, avg=2.0)], 360)
    assert grid.axis() == {"start": 100_000, "step": 10_000, "length": 4}
    assert grid.counts("total") == [5, 0, 0, 7]
    assert grid.ratios("avg") == [1.5, None, None, 2.0]


def test_only_as_many_slots_as_wanted_before_the_newest_window() -> None:
    grid = Grid([window(0, total=1), window(100, total=2), window(110, total=3)], 5)
    assert grid.axis() == {"start": 70_000, "step": 10_000, "length": 5}
    assert grid.counts("total") == [0, 0, 0, 2, 3]


def test_windows_of_another_length_have_no_slot() -> None:
    grid = Grid([window(95, total=9), window(100, total=2), window(110, total=3)], 360)
    assert grid.counts("total") == [2, 3]


def test_the_most_frequent_names_have_a_column_and_the_others_share_one() -> None:
    counts = {f"n{number:02d}": 100 - number for number in range(MOST_NAMES + 2)}
    columns = Grid([window(100, by_type=counts)], 360).by_name("by_type")
    assert list(columns) == [f"n{number:02d}" for number in range(MOST_NAMES)] + [OTHER]
    assert columns[OTHER] == [100 - MOST_NAMES + 100 - MOST_NAMES - 1]
    assert sum(column[0] for column in columns.values()) == sum(counts.values())


def test_names_of_nested_maps() -> None:
    sales = {"books": {"revenue": 3.5}, "toys": {"revenue": 1.0}}
    columns = Grid([window(100, by_category=sales)], 360).by_name("by_category", "revenue")
    assert columns == {"books": [3.5], "toys": [1.0]}


def test_no_windows_are_no_slots() -> None:
    grid = Grid([], 360)
    assert grid.axis()["length"] == 0
    assert grid.counts("total") == []
    assert grid.newest is None
