"""Send records to Kafka: columns in, every acknowledgement counted.

Delivery guarantee: each record is written exactly once per run and in order within its partition
(idempotent producer), or counted as failed. After the first failed record nothing more is sent.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from confluent_kafka import KafkaError, KafkaException

from generator.delivery import Delivery
from tidemark.errors import TidemarkError
from tidemark.producer import Columns, Properties, producer_of

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
    "queue.buffering.max.messages": 2 * IN_FLIGHT,
    "queue.buffering.max.kbytes": 2_000_000,
}


class KafkaTarget:
    """Sends frames of records to the partitions that they name."""

    def __init__(self, properties: Properties, topic: str) -> None:
        self.topic = topic
        self.delivery = Delivery()
        self._servers = str(properties.get("bootstrap.servers", ""))
        self._last_error = ""
        self._refused: Counter[str] = Counter()
        merged: dict[str, Any] = {**TUNING, **properties, **REQUIRED}
        self._patience_s = float(merged["message.timeout.ms"]) / 1_000 + 5.0
        try:
            self._producer = producer_of(merged, self._on_error)
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
                count, why = self._producer.partitions(
                    self.topic, max(0.1, min(2.0, timeout_s - waited_s))
                )
            except KafkaException as error:
                if waited_s < timeout_s:
                    self._producer.poll(0.1)
                    continue
                reason = self._last_error or error.args[0].str()
                raise TidemarkError(
                    f"no Kafka broker answers at {self._servers} (waited {timeout_s:g} s): "
                    f"{reason}",
                    remedy="start the broker, or set kafka.bootstrap_servers "
                    "(KAFKA_BOOTSTRAP_SERVERS) and the security settings to where it runs",
                ) from error
            if why is None and count:
                return count
            # A topic made a moment ago may not be known everywhere yet.
            if waited_s >= min(NEW_TOPIC_S, timeout_s):
                reason = why.str() if why is not None else "no partitions"
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
            columns = _columns(part)
            self.delivery.sent += len(columns)
            taken, error = self._producer.send_columns(self.topic, columns)
            if error is not None:
                self._refused[error.str()] += len(columns) - taken
                self._count(0.0)
                return
            self._count(0.0)

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

        An acknowledged record leaves `len(producer)`, a failed one only after its report has been
        taken in, so nothing is counted as acknowledged too early.
        """
        self._producer.poll(timeout_s)
        undecided = len(self._producer)
        failed = self._refused.copy()
        for failure in self._producer.failures():
            failed[failure.error.str()] += failure.count
        self.delivery.errors = failed
        self.delivery.failed = failed.total()
        self.delivery.acknowledged = self.delivery.sent - self.delivery.failed - undecided

    def _on_error(self, error: KafkaError) -> None:
        self._last_error = error.str()


def _columns(frame: pl.DataFrame) -> Columns:
    keys, values = frame["key"], frame["value"]
    key_bounds, key_bytes = _joined(keys)
    value_bounds, value_bytes = _joined(values)
    return Columns(
        frame["partition"].to_numpy().astype(np.int32, copy=False),
        key_bounds,
        key_bytes,
        value_bounds,
        value_bytes,
        _missing(keys),
        _missing(values),
    )


def _missing(column: pl.Series) -> npt.NDArray[np.bool_]:
    # Frames may be small, at a rate: counting costs far less than a query.
    if not column.null_count():
        return np.zeros(len(column), np.bool_)
    return column.is_null().to_numpy()


def _joined(column: pl.Series) -> tuple[npt.NDArray[np.int64], Any]:
    """Return the bounds of a column's bytes, one more than rows, and the bytes in one buffer."""
    joined = column.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, bounds, data = joined.buffers()
    rows = slice(joined.offset, joined.offset + len(joined) + 1)
    return np.frombuffer(bounds, np.int64)[rows], b"" if data is None else data
