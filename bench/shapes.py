"""Bar 4: cost by shape: size of values, malformed records, disorder, partitions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.results import Bar, Figures, Result
from bench.rounds import Subject, run_rounds
from bench.session import Session
from bench.spread import ratios
from bench.subjects import job, raw
from bench.throughput import figures_of
from bench.topics import Content, fill

SIZES_BYTES = (100, 300, 1_000, 5_000)
MALFORMED = (0.0, 0.01, 0.2)
DISORDER_S = (0.0, 2.0, 60.0)
PARTITIONS = (1, 3, 12, 48)
_LARGEST_TOPIC_BYTES = 1_500_000_000


def sizes(session: Session, events: int) -> Result:
    """Measure by the size of values; a topic of large ones has fewer, of 1.5 GB at most."""
    subjects: dict[str, Subject] = {}
    given: dict[str, Figures] = {}
    for size in SIZES_BYTES:
        count = min(events, _LARGEST_TOPIC_BYTES // size // 10_000 * 10_000)
        place = fill(session.kafka, Content(count, size_bytes=size), f"values of {size} B")
        subjects[f"{size} B"] = partial(job, place)
        subjects[f"{size} B, raw"] = partial(raw, place)
        given[f"{size} B"] = place.given
    runs = figures_of(run_rounds(subjects, session.rounds))
    for name, found in runs.items():
        size_bytes = given[name.removesuffix(", raw")]["bytes_an_event"]
        for run in found:
            run["bytes_an_event"] = size_bytes
            run["mb_per_s"] = run["events_per_s"] * size_bytes / 1e6
    note = "one process, no store"
    return session.result("sizes", {"events": events}, runs, [], note, given=given)


def malformed(session: Session, events: int) -> Result:
    """Measure by the share of malformed records; each of them is sent to the dead letters."""
    names = {share: f"{share:.0%} malformed" for share in MALFORMED}
    subjects: dict[str, Subject] = {}
    given: dict[str, Figures] = {}
    for share in MALFORMED:
        place = fill(session.kafka, Content(events, malformed_share=share), names[share])
        subjects[names[share]] = partial(job, place)
        given[names[share]] = place.given
    runs = figures_of(run_rounds(subjects, session.rounds))
    rates = {name: [run["events_per_s"] for run in found] for name, found in runs.items()}
    clean = rates[names[0.0]]
    bars = [
        Bar(bar, f"{names[share]}, of clean", ">=", wanted, ratios(rates[names[share]], clean))
        for bar, share, wanted in (("4a", 0.01, 0.8), ("4b", 0.2, 0.5))
    ]
    return session.result(
        "malformed",
        {"events": events},
        runs,
        bars,
        "one process, no store; rejected records go to the dead-letter topic, on the same broker",
        given=given,
    )


def disorder(session: Session, events: int) -> Result:
    """Measure by disorder, with an allowed lateness to match: nothing is late."""
    subjects: dict[str, Subject] = {}
    for seconds in DISORDER_S:
        content = Content(events, disorder_share=1.0, disorder_s=seconds)
        place = fill(session.kafka, content, f"disorder of {seconds:g} s")
        more = {"TIDEMARK_TIME__OUT_OF_ORDERNESS_S": f"{seconds:g}"}
        subjects[f"{seconds:g} s"] = partial(job, place, more=more)
    runs = figures_of(run_rounds(subjects, session.rounds))
    return session.result(
        "disorder",
        {"events": events, "event_rate": Content(events).event_rate},
        runs,
        [],
        "one process, no store; every event is up to so much older than its place in the stream, "
        "and out_of_orderness_s is that: none is late",
    )


def partitions(session: Session, events: int) -> Result:
    """Measure by the number of partitions."""
    subjects: dict[str, Subject] = {}
    given: dict[str, Figures] = {}
    for count in PARTITIONS:
        name = f"{count} partition" + ("s" if count > 1 else "")
        place = fill(session.kafka, Content(events, count), name)
        subjects[name] = partial(job, place)
        given[name] = place.given
        subjects[f"{name}, raw"] = partial(raw, place)
    runs = figures_of(run_rounds(subjects, session.rounds))
    note = "one process, no store"
    return session.result("partitions", {"events": events}, runs, [], note, given=given)


SHAPES: dict[str, Callable[[Session, int], Result]] = {
    "sizes": sizes,
    "malformed": malformed,
    "disorder": disorder,
    "partitions": partitions,
}
