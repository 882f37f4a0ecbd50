"""`python -m bench.pipelines`: what an event costs in each pipeline, next to interactions."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.measure import Measured
from bench.rounds import broker_at, console, run_rounds
from bench.subjects import BenchmarkError, Place, Subject, job
from generator import GeneratorSettings, KafkaTarget, plan, send
from tests.support.servers.endpoints import KafkaEndpoint
from tests.support.unique import unique_name

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
    with broker_at(kafka) as broker:
        streams = dict.fromkeys(case.stream for case in CASES.values())
        places = {
            name: Place(
                broker.bootstrap_servers,
                broker.create_topic(unique_name("bench"), partitions),
                events,
            )
            for name in streams
        }
        for name, place in places.items():
            _load(broker, name, place)
        subjects: dict[str, Subject] = {
            name: partial(
                job,
                places[case.stream],
                documents=store,
                pipelines=case.pipeline,
                more=_settings(case, places[case.stream].topic),
            )
            for name, case in CASES.items()
        }
        figures = run_rounds(subjects, rounds, None)
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


def _load(broker: KafkaEndpoint, stream: str, place: Place) -> None:
    settings = GeneratorSettings(
        stream=stream,
        rate=None,
        event_rate=50_000.0,
        count=place.events,
        seed=1,
        start_time=datetime.now(UTC) - timedelta(hours=1),
        population={"users": 10_000, "items": 2_000, "item_skew": 1.0},
        faults={"out_of_order_share": 0.1, "out_of_order_s": 4.0},
    )
    target = KafkaTarget(broker.client_properties(), place.topic)
    frames = plan(settings, target.partitions(timeout_s=30.0), datetime.now(UTC))
    delivery = send(frames, target, settings)
    if delivery.acknowledged != place.events:
        raise BenchmarkError(f"only {delivery.acknowledged} of {place.events} events are loaded")
    console.print(
        f"{stream}: loaded {place.events:,} at {place.events / delivery.seconds:,.0f} events/s"
    )


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
    Console(width=None if console.is_terminal else 110).print(table)


if __name__ == "__main__":
    typer.run(main)
