"""Bar 6: after a crash, and after an outage."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from bench.console import console
from bench.errors import BenchmarkError
from bench.live import OUT_OF_ORDERNESS_S, LiveFeed, LiveJob, Watch
from bench.results import Bar, Figures, Result
from bench.rounds import run_rounds
from bench.session import Session
from bench.topics import Place
from tests.support.unique import unique_name

_STEADY_WINDOWS = 5
_CAUGHT_UP_S = 2.0
"""Of the stream, at most, is not read: the job tells once a second how far it has read."""
_IN_TIME_S = 1.0
"""A window that can be read so soon after it is over was not waited for by a backlog."""


def restart(session: Session, rate: float, processes: int, window_s: int = 1) -> Result:
    """Kill a member of a live job; measure until a window that is new can be read."""
    subject = partial(_restart, session, rate, processes, window_s)
    runs = run_rounds({"kill -9 of a member": subject}, session.rounds)
    found = runs["kill -9 of a member"]
    return session.result(
        "restart",
        {"rate": rate, "processes": processes, "window_s": window_s, "partitions": 3},
        runs,
        [
            Bar(
                "6b",
                "from the restart of the group to the first new window",
                "<=",
                5.0,
                [run["from_restart_s"] for run in found],
                "s",
            )
        ],
        "under `tidemark run`, default epoch, SQLite, all on the same cores; the supervisor waits "
        "0.5 s before the restart, which `from_kill_s` holds, too",
    )


def _restart(session: Session, rate: float, processes: int, window_s: int) -> Figures:
    kafka = session.kafka
    topic = kafka.create_topic(unique_name("bench"), 3)
    place = Place(kafka.bootstrap_servers, topic, 0)
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as folder:
        job = LiveJob(Path(folder), place, window_s, processes)
        with job, Watch(job.store, window_s) as watch, LiveFeed(place, rate) as feed:
            job.wait_until(lambda: len(watch.readable_s) >= _STEADY_WINDOWS, "windows")
            killed_s = job.kill_member()
            job.wait_until(lambda: len(job.events("group.ready")) > 1, "the new group")
            old = {end for end, at in watch.readable_s.items() if at <= killed_s}

            def new_windows() -> list[float]:
                # Others of the group may have written on for a moment.
                started_s = _moment(job.events("worker.started")[-processes]["timestamp"])
                return [
                    at
                    for end, at in list(watch.readable_s.items())
                    if end not in old and at > started_s
                ]

            job.wait_until(lambda: bool(new_windows()), "a new window")
            began_s = _moment(job.events("worker.started")[-processes]["timestamp"])
            ready_s = _moment(job.events("group.ready")[-1]["timestamp"])
            first_s = min(new_windows())
            sent = feed.stop()
            job.wait_for_all(sent)
    kafka.delete_topic(topic)
    return {
        "from_kill_s": first_s - killed_s,
        "from_restart_s": first_s - began_s,
        "to_ready_s": ready_s - began_s,
        "events": float(sent),
    }


def catch_up(
    session: Session, rate: float, outage_s: float, window_s: int = 10, processes: int = 2
) -> Result:
    """Stop a live job for an outage; measure until it is live again, the stream going on."""
    subject = partial(_catch_up, session, rate, outage_s, window_s, processes)
    runs = run_rounds({f"outage of {outage_s:g} s": subject}, session.rounds)
    (found,) = runs.values()
    return session.result(
        "catch-up",
        {
            "rate": rate,
            "outage_s": outage_s,
            "window_s": window_s,
            "processes": processes,
            "partitions": 3,
        },
        runs,
        [
            Bar(
                "6c",
                f"catch-up of {outage_s:g} s at {rate:,.0f} events/s, stream going on",
                "<=",
                180.0,
                [run["caught_up_s"] for run in found],
                "s",
            )
        ],
        f"{processes} processes under `tidemark run`, SQLite; the backlog is what an outage of "
        "that length leaves, filled in as fast as the generator can, with the event times of the "
        "outage; when the job starts again the live stream goes on at the same rate; caught up: "
        f"no more than {_CAUGHT_UP_S:g} s of the stream are not read; in time: a window can be "
        f"read within {_IN_TIME_S:g} s of being over",
    )


def _catch_up(
    session: Session, rate: float, outage_s: float, window_s: int, processes: int
) -> Figures:
    kafka = session.kafka
    # Room for one topic at a time: the next round's would not fit beside it for long outages.
    topic = kafka.create_topic(unique_name("bench"), 3)
    place = Place(kafka.bootstrap_servers, topic, 0)
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-") as folder:
        job = LiveJob(Path(folder), place, window_s, processes)
        with job:
            # Some state before the outage, older than it.
            before = datetime.now(UTC) - timedelta(seconds=outage_s + 60)
            sent = _filled(place, rate, before, round(rate))
            job.wait_until(lambda: job.read() == sent, "the events before the outage")
            job.stop()
            began = datetime.now(UTC) - timedelta(seconds=outage_s)
            sent += _filled(place, rate, began, round(rate * outage_s))
            filled_s = (datetime.now(UTC) - began).total_seconds() - outage_s
            console.print(f"backlog of {sent:,} events filled in {filled_s:.0f} s")
            with LiveFeed(place, rate) as feed, Watch(job.store, window_s) as watch:
                started_s = time.time()
                job.start()

                highs = Highs(place)
                job.wait_until(
                    lambda: highs.now() - job.next_offsets() <= _CAUGHT_UP_S * rate,
                    "the job to be live again",
                    900.0,
                )
                caught_up_s = time.time() - started_s
                highs.close()
                job.wait_until(
                    lambda: any(_timely(watch, at_s=started_s)), "a window in time", 120.0
                )
                in_time_s = min(_timely(watch, at_s=started_s)) - started_s
                sent += feed.stop()
            job.wait_for_all(sent)
    kafka.delete_topic(topic)
    return {
        "caught_up_s": caught_up_s,
        "first_window_in_time_s": in_time_s,
        "backlog_events": rate * outage_s,
        "events": float(sent),
        "read_per_s": (rate * outage_s) / caught_up_s + rate,
    }


def _timely(watch: Watch, at_s: float) -> list[float]:
    """Return when windows could be read in time, later than `at_s`."""
    return [
        at
        for end, at in list(watch.readable_s.items())
        if at > at_s and 0 <= at - end - OUT_OF_ORDERNESS_S <= _IN_TIME_S
    ]


class Highs:
    """Where a topic ends."""

    def __init__(self, place: Place) -> None:
        self._consumer = Consumer({"bootstrap.servers": place.servers, "group.id": place.topic})
        found = self._consumer.list_topics(place.topic, timeout=10.0).topics[place.topic]
        self._partitions = [TopicPartition(place.topic, number) for number in found.partitions]

    def now(self) -> int:
        """Return the sum of the partitions' ends."""
        ends = (self._consumer.get_watermark_offsets(p, timeout=10.0) for p in self._partitions)
        return sum(end[1] for end in ends)

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def _filled(place: Place, event_rate: float, start: datetime, count: int) -> int:
    """Send events of the past as fast as possible; return how many."""
    arguments = ["--rate", "max", "--event-rate", f"{event_rate:g}", "--count", str(count)]
    with LiveFeed(place, event_rate, *arguments, "--start-time", start.isoformat()) as feed:
        acknowledged = feed.end()
    if acknowledged != count:
        raise BenchmarkError(f"only {acknowledged} of {count} events are loaded")
    return acknowledged


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
