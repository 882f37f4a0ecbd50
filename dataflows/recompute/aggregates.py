"""Current aggregates per key (`user_stats`, `item_stats`), rebuilt from the whole topic.

They are sums over all windows, so the records of a period are not enough to make one whole. What
is built here counts the closed windows and no other: the live flow adds each later one, because it
adds a window to a document only where the window is newer than the `last_window` in it.

In bounded memory: the keys are hashed into as many parts as it takes for the rows of one part to
fit, and the topic is read once for each part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dataflows.assembly import AnyPipeline
from dataflows.recompute.records import Columns, Judge, joined
from dataflows.streaming.keygroups import key_groups_of
from dataflows.streaming.timestamps import Int64Array, moment
from sinks.commands import Document
from stats.tables import COUNT, CountTable
from tidemark.kafka_ranges import Range

_WINDOW = "__window_us"
_MERGE_ABOVE_ROWS = 500_000


@dataclass(frozen=True, slots=True)
class Period:
    """The keys that have a record in a window from `from_us` to `to_us` are rebuilt, from all
    windows that end at `closed_us` or before."""

    from_us: int
    to_us: int
    closed_us: int


class _TooManyRows(Exception):
    """The keys have to be divided into more parts."""


def rebuild_aggregates(
    pipeline: AnyPipeline,
    judge: Judge,
    ranges: Sequence[Range],
    period: Period,
    *,
    include_late: bool,
    most_rows: int,
    progress: Callable[[int], None] = lambda _records: None,
) -> Iterator[tuple[str, list[Document]]]:
    """Yield collections with documents, each key once."""
    tables = [
        table
        for table in pipeline.tables()
        if table.name in pipeline.aggregates and isinstance(table, CountTable)
    ]
    waiting = [(1, 0)]
    while waiting:
        parts, part = waiting.pop()
        try:
            collected = [
                _Collected(table, judge.window_us, period, parts, part, most_rows)
                for table in tables
            ]
            read = 0
            for judged in judge.records(ranges):
                rows = judged.columns, judged.event_time_us
                if include_late:
                    rows = joined(rows, (judged.late_columns, judged.late_event_time_us))
                for each in collected:
                    each.add(*rows)
                read += judged.records
                progress(read)
            documents = [each.documents() for each in collected]
        except _TooManyRows:
            # A key's part among twice as many is the same one, or that many further on.
            waiting += [(2 * parts, part + parts), (2 * parts, part)]
            continue
        for table, made in zip(tables, documents, strict=True):
            yield pipeline.aggregates[table.name], made


class _Collected:
    """Counts of one table by window, for one part of the keys."""

    def __init__(
        self,
        table: CountTable,
        window_us: int,
        period: Period,
        parts: int,
        part: int,
        most_rows: int,
    ) -> None:
        self._table = table
        self._window_us = window_us
        self._period = period
        self._parts = parts
        self._part = part
        self._most_rows = most_rows
        self._frames: list[pl.DataFrame] = []
        self._waiting = 0

    def add(self, columns: Columns, event_time_us: Int64Array) -> None:
        """Take rows in. Raises _TooManyRows."""
        starts_us = event_time_us - event_time_us % self._window_us
        keep = starts_us + self._window_us <= self._period.closed_us
        key = columns[self._table.keys[0]]
        if self._parts > 1 and len(key):
            keep &= key_groups_of(key, self._parts) == self._part
        if not keep.any():
            return
        rows = pl.DataFrame(
            {
                _WINDOW: starts_us,
                **{name: pl.Series(name, columns[name]) for name in self._table.texts},
                COUNT: np.ones(len(starts_us), np.int64),
            }
        ).filter(pl.Series(keep))
        self._frames.append(self._merged([rows]))
        self._waiting += self._frames[-1].height
        if self._waiting > max(_MERGE_ABOVE_ROWS, self._frames[0].height):
            self._frames = [self._merged(self._frames)]
            self._waiting = 0
            self._require_room(self._frames[0])

    def documents(self) -> list[Document]:
        """Return the aggregates of the keys of the period, as `sinks.aggregate` makes them."""
        if not self._frames:
            return []
        rows = self._merged(self._frames)
        self._require_room(rows)
        if self._table.distinct is not None:
            once = pl.when(pl.col(self._table.distinct) == "").then(pl.col(COUNT)).otherwise(1)
            rows = rows.with_columns(once.cast(pl.Int64).alias(COUNT))
        key, name = self._table.keys
        in_period = pl.col(_WINDOW).is_between(
            self._period.from_us, self._period.to_us, closed="left"
        )
        touched = rows.filter(in_period).select(key).unique()
        rows = rows.join(touched, on=key, how="semi")
        windows = rows.group_by(key, _WINDOW).agg(pl.col(COUNT).sum()).sort(key, _WINDOW)
        by_key = windows.group_by(key, maintain_order=True).agg(
            total=pl.col(COUNT).sum(),
            windows=pl.len(),
            largest=pl.col(COUNT).max(),
            smallest=pl.col(COUNT).min(),
            last_us=pl.col(_WINDOW).last(),
            last_count=pl.col(COUNT).last(),
            first_us=pl.col(_WINDOW).first(),
        )
        kinds: dict[str, dict[str, int]] = {}
        counts = rows.group_by(key, name).agg(pl.col(COUNT).sum()).sort(key, name)
        for identity, kind, count in counts.iter_rows():
            kinds.setdefault(identity, {})[kind] = count
        return [
            {
                "_id": identity,
                "total": total,
                "by_type": kinds[identity],
                "windows": number,
                "avg_per_window": total / number,
                "max_per_window": largest,
                "min_per_window": smallest,
                "last_window": moment(last_us),
                "last_window_count": last_count,
                "first_seen": moment(first_us),
                "last_seen": moment(last_us),
            }
            for (
                identity,
                total,
                number,
                largest,
                smallest,
                last_us,
                last_count,
                first_us,
            ) in by_key.iter_rows()
        ]

    def _require_room(self, rows: pl.DataFrame) -> None:
        # A single key can not be divided any further.
        if rows.height > self._most_rows and rows[self._table.keys[0]].n_unique() > 1:
            raise _TooManyRows

    def _merged(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        keys = [_WINDOW, *self._table.texts]
        return pl.concat(frames, rechunk=False).group_by(keys).agg(pl.col(COUNT).sum())
