"""Configurations that the capacity model is not fitted to, to see what it says of them."""

from __future__ import annotations

from functools import partial

from bench.results import Figures, Result
from bench.rounds import Subject, run_rounds
from bench.session import Session
from bench.subjects import NO_STORE, SQLITE, job
from bench.throughput import figures_of
from bench.topics import Content, fill


def holdout(session: Session, events: int) -> Result:
    """Measure mixtures of what the other benchmarks vary one at a time."""
    cases = {
        "300k users, 600 B, 6 partitions": (
            Content(
                events,
                6,
                items=20_000,
                item_skew=0.0,
                even_users=300_000,
                size_bytes=600,
                one_window=True,
            ),
            NO_STORE,
        ),
        "50k users, 5 % malformed, 12 partitions, SQLite": (
            Content(events, 12, users=50_000, malformed_share=0.05),
            SQLITE,
        ),
        "2k users, 1,500 B, 3 partitions, SQLite": (
            Content(events // 2, users=2_000, items=500, size_bytes=1_500),
            SQLITE,
        ),
        "500k users, 100k items, 3 partitions": (
            Content(events, items=100_000, item_skew=0.0, even_users=500_000, one_window=True),
            NO_STORE,
        ),
    }
    subjects: dict[str, Subject] = {}
    given: dict[str, Figures] = {}
    for name, (content, store) in cases.items():
        place = fill(session.kafka, content, name)
        subjects[name] = partial(job, place, documents=store)
        given[name] = {**place.given, "sqlite": float(store == SQLITE)}
    runs = figures_of(run_rounds(subjects, session.rounds))
    note = "one process; recovery on at the default epoch"
    return session.result("holdout", {"events": events}, runs, [], note, given=given)
