"""Fill a topic in parts, and know what should come out of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from generator import GeneratorSettings, KafkaTarget, TruthWriter, plan, send
from tests.end_to_end.conftest import interactions_with_faults
from tests.support.recompute import Truth, load_truth
from tests.support.servers import KafkaEndpoint

FRAME = 5_000
WINDOW_S = 10
LATENESS_S = 5.0


class Feed:
    """One generated stream with every fault, sent to a topic piece by piece."""

    def __init__(
        self, kafka: KafkaEndpoint, topic: str, truth: Path, settings: GeneratorSettings
    ) -> None:
        self.topic = topic
        self.sent = 0
        self.truth_file = truth
        self._kafka = kafka
        self._settings = settings
        self._frames = plan(settings, self._target().partitions(30.0), datetime.now(UTC))
        self._truth = TruthWriter(truth, topic)

    def send(self, count: int) -> None:
        """Send the next `count` records, a multiple of FRAME, and wait until they are there."""
        left = count
        while left > 0:
            frame = next(self._frames)
            delivery = send([frame], self._target(), self._unpaced(), truth=self._truth)
            assert delivery.acknowledged == len(frame), delivery
            self.sent += len(frame)
            left -= len(frame)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Send at the pace of the settings, in a thread, as long as the context lasts."""
        over = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                target = self._target()
                delivery = send(self._frames, target, self._settings, truth=self._truth, stop=over)
                self.sent += delivery.acknowledged
                assert not delivery.failed, delivery
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run, name="feed")
        thread.start()
        try:
            yield
            assert thread.is_alive(), "the feed ended too early"
        finally:
            over.set()
            thread.join()
            if failures:
                raise failures[0]

    def close(self) -> None:
        """Complete the truth file."""
        self._truth.close()

    def _target(self) -> KafkaTarget:
        return KafkaTarget(self._kafka.client_properties(), self.topic)

    def _unpaced(self) -> GeneratorSettings:
        return self._settings.model_copy(update={"rate": None, "speed": 1.0})


def stream(count: int | None, **changes: Any) -> GeneratorSettings:
    """Return settings for `count` interactions with disorder within the lateness and every fault.

    One partition is 30 s of event time behind the others from the start. Few events a second of
    event time: many windows close while a test breaks the job.
    """
    return interactions_with_faults().model_copy(
        update={"event_rate": 600.0, "count": count, "batch_size": FRAME, **changes}
    )


def with_faults(settings: GeneratorSettings, **changes: float) -> GeneratorSettings:
    """Return settings with other faults."""
    return settings.model_copy(update={"faults": settings.faults.model_copy(update=changes)})


def truth_of(*files: Path, lateness_s: float = LATENESS_S) -> Truth:
    """Sort out what several feeds have sent to one topic, one after the other."""
    if len(files) == 1:
        return load_truth(files[0], window_s=WINDOW_S, out_of_orderness_s=lateness_s)
    joined = files[0].with_name("joined.parquet")
    _in_one(files).write_parquet(joined)
    return load_truth(joined, window_s=WINDOW_S, out_of_orderness_s=lateness_s)


def _in_one(files: Sequence[Path]) -> pl.DataFrame:
    """Count the sequence of each partition on from file to file, as the offsets do."""
    parts = [pl.read_parquet(files[0])]
    for file in files[1:]:
        before = pl.concat(parts).group_by("partition").agg(before=pl.len().cast(pl.Int64))
        later = pl.read_parquet(file).join(before, on="partition", how="left")
        later = later.with_columns(pl.col("sequence") + pl.col("before").fill_null(0))
        parts.append(later.drop("before"))
    return pl.concat(parts)
