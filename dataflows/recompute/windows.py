"""The windows of a period, built from all records of a topic in bounded memory.

A late record may lie anywhere behind the window it belongs to, so no window is complete before the
topic is read to its end. What does not fit into memory is left for another pass: each pass reads
the topic once and takes the oldest windows of the period, as many as `MOST_ROWS` rows hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dataflows.assembly import AnyPipeline
from dataflows.recompute.records import Columns, Judge, Judged, between, joined
from dataflows.streaming.parcels import Aside
from dataflows.streaming.split import Splitter
from dataflows.streaming.summary import WindowSummary
from dataflows.streaming.tiers import Tiers
from dataflows.streaming.timestamps import Int64Array
from stats.tables import Table
from tidemark.kafka_ranges import Range

MOST_ROWS = 4_000_000
"""Rows of all tables that are held at once: about 400 MB."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A window as it should be. `aside.late` are those booked on it, `late_included` those in it.

    `records` counts what is in it before duplicates are taken out.
    """

    start_us: int
    summary: Any
    aside: Aside
    late_included: int
    records: int

    def final(self, aside: Aside) -> WindowSummary[Any]:
        """Return the summary as the pipeline takes it, with other books."""
        return WindowSummary(self.start_us, self.start_us, self.summary, aside)


@dataclass(slots=True)
class Pass:
    """What one reading of the topic gave: all windows that start in [from, to)."""

    from_us: int
    to_us: int
    windows: list[Rebuilt]
    records_read: int


@dataclass(slots=True)
class _Shelf:
    """What is collected in one pass; windows from `to_us` on are left for the next one."""

    tables: Sequence[Table]
    window_us: int
    from_us: int
    to_us: int
    most_rows: int
    windows: dict[int, list[Tiers]] = field(default_factory=dict)
    rejected: Counter[int] = field(default_factory=Counter)
    late: Counter[int] = field(default_factory=Counter)
    late_included: Counter[int] = field(default_factory=Counter)

    def add(self, splitter: Splitter, columns: Columns, event_time_us: Int64Array) -> None:
        for piece in splitter.split(columns, event_time_us)[0]:
            tiers = self.windows.get(piece.window_start_us)
            if tiers is None:
                tiers = [Tiers(table) for table in self.tables]
                self.windows[piece.window_start_us] = tiers
            tiers[piece.table].add(piece.rows)

    def make_room(self) -> None:
        """Give up the newest windows while there are too many rows; the oldest one always stays."""
        if self._rows() <= self.most_rows:
            return
        for tiers in self.windows.values():
            for each in tiers:
                each.compact()
        while self._rows() > self.most_rows and len(self.windows) > 1:
            self.to_us = max(self.windows)
            del self.windows[self.to_us]

    def _rows(self) -> int:
        return sum(each.rows for tiers in self.windows.values() for each in tiers)


def rebuild(
    pipeline: AnyPipeline,
    judge: Judge,
    ranges: Sequence[Range],
    from_us: int,
    to_us: int,
    *,
    include_late: bool,
    most_rows: int = MOST_ROWS,
    progress: Callable[[int], None] = lambda _records: None,
) -> Iterator[Pass]:
    """Yield the windows that start in [from, to), oldest first, one or more passes.

    `progress` is told the number of records read in the pass so far.
    """
    tables = pipeline.tables()
    splitter = Splitter(tables, judge.window_us, key_groups=1)
    while from_us < to_us:
        shelf = _Shelf(tables, judge.window_us, from_us, to_us, most_rows)
        read = 0
        for judged in judge.records(ranges):
            _take(shelf, splitter, judged, include_late=include_late)
            read += judged.records
            progress(read)
        yield Pass(from_us, shelf.to_us, _finished(pipeline, shelf), read)
        from_us = shelf.to_us


def _take(shelf: _Shelf, splitter: Splitter, judged: Judged, *, include_late: bool) -> None:
    bounds = shelf.from_us, shelf.to_us
    rows = between(judged.columns, judged.event_time_us, *bounds)
    if include_late and len(judged.late_event_time_us):
        late = between(judged.late_columns, judged.late_event_time_us, *bounds)
        starts_us = late[1] - late[1] % shelf.window_us
        shelf.late_included.update(starts_us.tolist())
        rows = joined(rows, late)
    shelf.add(splitter, *rows)
    for each in judged.discarded:
        shelf.rejected[each.window_start_us] += each.rejected
        shelf.late[each.window_start_us] += each.late
    shelf.make_room()


def _finished(pipeline: AnyPipeline, shelf: _Shelf) -> list[Rebuilt]:
    finished = []
    for start_us in sorted(start for start in shelf.windows if start < shelf.to_us):
        tiers = shelf.windows.pop(start_us)
        closed, records, duplicates = {}, 0, 0
        for number, (table, each) in enumerate(zip(shelf.tables, tiers, strict=True)):
            merged = each.merged()
            closed[table.name], repeated = table.close(merged)
            if number == 0:
                records, duplicates = int(merged["count"].sum()), repeated
        summary = pipeline.summarize(closed)
        aside = Aside(shelf.rejected[start_us], shelf.late[start_us], duplicates)
        finished.append(Rebuilt(start_us, summary, aside, shelf.late_included[start_us], records))
    return finished
