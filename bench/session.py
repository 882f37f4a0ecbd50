"""A session: the servers that benchmarks share, and how thorough they are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.console import console
from bench.origin import origin
from bench.results import Bar, Figures, Result
from tests.support.servers import InfluxDB, Kafka, Mongo
from tests.support.servers.endpoints import (
    InfluxDBEndpoint,
    KafkaEndpoint,
    MongoEndpoint,
    RunningInfluxDB,
    RunningKafka,
    RunningMongo,
)


class Session:
    """Servers are started when they are first asked for, and end with the session."""

    def __init__(
        self,
        stack: ExitStack,
        *,
        rounds: int,
        quick: bool = False,
        kafka: str = "",
        influx: str = "",
        mongo: str = "",
    ) -> None:
        self.rounds = rounds
        self.quick = quick
        self._stack = stack
        self._kafka: KafkaEndpoint | None = RunningKafka(kafka) if kafka else None
        self._influx: InfluxDBEndpoint | None = RunningInfluxDB(influx) if influx else None
        self._mongo: MongoEndpoint | None = RunningMongo(mongo) if mongo else None
        self._origin = origin(quick)

    @property
    def kafka(self) -> KafkaEndpoint:
        """A broker."""
        if self._kafka is None:
            console.print("starting a broker (the first time it is fetched)")
            # As it comes, but for the heap: no trade of throughput for a quick start.
            server = Kafka(self._room("kafka"), fast_start=False)
            self._kafka = self._stack.enter_context(server)
        return self._kafka

    @property
    def influx(self) -> InfluxDBEndpoint:
        """A server of time series."""
        if self._influx is None:
            self._influx = self._stack.enter_context(InfluxDB(self._room("influx"), auth=True))
        return self._influx

    @property
    def mongo(self) -> MongoEndpoint:
        """A server that speaks MongoDB's protocol."""
        if self._mongo is None:
            self._mongo = self._stack.enter_context(Mongo(self._room("mongo")))
        return self._mongo

    @contextmanager
    def of_rounds(self, rounds: int) -> Iterator[Session]:
        """Give this session another number of rounds for a while."""
        before, self.rounds = self.rounds, rounds
        try:
            yield self
        finally:
            self.rounds = before

    def result(
        self,
        name: str,
        settings: dict[str, Any],
        runs: dict[str, list[Figures]],
        bars: list[Bar],
        *notes: str,
        given: dict[str, Figures] | None = None,
    ) -> Result:
        """Return the result of a benchmark in this session."""
        settings = {"rounds": max(map(len, runs.values()), default=0), **settings}
        return Result(name, self._origin, settings, runs, bars, list(notes), given or {})

    def _room(self, name: str) -> Path:
        folder = self._stack.enter_context(
            tempfile.TemporaryDirectory(
                prefix=f"tidemark-bench-{name}-", ignore_cleanup_errors=True
            )
        )
        return Path(folder) / name


@contextmanager
def session(
    rounds: int, quick: bool, kafka: str = "", influx: str = "", mongo: str = ""
) -> Iterator[Session]:
    """Open a session; says loudly where its figures count for nothing."""
    if quick:
        console.print("[bold red]QUICK: too few events and rounds, these figures count for nothing")
    with ExitStack() as stack:
        yield Session(stack, rounds=rounds, quick=quick, kafka=kafka, influx=influx, mongo=mongo)
