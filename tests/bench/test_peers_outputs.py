"""Reading what each peer wrote. The files are as their sinks write them."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl

from bench.peers import outputs

START_S = 1_767_225_600  # 2026-01-01T00:00:00Z
ROW = (START_S, "user", "ann", "view", 3)


def _rows(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    assert frame.columns == list(outputs.SCHEMA)
    return frame.rows()


def test_lines_of_flink_and_bytewax_say_the_same_time_in_two_ways(tmp_path: Path) -> None:
    row = {"kind": "user", "key": "ann", "type": "view", "count": 3}
    flink = {"window_start": "2026-01-01 00:00:00", **row}
    bytewax = {"window_start": "2026-01-01T00:00:00+00:00", **row}
    (tmp_path / "part-0-0").write_text(json.dumps(flink) + "\n")
    (tmp_path / "user.jsonl").write_text(json.dumps(bytewax) + "\n")
    assert _rows(outputs.read_lines(tmp_path)) == [ROW, ROW]


def test_what_flink_has_not_committed_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".part-0-0.inprogress").write_text('{"window_start":"2026-01-01 00:00:00"}\n')
    (tmp_path / "part-0-1").touch()
    assert _rows(outputs.read_lines(tmp_path)) == []


def test_quix_windows_hold_a_count_by_type(tmp_path: Path) -> None:
    window = {"start": START_S * 1000, "end": 0, "by_type": {"view": 3, "click": 1}}
    fields = ("key", "value", "timestamp", "topic", "partition", "offset")
    with (tmp_path / "user.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, fields)
        writer.writeheader()
        writer.writerow(dict.fromkeys(fields, 0) | {"key": "ann", "value": json.dumps(window)})
    rows = _rows(outputs.read_quix(tmp_path))
    assert rows == [ROW, (START_S, "user", "ann", "click", 1)]


def test_only_files_that_sparks_log_names_count(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "window_start": [START_S],
            "kind": ["user"],
            "key": ["ann"],
            "type": ["view"],
            "count": [3],
        }
    ).with_columns(pl.from_epoch("window_start"))
    frame.write_parquet(tmp_path / "committed.parquet")
    frame.write_parquet(tmp_path / "given-up.parquet")
    log = tmp_path / "_spark_metadata"
    log.mkdir()
    entry = {"path": f"file://{tmp_path}/committed.parquet", "action": "add"}
    (log / "0").write_text("v1\n" + json.dumps(entry))
    (log / ".0.crc").write_bytes(b"\x00")
    assert _rows(outputs.read_spark(tmp_path)) == [ROW]


def test_the_loops_table(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "counts.db")) as store:
        store.execute("CREATE TABLE counts (window_start, kind, key, type, count)")
        store.execute("INSERT INTO counts VALUES (?, ?, ?, ?, ?)", ROW)
        store.commit()
    assert _rows(outputs.read_kafka_python(tmp_path)) == [ROW]


def test_our_aggregates_are_totals_without_a_window(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "tidemark.db")) as store:
        for kind, key in (("user", "ann"), ("item", "cup")):
            store.execute(f"CREATE TABLE {kind}_stats (_id, doc)")
            document = json.dumps({"by_type": {"view": 3}, "total": 3})
            store.execute(f"INSERT INTO {kind}_stats VALUES (?, ?)", (key, document))
        store.commit()
    frame = outputs.read_tidemark(tmp_path)
    assert frame.columns == ["kind", "key", "type", "count"]
    assert frame.rows() == [("user", "ann", "view", 3), ("item", "cup", "view", 3)]
