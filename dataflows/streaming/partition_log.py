"""A Kafka partition as the broker has it: its ends, what can be resumed, its troubles."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from dataflows.streaming.fetched import Poll
from dataflows.streaming.polls import polls_of
from tidemark.errors import TidemarkError
from tidemark.log import RateLimited, get_logger
from tidemark.observability.metrics import SOURCE_TROUBLES

_BROKER_TIMEOUT_S = 30.0
_ANSWER_WITHIN_S = 1.0
_START_ANEW = "start with an empty recovery store (tidemark run --fresh)"

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
_MOST_READ_AHEAD = 1_000_000
_GONE_AFTER_S = 60.0
"""A broker that has just started does not know its partitions for a moment; then they are gone."""

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
    latest_identity: Callable[[str], str | None] = field(default=lambda _: None)
    """Returns the id that was heard last, without asking."""
    clock: Callable[[], float] = field(default=time.monotonic)


class PartitionLog:
    """One partition and the consumer that reads it.

    `low` and `high` are its first and its next offset as last heard.
    """

    def __init__(
        self, topic: str, partition: int, options: SourceOptions, topic_id: str | None
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.topic_id = topic_id
        self._options = options
        self._trouble_since_s: float | None = None
        self._consumer = Consumer(
            _consumer_properties(options), logger=logging.getLogger("librdkafka")
        )
        self._polls = polls_of(self._consumer, topic, partition)
        self.low, self.high = self._offsets()
        self._must_be(self._options.identity(self.topic))

    def start(self, resume_offset: int | None) -> int:
        """Begin to read at the resume offset or where the options say; return the offset.

        Raises MissingOffsetError where records from there on are gone.
        """
        if resume_offset is not None:
            offset = self._available(resume_offset)
        else:
            offset = self.low if self._options.start == "earliest" else self.high
        self._assign(offset)
        return offset

    def poll(self, records: int, timeout_s: float) -> Poll:
        """Return up to `records` records and events of the client.

        Raises MissingOffsetError when it has become known that the topic is another one by now.
        """
        self._must_be(self._options.latest_identity(self.topic))
        return self._polls.poll(records, timeout_s)

    def hear_of_end(self) -> int:
        """Return the next offset of the partition as of the last fetch, without asking."""
        _, high = self._consumer.get_watermark_offsets(self._place(), cached=True)
        self.high = max(self.high, high)
        return self.high

    def is_at_end(self, next_offset: int) -> bool:
        """Ask the broker whether nothing follows; False where it does not answer at once.

        That nothing comes may also mean that nothing can come: a broker that is down looks like a
        partition without traffic.
        """
        try:
            _, high = self._consumer.get_watermark_offsets(
                self._place(), timeout=_ANSWER_WITHIN_S, cached=False
            )
        except KafkaException:
            return False
        self.high = max(self.high, high)
        return high <= next_offset

    def all_is_well(self) -> None:
        """Forget past troubles: a record has come."""
        self._trouble_since_s = None

    def react(self, error: KafkaError, next_offset: int) -> int:
        """React to an error of the client and return the offset to go on at.

        Waits out what passes. Raises SourceError, MissingOffsetError.
        """
        code = error.code()
        if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            # The offset may well be there, in another topic of the same name.
            self._must_be(self._options.identity(self.topic))
            self.low, self.high = self._offsets()
            offset = self._available(next_offset)
            self._assign(offset)
            return offset
        SOURCE_TROUBLES.labels(self.topic, error.name()).inc()
        now_s = self._options.clock()
        if self._trouble_since_s is None:
            self._trouble_since_s = now_s
        warnings.warning(
            "source_trouble",
            key=f"{self.topic}/{self.partition}/{code}",
            topic=self.topic,
            partition=self.partition,
            error=error.str(),
            for_s=round(now_s - self._trouble_since_s, 1),
        )
        gone = code in _GONE and now_s - self._trouble_since_s > _GONE_AFTER_S
        if gone or (code not in _WAIT_OUT and code not in _GONE and not error.retriable()):
            raise SourceError(
                f"partition {self.partition} of topic {self.topic} can not be read: {error.str()}",
                remedy="see the broker's log; the next start resumes at the last snapshot",
            )
        return next_offset

    def commit(self, next_offset: int) -> None:
        """Commit the offset to the consumer group, for lag tools."""
        position = TopicPartition(self.topic, self.partition, next_offset)
        try:
            self._consumer.commit(offsets=[position], asynchronous=True)
        except KafkaException as error:
            # Only lag tools look at it: worth a line, not worth the stream.
            log.warning("source_commit_failed", topic=self.topic, error=error.args[0].str())

    def close(self) -> None:
        """Release the consumer."""
        self._polls.close()
        self._consumer.close()

    def _must_be(self, identity: str | None) -> None:
        """Raise MissingOffsetError where the topic is another one than that of the snapshot."""
        if identity is None:
            return
        if self.topic_id not in (None, identity):
            raise MissingOffsetError(
                f"topic {self.topic} has been deleted and made anew since it was read: its id was"
                f" {self.topic_id} and is {identity}",
                remedy=_START_ANEW,
            )
        self.topic_id = identity

    def _available(self, wanted: int) -> int:
        """Return the offset to go on at; raises MissingOffsetError where records are gone."""
        where = f"partition {self.partition} of topic {self.topic}"
        if wanted > self.high:
            raise MissingOffsetError(
                f"{where} ends at offset {self.high}, but offset {wanted} is next: it has been"
                " made anew since the last run",
                remedy=_START_ANEW,
            )
        if wanted >= self.low:
            return wanted
        if self._options.on_missing_offset == "earliest":
            log.error(
                "source_records_missing",
                topic=self.topic,
                partition=self.partition,
                first_missing=wanted,
                next_available=self.low,
                missing=self.low - wanted,
            )
            return self.low
        raise MissingOffsetError(
            f"{where}: the records from offset {wanted} up to {self.low - 1} have been deleted by"
            " retention before they were read",
            remedy="go on without them by source.on_missing_offset: earliest"
            " (tidemark run --on-missing-offset earliest), and keep topics for longer",
        )

    def _assign(self, offset: int) -> None:
        self._polls.assign(offset)

    def _place(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)

    def _offsets(self) -> tuple[int, int]:
        """Ask the broker for the first and the next offset of the partition."""
        try:
            low, high = self._consumer.get_watermark_offsets(
                self._place(), timeout=_BROKER_TIMEOUT_S
            )
        except KafkaException as error:
            raise SourceError(
                f"the broker does not tell the offsets of partition {self.partition} of topic "
                f"{self.topic}: {error.args[0].str()}",
                remedy="check that the broker is up and that the topic may be read",
            ) from error
        return low, high


def _consumer_properties(options: SourceOptions) -> dict[str, Any]:
    return {
        # Fetch on without a pause when the local queue was full: the default of 1 s makes reading a
        # backlog three times as slow.
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
        # Read ahead by one batch: what waits for longer has left the caches when its turn comes,
        # and takes several hundred bytes a record meanwhile.
        "queued.min.messages": min(options.batch_size, _MOST_READ_AHEAD),
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
