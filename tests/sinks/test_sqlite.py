"""The embedded store: several writers, readers meanwhile, kill -9, clear failures."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sinks.commands import ReplaceDocuments
from sinks.sqlite import SQLiteStore
from sinks.store import StoreRejected, StoreUnavailable
from tests.sinks.builders import fold, window
from tests.sinks.readers import sqlite_documents

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from sinks.lane import Lane
from sinks.sqlite import SQLiteStore
from sinks.store import StoreFactory
from tests.sinks.builders import window

path, member, windows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
lane = Lane(StoreFactory("sqlite", lambda: SQLiteStore(path, 10.0)))
for number in range(windows):
    lane.put(window(number, {f"{member}-{n}": {"a.b": n + 1, member: 1} for n in range(50)}))
    lane.drain()
    print(number, flush=True)
lane.close()
"""


def start_writer(path: Path, member: str, windows: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), member, str(windows)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def written_by(member: str, windows: int) -> dict[str, dict[str, object]]:
    keys = {f"{member}-{n}": {"a.b": n + 1, member: 1} for n in range(50)}
    return fold(dict.fromkeys(range(windows), keys))


def test_several_processes_write_one_file_and_a_reader_reads_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "t.db"
    writers = [start_writer(path, member, 40) for member in ("p", "q", "r")]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            connection = sqlite3.connect(path, timeout=5)
            try:
                rows = connection.execute("SELECT doc FROM user_stats").fetchall()
            except sqlite3.OperationalError:
                # Only before the first writer has made the tables.
                if reads:
                    raise
            else:
                reads += bool(rows)
                # Each write is whole: all keys of a writer are at the same window.
                seen: dict[str, set[int]] = {}
                for (doc,) in rows:
                    document = json.loads(doc)
                    seen.setdefault(document["_id"][0], set()).add(document["windows"])
                assert all(len(windows) == 1 for windows in seen.values())
            finally:
                connection.close()
        time.sleep(0.01)
    for writer in writers:
        assert writer.wait() == 0
        assert writer.stdout is not None
        writer.stdout.close()
    assert reads > 0
    expected = written_by("p", 40) | written_by("q", 40) | written_by("r", 40)
    assert sqlite_documents(path)("user_stats") == expected


def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    writer = start_writer(path, "p", 10_000)
    assert writer.stdout is not None
    acknowledged = -1
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged == 30:
            os.kill(writer.pid, signal.SIGKILL)
            break
    for line in writer.stdout:
        acknowledged = int(line)
    writer.wait()
    writer.stdout.close()
    held = sqlite_documents(path)("user_stats")
    # One more may have been committed without the answer being read.
    assert held in (written_by("p", acknowledged + 1), written_by("p", acknowledged + 2))
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_file_locked_by_another_program_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store = SQLiteStore(path, timeout_s=0.1)
    store.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.write([window(0, {"u": {"a": 1}})])
    other.execute("ROLLBACK")
    other.close()
    store.write([window(0, {"u": {"a": 1}})])
    assert sqlite_documents(path)("user_stats") == fold({0: {"u": {"a": 1}}})
    store.close()


def test_a_failed_write_leaves_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store = SQLiteStore(path)
    store.open()
    with pytest.raises(TypeError):
        store.write([window(0, {"u": {"new": 1}}), object()])  # type: ignore[list-item]
    assert sqlite_documents(path)("user_stats") == {}
    # Also nothing of what the store remembers about names and tables.
    store.write([window(0, {"u": {"other": 1}}, "more_stats")])
    store.write([window(0, {"u": {"new": 1, "other": 2}})])
    assert sqlite_documents(path)("user_stats") == fold({0: {"u": {"new": 1, "other": 2}}})
    store.close()


def test_two_writers_that_meet_new_names_at_the_same_time_agree(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    stores = [SQLiteStore(path) for _ in range(2)]
    for store in stores:
        store.open()
    windows = {
        number: {f"u{number % 2}": {f"n{n}": n + 1 for n in range(number, number + 12)}}
        for number in range(12)
    }
    for number, counts in windows.items():
        stores[number % 2].write([window(number, counts)])
    for store in stores:
        store.close()
    assert sqlite_documents(path)("user_stats") == fold(windows)


def test_threads_of_a_process_do_not_starve_each_other(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    errors: list[Exception] = []

    def write(lane: int) -> None:
        store = SQLiteStore(path, timeout_s=5.0)
        try:
            store.open()
            for number in range(50):
                store.write([window(number, {f"{lane}-{n}": {"a": 1} for n in range(100)})])
        except Exception as error:
            errors.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=write, args=(lane,)) for lane in range(8)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    # 400 small transactions; sleeping for the lock would take a multiple of this.
    assert time.monotonic() - started < 20
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT sum(windows) FROM user_stats_rows").fetchone() == (40_000,)
    connection.close()


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC), "2026-11-22T12:00:10Z"),
        (datetime(2026, 11, 22, 12, 0, 10, 20, tzinfo=UTC), "2026-11-22T12:00:10.000020Z"),
        (datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC), "1969-12-31T23:59:58.500000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_dates_of_aggregates_are_iso_text(tmp_path: Path, start: datetime, text: str) -> None:
    from sinks.commands import AccumulateWindow

    store = SQLiteStore(tmp_path / "t.db")
    store.open()
    store.write([AccumulateWindow("user_stats", start, window(0, {"u": {"a": 1}}).counts)])
    store.close()
    connection = sqlite3.connect(tmp_path / "t.db")
    (doc,) = connection.execute("SELECT doc FROM user_stats").fetchone()
    connection.close()
    assert json.loads(doc)["last_window"] == text


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("json_extract(doc, '$.timestamp') > 'x'", "aggregated_data_timestamp"),
        (
            "json_extract(doc, '$.type') = 'x' AND json_extract(doc, '$.timestamp') > 'x'",
            "aggregated_data_type_timestamp",
        ),
    ],
)
def test_windows_are_found_by_index(tmp_path: Path, query: str, index: str) -> None:
    store = SQLiteStore(tmp_path / "t.db")
    store.open()
    store.close()
    connection = sqlite3.connect(tmp_path / "t.db")
    plan = connection.execute(
        f"EXPLAIN QUERY PLAN SELECT doc FROM aggregated_data WHERE {query}"
    ).fetchall()
    connection.close()
    assert any(index in row[3].split() for row in plan)


@pytest.mark.parametrize("collection", ["user_stats", "item_stats"])
def test_the_largest_totals_are_found_by_index(tmp_path: Path, collection: str) -> None:
    store = SQLiteStore(tmp_path / "t.db")
    store.open()
    store.close()
    connection = sqlite3.connect(tmp_path / "t.db")
    (plan,) = connection.execute(
        f"EXPLAIN QUERY PLAN SELECT _id FROM {collection}_rows ORDER BY total DESC LIMIT 10"
    ).fetchall()
    connection.close()
    assert f"{collection}_total" in plan[3].split()


@pytest.mark.parametrize(
    ("collection", "query", "index"),
    [
        ("alerts", "json_extract(doc, '$.timestamp') > 'x'", "alerts_timestamp"),
        ("alerts", "json_extract(doc, '$.state') = 'begin'", "alerts_state_timestamp"),
        (
            "inventory_levels",
            "json_extract(doc, '$.status') = 'low'",
            "inventory_levels_status_current_stock",
        ),
    ],
)
def test_a_collection_has_its_indexes_once_it_is_written_to(
    tmp_path: Path, collection: str, query: str, index: str
) -> None:
    store = SQLiteStore(tmp_path / "t.db")
    store.open()
    store.write([ReplaceDocuments(collection, [{"_id": "a"}])])
    store.close()
    connection = sqlite3.connect(tmp_path / "t.db")
    (plan,) = connection.execute(
        f"EXPLAIN QUERY PLAN SELECT doc FROM {collection} WHERE {query}"
    ).fetchall()
    connection.close()
    assert index in plan[3].split()


def test_an_aggregate_is_found_by_its_id_without_a_scan(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "t.db")
    store.open()
    store.close()
    connection = sqlite3.connect(tmp_path / "t.db")
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT doc FROM user_stats WHERE _id = 'u'"
    ).fetchall()
    connection.close()
    assert any(row[3].startswith("SEARCH") and "(_id=?)" in row[3] for row in plan)


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is not a database, but it is long enough to be looked at" * 20)


def _newer_layout(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(_no_database, "not a database"), (_newer_layout, "layout 99"), (_folder, "unable to open")],
)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "t.db"
    spoil(path)
    store = SQLiteStore(path, timeout_s=0.2)
    with pytest.raises(StoreRejected, match=message) as caught:
        store.open()
    assert caught.value.remedy
    store.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreRejected, match="cannot make the directory"):
        SQLiteStore(tmp_path / "file" / "t.db").open()


def test_one_collection_holds_one_kind_of_documents(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "t.db")
    store.open()
    with pytest.raises(StoreRejected, match="another kind"):
        store.write([ReplaceDocuments("user_stats", [{"_id": "a"}])])
    with pytest.raises(StoreRejected, match="another kind"):
        store.write([window(0, {"u": {"a": 1}}, "aggregated_data")])
    store.close()


def test_the_file_survives_a_power_failure_by_its_settings(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "t.db")
    store.open()
    assert store._connection is not None
    full = 2
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (full,)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_an_aggregate_survives_thousands_of_keys_and_statements(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    windows = {
        number: {f"u{n}": {"a": n % 7 + 1, f"b{n % 3}": 1} for n in range(9001)}
        for number in range(2)
    }
    store = SQLiteStore(path)
    store.open()
    store.write([window(number, counts) for number, counts in windows.items()])
    store.close()
    assert sqlite_documents(path)("user_stats") == fold(windows)


def test_windows_that_come_together_cost_a_key_one_upsert(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    windows = {number: {f"u{n}": {"a": n + 1, "b": 2} for n in range(50)} for number in range(6)}
    commands = [window(number, counts) for number, counts in windows.items()]
    store = SQLiteStore(path)
    store.open()
    store.write(commands[:1])
    connection = store._connection
    assert connection is not None
    before = connection.total_changes
    store.write(commands[1:])
    assert connection.total_changes - before == 50
    store.close()
    assert sqlite_documents(path)("user_stats") == fold(windows)
