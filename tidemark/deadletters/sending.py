"""Send records back to where they came from, every delivery report checked.

Delivery guarantee: each record is written once and in order within its partition (idempotent
producer), or counted as failed; after a failure nothing more is sent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from tidemark.config import Settings

REPLAY_OF = "replay.of"
_GIVE_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send: to the partition it came from, with the name of what it is a copy of."""

    partition: int
    key: bytes | None
    value: bytes | None
    replay_of: str


class Sender:
    """Sends records to one topic and counts what becomes of them."""

    def __init__(self, settings: Settings, topic: str) -> None:
        from confluent_kafka import Producer

        self._topic = topic
        self.sent = 0
        self.acknowledged = 0
        self.failures: list[str] = []
        self._producer = Producer(
            {
                "linger.ms": 20,
                "compression.type": "lz4",
                "log_level": 0,
                "message.max.bytes": 1_000_000_000,  # the topic's own limit decides
                **settings.kafka.client_properties(),
                "enable.idempotence": True,
                "delivery.timeout.ms": int(_GIVE_UP_S * 1000),
            }
        )

    @property
    def failed(self) -> int:
        """Records that were handed over and not acknowledged."""
        return self.sent - self.acknowledged

    def send(self, records: Sequence[Outgoing]) -> bool:
        """Send and wait for the reports; False when one has failed."""
        from confluent_kafka import KafkaException

        for record in records:
            self.sent += 1
            try:
                self._producer.produce(
                    self._topic,
                    value=record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=[(REPLAY_OF, record.replay_of.encode())],
                    on_delivery=self._delivered,
                )
            except (KafkaException, BufferError) as error:
                reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
                self.failures.append(f"{record.replay_of}: {reason}")
                break
        deadline = time.monotonic() + _GIVE_UP_S + 5.0
        while len(self._producer) and time.monotonic() < deadline:
            self._producer.flush(0.5)
        if self.failed and not self.failures:
            self.failures.append("the broker has not answered")
        return not self.failures

    def close(self) -> None:
        """Give up what is not acknowledged."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.failures.append(f"{message.topic()}/{message.partition()}: {error.str()}")
