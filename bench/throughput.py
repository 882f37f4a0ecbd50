"""Bar 1: the job beside a bare consumer, on the same topic in the same run."""

from __future__ import annotations

from functools import partial

from bench.measure import Measured
from bench.results import Bar, Result
from bench.rounds import Subject, run_rounds
from bench.session import Session
from bench.spread import ratios
from bench.subjects import job, raw
from bench.topics import Content, fill

RAW = "raw consume"
ONE = "one process"
TWO = "two processes"
PYTHON = "one process, Python half only"


def throughput(session: Session, events: int, workers: int = 1) -> Result:
    """Measure events a second of the job, without a store, in parts of the bare consumer's."""
    content = Content(events)
    place = fill(session.kafka, content)
    subjects: dict[str, Subject] = {
        RAW: partial(raw, place),
        ONE: partial(job, place, workers=workers),
        TWO: partial(job, place, processes=2, workers=workers),
        PYTHON: partial(job, place, workers=workers, more={"TIDEMARK_COMPILED": "off"}),
    }
    runs = figures_of(run_rounds(subjects, session.rounds))
    rates = {name: [run["events_per_s"] for run in found] for name, found in runs.items()}
    return session.result(
        "throughput",
        {
            "events": events,
            "workers_a_process": workers,
            "bytes_an_event": place.given["bytes_an_event"],
            **settings_of(content),
        },
        runs,
        [
            Bar("1a", "one process, of raw consume", ">=", 0.45, ratios(rates[ONE], rates[RAW])),
            Bar("1b", "two processes, of raw consume", ">=", 0.6, ratios(rates[TWO], rates[RAW])),
        ],
        "no store; recovery on at the default epoch; the broker runs on the same cores",
        given={ONE: place.given},
    )


def figures_of(measured: dict[str, list[Measured]]) -> dict[str, list[dict[str, float]]]:
    """Return what is kept of all runs."""
    return {name: [each.figures() for each in found] for name, found in measured.items()}


def settings_of(content: Content) -> dict[str, int | float]:
    """Return what a reader wants to know of a topic."""
    return {
        "users": content.users,
        "items": content.items,
        "partitions": content.partitions,
        "event_rate": content.event_rate,
    }
