"""The plan: what is to be sent, as frames, without Kafka and without a clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import polars as pl

from generator.blocks import Blocks
from generator.clock import EventClock
from generator.mixing import mixed
from generator.settings import ALL, GeneratorSettings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plan(
    settings: GeneratorSettings,
    partitions: int | Mapping[str, int],
    start: datetime | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield the records of a run in the order in which they are to be sent.

    Each frame has `settings.batch_size` rows (the last one fewer) and the columns
    offset_us (place in event time since the start, before faults: Int64), partition (Int32),
    sequence (order within the partition: Int64), key and value (Binary), fault (one of FAULTS),
    fault_detail (kind of malformed value, or the missing field), event_time_us (Int64), the fields
    of the stream (String; whole numbers and cents Int64) and its time field (as written, without
    quotes). What a record does not hold is null: of a malformed one event_time_us and all fields,
    else the missing field.

    With stream `all` the frames are mixed ones, see `generator.mixing`, and `partitions` may say
    for each stream how many its topic has.

    The same settings, partitions and start give the same bytes. Without `start_time` in the
    settings, event time begins at `start`. Raises TidemarkError if a scenario names a partition
    that does not exist, ValueError if there is no start time.
    """
    begin = settings.start_time or start
    if begin is None:
        raise ValueError("no start time: neither in the settings nor given")
    start_us = (begin - EPOCH) // timedelta(microseconds=1)
    names: list[str] = list(settings.mix_shares) if settings.stream == ALL else [settings.stream]
    counts: Mapping[str, int] = (
        dict.fromkeys(names, partitions) if isinstance(partitions, int) else partitions
    )
    if settings.stream == ALL:
        frames = mixed(settings, counts, start_us)
    else:
        frames = Blocks(settings, counts[settings.stream], start_us).frames()
    return _batches(_limited(frames, record_limit(settings)), settings.batch_size)


def record_limit(settings: GeneratorSettings) -> int | None:
    """Return how many records the settings ask for; a duration without a rate is no number."""
    limits = [] if settings.count is None else [settings.count]
    if settings.duration_s is not None and settings.wall_rate is not None:
        event_rate = settings.events_per_event_second
        clock = EventClock(event_rate, settings.scenarios.burst)
        speed = settings.wall_rate / event_rate
        limits.append(max(1, clock.records_before(settings.duration_s * speed)))
    return min(limits, default=None)


def _limited(frames: Iterator[pl.DataFrame], limit: int | None) -> Iterator[pl.DataFrame]:
    left = limit
    for frame in frames:
        if left is None:
            yield frame
            continue
        yield frame.head(left)
        left -= len(frame)
        if left <= 0:
            return


def _batches(frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Cut frames of any size into frames of `size` rows."""
    waiting: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        waiting.append(frame)
        rows += len(frame)
        if rows < size:
            continue
        joined = pl.concat(waiting, rechunk=False)
        whole = rows - rows % size
        for first in range(0, whole, size):
            yield joined.slice(first, size)
        waiting = [joined.slice(whole)]
        rows -= whole
    if rows:
        yield pl.concat(waiting, rechunk=False)
