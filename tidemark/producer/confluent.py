"""The producer of confluent-kafka, for those without the compiled one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as _Client

from tidemark.producer import Columns, Failure, Properties, S


class ConfluentProducer:
    """A `Producer` by confluent-kafka's."""

    def __init__(self, properties: Properties, on_error: Callable[[KafkaError], None]) -> None:
        self._failed: Counter[tuple[str, int]] = Counter()
        self._largest: dict[tuple[str, int], int] = {}
        self._client = _Client(
            {
                # A callback into Python for each record costs as much as sending it.
                "delivery.report.only.error": True,
                **properties,
                "error_cb": on_error,
                # librdkafka would print each failed connection to stderr.
                "logger": _silent_logger(),
            }
        )

    def __len__(self) -> int:
        return len(self._client)

    def send(
        self,
        records: list[S],
        first: int,
        partitions: dict[str, int],
        most_bytes: int,
    ) -> tuple[int, int, KafkaError | None]:
        """Hand records over, one by one."""
        taken_bytes, at = 0, first
        while at < len(records) and taken_bytes < most_bytes:
            record = records[at]
            number = record.partition
            try:
                self._client.produce(
                    record.topic,
                    record.value,
                    record.key,
                    -1 if number is None else number % partitions[record.topic],
                    self._on_report,
                    headers=list(record.headers),
                )
            except BufferError:
                break
            except KafkaException as error:
                return at, taken_bytes, error.args[0]
            taken_bytes += _bytes(record.key, record.value, record.headers)
            at += 1
        return at, taken_bytes, None

    def send_columns(self, topic: str, columns: Columns) -> tuple[int, KafkaError | None]:
        """Hand records over, those of one partition after another."""
        keys = _cut(columns.keys, columns.key_bounds, columns.no_key)
        values = _cut(columns.values, columns.value_bounds, columns.no_value)
        taken = 0
        for partition in np.unique(columns.partitions).tolist():
            rows = np.flatnonzero(columns.partitions == partition).tolist()
            messages: list[dict[str, Any]] = [
                {"key": keys[row], "value": values[row]} for row in rows
            ]
            try:
                # The partition is an argument: inside a message the client (2.16) ignores it.
                taken += self._client.produce_batch(
                    topic, messages, partition=partition, on_delivery=self._on_report
                )
            except KafkaException as error:
                return taken, error.args[0]
            refused = [message["_error"] for message in messages if "_error" in message]
            if refused:
                return taken, refused[0]
        return taken, None

    def poll(self, timeout_s: float) -> None:
        """Take in reports."""
        self._client.poll(timeout_s)

    def flush(self, timeout_s: float) -> None:
        """Send and wait."""
        self._client.flush(timeout_s)

    def purge(self) -> None:
        """Give up."""
        self._client.purge()

    def failures(self) -> Sequence[Failure]:
        """Return what has failed."""
        return [
            Failure(topic, KafkaError(code), count, self._largest[topic, code])
            for (topic, code), count in self._failed.items()
        ]

    def partitions(self, topic: str | None, timeout_s: float) -> tuple[int, KafkaError | None]:
        """Ask the broker."""
        if topic is None:
            self._client.list_topics(timeout=timeout_s)
            return 0, None
        found = self._client.list_topics(topic, timeout=timeout_s).topics[topic]
        return len(found.partitions), found.error

    def close(self) -> None:
        """Let the client go: it ends when nobody holds it any more."""
        self._client.purge()
        self._client.flush(0)

    def _on_report(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        key = str(message.topic()), error.code()
        # Its headers are gone with the report.
        size = _bytes(message.key(), message.value(), ())
        self._failed[key] += 1
        self._largest[key] = max(size, self._largest.get(key, 0))


def _cut(
    joined: Any, bounds: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_]
) -> list[bytes | None]:
    data = bytes(joined)
    cut: list[bytes | None] = [data[begin:end] for begin, end in pairwise(bounds.tolist())]
    for row in np.flatnonzero(missing).tolist():
        cut[row] = None
    return cut


def _bytes(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> int:
    more = sum(len(name) + len(each) for name, each in headers)
    return len(key or b"") + len(value or b"") + more


def _silent_logger() -> logging.Logger:
    logger = logging.getLogger("tidemark.producer.librdkafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
