"""Send records to Kafka: columns in, every acknowledgement counted.

Delivery guarantee: each record is written exactly once per run and in order within its partition
(idempotent producer), or counted as failed. After the first failed record nothing more is sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from generator.delivery import Delivery
from tidemark.errors import TidemarkError

CHUNK: Final = 20_000
IN_FLIGHT: Final = 200_000
"""Records handed to the client and not yet acknowledged, at most. The client's own queue is
larger: if it were full in the middle of a batch, later records would overtake earlier ones."""
NEW_TOPIC_S: Final = 5.0
GIVE_UP_S: Final = 5.0
TUNING: Final[Mapping[str, str | int | float | bool]] = {
    "linger.ms": 20,
    "batch.size": 1_000_000,
    "batch.num.messages": 100_000,
    "message.timeout.ms": 60_000,
}
REQUIRED: Final[Mapping[str, str | int | float | bool]] = {
    "enable.idempotence": True,
    "delivery.report.only.error": True,
    "queue.buffering.max.messages": 2 * IN_FLIGHT,
    "queue.buffering.max.kbytes": 2_000_000,
}

Properties = Mapping[str, str | int | float | bool]


class KafkaTarget:
    """Sends frames of records to the partitions that they name."""

    def __init__(self, properties: Properties, topic: str) -> None:
        self.topic = topic
        self.delivery = Delivery()
        self._servers = str(properties.get("bootstrap.servers", ""))
        self._last_error = ""
        merged: dict[str, Any] = {**TUNING, **properties, **REQUIRED}
        self._patience_s = float(merged["message.timeout.ms"]) / 1_000 + 5.0
        merged["error_cb"] = self._on_error
        # librdkafka would print each failed connection to stderr: the counts say it once.
        merged["logger"] = _silent_logger()
        try:
            self._producer = Producer(merged)
        except KafkaException as error:
            raise TidemarkError(
                f"the Kafka client refuses its properties: {error.args[0].str()}",
                remedy="check kafka.client and the security settings",
            ) from error

    def partitions(self, timeout_s: float) -> int:
        """Ask the broker for the number of partitions of the topic.

        Raises TidemarkError if no broker answers in time or the topic does not exist.
        """
        began = time.monotonic()
        while True:
            waited_s = time.monotonic() - began
            try:
                answer = self._producer.list_topics(
                    self.topic, timeout=max(0.1, min(2.0, timeout_s - waited_s))
                )
            except KafkaException as error:
                if waited_s < timeout_s:
                    time.sleep(0.1)
                    continue
                reason = self._last_error or error.args[0].str()
                raise TidemarkError(
                    f"no Kafka broker answers at {self._servers} (waited {timeout_s:g} s): "
                    f"{reason}",
                    remedy="start the broker, or set kafka.bootstrap_servers "
                    "(KAFKA_BOOTSTRAP_SERVERS) and the security settings to where it runs",
                ) from error
            topic = answer.topics[self.topic]
            if topic.error is None and topic.partitions:
                return len(topic.partitions)
            # A topic made a moment ago may not be known everywhere yet.
            if waited_s >= min(NEW_TOPIC_S, timeout_s):
                reason = topic.error.str() if topic.error is not None else "no partitions"
                raise TidemarkError(
                    f"topic {self.topic} cannot be written to: {reason}",
                    remedy="`tidemark topics create` makes the topics of the pipelines; "
                    "generator.topic (--topic) names another",
                )
            time.sleep(0.1)

    def put(self, frame: pl.DataFrame) -> None:
        """Hand records over in order; returns when the client has taken them.

        Waits while too many are unacknowledged. Failures are counted, see `failing`.
        """
        for part in frame.iter_slices(CHUNK):
            self._wait_for_room(len(part))
            columns = part.select("partition", "key", "value")
            for (partition,), rows in columns.partition_by("partition", as_dict=True).items():
                if not self._produce(partition, rows["key"].to_list(), rows["value"].to_list()):
                    return
            self._count(0.0)

    def _produce(self, partition: int, keys: list[bytes], values: list[bytes]) -> bool:
        """Hand the records of one partition over; False if the client takes no more at all."""
        messages: list[dict[str, Any]] = [
            {"key": key, "value": value} for key, value in zip(keys, values, strict=True)
        ]
        self.delivery.sent += len(messages)
        try:
            # The partition is an argument: inside a message the client (2.16) ignores it.
            queued = self._producer.produce_batch(
                self.topic, messages, partition=partition, on_delivery=self._on_report
            )
        except KafkaException as error:
            self._count_failed(error.args[0], len(messages))
            return False
        if queued < len(messages):
            for message in messages:
                if "_error" in message:
                    self._count_failed(message["_error"], 1)
        return True

    @property
    def failing(self) -> bool:
        """Tell whether a record has failed, so that sending more is of no use."""
        return self.delivery.failed > 0

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass, and take in acknowledgements meanwhile."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            self._count(left_s)

    def give_up(self) -> None:
        """Forget the records that are not acknowledged; they count as failed."""
        self._producer.purge()
        self._producer.flush(GIVE_UP_S)

    def finish(self) -> None:
        """Wait until every record is acknowledged or has failed.

        A second Ctrl-C gives up on the records that are still waiting.
        """
        deadline = time.monotonic() + self._patience_s
        try:
            while len(self._producer) and time.monotonic() < deadline:
                self._count(0.1)
        except KeyboardInterrupt:
            self.give_up()
        self._count(0.0)
        unknown = self.delivery.sent - self.delivery.acknowledged - self.delivery.failed
        if unknown:
            self.delivery.failed += unknown
            self.delivery.errors["no answer"] += unknown

    def _wait_for_room(self, count: int) -> None:
        while len(self._producer) + count > IN_FLIGHT and not self.failing:
            self._count(0.05)

    def _count(self, timeout_s: float) -> None:
        """Take in failures, then count what is neither failed nor still with the client.

        Reports are asked for failures only: a Python call for every success costs nearly half of
        the throughput. An acknowledged record leaves `len(producer)` all the same, a failed one
        only after its report has been taken in, so nothing is counted as acknowledged too early.
        """
        self._producer.poll(timeout_s)
        undecided = len(self._producer)
        self.delivery.acknowledged = self.delivery.sent - self.delivery.failed - undecided

    def _on_report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._count_failed(error, 1)

    def _count_failed(self, error: KafkaError, count: int) -> None:
        self.delivery.failed += count
        self.delivery.errors[error.str()] += count

    def _on_error(self, error: KafkaError) -> None:
        self._last_error = error.str()


def _silent_logger() -> logging.Logger:
    logger = logging.getLogger("generator.librdkafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
