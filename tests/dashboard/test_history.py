from __future__ import annotations

import csv
import io

import pytest

from dashboard.history import MOST_POINTS, as_csv, bucket_length_s


@pytest.mark.parametrize(
    ("period_s", "window_s", "expected_s"),
    [
        (900, 10, 10),
        (3600, 10, 10),
        (21_600, 10, 60),
        (86_400, 10, 300),
        (604_800, 10, 1800),
        (2_592_000, 10, 7200),
        (3600, 30, 30),
        (900, 60, 60),
        (100, 7, 7),
        (86_400, 7, 217),
    ],
)
def test_the_display_window_follows_the_period(
    period_s: int, window_s: int, expected_s: int
) -> None:
    assert bucket_length_s(period_s, window_s) == expected_s


@pytest.mark.parametrize("window_s", [1, 5, 7, 10, 30, 60, 90, 3600, 86_400])
@pytest.mark.parametrize("period_s", [1, 59, 3600, 86_401, 31_536_000, 3_153_600_000])
def test_it_is_whole_windows_and_not_too_many(period_s: int, window_s: int) -> None:
    length_s = bucket_length_s(period_s, window_s)
    assert length_s % window_s == 0
    assert period_s / length_s <= MOST_POINTS


def test_names_out_of_the_data_survive_csv_and_are_no_formula() -> None:
    names = ["=1+1", 'a "quoted", name', "line\nbreak", "ünï.$x"]
    text = as_csv(
        {
            "times": [1_795_380_000_000],
            "windows": [6],
            "columns": {"total": [12], "avg_per_user": [None]},
            "groups": {"by_type": {name: [3] for name in names}},
        }
    )
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert header == [
        "start", "windows", "total", "avg_per_user", *(f"by_type.{name}" for name in names)
    ]  # fmt: skip
    assert row == ["2026-11-22T20:40:00Z", "6", "12", "", "3", "3", "3", "3"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in header)
