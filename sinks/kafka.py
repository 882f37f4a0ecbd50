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
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from sinks.commands import Command, Record, SendRecords
from sinks.store import StoreRejected, StoreUnavailable, unsupported
from tidemark.log import get_logger
from tidemark.producer import Failure, Producer, Properties, producer_of

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
_AT_ONCE_BYTES = 1 << 20
"""So much is handed over between two looks at the reports."""
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


class KafkaStore:
    """Records into topics of one cluster. `properties` are librdkafka's, for the connection."""

    def __init__(self, properties: Properties, timeout_s: float) -> None:
        self._properties = dict(properties)
        self._timeout_s = timeout_s
        self._producer: Producer | None = None
        self._partitions: dict[str, int] = {}
        """Of each topic, as counted since `open`."""

    def open(self) -> None:
        """Make a producer and see that a broker answers."""
        self.close()
        producer = producer_of(
            {
                "linger.ms": 20,
                "compression.type": "lz4",
                _PROPAGATION_MS: _DEFAULT_PROPAGATION_MS,
                "message.max.bytes": _LARGEST_RECORD_BYTES,
                **self._properties,
                "enable.idempotence": True,
                "delivery.timeout.ms": max(1000, round(self._timeout_s * 1000)),
            },
            _log_error,
        )
        try:
            producer.partitions(None, self._timeout_s)
        except KafkaException as error:
            producer.close()
            raise self._error("no broker answers", error.args[0]) from error
        self._producer = producer

    def write(self, commands: Sequence[Command]) -> None:
        """Send the records, in order, and wait for every delivery report."""
        if self._producer is None:
            self.open()
        records = [record for command in commands for record in _records_of(command)]
        try:
            self._send(records)
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
            producer.close()

    def _send(self, records: list[Record]) -> None:
        assert self._producer is not None
        for topic in {record.topic for record in records if record.partition is not None}:
            if topic not in self._partitions:
                self._partitions[topic] = self._count_partitions(topic)
        at = unacknowledged_bytes = 0
        deadline = None
        while at < len(records):
            begun_at = at
            at, taken_bytes, error = self._producer.send(
                records, at, self._partitions, _AT_ONCE_BYTES
            )
            if error is not None:
                refused = records[at]
                raise self._failed(Failure(refused.topic, error, 1, _size_bytes(refused)))
            unacknowledged_bytes += taken_bytes + (at - begun_at) * _ROOM_BYTES
            if at == begun_at:
                deadline = deadline or time.monotonic() + 2 * self._timeout_s
                if time.monotonic() > deadline:
                    raise StoreUnavailable("Kafka takes no records: its queue stays full")
                self._producer.poll(_POLL_S)
                continue
            deadline = None
            if unacknowledged_bytes > _UNACKNOWLEDGED_BYTES:
                self._await_reports()
                unacknowledged_bytes = 0
            else:
                self._producer.poll(0.0)
        self._await_reports()

    def _count_partitions(self, topic: str) -> int:
        """Ask for the topic, as long as it may be too new to be known everywhere."""
        assert self._producer is not None
        wait_ms = float(self._properties.get(_PROPAGATION_MS, _DEFAULT_PROPAGATION_MS))
        deadline = time.monotonic() + wait_ms / 1000
        while True:
            try:
                count, why = self._producer.partitions(topic, self._timeout_s)
            except KafkaException as error:
                raise self._error(
                    f"the partitions of {topic} are not known", error.args[0]
                ) from error
            if count:
                return count
            why = why or KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
            appears = why.code() not in _PERMANENT - {KafkaError.UNKNOWN_TOPIC_OR_PART}
            if not appears or time.monotonic() > deadline:
                raise self._error(f"records for {topic} were not delivered", why)
            time.sleep(_POLL_S)

    def _await_reports(self) -> None:
        assert self._producer is not None
        deadline = time.monotonic() + 2 * self._timeout_s
        # What is still to be sent, acknowledged or reported as failed.
        while True:
            self._producer.flush(_POLL_S)
            failures = self._producer.failures()
            if failures:
                # A refusal says more than what failed along with it.
                final = _PERMANENT | _TOO_LARGE
                refused = [each for each in failures if each.error.code() in final]
                raise self._failed((refused or failures)[0])
            waiting = len(self._producer)
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"Kafka has not acknowledged {waiting} records in time")

    def _failed(self, failure: Failure) -> StoreUnavailable | StoreRejected:
        topic, size_bytes, error = failure.topic, failure.largest_bytes, failure.error
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


def _records_of(command: Command) -> list[Record]:
    if not isinstance(command, SendRecords):
        raise unsupported("Kafka", command)
    return command.records


def _size_bytes(record: Record) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _log_error(error: KafkaError) -> None:
    # librdkafka goes on by itself; what matters comes back as a failed delivery.
    _log.debug("kafka_producer_error", code=error.name(), message=error.str())
