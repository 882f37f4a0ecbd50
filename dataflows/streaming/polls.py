"""Polls of one partition's consumer: as messages of confluent-kafka, or compiled, as columns."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from dataflows.streaming import native
from dataflows.streaming.fetched import FetchedColumns, FetchedMessages, Poll
from dataflows.streaming.native import compiled
from dataflows.streaming.values import Values
from tidemark.errors import TidemarkError

_KIND_OF_TIME = 3


class Polls(Protocol):
    """How a partition is read."""

    def assign(self, offset: int) -> None:
        """Go on at an offset; nothing that came before is returned any more."""

    def poll(self, records: int, timeout_s: float) -> Poll:
        """Wait for up to `records` records and events of the client."""

    def close(self) -> None:
        """Release what is held beside the consumer, which may be closed then."""


def polls_of(consumer: Consumer, topic: str, partition: int) -> Polls:
    """Return the faster way that there is here."""
    if native.takes(consumer):
        return ColumnPolls(consumer, topic, partition)
    return MessagePolls(consumer, topic, partition)


class MessagePolls:
    """Polls by confluent-kafka alone."""

    def __init__(self, consumer: Consumer, topic: str, partition: int) -> None:
        self._consumer = consumer
        self._topic = topic
        self._partition = partition

    def assign(self, offset: int) -> None:
        """Go on at an offset."""
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])

    def poll(self, records: int, timeout_s: float) -> Poll:
        """Wait for records and events."""
        messages = self._consumer.consume(records, timeout_s)
        count = len(messages)
        # Events of the client (end of partition, errors) come in the same list.
        if not any(map(Message.error, messages)):
            return Poll(FetchedMessages(messages), [], count, caught_up=False)
        caught_up = _ends_caught_up(messages)
        errors = [error for message in messages if (error := message.error()) is not None]
        return Poll(
            FetchedMessages([message for message in messages if message.error() is None]),
            [error for error in errors if error.code() != KafkaError._PARTITION_EOF],
            count,
            caught_up,
        )

    def close(self) -> None:
        """Nothing is held."""


def _ends_caught_up(messages: list[Message]) -> bool:
    """Tell whether the last that is said of the partition's end is that it was reached."""
    for message in reversed(messages):
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return error is not None
    return False


class ColumnPolls:
    """Polls past confluent-kafka's messages.

    The partition has a queue of its own then; the consumer's brings what the client says of itself.
    """

    def __init__(self, consumer: Consumer, topic: str, partition: int) -> None:
        self._consumer = consumer
        self._topic = topic
        self._partition = partition
        self._queue = native.partition_queue(consumer, topic, partition)

    def assign(self, offset: int) -> None:
        """Go on at an offset."""
        # The client may have made the partition anew meanwhile, with another queue.
        self._queue.close()
        self._queue = native.partition_queue(self._consumer, self._topic, self._partition)
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])

    def poll(self, records: int, timeout_s: float) -> Poll:
        """Wait for records and events."""
        values, value_bounds, keys, key_bounds, offsets, times_ms, kinds, events = (
            self._queue.consume(records, round(timeout_s * 1_000))
        )
        flags = np.frombuffer(kinds, np.uint8)
        fetched = FetchedColumns(
            self._topic,
            self._partition,
            _values(values, value_bounds, flags & compiled.VALUE_IS_NULL != 0),
            _values(keys, key_bounds, flags & compiled.KEY_IS_NULL != 0),
            np.frombuffer(offsets, np.int64),
            np.frombuffer(times_ms, np.int64),
            (flags & _KIND_OF_TIME).astype(np.uint8),
        )
        ends = [before for before, code, _ in events if code == KafkaError._PARTITION_EOF]
        errors = [
            KafkaError(code, reason)
            for _, code, reason in events
            if code != KafkaError._PARTITION_EOF
        ]
        return Poll(
            fetched,
            errors + self._of_the_client(),
            len(fetched) + len(events),
            caught_up=bool(ends) and ends[-1] == len(fetched),
        )

    def _of_the_client(self) -> list[KafkaError]:
        """Return what the client has to say; its log lines go to the logger on this way, too."""
        errors = []
        while (message := self._consumer.poll(0)) is not None:
            error = message.error()
            if error is None:
                raise TidemarkError(
                    f"a record of partition {self._partition} of topic {self._topic} came by"
                    " another way than it should",
                    remedy="this is a defect of Tidemark: report it, and set"
                    " TIDEMARK_COMPILED=off meanwhile",
                )
            errors.append(error)
        return errors

    def close(self) -> None:
        """Release the queue."""
        self._queue.close()


def _values(joined: bytes, bounds: bytes, nulls: npt.NDArray[np.bool_]) -> Values:
    return Values(joined, np.frombuffer(bounds, np.int64), nulls if nulls.any() else None)
