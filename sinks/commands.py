"""Commands: what a store is asked to do.

A command is a plain value: it holds no connection, can be pickled, and says what is to be stored,
never how. Every command but `SendRecords` has the same effect once or many times, so a writer may
send it again after an unclear failure: documents and points carry absolute values under ids that
follow from the data, and a window is added to an aggregate only where it is newer than the last one
added (see `sinks.aggregate`). A Kafka record may arrive twice.

All datetimes are timezone-aware and in UTC. Text holds no NUL character: MongoDB cannot keep one in
a name and refuses such a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import polars as pl

Document: TypeAlias = dict[str, Any]

COUNTS_SCHEMA: dict[str, pl.DataType] = {
    "key": pl.String(),
    "name": pl.String(),
    "count": pl.Int64(),
}

RECORDS_SCHEMA: dict[str, pl.DataType] = {
    "offset": pl.Int64(),
    "key": pl.String(),
    "timestamp": pl.Datetime("us", "UTC"),
    "ingested_at": pl.Datetime("us", "UTC"),
    "data": pl.String(),
}


@dataclass(frozen=True, slots=True)
class ReplaceDocuments:
    """Store each document under its `_id` in place of what is there.

    Of two documents with one `_id` the later in the list wins.
    """

    collection: str
    documents: list[Document]


@dataclass(frozen=True, slots=True)
class NewestDocuments:
    """Store each document unless a newer one is there.

    Written where nothing is stored or `stored[order_by] <= new[order_by]`. `order_by` names a
    number or a datetime at the top of every document. MongoDB keeps milliseconds of a datetime.
    """

    collection: str
    documents: list[Document]
    order_by: str


@dataclass(frozen=True, slots=True)
class KeepRecords:
    """Store Kafka records of one partition as documents, under `<topic>/<partition>/<offset>`.

    `records` has the columns of `RECORDS_SCHEMA`; no offset comes twice. `data` is JSON, of nothing
    that a store cannot hold. `key` and `ingested_at` may be null. A document has these fields, and
    `topic` and `partition`.
    """

    collection: str
    topic: str
    partition: int
    records: pl.DataFrame


@dataclass(frozen=True, slots=True)
class AccumulateWindow:
    """Add one window's counts to the current aggregate of each key.

    `counts` has the columns of `COUNTS_SCHEMA`: one row per (key, name), the rows of one key
    adjacent, every count at least 1. A key whose stored `last_window` is this window or a later one
    is left as it is: the windows of a key must be sent in order, and one sent again changes
    nothing. `sinks.aggregate.accumulate` is the reference.
    """

    collection: str
    window_start: datetime
    counts: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a time series.

    An `int` field is stored as an integer, a `float` as a float: a field must keep its kind for
    ever. The time is kept in whole seconds.
    """

    measurement: str
    timestamp: datetime
    tags: Mapping[str, str]
    fields: Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class WritePoints:
    """Store each point in place of the one with the same measurement, time and tags."""

    points: list[Point]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One Kafka record to send.

    Records of one `partition` number stay in order: they go to one partition of the topic, to that
    number modulo the topic's partitions. Without a number the key decides, or nothing.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class SendRecords:
    """Send each record, in order."""

    records: list[Record]


Command: TypeAlias = (
    ReplaceDocuments | NewestDocuments | KeepRecords | AccumulateWindow | WritePoints | SendRecords
)


def count_rows(command: Command) -> int:
    """Return the number of rows (documents, count rows, points, records) that a command carries."""
    match command:
        case ReplaceDocuments() | NewestDocuments():
            return len(command.documents)
        case KeepRecords():
            return command.records.height
        case AccumulateWindow():
            return command.counts.height
        case WritePoints():
            return len(command.points)
        case SendRecords():
            return len(command.records)
