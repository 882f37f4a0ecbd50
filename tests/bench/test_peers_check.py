"""Comparing what came out with the truth."""

from __future__ import annotations

import json

import polars as pl
import pytest

from bench.errors import BenchmarkError
from bench.peers.check import compare
from bench.peers.outputs import SCHEMA
from bench.peers.truth import add_up, count_records

Row = tuple[int, str, str, str, int]
TRUTH: list[Row] = [(0, "user", "ann", "view", 3), (10, "user", "ann", "view", 2)]


def _frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, SCHEMA, orient="row")


def test_all_of_it() -> None:
    outcome = compare(_frame(TRUTH), _frame(TRUTH), closes_all=True)
    assert (outcome.counted, outcome.lost, outcome.open_windows, outcome.twice) == (5, 0, 0, 0)


def test_what_is_missing_is_lost() -> None:
    found = _frame([(0, "user", "ann", "view", 2), (10, "user", "ann", "view", 2)])
    outcome = compare(_frame(TRUTH), found, closes_all=True)
    assert outcome.lost == 1
    assert outcome.lost_share == pytest.approx(0.2)


def test_a_key_that_is_missing_is_lost() -> None:
    outcome = compare(_frame(TRUTH), _frame(TRUTH[1:]), closes_all=True)
    assert outcome.lost == 3


def test_a_window_that_nothing_closes_is_not_lost() -> None:
    outcome = compare(_frame(TRUTH), _frame(TRUTH[:1]), closes_all=False)
    assert (outcome.lost, outcome.compared, outcome.open_windows) == (0, 3, 1)
    assert compare(_frame(TRUTH), _frame(TRUTH[:1]), closes_all=True).lost == 2


def test_pieces_of_a_count_are_added_up() -> None:
    found = _frame([(0, "user", "ann", "view", 2), (0, "user", "ann", "view", 1), TRUTH[1]])
    outcome = compare(_frame(TRUTH), found, closes_all=True)
    assert (outcome.lost, outcome.twice) == (0, 1)


def test_totals_are_compared_over_all_windows() -> None:
    totals = _frame([(0, "user", "ann", "view", 5)]).drop("start_s")
    assert compare(_frame(TRUTH), totals, closes_all=True).lost == 0


@pytest.mark.parametrize(
    "row",
    [(0, "user", "ann", "view", 1), (20, "user", "ann", "view", 1), (0, "user", "bob", "view", 1)],
)
def test_more_than_the_truth_is_an_error(row: Row) -> None:
    with pytest.raises(BenchmarkError, match="too large"):
        compare(_frame(TRUTH), _frame([*TRUTH, row]), closes_all=True)


def _record(second: int, user: str) -> bytes:
    event = {"user_id": user, "item_id": "cup", "interaction_type": "view", "page_id": "/"}
    return json.dumps({**event, "timestamp": f"2026-01-01T00:00:{second:02d}.000020Z"}).encode()


def test_the_truth_counts_each_event_for_its_user_and_its_item() -> None:
    start_s = 1_767_225_600
    counts = count_records([_record(9, "ann"), _record(10, "ann"), _record(1, "bob")])
    assert sorted(counts.rows()) == [
        (start_s, "item", "cup", "view", 2),
        (start_s, "user", "ann", "view", 1),
        (start_s, "user", "bob", "view", 1),
        (start_s + 10, "item", "cup", "view", 1),
        (start_s + 10, "user", "ann", "view", 1),
    ]


def test_truths_of_chunks_are_added_up() -> None:
    chunk = count_records([_record(1, "ann")])
    assert set(add_up(pl.concat([chunk, chunk]))["count"]) == {2}
