"""`python -m bench.pipelines`: what an event costs in each pipeline, next to interactions."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from bench.console import wide
from bench.errors import BenchmarkError
from bench.measure import Measured
from bench.rounds import Subject, run_rounds
from bench.session import session
from bench.subjects import job
from bench.topics import Content, fill

INTERACTIONS = "interactions"


@dataclass(frozen=True, slots=True)
class Case:
    """A pipeline over a stream of the generator; `whole` if every event comes out of it."""

    pipeline: str
    stream: str
    settings: dict[str, str] = field(default_factory=dict)
    whole: bool = True


CASES = {
    INTERACTIONS: Case("interactions", "interactions"),
    "logins": Case("logins", "logins"),
    "processed logins, android": Case("processed_logins", "logins", whole=False),
    "processed logins, all": Case(
        "processed_logins", "logins", {"PROCESSED_LOGINS__DEVICE_TYPES": "[]"}
    ),
    "activity": Case("activity", "activity", {"ACTIVITY__RAW_DATA": "false"}),
    "activity, raw data": Case("activity", "activity"),
    "sales": Case("sales", "sales", {"SALES__RAW_DATA": "false"}),
    "inventory": Case("inventory", "inventory", {"INVENTORY__RAW_DATA": "false"}),
    "funnel": Case("funnel", "activity"),
    "sessions": Case("sessions", "activity"),
}


def main(
    events: Annotated[int, typer.Option(help="Events in each topic.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 5,
    store: Annotated[
        str, typer.Option(help="Document and series store; {directory} is a fresh one.")
    ] = "null:",
    partitions: Annotated[int, typer.Option(help="Partitions of each topic.")] = 3,
    kafka: Annotated[
        str, typer.Option(envvar="TIDEMARK_TEST_KAFKA", help="A running broker to use instead.")
    ] = "",
) -> None:
    """Compare the pipelines in CPU seconds per million events. Every run also checks its sums."""
    with session(rounds, quick=False, kafka=kafka) as servers:
        streams = dict.fromkeys(case.stream for case in CASES.values())
        places = {
            name: fill(servers.kafka, Content(events, partitions, stream=name)) for name in streams
        }
        subjects: dict[str, Subject] = {
            name: partial(
                job,
                places[case.stream],
                documents=store,
                pipelines=case.pipeline,
                whole=False,  # checked below
                more=_settings(case, places[case.stream].topic),
            )
            for name, case in CASES.items()
        }
        figures = run_rounds(subjects, rounds)
    for name, case in CASES.items():
        came_out = {measured.events for measured in figures[name]}
        if len(came_out) != 1 or (case.whole and came_out != {events}) or came_out == {0}:
            raise BenchmarkError(f"{name}: {came_out} of {events} events came out")
    _print(figures, events)


def _settings(case: Case, topic: str) -> dict[str, str]:
    stream = {"logins": case.pipeline}.get(case.stream, case.stream)
    return {
        f"TIDEMARK_PIPELINES__{stream.upper()}__TOPIC": topic,
        **{f"TIDEMARK_PIPELINES__{name}": value for name, value in case.settings.items()},
    }


def _print(figures: dict[str, list[Measured]], events: int) -> None:
    table = Table(
        title=f"{events:,} events, medians of {len(figures[INTERACTIONS])} interleaved rounds"
    )
    columns = ("pipeline", "events/s", "CPU s per million", "cost beside interactions", "peak MiB")
    for column in columns:
        table.add_column(column, justify="left" if column == "pipeline" else "right")
    for name, runs in figures.items():
        beside = [
            each.cpu_s / other.cpu_s
            for each, other in zip(runs, figures[INTERACTIONS], strict=True)
        ]
        table.add_row(
            name,
            f"{statistics.median(events / (m.ended_s - m.began_s) for m in runs):,.0f}",
            f"{statistics.median(m.cpu_s * 1e6 / events for m in runs):.2f}",
            f"{statistics.median(beside):.2f} ({min(beside):.2f}-{max(beside):.2f})",
            f"{statistics.median(m.peak_mib for m in runs):.0f}",
        )
    wide.print(table)


if __name__ == "__main__":
    typer.run(main)
