"""From the messages of one Kafka partition to batches. Pure: knows neither Bytewax nor a broker.

Everything that is decided here (accepted, rejected, late) depends on the partition's records in
offset order alone, never on how they were cut into batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.streaming.batch import Batch, Counters, OnTime
from dataflows.streaming.deadletters import late_record, rejected_records
from dataflows.streaming.decode import Decoded, Decoder
from dataflows.streaming.fetched import Fetched
from dataflows.streaming.parcels import Discarded
from dataflows.streaming.rejects import Limits
from dataflows.streaming.schema import Event
from dataflows.streaming.timestamps import Int64Array
from dataflows.streaming.transform import Records, Tap, TransformFactory
from dataflows.streaming.watermark import BEGINNING_US, window_start_us
from sinks.commands import Command, Record
from stats.tables import KAFKA_OFFSET, KAFKA_PARTITION
from tidemark.errors import TidemarkError

STATE_VERSION = 2


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is read, and for which pipelines: `windows_us` is the window length of each.

    `wanted` are the optional fields that any of them uses, None for all.
    """

    topic: str
    schema: type[Event]
    limits: Limits
    out_of_orderness_us: int
    windows_us: Mapping[str, int]
    wanted: frozenset[str] | None = None
    transforms: Mapping[str, TransformFactory] = field(default_factory=dict)
    """By pipeline."""
    taps: Mapping[str, Tap] = field(default_factory=dict)
    keep_late: bool = False
    """Have late rows in the batches as well, beside those that are on time."""
    outputs: tuple[str, ...] = ()
    """Topics that what is made of its records is written to."""
    with_offsets: bool = False
    """Add the columns `kafka_partition` and `kafka_offset`."""

    def decoder(self, names: dict[str, list[str]] | None = None) -> Decoder:
        """Return a new decoder of the topic's records."""
        return Decoder(self.schema, self.limits, names, self.wanted)


class PartitionReader:
    """Turns messages into batches and keeps the state of the partition."""

    def __init__(
        self,
        spec: TopicSpec,
        partition: int,
        partitions: int,
        next_offset: int,
        wall_clock_us: Callable[[], int],
        state: dict[str, Any] | None = None,
    ) -> None:
        self._spec = spec
        self._partition = partition
        self._partitions = partitions
        self._wall_clock_us = wall_clock_us
        self.next_offset = next_offset
        self._sequence = 0
        self._max_event_us = BEGINNING_US
        self._read = 0
        self._rejected: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._filtered: Counter[str] = Counter()
        # Rejected before the partition's first event: booked on the window of that event.
        self._rejected_before_any = 0
        names = None
        transforms: dict[str, Any] = {}
        if state is not None:
            if state["version"] != STATE_VERSION:
                raise TidemarkError(
                    f"the recovery store has source state of version {state['version']}, this "
                    f"program reads version {STATE_VERSION}",
                    remedy="resume it with the version that wrote it, or start with an empty store",
                )
            self.next_offset = state["next_offset"]
            self._sequence = state["sequence"]
            self._max_event_us = state["max_event_us"]
            self._read = state["read"]
            self._rejected.update(state["rejected"])
            self._late.update(state["late"])
            self._dropped.update(state["dropped"])
            self._missing.update(state["missing"])
            self._filtered.update(state["filtered"])
            self._rejected_before_any = state["rejected_before_any"]
            names = state["names"]
            transforms = state["transforms"]
        self._decoder = spec.decoder(names)
        self._transforms = {
            pipeline: factory(transforms.get(pipeline))
            for pipeline, factory in spec.transforms.items()
        }

    def state(self) -> dict[str, Any]:
        """Return what to resume with, as plain values."""
        return {
            "version": STATE_VERSION,
            "next_offset": self.next_offset,
            "sequence": self._sequence,
            "max_event_us": self._max_event_us,
            "read": self._read,
            "rejected": dict(self._rejected),
            "late": dict(self._late),
            "dropped": dict(self._dropped),
            "missing": dict(self._missing),
            "filtered": dict(self._filtered),
            "rejected_before_any": self._rejected_before_any,
            "names": self._decoder.names(),
            "transforms": {name: each.state() for name, each in self._transforms.items()},
        }

    def batch(
        self,
        fetched: Fetched,
        high: int,
        silent_us: int = 0,
    ) -> Batch:
        """Turn records in offset order, never none, into a batch.

        `silent_us` is the silence of an idle partition; a batch without a record that is on time
        does not end it.
        """
        decoded = self._decoder.decode(
            fetched.values, self._wall_clock_us(), fetched.broker_times()
        )
        before_us = self._max_event_us
        furthest = np.maximum.accumulate(
            np.concatenate([np.array([before_us], np.int64), decoded.event_time_us])
        )
        self._max_event_us = int(furthest[-1])
        rejects = decoded.rejects
        dead_letters: list[Record] = []
        rejected = np.array(list(map(attrgetter("position"), rejects)), np.int64)
        if rejects:
            dead_letters = rejected_records(
                self._spec.topic, self._partition, rejects, fetched.picked(rejected)
            )
        commands: dict[str, list[Command]] = {}
        on_time: dict[str, OnTime] = {}
        wakes = False
        records = self._records(decoded, fetched)
        missed: dict[int, list[tuple[str, int]]] = {}
        for pipeline, window_us in self._spec.windows_us.items():
            taken, late, some = self._on_time(
                pipeline, window_us, decoded, furthest, records, rejected, commands
            )
            on_time[pipeline] = taken
            wakes = wakes or some
            for row in np.flatnonzero(late).tolist():
                start_us = window_start_us(int(decoded.event_time_us[row]), window_us)
                missed.setdefault(row, []).append((pipeline, start_us))
        for row, windows in sorted(missed.items()):
            watermark_us = int(furthest[row]) - self._spec.out_of_orderness_us
            dead_letters.append(late_record(records.message(row), windows, watermark_us))
        if len(records):
            for name, tap in self._spec.taps.items():
                commands[name] = tap(records)
        if len(decoded.event_time_us):
            self._rejected_before_any = 0
        elif before_us == BEGINNING_US:
            self._rejected_before_any += len(decoded.rejects)
        for reason, count in Counter(map(attrgetter("reason"), rejects)).items():
            self._rejected[reason.value] += count
        self._dropped.update({name: n for name, n in decoded.dropped.items() if n})
        self._missing.update({name: n for name, n in decoded.missing.items() if n})
        self._read += len(fetched)
        first_offset = fetched.first_offset
        self.next_offset = fetched.next_offset
        return self._make(
            first_offset,
            high,
            before_us,
            on_time,
            dead_letters,
            commands,
            value_bytes=decoded.value_bytes,
            silent_us=0 if wakes else silent_us,
            wakes=wakes,
        )

    def news(self, high: int, silent_us: int, *, ended: bool = False) -> Batch:
        """Return a batch without records: how long the partition has been silent, or its end."""
        return self._make(
            self.next_offset,
            high,
            self._max_event_us,
            {},
            [],
            {},
            silent_us=silent_us,
            ended=ended,
        )

    def _make(
        self,
        first_offset: int,
        high: int,
        before_us: int,
        on_time: dict[str, OnTime],
        dead_letters: list[Record],
        commands: dict[str, list[Command]],
        *,
        value_bytes: int = 0,
        silent_us: int = 0,
        ended: bool = False,
        wakes: bool = False,
    ) -> Batch:
        self._sequence += 1
        return Batch(
            topic=self._spec.topic,
            partition=self._partition,
            partitions=self._partitions,
            sequence=self._sequence,
            first_offset=first_offset,
            next_offset=self.next_offset,
            high_offset=max(high, self.next_offset),
            max_event_before_us=before_us,
            max_event_us=self._max_event_us,
            silent_us=silent_us,
            ended=ended,
            wakes=wakes,
            on_time=on_time,
            dead_letters=dead_letters,
            commands=commands,
            value_bytes=value_bytes,
            counters=Counters(
                self._read,
                dict(self._rejected),
                dict(self._late),
                dict(self._dropped),
                dict(self._missing),
                dict(self._filtered),
            ),
        )

    def _records(self, decoded: Decoded, fetched: Fetched) -> Records:
        """Return the valid records, with the columns that tell where they are from."""
        columns = decoded.columns
        positions = decoded.positions
        if self._spec.with_offsets:
            columns = {
                **columns,
                KAFKA_OFFSET: pa.array(fetched.offsets[positions]),
                KAFKA_PARTITION: pa.array(np.full(len(positions), self._partition, np.int64)),
            }
        return Records(columns, decoded.event_time_us, fetched.messages, positions)

    def _on_time(
        self,
        pipeline: str,
        window_us: int,
        decoded: Decoded,
        furthest: Int64Array,
        records: Records,
        rejected: Int64Array,
        commands: dict[str, list[Command]],
    ) -> tuple[OnTime, npt.NDArray[np.bool_], bool]:
        """Sort out what a pipeline takes.

        The second result marks its late records, the third tells whether any record of the topic,
        taken or not, is on time for it.

        A record is late when its window's end is not after the partition's watermark over the
        records before it. `furthest[i]` is the largest event time before row i.
        """
        times, columns = records.event_time_us, records.columns
        watermarks = furthest[:-1] - self._spec.out_of_orderness_us
        late = times - times % window_us + window_us <= watermarks
        keep = ~late
        some_on_time = bool(keep.any())
        if len(records) and pipeline in self._transforms:
            transformed = self._transforms[pipeline].apply(records)
            columns = {**columns, **transformed.columns}
            commands[pipeline] = transformed.commands
            if transformed.keep is not None:
                late, keep = late & transformed.keep, keep & transformed.keep
                self._filtered[pipeline] += int((~transformed.keep).sum())
        late_rows = np.flatnonzero(late)
        self._late.update({pipeline: len(late_rows)} if late_rows.size else {})
        discarded = self._discarded(window_us, decoded, furthest, late_rows, rejected)
        taken = _rows(columns, times, keep)
        if self._spec.keep_late:
            on_time = OnTime(*taken, discarded, *_rows(columns, times, late))
        else:
            on_time = OnTime(*taken, discarded)
        return on_time, late, some_on_time

    def _discarded(
        self,
        window_us: int,
        decoded: Decoded,
        furthest: Int64Array,
        late_rows: Int64Array,
        rejected_at: Int64Array,
    ) -> list[Discarded]:
        """Book rejects and late records on the window of the largest event time before them."""
        late = Counter((furthest[late_rows] // window_us).tolist())
        current = furthest[np.searchsorted(decoded.positions, rejected_at)]
        waiting = int((current == BEGINNING_US).sum())
        rejected = Counter((current[current != BEGINNING_US] // window_us).tolist())
        if len(decoded.event_time_us) and (waiting or self._rejected_before_any):
            first = int(decoded.event_time_us[0]) // window_us
            rejected[first] += waiting + self._rejected_before_any
        return [
            Discarded(number * window_us, rejected[number], late[number])
            for number in sorted(rejected.keys() | late.keys())
        ]


def _rows(
    columns: dict[str, pa.Array], times: Int64Array, keep: npt.NDArray[np.bool_]
) -> tuple[dict[str, pa.Array], Int64Array]:
    if keep.all():
        return columns, times
    mask = pa.array(keep)
    return {name: column.filter(mask) for name, column in columns.items()}, times[keep]
