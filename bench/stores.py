"""Bar 2: what stores cost the job, which reads a backlog as fast as it can beside them.

A backlog closes its windows as fast as it is read: many more documents a second than a live stream.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import BenchmarkError
from bench.results import Bar, Result
from bench.rounds import Subject, run_rounds
from bench.session import Session
from bench.spread import ratios
from bench.subjects import NO_STORE, SQLITE, job
from bench.throughput import figures_of, settings_of
from bench.topics import Content, Place, fill
from tests.support.servers.endpoints import InfluxDBEndpoint
from tests.support.unique import unique_name

NONE = "no store"
IN_SQLITE = "SQLite"
IN_INFLUX = "InfluxDB"
BOTH = "SQLite + InfluxDB + alert rules"
RULES: list[dict[str, Any]] = [
    {"name": "item_spike", "metric": "count", "per": "item", "op": ">", "threshold": 20_000},
    {"name": "busy_user", "metric": "count", "per": "user", "op": ">", "threshold": 80},
    {"name": "few_purchases", "metric": "by_type.purchase", "op": "<", "threshold": 5_000},
    {"name": "hasty_users", "metric": "avg_per_user", "op": ">=", "threshold": 20},
    {"name": "many_rejects", "metric": "rejected", "op": ">", "threshold": 100},
]
"""Some of them hold in some windows: what costs is looking, and a few alerts."""


def stores(session: Session, events: int, workers: int = 1) -> Result:
    """Measure events a second with each store, in parts of what they are without one."""
    content = Content(events)
    place = fill(session.kafka, content)
    run = partial(job, place, workers=workers)
    subjects: dict[str, Subject] = {
        NONE: run,
        IN_SQLITE: partial(run, documents=SQLITE, check=partial(_check_sqlite, events=events)),
        IN_INFLUX: partial(_with_influx, session.influx, place, workers, NO_STORE, []),
        BOTH: partial(_with_influx, session.influx, place, workers, SQLITE, RULES),
    }
    runs = figures_of(run_rounds(subjects, session.rounds))
    rates = {name: [each["events_per_s"] for each in found] for name, found in runs.items()}
    bars = [
        Bar(bar, f"{name}, of no store", ">=", wanted, ratios(rates[name], rates[NONE]))
        for bar, name, wanted in (
            ("2a", IN_SQLITE, 0.9),
            ("2b", IN_INFLUX, 0.85),
            ("2c", BOTH, 0.75),
        )
    ]
    return session.result(
        "stores",
        {"events": events, "workers_a_process": workers, **settings_of(content)},
        runs,
        bars,
        "one process; recovery on at the default epoch; broker and InfluxDB on the same cores; "
        f"{events / content.event_rate:.0f} s of event time, its windows closed as fast as they "
        "are read",
        given={
            NONE: place.given,
            IN_SQLITE: {**place.given, "sqlite": 1.0},
            IN_INFLUX: {**place.given, "influx": 1.0},
        },
    )


def _with_influx(
    influx: InfluxDBEndpoint,
    place: Place,
    workers: int,
    documents: str,
    rules: list[dict[str, Any]],
) -> Any:
    database = influx.create_database(unique_name("bench"))
    settings = {
        "INFLUX_TOKEN": influx.token,
        "TIDEMARK_SERIES__INFLUX_BUCKET": f"{database}/autogen",
        "TIDEMARK_ALERTS__RULES": json.dumps([{"pipeline": "interactions", **r} for r in rules]),
    }
    check = partial(_check_sqlite, events=place.events) if documents == SQLITE else None
    try:
        measured = job(
            place,
            documents=documents,
            series=influx.url,
            workers=workers,
            more=settings,
            check=check,
        )
        (row,) = influx.query('SELECT SUM("count") FROM "interactions"', database)
        _same("InfluxDB", int(row["sum"]), place.events)
        return measured
    finally:
        influx.drop_database(database)


def _check_sqlite(directory: Path, *, events: int) -> None:
    """Add up what is in the store: windows, and current aggregates by user and by item."""
    with closing(sqlite3.connect(directory / "bench.db")) as connection:
        for collection in ("aggregated_data", "user_stats", "item_stats"):
            query = f"SELECT SUM(json_extract(doc, '$.total')) FROM {collection}"
            _same(f"SQLite, {collection}", connection.execute(query).fetchone()[0], events)


def _same(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise BenchmarkError(f"{what}: {found} of {wanted} events are there")
