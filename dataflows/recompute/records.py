"""The records of a topic once more, judged as the flow judges them: accepted, rejected, late."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from dataflows.recompute.recipe import Recipe
from dataflows.streaming.decode import Decoder
from dataflows.streaming.environment import MICROSECONDS
from dataflows.streaming.parcels import Discarded
from dataflows.streaming.reader import PartitionReader, TopicSpec
from dataflows.streaming.timestamps import Int64Array
from dataflows.streaming.watermark import END_US
from dataflows.surroundings import limits
from sinks.commands import Record
from tidemark.config import Settings
from tidemark.deadletters import LATE_SUFFIX
from tidemark.kafka_ranges import Range, TopicReader

Columns = dict[str, pa.StringArray]


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
    """Reads a topic as often as it is asked to, always with the same outcome."""

    def __init__(self, settings: Settings, recipe: Recipe, reader: TopicReader) -> None:
        section = recipe.section(settings)
        self._pipeline = recipe.pipeline
        self._reader = reader
        self.spec = TopicSpec(
            topic=section.topic,
            schema=recipe.schema(settings),
            limits=limits(settings),
            out_of_orderness_us=round(settings.time.out_of_orderness_s * MICROSECONDS),
            windows_us={recipe.pipeline: section.window_s * MICROSECONDS},
        )

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
                # Late records were accepted; their values are read again without a second verdict.
                decoder = Decoder(
                    self.spec.schema, replace(self.spec.limits, max_distinct_names=1 << 62)
                )
            batch = reader.batch(messages, [message.value() for message in messages], 0)
            taken = batch.on_time[self._pipeline]
            late = decoder.decode([r.value for r in self._late(batch.dead_letters)], END_US)
            yield Judged(
                taken.columns,
                taken.event_time_us,
                late.columns,
                late.event_time_us,
                taken.discarded,
                len(messages),
            )

    def _late(self, records: Sequence[Record]) -> Iterator[Record]:
        pipeline = ("pipeline", self._pipeline.encode())
        for record in records:
            if record.topic.endswith(LATE_SUFFIX) and pipeline in record.headers:
                yield record


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
