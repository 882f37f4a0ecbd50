"""Read what each subject wrote, as counts: start_s (Int64), kind, key, type, count (Int64)."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl

SCHEMA = {
    "start_s": pl.Int64,
    "kind": pl.String,
    "key": pl.String,
    "type": pl.String,
    "count": pl.Int64,
}
_LINES = {
    "window_start": pl.String,
    "kind": pl.String,
    "key": pl.String,
    "type": pl.String,
    "count": pl.Int64,
}


def read_kafka_python(folder: Path) -> pl.DataFrame:
    """Read the table of the loop."""
    with closing(sqlite3.connect(folder / "counts.db")) as store:
        rows = store.execute("SELECT window_start, kind, key, type, count FROM counts").fetchall()
    return pl.DataFrame(rows, SCHEMA, orient="row")


def read_lines(folder: Path) -> pl.DataFrame:
    """Read lines of JSON, whatever the files' names: Bytewax writes .jsonl, Flink part-*.

    Hidden files are what Flink has not committed.
    """
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    frames = [pl.read_ndjson(path, schema=_LINES) for path in files if path.stat().st_size]
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    # `2026-11-20T00:00:00+00:00` or `2026-11-20 00:00:00`; both are UTC.
    time = pl.col("window_start").str.slice(0, 19).str.replace("T", " ").str.to_datetime()
    return _in_order(pl.concat(frames).with_columns(start_s=time.dt.epoch("s")))


def read_quix(folder: Path) -> pl.DataFrame:
    """Read the CSV sink's files: one for users, one for items, values as JSON."""
    rows: list[tuple[int, str, str, str, int]] = []
    for kind in ("user", "item"):
        path = folder / f"{kind}.csv"
        if not path.exists():  # no window was closed
            continue
        with path.open(newline="") as lines:
            for line in csv.DictReader(lines):
                window = json.loads(line["value"])
                start_s = window["start"] // 1000
                rows += [(start_s, kind, line["key"], *each) for each in window["by_type"].items()]
    return pl.DataFrame(rows, SCHEMA, orient="row")


def read_spark(folder: Path) -> pl.DataFrame:
    """Read the Parquet files that the sink's log names as committed."""
    files: set[str] = set()
    for log in (folder / "_spark_metadata").iterdir():
        if log.name.startswith("."):
            continue
        for line in log.read_text().splitlines()[1:]:  # after the version
            files.add(json.loads(line)["path"].rpartition("/")[2])
    frames = [frame for name in sorted(files) if (frame := pl.read_parquet(folder / name)).height]
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    start_s = pl.col("window_start").dt.epoch("s")
    return _in_order(pl.concat(frames).with_columns(start_s=start_s))


def read_tidemark(folder: Path) -> pl.DataFrame:
    """Read the current aggregates of our store: totals over all windows, without start_s."""
    rows: list[tuple[str, str, str, int]] = []
    with closing(sqlite3.connect(folder / "tidemark.db")) as store:
        for kind in ("user", "item"):
            for key, text in store.execute(f"SELECT _id, doc FROM {kind}_stats"):
                rows += [(kind, key, *each) for each in json.loads(text)["by_type"].items()]
    schema = {name: kind for name, kind in SCHEMA.items() if name != "start_s"}
    return pl.DataFrame(rows, schema, orient="row")


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
