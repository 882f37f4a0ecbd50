"""Commands as columns of what the statements of the SQLite store take, and how they run."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import polars as pl

from sinks.commands import Document, KeepRecords, Point
from sinks.points import epoch_s, stored_fields, stored_tags
from sinks.sqlite_layout import Statement

_SIZES = (1, 4, 16, 64, 96, 128, 192, 256, 384, 512)
"""Rows of the statements that there are."""


def run(
    connection: sqlite3.Connection, statement: Statement, columns: Sequence[Sequence[object]]
) -> int:
    """Run a statement over rows, hundreds at a time; return how many it stored.

    SQLite's interface gives the interpreter lock back at each step, and beside a busy thread waits
    5 ms to get it again: a step for each row writes a few hundred rows a second then.

    To prepare a statement takes SQLite longer than to run it, and the more so the more rows it has.
    So rows are filled up to one of a few sizes, whose statements are kept.
    """
    width = statement.width
    height = len(columns[0])
    most = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width
    sizes = [size for size in _SIZES if size <= most] or [1]
    stored = 0
    for first in range(0, height, sizes[-1]):
        rows = min(sizes[-1], height - first)
        size = sizes[bisect_left(sizes, rows)]
        values: list[object] = [None] * (size * width)
        for place, column in enumerate(columns):
            values[place : rows * width : width] = column[first : first + rows]
        stored += connection.execute(statement.sql(size), values).rowcount
    return stored


def document_columns(documents: Sequence[Document]) -> tuple[list[str], list[str]]:
    """Return _id and JSON of each document."""
    encode = msgspec.json.encode
    ids = [document["_id"] for document in documents]
    return ids, [encode(document).decode() for document in documents]


def kept_columns(command: KeepRecords) -> tuple[list[str], list[str]]:
    """Return _id and JSON of each record; its own JSON is taken over as it is."""
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
    return rows["_id"].to_list(), rows["doc"].to_list()


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


def point_columns(points: Sequence[Point]) -> tuple[list[str], list[int], list[str], list[str]]:
    """Return measurement, seconds, JSON of tags and JSON of fields of each point with a number."""
    measurements, seconds, tags, fields = [], [], [], []
    for point in points:
        numbers = stored_fields(point)
        if numbers:
            measurements.append(point.measurement)
            seconds.append(epoch_s(point.timestamp))
            tags.append(msgspec.json.encode(stored_tags(point)).decode())
            fields.append(msgspec.json.encode(numbers).decode())
    return measurements, seconds, tags, fields


def epoch_us(moment: datetime) -> int:
    """Return microseconds since the epoch."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
