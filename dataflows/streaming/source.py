"""The Kafka source: one Bytewax partition per Kafka partition, each with a consumer of its own.

Resume state is the reader's: next offset, largest event time, counts, sequence number. Offsets are
committed to the consumer group too, for lag tools; they are never read back.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from dataflows.streaming import native
from dataflows.streaming.batch import Batch
from dataflows.streaming.fetched import Fetched, Poll
from dataflows.streaming.partition_log import PartitionLog, SourceOptions
from dataflows.streaming.reader import PartitionReader, TopicSpec
from dataflows.streaming.tuning import give_back, tune_for_batches
from tidemark.log import RateLimited, get_logger
from tidemark.observability.metrics import SourceMeter

_POLL_S = 0.001
"""How long a poll may wait when the partition is read to its end."""
_BACKLOG_POLL_S = 0.02
"""How long a poll may wait for a full batch when there is a backlog."""
_LINGER_S = 0.04
"""Pause after a batch that was not full, so that the next one is worth its cost."""
_NEWS_S = 0.5
"""How often a silent partition says so."""
_ENDED_SILENCE_US = 1 << 60

log = get_logger(__name__)
warnings = RateLimited(log)


class KafkaSource(FixedPartitionedSource[Batch, dict[str, Any]]):
    """Reads a topic. `partitions` is its partition count at start."""

    def __init__(self, spec: TopicSpec, partitions: int, options: SourceOptions) -> None:
        self._spec = spec
        self._partitions = partitions
        self._options = options

    def list_parts(self) -> list[str]:
        """List the topic's partitions; every worker can read every one."""
        return [f"{self._spec.topic}/{number}" for number in range(self._partitions)]

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> KafkaPartition:
        """Start or resume a partition. Raises SourceError, MissingOffsetError."""
        tune_for_batches()
        partition = int(for_part.rpartition("/")[2])
        return KafkaPartition(self._spec, partition, self._partitions, self._options, resume_state)


class KafkaPartition(StatefulSourcePartition[Batch, dict[str, Any]]):
    """One partition: polls, and hands what it gets to its reader."""

    def __init__(
        self,
        spec: TopicSpec,
        partition: int,
        partitions: int,
        options: SourceOptions,
        state: dict[str, Any] | None,
    ) -> None:
        self._options = options
        self._log = PartitionLog(
            spec.topic, partition, options, None if state is None else state.get("topic_id")
        )
        self._end = self._log.high if options.until_end else None
        next_offset = self._log.start(None if state is None else int(state["next_offset"]))
        if state is not None:
            state = {**state, "next_offset": next_offset}
        self._reader = PartitionReader(
            spec, partition, partitions, next_offset, _wall_clock_us, state
        )
        self._meter = SourceMeter(spec.topic, partition, spec.out_of_orderness_us, state)
        self._caught_up = next_offset >= self._log.high
        self._silent_since_s = options.clock()
        self._news_due_s = 0.0
        self._bytes_left = options.epoch_bytes
        self._wait_s = 0.0
        self._idle = False
        self._doubtful = False
        self._ask_again_s = 0.0
        self._ended = False
        log.info(
            "source_started",
            topic=spec.topic,
            partition=partition,
            offset=next_offset,
            end=self._log.high,
            compiled=native.available,
        )
        self._told: dict[tuple[str, str], int] = {}

    def next_batch(self) -> list[Batch]:
        """Poll once. Raises StopIteration at the end of a bounded run, SourceError when stuck."""
        batches = self._next_batch()
        for batch in batches:
            self._meter.batch(batch)
        return batches

    def _next_batch(self) -> list[Batch]:
        if self._ended:
            raise StopIteration
        if self._end is not None and (
            # Caught up is enough: what ends a transaction takes an offset, but is no record.
            self._caught_up or self._reader.next_offset >= self._end
        ):
            self._ended = True
            return [self._reader.news(self._log.high, _ENDED_SILENCE_US, ended=True)]
        if self._bytes_left <= 0:
            self._wait_s = _LINGER_S
            return []
        wanted = self._options.batch_size
        backlog = self._log.high - self._reader.next_offset >= wanted
        poll = self._log.poll(wanted, _BACKLOG_POLL_S if backlog else _POLL_S)
        if not poll.count and not poll.errors:
            self._wait_s = _LINGER_S if self._caught_up else _POLL_S
            return self._silence()
        return self._batch(poll, full=poll.count == wanted)

    def next_awake(self) -> datetime | None:
        """Return when to poll next; None is at once."""
        return datetime.now(UTC) + timedelta(seconds=self._wait_s) if self._wait_s else None

    def snapshot(self) -> dict[str, Any]:
        """Return the reader's state; called at the end of each epoch."""
        self._bytes_left = self._options.epoch_bytes
        self._meter.snapshot()
        give_back()
        self._log.commit(self._reader.next_offset)
        return {**self._reader.state(), "topic_id": self._log.topic_id}

    def close(self) -> None:
        """Release the consumer."""
        self._log.close()

    def _batch(self, poll: Poll, *, full: bool) -> list[Batch]:
        fetched = poll.fetched
        self._caught_up = poll.caught_up
        if self._end is not None:
            fetched = fetched.before(self._end)
            # What lies past the end proves that all before it has been read.
            self._caught_up = self._caught_up or len(fetched) < len(poll.fetched)
        batches = self._read(fetched, full) if len(fetched) else []
        # Only now: where to go on after an error depends on the records that came with it.
        for error in poll.errors:
            self._reader.next_offset = self._log.react(error, self._reader.next_offset)
        if not batches:
            self._wait_s = _LINGER_S if self._caught_up else _POLL_S
            return self._silence()
        return batches

    def _read(self, fetched: Fetched, full: bool) -> list[Batch]:
        self._log.all_is_well()
        batch = self._reader.batch(fetched, self._log.hear_of_end(), self._silent_us())
        self._bytes_left -= batch.value_bytes
        if batch.wakes:
            self._silent_since_s = self._options.clock()
            self._idle = False
        self._warn_of_defaults(batch)
        self._wait_s = 0.0 if full or not self._caught_up else _LINGER_S
        return [batch]

    def _warn_of_defaults(self, batch: Batch) -> None:
        for event, counts in (
            ("optional_values_dropped", batch.counters.dropped),
            ("optional_values_missing", batch.counters.missing),
        ):
            for name, count in counts.items():
                if count > self._told.get((event, name), 0):
                    self._told[event, name] = count
                    warnings.warning(
                        event,
                        key=f"{event} {self._log.topic}.{name}",
                        topic=self._log.topic,
                        partition=self._log.partition,
                        field=name,
                        total=count,
                    )

    def _silence(self) -> list[Batch]:
        """Say at times that there is nothing new, and how long the partition has been silent."""
        now_s = self._options.clock()
        if not self._caught_up or now_s < self._news_due_s:
            return []
        self._news_due_s = now_s + _NEWS_S
        if now_s - self._silent_since_s >= self._options.idle_after_s:
            self._find_out_whether_idle(now_s)
        return [self._reader.news(self._log.high, self._silent_us())]

    def _find_out_whether_idle(self, now_s: float) -> None:
        """Believe in silence only while the broker confirms that nothing follows.

        After it did not, silence begins anew with its first answer: those who write could not
        either, and will do so now.
        """
        if now_s < self._ask_again_s:
            return
        answered = self._log.is_at_end(self._reader.next_offset)
        self._idle = answered and not self._doubtful
        if not self._idle:
            self._silent_since_s = self._options.clock()
        self._doubtful = not answered
        self._ask_again_s = self._options.clock() + self._options.idle_after_s

    def _silent_us(self) -> int:
        """Return how long an idle partition has been silent, 0 if it is not idle.

        Records that are rejected or late do not wake it: they can not be in any open window.
        """
        silent_s = self._options.clock() - self._silent_since_s
        return max(1, int(silent_s * 1_000_000)) if self._idle else 0


def _wall_clock_us() -> int:
    return time.time_ns() // 1_000
