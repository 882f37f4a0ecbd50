"""From the messages of one Kafka partition to batches. Pure: knows neither Bytewax nor a broker.

Everything that is decided here (accepted, rejected, late) depends on the partition's records in
offset order alone, never on how they were cut into batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

import numpy as np
import pyarrow as pa

from dataflows.streaming.batch import Batch, Counters, OnTime
from dataflows.streaming.deadletters import Message, late_record, rejected_record
from dataflows.streaming.decode import BrokerTimes, Decoded, Decoder
from dataflows.streaming.parcels import Discarded
from dataflows.streaming.rejects import Limits
from dataflows.streaming.schema import Event
from dataflows.streaming.timestamps import Int64Array
from dataflows.streaming.watermark import BEGINNING_US, END_US, window_start_us
from sinks.commands import Record
from tidemark.errors import TidemarkError

STATE_VERSION = 1
_TIMESTAMP_NOT_AVAILABLE = 0
_NO_STAMP = (_TIMESTAMP_NOT_AVAILABLE, 0)
_TIMESTAMP_OF = methodcaller("timestamp")


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is read, and for which pipelines: `windows_us` is the window length of each."""

    topic: str
    schema: type[Event]
    limits: Limits
    out_of_orderness_us: int
    windows_us: Mapping[str, int]


def broker_times_of(messages: Sequence[Message]) -> BrokerTimes:
    """Return the Kafka timestamps of messages; the earliest is found without a Python loop."""

    stamps = list(map(_TIMESTAMP_OF, messages))

    def all_us() -> Int64Array:
        return np.fromiter(
            (END_US if kind == _TIMESTAMP_NOT_AVAILABLE else ms * 1_000 for kind, ms in stamps),
            np.int64,
            len(stamps),
        )

    first, last = min(stamps, default=_NO_STAMP), max(stamps, default=_NO_STAMP)
    # Ordered by kind first: only where all are of one kind is the least pair the earliest time.
    of_one_kind = first[0] == last[0] != _TIMESTAMP_NOT_AVAILABLE
    return BrokerTimes(first[1] * 1_000 if of_one_kind else BEGINNING_US, all_us)


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
        # Rejected before the partition's first event: booked on the window of that event.
        self._rejected_before_any = 0
        names = None
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
            self._rejected_before_any = state["rejected_before_any"]
            names = state["names"]
        self._decoder = Decoder(spec.schema, spec.limits, names)

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
            "rejected_before_any": self._rejected_before_any,
            "names": self._decoder.names(),
        }

    def batch(
        self,
        messages: Sequence[Message],
        values: Sequence[bytes | None],
        high: int,
        silent_us: int = 0,
    ) -> Batch:
        """Turn messages in offset order into a batch; `values` are their values.

        `silent_us` is the silence of an idle partition; a batch without a record that is on time
        does not end it.
        """
        broker_times = broker_times_of(messages)
        decoded = self._decoder.decode(values, self._wall_clock_us(), broker_times)
        before_us = self._max_event_us
        furthest = np.maximum.accumulate(
            np.concatenate([np.array([before_us], np.int64), decoded.event_time_us])
        )
        self._max_event_us = int(furthest[-1])
        dead_letters = [rejected_record(messages[r.position], r) for r in decoded.rejects]
        on_time = {
            pipeline: self._on_time(pipeline, window_us, decoded, furthest, messages, dead_letters)
            for pipeline, window_us in self._spec.windows_us.items()
        }
        if len(decoded.event_time_us):
            self._rejected_before_any = 0
        elif before_us == BEGINNING_US:
            self._rejected_before_any += len(decoded.rejects)
        self._rejected.update(reject.reason.value for reject in decoded.rejects)
        self._dropped.update({name: n for name, n in decoded.dropped.items() if n})
        self._read += len(messages)
        first_offset = messages[0].offset()
        last_offset = messages[-1].offset()
        if first_offset is None or last_offset is None:
            raise ValueError("a consumed message has no offset")
        self.next_offset = last_offset + 1
        if any(len(taken.event_time_us) for taken in on_time.values()):
            silent_us = 0
        return self._make(first_offset, high, before_us, on_time, dead_letters, silent_us=silent_us)

    def news(self, high: int, silent_us: int, *, ended: bool = False) -> Batch:
        """Return a batch without records: how long the partition has been silent, or its end."""
        return self._make(
            self.next_offset, high, self._max_event_us, {}, [], silent_us=silent_us, ended=ended
        )

    def _make(
        self,
        first_offset: int,
        high: int,
        before_us: int,
        on_time: dict[str, OnTime],
        dead_letters: list[Record],
        *,
        silent_us: int = 0,
        ended: bool = False,
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
            on_time=on_time,
            dead_letters=dead_letters,
            counters=Counters(
                self._read, dict(self._rejected), dict(self._late), dict(self._dropped)
            ),
        )

    def _on_time(
        self,
        pipeline: str,
        window_us: int,
        decoded: Decoded,
        furthest: Int64Array,
        messages: Sequence[Message],
        dead_letters: list[Record],
    ) -> OnTime:
        """Sort out what is late for a pipeline.

        A record is late when its window's end is not after the partition's watermark over the
        records before it. `furthest[i]` is the largest event time before row i.
        """
        times = decoded.event_time_us
        watermarks = furthest[:-1] - self._spec.out_of_orderness_us
        late_rows = np.flatnonzero(times - times % window_us + window_us <= watermarks)
        discarded = self._discarded(window_us, decoded, furthest, late_rows)
        if not late_rows.size:
            return OnTime(decoded.columns, times, discarded)
        for row in late_rows.tolist():
            start_us = window_start_us(int(times[row]), window_us)
            message = messages[int(decoded.positions[row])]
            dead_letters.append(late_record(message, pipeline, start_us, int(watermarks[row])))
        self._late[pipeline] += len(late_rows)
        keep = np.ones(len(times), bool)
        keep[late_rows] = False
        mask = pa.array(keep)
        columns = {name: column.filter(mask) for name, column in decoded.columns.items()}
        return OnTime(columns, times[keep], discarded)

    def _discarded(
        self, window_us: int, decoded: Decoded, furthest: Int64Array, late_rows: Int64Array
    ) -> list[Discarded]:
        """Book rejects and late records on the window of the largest event time before them."""
        late = Counter((furthest[late_rows] // window_us).tolist())
        positions = np.array([reject.position for reject in decoded.rejects], np.int64)
        current = furthest[np.searchsorted(decoded.positions, positions)]
        waiting = int((current == BEGINNING_US).sum())
        rejected = Counter((current[current != BEGINNING_US] // window_us).tolist())
        if len(decoded.event_time_us) and (waiting or self._rejected_before_any):
            first = int(decoded.event_time_us[0]) // window_us
            rejected[first] += waiting + self._rejected_before_any
        return [
            Discarded(number * window_us, rejected[number], late[number])
            for number in sorted(rejected.keys() | late.keys())
        ]
