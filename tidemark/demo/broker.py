"""A Kafka broker inside this process: librdkafka's own, made for its tests.

It speaks the real protocol on a loopback port, makes topics with 4 partitions when they are asked
for, keeps about 5 MB of each partition and forgets all of it when it is closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from confluent_kafka import Consumer, Producer, TopicPartition

PARTITIONS = 4
_TIMEOUT_S = 10.0


class DemoBroker:
    """A broker at `address` for as long as this object lives."""

    def __init__(self) -> None:
        self._producer: Producer | None = Producer(
            # The address is replaced by that of the mock, but has to be there.
            {"test.mock.num.brokers": 1, "bootstrap.servers": "localhost:9", "log_level": 0}
        )
        metadata = self._producer.list_topics(timeout=_TIMEOUT_S)
        broker = next(iter(metadata.brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        self._reader = Consumer(
            {"bootstrap.servers": self.address, "group.id": "tidemark-demo", "log_level": 0}
        )

    def make(self, topics: Iterable[str]) -> None:
        """Make topics."""
        assert self._producer is not None
        for topic in topics:
            self._producer.list_topics(topic, timeout=_TIMEOUT_S)

    def records(self, topic: str) -> int:
        """Count the records that were ever sent to a topic."""
        return sum(
            self._reader.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=_TIMEOUT_S, cached=False
            )[1]
            for partition in range(PARTITIONS)
        )

    def close(self) -> None:
        """Stop the broker; what it held is gone."""
        self._reader.close()
        self._producer = None

    def __enter__(self) -> DemoBroker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
