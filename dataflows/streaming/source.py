"""The Kafka source: one Bytewax partition per Kafka partition, each with a consumer of its own.

Resume state is the reader's: next offset, largest event time, counts, sequence number. Offsets are
committed to the consumer group too, for lag tools; they are never read back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from dataflows.streaming.batch import Batch
from dataflows.streaming.collector import collect_rarely
from dataflows.streaming.reader import PartitionReader, TopicSpec
from tidemark.errors import TidemarkError
from tidemark.log import RateLimited, get_logger

_POLL_S = 0.001
"""How long a poll may wait when the partition is read to its end."""
_BACKLOG_POLL_S = 0.02
"""How long a poll may wait for a full batch when there is a backlog."""
_LINGER_S = 0.04
"""Pause after a batch that was not full, so that the next one is worth its cost."""
_NEWS_S = 0.5
"""How often a silent partition says so."""
_BROKER_TIMEOUT_S = 30.0
_ENDED_SILENCE_US = 1 << 60

_WAIT_OUT = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
_GONE = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)
_GONE_AFTER_S = 60.0
"""A broker that has just started does not know its partitions for a moment; then they are gone."""


_START_ANEW = "start with an empty recovery store (tidemark run --fresh)"

log = get_logger(__name__)
warnings = RateLimited(log)


class SourceError(TidemarkError):
    """A partition can not be read on."""


class MissingOffsetError(SourceError):
    """Records between the resume offset and what the broker still has are gone."""

    permanent = True


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a topic is polled."""

    client: dict[str, Any]
    """Properties of librdkafka: where the brokers are and how to log in."""
    group_id: str = "tidemark"
    batch_size: int = 20_000
    epoch_bytes: int = 512 << 20
    idle_after_s: float = 10.0
    start: str = "earliest"
    on_missing_offset: str = "fail"
    until_end: bool = False
    identity: Callable[[str], str | None] = field(default=lambda _: None)
    """Asks for the id that the broker gave to a topic; None where it gives none."""
    clock: Callable[[], float] = field(default=time.monotonic)


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
        collect_rarely()
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
        self._topic = spec.topic
        self._partition = partition
        self._consumer = Consumer(_consumer_properties(options), logger=_librdkafka_logger())
        low, self._high = self._offsets()
        self._end = self._high if options.until_end else None
        self._topic_id: str | None = None if state is None else state.get("topic_id")
        self._check_identity()
        next_offset = low if options.start == "earliest" else self._high
        if state is not None:
            next_offset = self._available(int(state["next_offset"]), low)
            state = {**state, "next_offset": next_offset}
        self._reader = PartitionReader(
            spec, partition, partitions, next_offset, _wall_clock_us, state
        )
        self._assign(next_offset)
        self._caught_up = next_offset >= self._high
        self._silent_since_s = options.clock()
        self._news_due_s = 0.0
        self._bytes_left = options.epoch_bytes
        self._wait_s = 0.0
        self._idle = False
        self._ended = False
        self._dropped_told: dict[str, int] = {}
        self._trouble_since_s: float | None = None

    def next_batch(self) -> list[Batch]:
        """Poll once. Raises StopIteration at the end of a bounded run, SourceError when stuck."""
        if self._ended:
            raise StopIteration
        if self._end is not None and (
            # Caught up is enough: what ends a transaction takes an offset, but is no record.
            self._caught_up or self._reader.next_offset >= self._end
        ):
            self._ended = True
            return [self._reader.news(self._high, _ENDED_SILENCE_US, ended=True)]
        if self._bytes_left <= 0:
            self._wait_s = _LINGER_S
            return []
        wanted = self._options.batch_size
        backlog = self._high - self._reader.next_offset >= wanted
        messages = self._consumer.consume(wanted, _BACKLOG_POLL_S if backlog else _POLL_S)
        full = len(messages) == wanted
        if not messages:
            self._wait_s = _LINGER_S if self._caught_up else _POLL_S
            return self._silence()
        return self._batch(messages, full)

    def next_awake(self) -> datetime | None:
        """Return when to poll next; None is at once."""
        return datetime.now(UTC) + timedelta(seconds=self._wait_s) if self._wait_s else None

    def snapshot(self) -> dict[str, Any]:
        """Return the reader's state; called at the end of each epoch."""
        self._bytes_left = self._options.epoch_bytes
        self._commit()
        return {**self._reader.state(), "topic_id": self._topic_id}

    def close(self) -> None:
        """Release the consumer."""
        self._consumer.close()

    def _batch(self, messages: list[Message], full: bool) -> list[Batch]:
        # Events of the client (end of partition, errors) come in the same list.
        events: list[KafkaError] = []
        if any(map(Message.error, messages)):
            events = [error for m in messages if (error := m.error()) is not None]
            self._caught_up = self._ends_caught_up(messages)
            messages = [message for message in messages if message.error() is None]
        else:
            self._caught_up = False
        while self._end is not None and messages and _offset(messages[-1]) >= self._end:
            messages.pop()
            # What lies past the end proves that all before it has been read.
            self._caught_up = True
        batches = self._read(messages, full) if messages else []
        # Only now: where to go on after an error depends on the records that came with it.
        for error in events:
            if error.code() != KafkaError._PARTITION_EOF:
                self._react(error)
        if not batches:
            self._wait_s = _LINGER_S if self._caught_up else _POLL_S
            return self._silence()
        return batches

    @staticmethod
    def _ends_caught_up(messages: list[Message]) -> bool:
        """Tell whether the last that is said of the partition's end is that it was reached."""
        for message in reversed(messages):
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                return error is not None
        return False

    def _read(self, messages: list[Message], full: bool) -> list[Batch]:
        values = list(map(Message.value, messages))
        self._trouble_since_s = None
        self._bytes_left -= sum(map(len, filter(None, values)))
        # "Cached" asks nobody: it is the end of the partition as of the last fetch.
        _, high = self._consumer.get_watermark_offsets(self._topic_partition(), cached=True)
        self._high = max(self._high, high)
        batch = self._reader.batch(messages, values, self._high, self._silent_us())
        if not batch.silent_us and any(len(t.event_time_us) for t in batch.on_time.values()):
            self._silent_since_s = self._options.clock()
            self._idle = False
        self._warn_of_dropped(batch)
        self._wait_s = 0.0 if full or not self._caught_up else _LINGER_S
        return [batch]

    def _react(self, error: KafkaError) -> None:
        code = error.code()
        if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            # The offset may well be there, in another topic of the same name.
            self._check_identity()
            low, self._high = self._offsets()
            next_offset = self._available(self._reader.next_offset, low)
            self._reader.next_offset = next_offset
            self._assign(next_offset)
            return
        now_s = self._options.clock()
        if self._trouble_since_s is None:
            self._trouble_since_s = now_s
        warnings.warning(
            "source_trouble",
            key=f"{self._topic}/{self._partition}/{code}",
            topic=self._topic,
            partition=self._partition,
            error=error.str(),
            for_s=round(now_s - self._trouble_since_s, 1),
        )
        gone = code in _GONE and now_s - self._trouble_since_s > _GONE_AFTER_S
        if gone or (code not in _WAIT_OUT and code not in _GONE and not error.retriable()):
            raise SourceError(
                f"partition {self._partition} of topic {self._topic} can not be read:"
                f" {error.str()}",
                remedy="see the broker's log; the next start resumes at the last snapshot",
            )

    def _warn_of_dropped(self, batch: Batch) -> None:
        for name, count in batch.counters.dropped.items():
            if count > self._dropped_told.get(name, 0):
                self._dropped_told[name] = count
                warnings.warning(
                    "optional_values_dropped",
                    key=f"{self._topic}.{name}",
                    topic=self._topic,
                    partition=self._partition,
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
            self._idle = True
        return [self._reader.news(self._high, self._silent_us())]

    def _silent_us(self) -> int:
        """Return how long an idle partition has been silent, 0 if it is not idle.

        Records that are rejected or late do not wake it: they can not be in any open window.
        """
        silent_s = self._options.clock() - self._silent_since_s
        return max(1, int(silent_s * 1_000_000)) if self._idle else 0

    def _check_identity(self) -> None:
        """Raise MissingOffsetError where the topic is another one than that of the snapshot."""
        identity = self._options.identity(self._topic)
        if identity is None:
            return
        if self._topic_id not in (None, identity):
            raise MissingOffsetError(
                f"topic {self._topic} has been deleted and made anew since it was read: its id was"
                f" {self._topic_id} and is {identity}",
                remedy=_START_ANEW,
            )
        self._topic_id = identity

    def _available(self, wanted: int, low: int) -> int:
        """Return the offset to go on at; raises MissingOffsetError where records are gone."""
        where = f"partition {self._partition} of topic {self._topic}"
        if wanted > self._high:
            raise MissingOffsetError(
                f"{where} ends at offset {self._high}, but offset {wanted} is next: it has been"
                " made anew since the last run",
                remedy=_START_ANEW,
            )
        if wanted >= low:
            return wanted
        if self._options.on_missing_offset == "earliest":
            log.error(
                "source_records_missing",
                topic=self._topic,
                partition=self._partition,
                first_missing=wanted,
                next_available=low,
                missing=low - wanted,
            )
            return low
        raise MissingOffsetError(
            f"{where}: the records from offset {wanted} up to {low - 1} have been deleted by"
            " retention before they were read",
            remedy="go on without them by source.on_missing_offset: earliest"
            " (tidemark run --on-missing-offset earliest), and keep topics for longer",
        )

    def _assign(self, offset: int) -> None:
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])

    def _topic_partition(self) -> TopicPartition:
        return TopicPartition(self._topic, self._partition)

    def _offsets(self) -> tuple[int, int]:
        """Ask the broker for the first and the next offset of the partition."""
        try:
            low, high = self._consumer.get_watermark_offsets(
                self._topic_partition(), timeout=_BROKER_TIMEOUT_S
            )
        except KafkaException as error:
            raise SourceError(
                f"the broker does not tell the offsets of partition {self._partition} of topic "
                f"{self._topic}: {error.args[0].str()}",
                remedy="check that the broker is up and that the topic may be read",
            ) from error
        return low, high

    def _commit(self) -> None:
        position = TopicPartition(self._topic, self._partition, self._reader.next_offset)
        try:
            self._consumer.commit(offsets=[position], asynchronous=True)
        except KafkaException as error:
            # Only lag tools look at it: worth a line, not worth the stream.
            log.warning("source_commit_failed", topic=self._topic, error=error.args[0].str())


def _consumer_properties(options: SourceOptions) -> dict[str, Any]:
    return {
        # Fetch on without a pause when the local queue was full: the default of 1 s makes reading a
        # backlog three times as slow.
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 65_536,
        # A batch that is larger than the default of 100 MB could never be read: the connection
        # would be closed at each try. How much is asked for at once does not depend on this.
        "receive.message.max.bytes": (1 << 31) - 1,
        **options.client,
        "group.id": options.group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
    }


def _librdkafka_logger() -> Any:
    import logging

    return logging.getLogger("librdkafka")


def _offset(message: Message) -> int:
    offset = message.offset()
    if offset is None:
        raise ValueError("a consumed message has no offset")
    return offset


def _wall_clock_us() -> int:
    return time.time_ns() // 1_000
