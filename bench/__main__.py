"""`python -m bench`: load a topic once, run the subjects in interleaved rounds, print one table."""

from __future__ import annotations

import json
import statistics
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.measure import Measured
from bench.rounds import broker_at, console, run_rounds
from bench.subjects import BenchmarkError, Place, Subject, job, raw
from generator import GeneratorSettings, KafkaTarget, plan, send
from tests.support.servers.endpoints import KafkaEndpoint
from tests.support.unique import unique_name

RAW = "raw consume"


def main(
    events: Annotated[int, typer.Option(help="Events in the topic.")] = 2_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 5,
    users: Annotated[int, typer.Option(help="Distinct users.")] = 10_000,
    items: Annotated[int, typer.Option(help="Distinct items, skewed.")] = 2_000,
    partitions: Annotated[int, typer.Option(help="Partitions of the topic.")] = 3,
    batch: Annotated[int, typer.Option(help="Records of a poll.")] = 20_000,
    kafka: Annotated[
        str, typer.Option(envvar="TIDEMARK_TEST_KAFKA", help="A running broker to use instead.")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures here.")
    ] = None,
) -> None:
    """Compare the job with a bare consumer. Every run also checks its sums."""
    with broker_at(kafka) as broker:
        topic = broker.create_topic(unique_name("bench"), partitions)
        place = Place(broker.bootstrap_servers, topic, events)
        _load(broker, place, users, items)
        sqlite = "sqlite:{directory}/bench.db"
        subjects: dict[str, Subject] = {
            RAW: partial(raw, place),
            "job, no-op store": partial(job, place, documents="null:", batch=batch),
            "job, SQLite": partial(job, place, documents=sqlite, batch=batch),
            "job, two processes, no-op": partial(
                job, place, documents="null:", processes=2, batch=batch
            ),
            "job, two processes, SQLite": partial(
                job, place, documents=sqlite, processes=2, batch=batch
            ),
        }
        figures = run_rounds(subjects, rounds, events)
    _print(figures, events)
    if json_file is not None:
        rows = {name: [vars_of(m) for m in runs] for name, runs in figures.items()}
        json_file.write_text(json.dumps({"events": events, "users": users, "runs": rows}, indent=1))


def vars_of(measured: Measured) -> dict[str, float]:
    """Return the figures of a run for the JSON file."""
    seconds = measured.ended_s - measured.began_s
    return {
        "events_per_s": measured.events / seconds,
        "cpu_s": measured.cpu_s,
        "peak_mib": measured.peak_mib,
    }


def _load(broker: KafkaEndpoint, place: Place, users: int, items: int) -> None:
    settings = GeneratorSettings(
        rate=None,
        event_rate=50_000.0,
        count=place.events,
        seed=1,
        start_time=datetime.now(UTC) - timedelta(hours=1),
        population={"users": users, "items": items, "item_skew": 1.0},
        faults={"out_of_order_share": 0.1, "out_of_order_s": 4.0},
    )
    target = KafkaTarget(broker.client_properties(), place.topic)
    frames = plan(settings, target.partitions(timeout_s=30.0), datetime.now(UTC))
    delivery = send(frames, target, settings)
    if delivery.acknowledged != place.events:
        raise BenchmarkError(f"only {delivery.acknowledged} of {place.events} events are loaded")
    console.print(
        f"loaded {place.events:,} events at {place.events / delivery.seconds:,.0f} events/s"
    )


def _print(figures: dict[str, list[Measured]], events: int) -> None:
    rounds = len(figures[RAW])
    table = Table(
        title=f"{events:,} events, medians of {rounds} interleaved rounds (lowest-highest)"
    )
    for column in ("subject", "events/s", "ratio to raw", "CPU s per million", "peak MiB"):
        table.add_column(column, justify="left" if column == "subject" else "right")
    rates = {
        name: [m.events / (m.ended_s - m.began_s) for m in runs] for name, runs in figures.items()
    }
    for name, runs in figures.items():
        ratios = [rate / floor for rate, floor in zip(rates[name], rates[RAW], strict=True)]
        table.add_row(
            name,
            _spread(rates[name], ",.0f"),
            _spread(ratios, ".2f"),
            f"{statistics.median(m.cpu_s * 1e6 / events for m in runs):.2f}",
            f"{statistics.median(m.peak_mib for m in runs):.0f}",
        )
    Console(width=None if console.is_terminal else 110).print(table)


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


if __name__ == "__main__":
    typer.run(main)
