"""Rounds: every subject once, then every subject again, so that a busy moment hits all alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench.measure import Measured
from bench.subjects import BenchmarkError, Subject
from tests.support.servers import Kafka
from tests.support.servers.endpoints import KafkaEndpoint, RunningKafka

console = Console()


@contextmanager
def broker_at(address: str) -> Iterator[KafkaEndpoint]:
    if address:
        yield RunningKafka(address)
        return
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-kafka-") as folder:
        console.print("starting a broker (the first time it is fetched)")
        server = Kafka(Path(folder) / "kafka", fast_start=False).start()
        try:
            yield server
        finally:
            server.stop()


def run_rounds(
    subjects: dict[str, Subject], rounds: int, events: int | None
) -> dict[str, list[Measured]]:
    """Run the subjects; with `events` each must have brought out so many."""
    figures: dict[str, list[Measured]] = {name: [] for name in subjects}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("benchmark", total=rounds * len(subjects))
        for number in range(1, rounds + 1):
            for name, subject in subjects.items():
                progress.update(task, description=f"round {number}: {name}")
                measured = subject()
                if events is not None and measured.events != events:
                    raise BenchmarkError(f"{name}: {measured.events} of {events} events came out")
                figures[name].append(measured)
                progress.advance(task)
    return figures
