"""The records of a topic once more, judged as the flow judges them: accepted, rejected, late."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from dataflows.assembly import topic_spec
from dataflows.pipeline import Pipeline
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.parcels import Discarded
from dataflows.streaming.reader import PartitionReader
from dataflows.streaming.timestamps import Int64Array
from tidemark.config import Settings
from tidemark.kafka_ranges import Range, TopicReader

Columns = dict[str, pa.Array]


@dataclass(frozen=True, slots=True)
class Judged:
    """Accepted records: those on time and those late by their own partition, in columns each.

    `discarded` says on which windows rejected and late records are booked; `records` counts all.
    """

    columns: Columns
    event_time_us: Int64Array
    late_columns: Columns
    late_event_time_us: Int64Array
    discarded: list[Discarded]
    records: int


class Judge:
    """Reads a pipeline's topic as often as it is asked to, always with the same outcome."""

    def __init__(self, settings: Settings, pipeline: Pipeline[Any], reader: TopicReader) -> None:
        self._pipeline = pipeline.name
        self._reader = reader
        self.spec = replace(topic_spec(settings, [pipeline]), taps={}, keep_late=True)

    @property
    def window_us(self) -> int:
        """Length of a window."""
        return self.spec.windows_us[self._pipeline]

    def records(self, ranges: Sequence[Range]) -> Iterator[Judged]:
        """Yield the records, partition after partition, in offset order."""
        partition = -1
        for number, messages in self._reader.read(self.spec.topic, ranges):
            if number != partition:
                partition = number
                # A reader of its own for each partition: lateness and the cap on names are its.
                reader = PartitionReader(self.spec, partition, len(ranges), 0, _wall_clock_us)
            batch = reader.batch(FetchedMessages(messages), 0)
            taken = batch.on_time[self._pipeline]
            yield Judged(
                taken.columns,
                taken.event_time_us,
                taken.late_columns,
                taken.late_event_time_us,
                taken.discarded,
                len(messages),
            )


def between(
    columns: Columns, event_time_us: Int64Array, from_us: int, to_us: int
) -> tuple[Columns, Int64Array]:
    """Return the rows whose time is in [from, to)."""
    keep = (event_time_us >= from_us) & (event_time_us < to_us)
    if keep.all():
        return columns, event_time_us
    mask = pa.array(keep)
    return {name: column.filter(mask) for name, column in columns.items()}, event_time_us[keep]


def joined(
    one: tuple[Columns, Int64Array], other: tuple[Columns, Int64Array]
) -> tuple[Columns, Int64Array]:
    """Return the rows of both."""
    if not len(other[1]):
        return one
    columns = {name: pa.concat_arrays([column, other[0][name]]) for name, column in one[0].items()}
    return columns, np.concatenate([one[1], other[1]])


def _wall_clock_us() -> int:
    return time.time_ns() // 1_000
