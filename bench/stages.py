"""What the floor is made of: CPU of each step on the way of an event, one process, no Bytewax."""

from __future__ import annotations

from bench.results import Figures, Result
from bench.session import Session
from bench.subjects import run_module
from bench.throughput import settings_of
from bench.topics import Content, fill

SUBJECT = "way of an event"
PYTHON = "Python half only"


def stages(session: Session, events: int) -> Result:
    """Measure microseconds of CPU an event, step by step; sums are checked."""
    content = Content(events)
    place = fill(session.kafka, content)
    command = ["bench.stage_times", place.servers, place.topic]
    runs: dict[str, list[Figures]] = {SUBJECT: [], PYTHON: []}
    for _ in range(session.rounds):
        runs[SUBJECT].append(run_module(command))
        runs[PYTHON].append(run_module(command, {"TIDEMARK_COMPILED": "off"}))
    return session.result(
        "stages",
        {"events": events, **settings_of(content)},
        runs,
        [],
        "microseconds of CPU an event; other threads are librdkafka's and polars'",
    )
