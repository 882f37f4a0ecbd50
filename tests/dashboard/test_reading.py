"""Both stores give the same answers, and each by an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.reading import Reader, StoreAbsent, TooLong, open_reader, store_name
from dashboard.reading import sqlite as sqlite_reading
from dashboard.reading.protocol import Sums, to_ms
from dashboard.reading.sqlite import SQLiteReader
from sinks.sqlite import SQLiteStore
from sinks.store import StoreUnavailable
from tests.dashboard.conftest import FilledMongo
from tests.dashboard.sample import Sample, fill
from tidemark.config import load_settings


@dataclass(frozen=True)
class Filled:
    """A reader of a store, and what was put into it."""

    reader: Reader
    end_ms: int


@pytest.fixture(params=["sqlite", "mongo"])
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    if request.param == "sqlite":
        sample: Sample = request.getfixturevalue("sample")
        environ = {"TIDEMARK_DOCUMENTS__URLS": request.getfixturevalue("sqlite_url")}
    else:
        found: FilledMongo = request.getfixturevalue("filled_mongo")
        sample = found.sample
        environ = {"MONGO_URI": found.uri, "MONGO_DATABASE": found.database}
    reader = open_reader(load_settings(environ=environ, dotenv=None))
    reader.begin()
    yield Filled(reader, to_ms(sample.end))
    reader.end()
    reader.close()


@pytest.fixture
def reader(filled: Filled) -> Reader:
    return filled.reader


def test_windows_come_oldest_first_with_dates_as_milliseconds(
    filled: Filled,
) -> None:
    reader = filled.reader
    found = reader.newest_windows("interactions", 7)
    assert len(found) == 7
    assert [each["timestamp"] for each in found] == [
        filled.end_ms - 10_000 * back for back in range(7, 0, -1)
    ]
    assert found[-1]["window_end"] == filled.end_ms
    assert reader.windows_since("interactions", found[3]["timestamp"]) == found[3:]
    assert reader.bounds("logins") is not None
    assert reader.bounds("nothing") is None
    assert reader.newest_windows("nothing", 5) == []


def test_sums_are_those_of_the_windows(filled: Filled) -> None:
    reader = filled.reader
    windows = reader.newest_windows("interactions", 360)
    end_s = filled.end_ms // 60_000 * 60
    start_s = end_s - 300
    wanted = Sums(("total", "users"), (("by_type", None),))
    buckets = reader.sums("interactions", wanted, start_s, end_s, 60)
    assert [bucket.start_s for bucket in buckets] == list(range(start_s, end_s, 60))
    for bucket in buckets:
        within = [
            w for w in windows if bucket.start_s <= w["timestamp"] // 1000 < bucket.start_s + 60
        ]
        assert bucket.windows == len(within) == 6
        assert bucket.numbers["total"] == sum(w["total"] for w in within)
        assert bucket.numbers["users"] == sum(w["users"] for w in within)
        for name in within[0]["by_type"]:
            assert bucket.maps["by_type"][name] == sum(w["by_type"].get(name, 0) for w in within)


def test_sums_of_a_member_of_each_value(filled: Filled) -> None:
    windows = filled.reader.newest_windows("sales", 6)
    start_s, end_s = windows[0]["timestamp"] // 1000, filled.end_ms // 1000
    wanted = Sums((), (("by_category", "revenue"),))
    buckets = filled.reader.sums("sales", wanted, start_s, end_s, 10)
    assert [bucket.start_s * 1000 for bucket in buckets] == [w["timestamp"] for w in windows]
    for bucket, window in zip(buckets, windows, strict=True):
        expected = {name: each["revenue"] for name, each in window["by_category"].items()}
        assert bucket.maps["by_category"] == pytest.approx(expected)


def test_the_largest_totals_come_first(reader: Reader) -> None:
    found = reader.largest("user_stats", 5)
    assert len(found) == 5
    assert [each["total"] for each in found] == sorted(
        (each["total"] for each in found), reverse=True
    )
    assert reader.one("user_stats", found[0]["_id"]) == found[0]
    assert reader.one("user_stats", "nobody") is None


def test_ids_are_found_by_their_beginning(reader: Reader) -> None:
    assert reader.keys_from("item_stats", "item-001", 3) == ["item-0010", "item-0011", "item-0012"]
    assert reader.keys_from("item_stats", "zebra", 3) == []


def test_stock_is_listed_by_status_lowest_first(reader: Reader) -> None:
    low = reader.stock("low", 1000)
    assert low
    assert {each["status"] for each in low} == {"low"}
    assert [each["current_stock"] for each in low] == sorted(each["current_stock"] for each in low)
    assert isinstance(low[0]["last_updated"], int)
    assert reader.stock_count("low", 1000) == len(low)
    assert reader.stock_count("low", 2) == 2


def test_alerts_come_newest_first_of_all_states_or_of_one(reader: Reader) -> None:
    everything = reader.alerts(None, 100)
    assert [each["timestamp"] for each in everything] == sorted(
        (each["timestamp"] for each in everything), reverse=True
    )
    begun = reader.alerts("begin", 100)
    assert {each["state"] for each in begun} == {"begin"}
    assert len(begun) < len(everything)


def test_status_and_metrics_are_read_whole(reader: Reader) -> None:
    assert {each["pipeline"] for each in reader.status()} >= {"interactions", "sales"}
    metrics = {each["_id"]: each["value"] for each in reader.metrics()}
    newest = reader.newest_windows("interactions", 1)[0]
    assert metrics["interactions.total"] == newest["total"]


def test_every_question_to_sqlite_is_answered_by_an_index(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SQLiteReader(Path(sqlite_url.removeprefix("sqlite:")), 5.0)
    asked: list[tuple[str, Any]] = []
    rows = SQLiteReader._rows

    def remember(self: SQLiteReader, sql: str, values: Any) -> Iterator[tuple[Any, ...]]:
        asked.append((sql, values))
        return rows(self, sql, values)

    monkeypatch.setattr(SQLiteReader, "_rows", remember)
    ask_everything(reader)
    reader.close()
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:"))
    # The books of the partitions and the newest metrics: a few documents, read whole.
    small = ("pipeline_status", "real_time_metrics")
    assert len(asked) > 12
    for sql, values in asked:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        if not any(name in sql for name in small):
            scans = [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]
            # The members of a document's map, and the rows that a limit has cut, are no table.
            scans = [step for step in scans if "each" not in step and "SUBQUERY" not in step]
            assert scans in ([], ["SCAN (subquery-1)"]), (sql, plan)
            assert not any("TEMP B-TREE FOR ORDER BY" in step for step in plan), (sql, plan)
    connection.close()


def ask_everything(reader: Reader) -> None:
    reader.begin()
    reader.status()
    reader.metrics()
    reader.newest_windows("interactions", 360)
    reader.windows_since("interactions", 0)
    reader.bounds("sales")
    reader.alerts(None, 10)
    reader.alerts("begin", 10)
    for collection in ("user_stats", "item_stats"):
        reader.largest(collection, 10)
        reader.one(collection, "user-0001")
        reader.keys_from(collection, "u", 8)
    reader.stock("low", 100)
    reader.stock_count("low", 100)
    reader.sums("interactions", Sums(("total",), (("by_type", None),)), 0, 2_000_000_000, 3600)
    reader.end()


def test_an_index_that_is_missing_gives_an_empty_answer(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite:")
    connection = sqlite3.connect(path)
    connection.execute("DROP INDEX user_stats_total")
    connection.close()
    reader = SQLiteReader(Path(path), 5.0)
    assert reader.largest("user_stats", 5) == []
    assert reader.largest("item_stats", 5) != []
    reader.close()


def test_a_file_without_tables_is_empty(tmp_path: Path) -> None:
    (tmp_path / "t.db").touch()
    reader = SQLiteReader(tmp_path / "t.db", 5.0)
    ask_everything(reader)
    assert reader.status() == []
    reader.close()


def test_a_missing_file_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(StoreAbsent, match=r"there is no file t\.db"):
        SQLiteReader(tmp_path / "t.db", 5.0)
    (tmp_path / "t.db").write_bytes(b"not a database, certainly not" * 100)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        SQLiteReader(tmp_path / "t.db", 5.0)


def test_a_file_that_takes_the_place_of_another_is_noticed(
    sqlite_url: str, sample: Sample, tmp_path: Path
) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:"))
    reader = SQLiteReader(path, 5.0)
    other = SQLiteStore(tmp_path / "other.db")
    other.open()
    other.close()
    (tmp_path / "other.db").replace(path)
    with pytest.raises(StoreUnavailable, match="has been replaced"):
        reader.begin()
    reader.close()


def test_a_round_of_questions_is_about_one_state(sqlite_url: str, sample: Sample) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:"))
    reader = SQLiteReader(path, 5.0)
    reader.begin()
    before = reader.newest_windows("interactions", 1)
    store = SQLiteStore(path)
    store.open()
    sample.end += timedelta(minutes=1)
    fill(store, sample, hours=0.02)
    store.close()
    assert reader.newest_windows("interactions", 1) == before
    reader.end()
    reader.begin()
    assert reader.newest_windows("interactions", 1) != before
    reader.end()
    reader.close()


def test_a_question_that_takes_too_long_is_given_up(
    sqlite_url: str, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_reading, "_MOST_SECONDS", -1.0)
    monkeypatch.setattr(sqlite_reading, "_STEPS_BETWEEN_LOOKS", 10)
    reader = SQLiteReader(Path(sqlite_url.removeprefix("sqlite:")), 5.0)
    with pytest.raises(TooLong):
        reader.sums("interactions", Sums(("total",)), 0, 2_000_000_000, 3600)
    assert reader.newest_windows("interactions", 1)
    reader.close()


def test_the_page_never_writes(sqlite_url: str) -> None:
    reader = SQLiteReader(Path(sqlite_url.removeprefix("sqlite:")), 5.0)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM aggregated_data")
    reader.close()


def test_the_name_of_a_store_shows_no_password() -> None:
    name = store_name(
        load_settings(
            environ={"MONGO_URI": "mongodb://me:secret-word@db.example:27017/?authSource=admin"},
            dotenv=None,
        )
    )
    assert name == "MongoDB, db.example:27017/"
