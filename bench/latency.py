"""Bar 5: how long after the end of a window its document can be read, live.

A window is over when the watermark has passed its end, `out_of_orderness_s` after the clock has:
latency counts from there. It holds everything in between: the wait for the next event of the
slowest partition, the generator's and the broker's batching, the poll, the work, the store.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from bench.console import console
from bench.errors import BenchmarkError
from bench.live import OUT_OF_ORDERNESS_S, LiveFeed, LiveJob, Watch
from bench.results import Bar, Figures, Result
from bench.rounds import run_rounds
from bench.session import Session
from bench.spread import percentile
from bench.topics import Place
from tests.support.unique import unique_name

RATES = (50_000.0, 100_000.0)
USERS = 10_000
WARM_UP_S = 8.0
_AGES_A_WINDOW = 20


def name_of(rate: float) -> str:
    """Return the name of a subject."""
    return f"{rate:,.0f} events/s"


def latency(session: Session, seconds: float, window_s: int, users: int = USERS) -> Result:
    """Measure the windows of `seconds`, at each rate."""
    subjects = {
        name_of(rate): partial(_live, session, rate, seconds, window_s, users) for rate in RATES
    }
    runs = run_rounds(subjects, session.rounds)
    bars = []
    for letters, rate in zip(("ab", "cd"), RATES, strict=True):
        for letter, share, wanted in zip(letters, (50, 99), (150.0, 500.0), strict=True):
            values = [run[f"latency_p{share}_ms"] for run in runs[name_of(rate)]]
            what = f"latency p{share} at {name_of(rate)}"
            bars.append(Bar(f"5{letter}", what, "<=", wanted, values, "ms"))
    return session.result(
        "latency",
        {
            "seconds": seconds,
            "window_s": window_s,
            "out_of_orderness_s": OUT_OF_ORDERNESS_S,
            "partitions": 3,
            "users": users,
            "items": 2_000,
        },
        runs,
        bars,
        "one process under `tidemark run`, recovery on, SQLite, read every 5 ms; generator (which "
        "batches for up to 20 ms) and broker on the same cores; event age is that of events when "
        "their window can be read, freshness how long ago the newest readable window ended",
    )


def _live(session: Session, rate: float, seconds: float, window_s: int, users: int) -> Figures:
    kafka = session.kafka
    topic = kafka.create_topic(unique_name("bench"), 3)
    place = Place(kafka.bootstrap_servers, topic, 0)
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as folder:
        job = LiveJob(Path(folder), place, window_s)
        duration_s = WARM_UP_S + OUT_OF_ORDERNESS_S + window_s + seconds
        with job, Watch(job.store, window_s) as watch:
            more = ("--duration", f"{duration_s:g}", "--set", f"population.users={users}")
            with LiveFeed(place, rate, *more) as feed:
                job.wait_until(lambda: bool(watch.readable_s), "the first window")
                began_s, cpu_s = time.time(), job.cpu_s()
                sent = feed.end()
                ended_s, cpu_s = time.time(), job.cpu_s() - cpu_s
            job.wait_for_all(sent)
            # Windows that were over later were closed by silence, not by events.
            last_s = job.last_event_s()
        figures = of_watch(watch, began_s + WARM_UP_S, last_s, window_s)
    figures["events"] = float(sent)
    figures["events_per_s"] = sent / duration_s
    figures["job_cpu_share"] = cpu_s / (ended_s - began_s)
    kafka.delete_topic(topic)
    console.print(f"{name_of(rate)}: {sent:,} events, {figures['windows']:.0f} windows measured")
    return figures


def of_watch(watch: Watch, from_s: float, to_s: float, window_s: int) -> Figures:
    """Return what was seen of the windows that were over in this time; all times Unix seconds.

    Raises BenchmarkError if there were none.
    """
    latency_s: list[float] = []
    age_s: list[float] = []
    for end_s, readable_s in watch.readable_s.items():
        over_s = end_s + OUT_OF_ORDERNESS_S
        if from_s <= over_s <= to_s:
            latency_s.append(readable_s - over_s)
            # Live events come evenly: their ages, in steps over the length of the window.
            age_s += [
                readable_s - end_s + (step + 0.5) * window_s / _AGES_A_WINDOW
                for step in range(_AGES_A_WINDOW)
            ]
    fresh_s = [fresh for at_s, fresh in watch.freshness if from_s <= at_s <= to_s]
    if not latency_s or not fresh_s:
        raise BenchmarkError("no window was over in the time that is measured")
    return {
        "windows": float(len(latency_s)),
        "latency_p50_ms": 1e3 * percentile(latency_s, 0.50),
        "latency_p99_ms": 1e3 * percentile(latency_s, 0.99),
        "latency_max_ms": 1e3 * max(latency_s),
        "event_age_p50_s": percentile(age_s, 0.50),
        "event_age_p99_s": percentile(age_s, 0.99),
        "freshness_p50_s": percentile(fresh_s, 0.50),
        "freshness_p99_s": percentile(fresh_s, 0.99),
    }
