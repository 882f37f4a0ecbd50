"""Kafka store: records into topics.

Delivery guarantee: `write` returns when all in-sync replicas have every record (idempotent
producer, each delivery report checked). At least once: a write that failed half-way is sent again
whole, and a restart sends again what was sent since the last snapshot; who reads such a topic
tells copies by the headers `source.topic`, `source.partition` and `source.offset`.

Records that ask for one partition number are in one partition of their topic, in the order in which
they were first sent, also where the topic has fewer partitions than their numbers ask for: number n
is in partition n modulo their count.

A record that is too large for its topic is refused, never left out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from sinks.commands import Command, Record, SendRecords
from sinks.store import StoreRejected, StoreUnavailable, unsupported
from tidemark.log import get_logger

_PERMANENT = {
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
    KafkaError.INVALID_RECORD,
    KafkaError.TOPIC_EXCEPTION,
}
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
_POLL_S = 0.1
_POLL_EVERY_RECORDS = 1_000
_ANY_PARTITION = -1
_PROPAGATION_MS = "topic.metadata.propagation.max.ms"
_DEFAULT_PROPAGATION_MS = 5000
"""So long a topic that was just made may be unknown to some broker."""
_UNACKNOWLEDGED_BYTES = 16 << 20
"""So much is sent before its reports are awaited: what a slow link carries within the timeout."""
_LARGEST_RECORD_BYTES = 1_000_000_000
"""The most that librdkafka takes; the topic's own limit decides."""
_ROOM_BYTES = 1024
"""For what Kafka wraps around a record."""
_log = get_logger(__name__)


class _Failure(NamedTuple):
    """A record that was not delivered."""

    topic: str
    size_bytes: int
    error: KafkaError


class KafkaStore:
    """Records into topics of one cluster. `properties` are librdkafka's, for the connection."""

    def __init__(
        self, properties: Mapping[str, str | int | float | bool], timeout_s: float
    ) -> None:
        self._properties = dict(properties)
        self._timeout_s = timeout_s
        self._producer: Producer | None = None
        self._failures: list[_Failure] = []
        self._partitions: dict[str, int] = {}
        """Of each topic, as counted since `open`."""

    def open(self) -> None:
        """Make a producer and see that a broker answers."""
        self.close()
        producer = Producer(
            {
                "linger.ms": 20,
                "compression.type": "lz4",
                _PROPAGATION_MS: _DEFAULT_PROPAGATION_MS,
                "message.max.bytes": _LARGEST_RECORD_BYTES,
                # A callback into Python for each record costs as much as sending it.
                "delivery.report.only.error": True,
                **self._properties,
                "enable.idempotence": True,
                "delivery.timeout.ms": max(1000, round(self._timeout_s * 1000)),
                "error_cb": _log_error,
            }
        )
        try:
            producer.list_topics(timeout=self._timeout_s)
        except KafkaException as error:
            raise self._error("no broker answers", error.args[0]) from error
        self._producer = producer

    def write(self, commands: Sequence[Command]) -> None:
        """Send the records, in order, and wait for every delivery report."""
        if self._producer is None:
            self.open()
        self._failures = []
        unacknowledged_bytes = unpolled = 0
        try:
            for command in commands:
                if not isinstance(command, SendRecords):
                    raise unsupported("Kafka", command)
                for record in command.records:
                    self._produce(record)
                    unacknowledged_bytes += len(record.value or b"") + _ROOM_BYTES
                    unpolled += 1
                    if unacknowledged_bytes > _UNACKNOWLEDGED_BYTES:
                        self._await_reports()
                        unacknowledged_bytes = unpolled = 0
                    elif unpolled == _POLL_EVERY_RECORDS:
                        self._poll()
                        unpolled = 0
            self._await_reports()
        except BaseException:
            # What is still queued would arrive behind the next try's copies: start afresh.
            self.close()
            raise

    def flush(self) -> None:
        """Nothing to do: `write` waits for the delivery reports."""

    def close(self) -> None:
        """Give up what is queued (nothing is, after a write that returned)."""
        producer, self._producer = self._producer, None
        self._partitions.clear()
        if producer is not None:
            producer.purge()
            producer.flush(1.0)

    def _produce(self, record: Record) -> None:
        assert self._producer is not None
        partition = self._partition_for(record)
        deadline = None
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    partition,
                    self._on_failure,
                    headers=list(record.headers),
                )
            except BufferError as error:
                deadline = deadline or time.monotonic() + 2 * self._timeout_s
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        "Kafka takes no records: its queue stays full"
                    ) from error
                self._producer.poll(_POLL_S)
            except KafkaException as error:
                failure = _Failure(record.topic, _size_bytes(record), error.args[0])
                raise self._failed(failure) from error
            else:
                return

    def _partition_for(self, record: Record) -> int:
        if record.partition is None:
            return _ANY_PARTITION
        if record.topic not in self._partitions:
            self._partitions[record.topic] = self._count_partitions(record.topic)
        return record.partition % self._partitions[record.topic]

    def _count_partitions(self, topic: str) -> int:
        """Ask for the topic, as long as it may be too new to be known everywhere."""
        assert self._producer is not None
        wait_ms = float(self._properties.get(_PROPAGATION_MS, _DEFAULT_PROPAGATION_MS))
        deadline = time.monotonic() + wait_ms / 1000
        while True:
            try:
                found = self._producer.list_topics(topic, timeout=self._timeout_s).topics[topic]
            except KafkaException as error:
                raise self._error(
                    f"the partitions of {topic} are not known", error.args[0]
                ) from error
            if found.partitions:
                return len(found.partitions)
            why = found.error or KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
            appears = why.code() not in _PERMANENT - {KafkaError.UNKNOWN_TOPIC_OR_PART}
            if not appears or time.monotonic() > deadline:
                raise self._error(f"records for {topic} were not delivered", why)
            time.sleep(_POLL_S)

    def _poll(self) -> None:
        assert self._producer is not None
        self._producer.poll(0)

    def _await_reports(self) -> None:
        assert self._producer is not None
        deadline = time.monotonic() + 2 * self._timeout_s
        # What is still to be sent, acknowledged or reported as failed.
        waiting = self._producer.flush(_POLL_S)
        while waiting and not self._failures and time.monotonic() < deadline:
            waiting = self._producer.flush(_POLL_S)
        if self._failures:
            # A refusal says more than what failed along with it.
            final = _PERMANENT | _TOO_LARGE
            refused = [each for each in self._failures if each.error.code() in final]
            raise self._failed((refused or self._failures)[0])
        if waiting:
            raise StoreUnavailable(f"Kafka has not acknowledged {waiting} records in time")

    def _on_failure(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            size_bytes = len(message.key() or b"") + len(message.value() or b"")
            size_bytes += sum(len(h[0]) + len(h[1] or b"") for h in message.headers() or [])
            self._failures.append(_Failure(str(message.topic()), size_bytes, error))

    def _failed(self, failure: _Failure) -> StoreUnavailable | StoreRejected:
        topic, size_bytes, error = failure
        if error.code() not in _TOO_LARGE:
            return self._error(f"records for {topic} were not delivered", error)
        limit = self._limit_of(topic)
        needed = size_bytes + _ROOM_BYTES
        return StoreRejected(
            f"Kafka: a record of {size_bytes:,} bytes for topic {topic} is larger than its "
            f"max.message.bytes{'' if limit is None else f', {limit}'} ({error.str()})",
            remedy=f"set max.message.bytes of topic {topic} to at least {needed}, then start"
            " again: the next start resumes at the last snapshot, nothing is lost",
        )

    def _limit_of(self, topic: str) -> str | None:
        """Ask for the topic's limit; None where the broker does not tell."""
        admin = AdminClient(self._properties)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        try:
            answer = admin.describe_configs([resource], request_timeout=self._timeout_s)
            return str(answer[resource].result(self._timeout_s)["max.message.bytes"].value)
        except (KafkaException, TimeoutError) as error:
            _log.debug("topic_limit_unknown", topic=topic, error=str(error))
            return None

    def _error(self, what: str, error: KafkaError) -> StoreUnavailable | StoreRejected:
        if error.code() not in _PERMANENT:
            return StoreUnavailable(f"Kafka: {what}: {error.str()}")
        missing = error.code() in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)
        remedy = "make the topic: tidemark topics create" if missing else ""
        return StoreRejected(f"Kafka: {what}: {error.str()}", remedy=remedy)


def _size_bytes(record: Record) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _log_error(error: KafkaError) -> None:
    # librdkafka goes on by itself; what matters comes back as a failed delivery.
    _log.debug("kafka_producer_error", code=error.name(), message=error.str())
