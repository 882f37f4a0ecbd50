"""Every metric of Tidemark.

Names follow one rule: `tidemark_<part>_<what>[_<unit>][_total]`. Parts are `source` (what is read),
`pipeline` (what becomes of it), `state` (what is kept), `store` (what is written), `notify` (who is
told), `recovery` and `supervisor`. Units are `seconds` and `bytes`; what is counted stands in the
plural. `_total` ends the name of a counter, and of nothing else.

Nothing here is done per event: counters grow by batch, and what depends on the clock is worked out
when somebody asks. Counters begin at zero with each process; the books that survive restarts are in
`pipeline_status`. docs/metrics.md is written from this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

T = TypeVar("T")

disable_created_metrics()  # type: ignore[no-untyped-call]

_MICROSECONDS = 1_000_000
_NOT_SEEN_US = 0
_PARTITION = ("topic", "partition")

SOURCE_RECORDS = Counter(
    "tidemark_source_records_total", "Records that were read, good or bad.", _PARTITION
)
SOURCE_REJECTED = Counter(
    "tidemark_source_rejected_records_total",
    "Records that were rejected, by reason; each is in the topic's dead-letter topic.",
    (*_PARTITION, "reason"),
)
SOURCE_LATE = Counter(
    "tidemark_source_late_records_total",
    "Records that were late for a pipeline; each is in the topic's late topic.",
    (*_PARTITION, "pipeline"),
)
SOURCE_ON_TIME = Counter(
    "tidemark_source_on_time_records_total",
    "Records that went on to a pipeline's windows: read less rejected, late and filtered.",
    (*_PARTITION, "pipeline"),
)
SOURCE_FILTERED = Counter(
    "tidemark_source_filtered_records_total",
    "Valid records that a pipeline does not take.",
    (*_PARTITION, "pipeline"),
)
SOURCE_MISSING = Counter(
    "tidemark_source_missing_values_total",
    "Records in which an optional value that is expected was absent; the default stands.",
    (*_PARTITION, "field"),
)
SOURCE_DROPPED = Counter(
    "tidemark_source_dropped_values_total",
    "Optional values of a wrong type that were left out of records that were taken.",
    (*_PARTITION, "field"),
)
SOURCE_TROUBLES = Counter(
    "tidemark_source_troubles_total",
    "Errors of the Kafka client while reading, by its name for them; most pass by themselves.",
    ("topic", "error"),
)
PIPELINE_WINDOWS = Counter(
    "tidemark_pipeline_windows_total", "Windows that have become final.", ["pipeline"]
)
PIPELINE_EVENTS = Counter(
    "tidemark_pipeline_events_total", "Events in final windows.", ["pipeline"]
)
PIPELINE_DUPLICATES = Counter(
    "tidemark_pipeline_duplicate_events_total",
    "Second copies that final windows have left out, where `dedupe_by` is set.",
    ["pipeline"],
)
SNAPSHOT_SECONDS = Histogram(
    "tidemark_state_snapshot_seconds",
    "Seconds that it took to pack the open windows of one key group for a snapshot.",
    buckets=(0.0005, 0.002, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
STORE_WRITE_SECONDS = Histogram(
    "tidemark_store_write_seconds", "Seconds that one write took, failed ones too.", ["store"]
)
STORE_DRAIN_SECONDS = Histogram(
    "tidemark_store_drain_seconds",
    "Seconds that a snapshot waited for a lane to write what it held.",
    ["store"],
)
STORE_ROWS = Counter("tidemark_store_rows_total", "Rows that were made durable.", ["store"])
STORE_RETRIES = Counter(
    "tidemark_store_retries_total", "Writes that failed and were tried again.", ["store"]
)
STORE_REFUSED = Counter(
    "tidemark_store_refused_points_total",
    "Points that a series store refused for ever, by reason.",
    ["store", "reason"],
)
STORE_QUEUED = Gauge(
    "tidemark_store_queued_commands", "Commands that are not durable yet.", ["store"]
)
STORE_UNAVAILABLE = Gauge(
    "tidemark_store_unavailable_lanes", "Lanes that wait for a store to come back.", ["store"]
)

NOTIFY_MESSAGES = Counter(
    "tidemark_notify_messages_total", "Messages that a channel has taken.", ["channel"]
)
NOTIFY_ALERTS = Counter(
    "tidemark_notify_alerts_total",
    "Begins and ends that those messages told of; a burst is one message.",
    ["channel"],
)
NOTIFY_FAILURES = Counter(
    "tidemark_notify_failures_total",
    "Messages that a channel did not take; they are tried again.",
    ["channel"],
)
NOTIFY_WAITING = Gauge(
    "tidemark_notify_waiting_alerts", "Begins and ends that are still to be sent.", ["channel"]
)
NOTIFY_TOO_OLD = Gauge(
    "tidemark_notify_dropped_alerts",
    "Begins and ends that were too old to be sent, since the journal was made.",
    ["channel"],
)
NOTIFY_FAILING = Gauge(
    "tidemark_notify_failing_channels",
    "1 while a channel does not take its messages, otherwise 0.",
    ["channel"],
)


class BatchCounts(Protocol):
    """Counts of a partition since the recovery store was made."""

    @property
    def read(self) -> int: ...
    @property
    def rejected(self) -> Mapping[str, int]: ...
    @property
    def late(self) -> Mapping[str, int]: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...
    @property
    def missing(self) -> Mapping[str, int]: ...
    @property
    def filtered(self) -> Mapping[str, int]: ...


class OnTime(Protocol):
    """The records of a batch that a pipeline takes."""

    @property
    def event_time_us(self) -> Sized: ...


class Batch(Protocol):
    """What a batch of the engine tells about its partition."""

    @property
    def counters(self) -> BatchCounts: ...
    @property
    def on_time(self) -> Mapping[str, OnTime]: ...
    @property
    def next_offset(self) -> int: ...
    @property
    def high_offset(self) -> int: ...
    @property
    def max_event_us(self) -> int: ...
    @property
    def silent_us(self) -> int: ...


_BY_NAME = {
    "rejected": SOURCE_REJECTED,
    "late": SOURCE_LATE,
    "filtered": SOURCE_FILTERED,
    "dropped": SOURCE_DROPPED,
    "missing": SOURCE_MISSING,
}


class SourceMeter:
    """Follow one partition. `state` is what it resumes with: what was counted before is not again.

    `clock` tells seconds since the Unix epoch.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        out_of_orderness_us: int,
        state: Mapping[str, Any] | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.labels = (topic, str(partition))
        self._out_of_orderness_us = out_of_orderness_us
        self._clock = clock
        state = state or {}
        self._read = int(state.get("read", 0))
        self._counted = {
            name: (counter, dict(state.get(name, {}))) for name, counter in _BY_NAME.items()
        }
        self._max_event_us = _NOT_SEEN_US
        self._snapshot_at_s = clock()
        self.lag_records = 0
        self.idle = False
        SOURCE_RECORDS.labels(*self.labels)  # there from the start, be it zero
        PARTITIONS.add(self)

    def batch(self, batch: Batch) -> None:
        """Take in a batch, also one without records."""
        counts, labels = batch.counters, self.labels
        SOURCE_RECORDS.labels(*labels).inc(counts.read - self._read)
        self._read = counts.read
        for name, (counter, before) in self._counted.items():
            _grow(counter, labels, getattr(counts, name), before)
        for pipeline, taken in batch.on_time.items():
            SOURCE_ON_TIME.labels(*labels, pipeline).inc(len(taken.event_time_us))
        self.lag_records = batch.high_offset - batch.next_offset
        self.idle = batch.silent_us > 0
        self._max_event_us = batch.max_event_us

    def snapshot(self) -> None:
        """Take note that an epoch has ended."""
        self._snapshot_at_s = self._clock()

    @property
    def watermark_lag_s(self) -> float | None:
        """How far the clock is ahead of the watermark; None before the first event."""
        if self._max_event_us <= _NOT_SEEN_US:
            return None
        return self._clock() - (self._max_event_us - self._out_of_orderness_us) / _MICROSECONDS

    @property
    def snapshot_age_s(self) -> float:
        """Seconds since the last snapshot, or since the start."""
        return self._clock() - self._snapshot_at_s


class StateMeter:
    """Follow the snapshots of one piece of state."""

    def __init__(self) -> None:
        self.snapshot_bytes = 0
        STATES.add(self)

    def measured(self, snapshot: Callable[[], T]) -> T:
        """Return what `snapshot` returns, and take note of its size and duration."""
        with SNAPSHOT_SECONDS.time():
            taken = snapshot()
        self.snapshot_bytes = packed_bytes(taken)
        return taken


def packed_bytes(value: object) -> int:
    """Sum up the bytes objects in nested mappings and sequences; the rest of a state is small."""
    match value:
        case bytes() | bytearray() | memoryview():
            return len(value)
        case Mapping():
            return sum(map(packed_bytes, value.values()))
        case list() | tuple():
            return sum(map(packed_bytes, value))
    return 0


def window_final(pipeline: str, end_us: int, events: int, duplicates: int) -> None:
    """Count a window that has become final and say how fresh the pipeline is now."""
    PIPELINE_WINDOWS.labels(pipeline).inc()
    PIPELINE_EVENTS.labels(pipeline).inc(events)
    if duplicates:
        PIPELINE_DUPLICATES.labels(pipeline).inc(duplicates)
    PARTITIONS.window_ends_us[pipeline] = max(end_us, PARTITIONS.window_ends_us.get(pipeline, 0))


class _AtScrapeTime(Collector):
    """What depends on the clock, or is a plain attribute until somebody asks."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.meters: dict[tuple[str, str], SourceMeter] = {}
        self.window_ends_us: dict[str, int] = {}
        self.clock = clock

    def add(self, meter: SourceMeter) -> None:
        self.meters[meter.labels] = meter

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return self._families().values()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families = self._families()
        for labels, meter in list(self.meters.items()):
            families["lag"].add_metric(labels, meter.lag_records)
            families["idle"].add_metric(labels, float(meter.idle))
            families["age"].add_metric(labels, meter.snapshot_age_s)
            if (lag_s := meter.watermark_lag_s) is not None:
                families["watermark"].add_metric(labels, lag_s)
        for pipeline, end_us in list(self.window_ends_us.items()):
            families["fresh"].add_metric([pipeline], self.clock() - end_us / _MICROSECONDS)
        return families.values()

    @staticmethod
    def _families() -> dict[str, GaugeMetricFamily]:
        return {
            "lag": GaugeMetricFamily(
                "tidemark_source_lag_records",
                "Records of the partition that are not read yet.",
                labels=_PARTITION,
            ),
            "watermark": GaugeMetricFamily(
                "tidemark_source_watermark_lag_seconds",
                "How far the clock is ahead of the partition's watermark; grows while it is idle.",
                labels=_PARTITION,
            ),
            "idle": GaugeMetricFamily(
                "tidemark_source_idle",
                "1 while the partition is read to its end and silent, otherwise 0.",
                labels=_PARTITION,
            ),
            "age": GaugeMetricFamily(
                "tidemark_source_snapshot_age_seconds",
                "Seconds since the last snapshot: what a crash now would have read again.",
                labels=_PARTITION,
            ),
            "fresh": GaugeMetricFamily(
                "tidemark_pipeline_freshness_seconds",
                "Seconds since the end of the newest final window.",
                labels=["pipeline"],
            ),
        }


class _StateSizes(Collector):
    """The size of the newest snapshots."""

    def __init__(self) -> None:
        self._meters: WeakSet[StateMeter] = WeakSet()

    def add(self, meter: StateMeter) -> None:
        self._meters.add(meter)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [self._family(None)]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        meters = list(self._meters)
        return [self._family(sum(meter.snapshot_bytes for meter in meters))] if meters else []

    @staticmethod
    def _family(value: float | None) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "tidemark_state_snapshot_bytes",
            "Bytes of open windows in the newest snapshot of every key group of this process.",
            value=value,
        )


def _grow(
    counter: Counter, labels: tuple[str, str], now: Mapping[str, int], before: dict[str, int]
) -> None:
    for name, count in now.items():
        if more := count - before.get(name, 0):
            counter.labels(*labels, name).inc(more)
            before[name] = count


PARTITIONS = _AtScrapeTime()
STATES = _StateSizes()
REGISTRY.register(PARTITIONS)
REGISTRY.register(STATES)
