"""Read what a topic holds now, from first to last record, and end there.

No consumer group is used and nothing is committed. Records of transactions that were not committed
are left out.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemark.errors import EXIT_USAGE, TidemarkError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

    from tidemark.config import Settings

_BATCH = 20_000
_POLL_S = 0.2
_GIVE_UP_AFTER_S = 60.0


class NoSuchTopic(TidemarkError):
    """There is no such topic."""

    exit_code = EXIT_USAGE


class ReadFailed(TidemarkError):
    """The broker does not let a topic be read."""


@dataclass(frozen=True, slots=True)
class Range:
    """The offsets `first` to `end` - 1 of a partition; `low` is the first one that is kept."""

    partition: int
    first: int
    end: int
    low: int


class TopicReader:
    """Reads ranges of topics with one consumer; use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        from confluent_kafka import Consumer

        from tidemark.kafka_admin import connect

        self._timeout_s = settings.kafka.start_timeout_s
        self._admin = connect(settings)
        self._consumer: Consumer = Consumer(
            {
                "log_level": 0,
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 65_536,
                **settings.kafka.client_properties(),
                "group.id": f"{settings.kafka.group_id}-reader",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def topics(self) -> list[str]:
        """List the broker's topics, its internal ones left out."""
        found = self._admin.list_topics(timeout=self._timeout_s).topics
        return sorted(name for name in found if not name.startswith("__"))

    def ranges(self, topic: str, since: datetime | None = None) -> list[Range]:
        """Return what each partition holds now, from its records of `since` (Kafka's time) on.

        Raises NoSuchTopic, ReadFailed.
        """
        from confluent_kafka import KafkaException, TopicPartition

        # All topics, not this one: a broker may make a topic that it is asked for.
        metadata = self._admin.list_topics(timeout=self._timeout_s).topics
        if topic not in metadata:
            known = [name for name in sorted(metadata) if not name.startswith("__")]
            raise NoSuchTopic(
                f"there is no topic {topic!r}",
                remedy=f"the broker has: {', '.join(known)}" if known else "the broker has none",
            )
        try:
            found = []
            for number in sorted(metadata[topic].partitions):
                place = TopicPartition(topic, number)
                low, end = self._consumer.get_watermark_offsets(place, timeout=self._timeout_s)
                first = low
                if since is not None:
                    place = TopicPartition(topic, number, round(since.timestamp() * 1000))
                    (at,) = self._consumer.offsets_for_times([place], timeout=self._timeout_s)
                    first = max(low, at.offset) if at.offset >= 0 else end
                found.append(Range(number, first, end, low))
            return found
        except KafkaException as error:
            raise ReadFailed(f"{topic} cannot be read: {error.args[0].str()}") from error

    def read(
        self, topic: str, ranges: Sequence[Range]
    ) -> Generator[tuple[int, list[Message]], None, None]:
        """Yield the records, partition after partition, each in offset order, in lists.

        Raises ReadFailed, also where a broker says nothing for a minute.
        """
        for each in ranges:
            if each.first < each.end:
                for messages in self._read_one(topic, each):
                    yield each.partition, messages

    def _read_one(self, topic: str, wanted: Range) -> Generator[list[Message], None, None]:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        try:
            self._consumer.assign([TopicPartition(topic, wanted.partition, wanted.first)])
            heard_at = time.monotonic()
            over = False
            while not over:
                records: list[Message] = []
                for message in self._consumer.consume(_BATCH, _POLL_S):
                    error = message.error()
                    if error is None:
                        if _offset(message) < wanted.end:
                            records.append(message)
                        over = over or _offset(message) + 1 >= wanted.end
                    elif error.code() == KafkaError._PARTITION_EOF:
                        # What ends a transaction takes an offset, but is no record.
                        over = True
                    elif error.fatal() or not _passes(error):
                        raise ReadFailed(f"{topic} cannot be read: {error.str()}")
                if records:
                    heard_at = time.monotonic()
                    yield records
                elif not over and time.monotonic() - heard_at > _GIVE_UP_AFTER_S:
                    raise ReadFailed(
                        f"partition {wanted.partition} of {topic} cannot be read:"
                        f" nothing has come for {_GIVE_UP_AFTER_S:g} s",
                        remedy="check that the brokers are up, then start again",
                    )
        except KafkaException as error:
            raise ReadFailed(f"{topic} cannot be read: {error.args[0].str()}") from error
        finally:
            self._consumer.unassign()


def _passes(error: Any) -> bool:
    from confluent_kafka import KafkaError

    return bool(error.retriable()) or error.code() in (
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
    )


def _offset(message: Message) -> int:
    offset = message.offset()
    if offset is None:
        raise ValueError("a consumed message has no offset")
    return offset
