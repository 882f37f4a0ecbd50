"""Rows of the SQLite store: commands as the values that its statements take, and how they run."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain, repeat

import msgspec
import polars as pl

from sinks.commands import Document, KeepRecords, Point
from sinks.points import epoch_s, stored_fields, stored_tags
from sinks.sqlite_layout import SLOTS, Statement

_SIZES = (1, 4, 16, 64, 96, 128, 192, 256, 384, 512, 768, 1_024, 1_536, 2_048)
"""Rows of the statements that there are."""


def pivot(counts: pl.DataFrame, slots: dict[str, int]) -> pl.DataFrame:
    """Return one row per key: key, total, a count (or null) per used slot, the other names as JSON.

    A count's column is named `n<slot>`. The column `rest`, the last, is there only if a name has no
    slot of its own. Keys come out sorted: neighbours in the index are written together.
    """
    own = {f"n{slot}": name for name, slot in slots.items() if slot < SLOTS}
    name, count = pl.col("name"), pl.col("count")
    spread = [pl.when(name == pl.lit(own[column])).then(count).alias(column) for column in own]
    # One row a pair of key and name: the largest is the only one.
    columns = [count.sum().alias("total"), *(pl.col(column).max() for column in sorted(own))]
    if len(own) < len(slots):
        labels = {each: msgspec.json.encode(each).decode() for each in slots}
        pair = name.replace_strict(labels, return_dtype=pl.String) + ":" + count.cast(pl.String)
        others = pair.filter(~name.is_in(list(own.values()))).str.join(",")
        columns.append(pl.when(others != "").then("{" + others + "}").alias("rest"))
    return counts.lazy().with_columns(spread).group_by("key").agg(columns).sort("key").collect()


def key_count(counts: pl.DataFrame) -> int:
    """Return the number of keys of a window's counts, where the rows of one key are adjacent."""
    key = pl.col("key")
    # The first row has none before it: that counts as another one.
    return int(counts.select(key.ne_missing(key.shift()).sum()).item())


def run(
    connection: sqlite3.Connection, statement: Statement, rows: Sequence[Sequence[object]]
) -> None:
    """Run a statement over rows, thousands at a time.

    SQLite's interface gives the interpreter lock back at each step, and beside a busy thread waits
    5 ms to get it again. A step for each row writes 5,000 rows a second then, a step for thousands
    of rows 160,000.

    To prepare a statement of thousands of rows takes SQLite longer than to run it. So rows are
    filled up to one of a few sizes, whose statements are kept.
    """
    bound, width = statement.bound, statement.width
    most = (connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) - len(bound)) // width
    sizes = [size for size in _SIZES if size <= most] or [1]
    for first in range(0, len(rows), sizes[-1]):
        part = rows[first : first + sizes[-1]]
        size = sizes[bisect_left(sizes, len(part))]
        nothing = repeat(None, width * (size - len(part)))
        values = [*bound, *chain.from_iterable(part), *nothing]
        connection.execute(statement.sql(size), values)


def document_rows(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """Return (_id, JSON) of each document."""
    encode = msgspec.json.encode
    return [(document["_id"], encode(document).decode()) for document in documents]


def kept_rows(command: KeepRecords) -> list[tuple[str, str]]:
    """Return (_id, JSON) of each record; its own JSON is taken over as it is."""
    place = f"{command.topic}/{command.partition}/"
    identity = msgspec.json.encode(place).decode()[1:-1]
    head = f'","topic":{_json(command.topic)},"partition":{command.partition},"offset":'
    offset = pl.col("offset").cast(pl.String)
    document = pl.concat_str(
        pl.lit(f'{{"_id":"{identity}'),
        offset,
        pl.lit(head),
        offset,
        pl.lit(',"key":'),
        _json_texts(command.records["key"]),
        pl.lit(',"timestamp":'),
        _iso("timestamp"),
        pl.lit(',"ingested_at":'),
        _iso("ingested_at"),
        pl.lit(',"data":'),
        pl.col("data"),
        pl.lit("}"),
    )
    rows = command.records.select((pl.lit(place) + offset).alias("_id"), document.alias("doc"))
    return rows.rows()


def _iso(column: str) -> pl.Expr:
    text = pl.col(column).dt.strftime('"%Y-%m-%dT%H:%M:%S%.6fZ"')
    return text.fill_null("null")


def _json_texts(texts: pl.Series) -> pl.Series:
    """Return texts as JSON, null as null."""
    if texts.str.contains(r'[\x00-\x1f"\\]').any():
        return pl.Series(texts.name, [_json(text) for text in texts], pl.String)
    return texts.to_frame().select(('"' + pl.col(texts.name) + '"').fill_null("null")).to_series()


def _json(text: str | None) -> str:
    return msgspec.json.encode(text).decode()


def point_rows(points: Sequence[Point]) -> list[tuple[str, int, str, str]]:
    """Return (measurement, seconds, JSON of tags, JSON of fields) of each point with a number."""
    rows = []
    for point in points:
        fields = stored_fields(point)
        if fields:
            tags = msgspec.json.encode(stored_tags(point)).decode()
            numbers = msgspec.json.encode(fields).decode()
            rows.append((point.measurement, epoch_s(point.timestamp), tags, numbers))
    return rows


def epoch_us(moment: datetime) -> int:
    """Return microseconds since the epoch."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
