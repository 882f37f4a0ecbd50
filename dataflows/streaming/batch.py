"""What a source emits: one batch of one Kafka partition, decoded, with all there is to say."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dataflows.streaming.parcels import Discarded
from dataflows.streaming.timestamps import Int64Array
from sinks.commands import Command, Record


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of the records of a partition, cumulative and exact over restarts."""

    read: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """Records per reason code."""
    late: dict[str, int] = field(default_factory=dict)
    """Records per pipeline that were late by their own partition."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Per optional field: values that were there but of no use, so that the default stands."""
    missing: dict[str, int] = field(default_factory=dict)
    """Per optional field that is expected: records in which it was absent or null."""
    filtered: dict[str, int] = field(default_factory=dict)
    """Records per pipeline that it does not take, though they are valid."""


@dataclass(frozen=True, slots=True)
class OnTime:
    """The rows of a batch that one pipeline takes, and what it does not take."""

    columns: dict[str, pa.Array]
    event_time_us: Int64Array
    discarded: list[Discarded]
    late_columns: dict[str, pa.Array] = field(default_factory=dict)
    late_event_time_us: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))
    """Its late rows, where the topic is read to include them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records `first_offset` to `next_offset` - 1 of a partition; no records: news of its silence.

    `sequence` numbers the batches of a partition from 1. `silent_us` is the time since the last
    accepted record of a partition that is read to its end and idle, else 0. `high_offset` is the
    partition's end as last heard.
    """

    topic: str
    partition: int
    partitions: int
    sequence: int
    first_offset: int
    next_offset: int
    high_offset: int
    max_event_before_us: int
    max_event_us: int
    silent_us: int
    ended: bool
    wakes: bool
    """Some record is on time for some pipeline: the partition is not silent."""
    on_time: dict[str, OnTime]
    """By pipeline."""
    dead_letters: list[Record]
    """Rejected and late records, as they go to their topics."""
    commands: dict[str, list[Command]]
    """By pipeline or tap: what is to be written of single records."""
    value_bytes: int
    """Of the records' values."""
    counters: Counters
