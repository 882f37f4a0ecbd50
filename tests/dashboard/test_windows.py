"""The cache of windows holds what the store holds, and asks for little."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dashboard.hours import HOUR_S, Hours
from dashboard.reading.sqlite import SQLiteReader
from dashboard.windows import KEPT, KINDS, Windows
from sinks.commands import ReplaceDocuments
from sinks.sqlite import SQLiteStore
from tests.dashboard.sample import Sample


@pytest.fixture
def reader(sqlite_url: str) -> SQLiteReader:
    return SQLiteReader(Path(sqlite_url.removeprefix("sqlite:")), 5.0)


def write(url: str, documents: list[dict[str, object]]) -> None:
    store = SQLiteStore(Path(url.removeprefix("sqlite:")))
    store.open()
    store.write([ReplaceDocuments("aggregated_data", documents)])
    store.close()


def test_new_windows_are_added_and_what_did_not_change_stays_the_same_list(
    sqlite_url: str, reader: SQLiteReader, sample: Sample
) -> None:
    windows = Windows()
    windows.update(reader)
    before = windows["interactions"]
    windows.update(reader)
    assert windows["interactions"] is before
    sample.end += timedelta(minutes=1)
    write(sqlite_url, list(sample.windows("interactions", timedelta(minutes=1))))
    windows.update(reader)
    for kind in KINDS:
        assert windows[kind] == reader.newest_windows(kind, KEPT)
    assert len(windows["interactions"]) == KEPT
    reader.close()


def test_the_newest_window_written_again_is_read_again(
    sqlite_url: str, reader: SQLiteReader
) -> None:
    windows = Windows()
    windows.update(reader)
    stored = SQLiteReader(Path(sqlite_url.removeprefix("sqlite:")), 5.0)
    (row,) = stored._connection.execute(
        "SELECT doc FROM aggregated_data WHERE _id LIKE 'interactions/%' ORDER BY _id DESC LIMIT 1"
    ).fetchone()
    stored.close()
    import json

    document = json.loads(row)
    write(sqlite_url, [{**document, "total": 123_456}])
    windows.update(reader)
    newest = windows.newest("interactions")
    assert newest is not None
    assert newest["total"] == 123_456
    reader.close()


def test_a_repair_of_a_past_window_is_seen_after_some_rounds(
    sqlite_url: str, reader: SQLiteReader, sample: Sample
) -> None:
    windows = Windows()
    windows.update(reader)
    again = Sample(sample.end - timedelta(minutes=30), seed=99)
    write(sqlite_url, list(again.windows("interactions", timedelta(minutes=1))))
    expected = reader.newest_windows("interactions", KEPT)
    assert windows["interactions"] != expected
    for _ in range(40):
        windows.update(reader)
    assert windows["interactions"] == expected
    reader.close()


def test_hours_add_up_to_what_is_stored(reader: SQLiteReader, sample: Sample) -> None:
    hours = Hours()
    now_s = sample.end.timestamp()
    bounds = reader.bounds("interactions")
    for _ in range(3):
        hours.update(reader, now_s, bounds)
    assert hours.complete
    windows = reader.newest_windows("interactions", 10_000)
    expected: dict[int, int] = {}
    for window in windows:
        start = window["timestamp"] // 1000 // HOUR_S * HOUR_S
        expected[start] = expected.get(start, 0) + window["total"]
    assert {b.start_s: b.numbers["total"] for b in hours.buckets()} == expected
    reader.close()


def test_hours_that_are_over_are_added_up_once(reader: SQLiteReader, sample: Sample) -> None:
    hours = Hours()
    # Early in an hour: it is the same at the end.
    now_s = (sample.end.timestamp() // HOUR_S + 3) * HOUR_S + 60
    bounds = reader.bounds("interactions")
    for _ in range(4):
        hours.update(reader, now_s, bounds)
    before = reader.queries
    hours.update(reader, now_s + 1200, bounds)
    # The hour that runs: its numbers and its types.
    assert reader.queries - before == 2
    reader.close()
