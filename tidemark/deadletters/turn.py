"""One replay of a topic at a time, over all machines.

Whoever replays is the only member of the consumer group `tidemark-replay-<topic>`; the broker
keeps the group, so nothing is left behind by one that is killed. Nothing is committed to it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, TopicPartition

    from tidemark.config import Settings

_SESSION_S = 10.0
_JOIN_S = 30.0
_POLL_S = 0.1


class AnotherReplay(TidemarkError):
    """Somebody else replays this topic."""


class Turn:
    """Held while a topic is replayed; use it as a context manager."""

    def __init__(self, settings: Settings, topic: str, *, wait_s: float = _SESSION_S + 2) -> None:
        self._settings = settings
        self._topic = topic
        self._wait_s = wait_s
        self.group = f"tidemark-replay-{topic}"
        self._held: set[int] = set()
        self._lost = False
        self._consumer: Consumer | None = None

    def __enter__(self) -> Turn:
        """Wait for the turn. Raises AnotherReplay, BrokerUnreachable."""
        from confluent_kafka import Consumer

        from tidemark.kafka_admin import connect

        admin = connect(self._settings)
        metadata = admin.list_topics(timeout=self._settings.kafka.start_timeout_s)
        wanted = set(metadata.topics[self._topic].partitions)
        # One that was killed a moment ago is a member until its session has timed out.
        deadline = time.monotonic() + self._wait_s
        while True:
            group = admin.describe_consumer_groups([self.group])[self.group].result()
            if not group.members:
                break
            if time.monotonic() > deadline:
                raise self._error("is under way")
            time.sleep(0.5)
        self._consumer = Consumer(
            {
                "log_level": 0,
                **self._settings.kafka.client_properties(),
                "group.id": self.group,
                "session.timeout.ms": int(_SESSION_S * 1000),
                "heartbeat.interval.ms": 2000,
                "enable.auto.commit": False,
                "partition.assignment.strategy": "range",
            }
        )
        try:
            self._consumer.subscribe(
                [self._topic], on_assign=self._assigned, on_revoke=self._revoked
            )
            deadline = time.monotonic() + _JOIN_S
            while not self._held:
                self._consumer.poll(_POLL_S)
                if time.monotonic() > deadline:
                    raise self._error("keeps the broker from giving this one its turn")
            if self._held != wanted:
                raise self._error("has begun at the same moment")
        except BaseException:
            self._consumer.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._consumer is not None:
            self._consumer.close()

    def check(self) -> None:
        """Raise AnotherReplay if the turn was lost; call it before each batch."""
        assert self._consumer is not None
        self._consumer.poll(0)
        if self._lost:
            raise self._error("has begun, or the broker has lost sight of this one")

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._held = {each.partition for each in partitions}
        consumer.assign(partitions)
        consumer.pause(partitions)  # the group is all that is wanted, not the records

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._lost = True

    def _error(self, what: str) -> AnotherReplay:
        return AnotherReplay(
            f"another replay of {self._topic} {what} (consumer group {self.group})",
            remedy="wait until it has ended, then start again: what was sent is not sent twice",
        )
