"""Bar 7: how fast the generator fills a topic, from one process."""

from __future__ import annotations

from bench.errors import BenchmarkError
from bench.results import Bar, Figures, Result
from bench.rounds import run_rounds
from bench.session import Session
from bench.subjects import run_module
from tests.support.unique import unique_name


def generation(session: Session, events: int) -> Result:
    """Measure acknowledged interactions a second, each run into a topic of its own."""
    kafka = session.kafka

    def generate() -> Figures:
        topic = kafka.create_topic(unique_name("bench"), 3)
        arguments = ["bench.generate", kafka.bootstrap_servers, topic, str(events)]
        found = run_module(arguments)
        if found["acknowledged"] != events:
            raise BenchmarkError(f"{found['acknowledged']} of {events} events are there")
        kafka.delete_topic(topic)
        return {name: found[name] for name in ("events_per_s", "cpu_s_per_million", "peak_mib")}

    runs = run_rounds({"interactions": generate}, session.rounds)
    rates = [run["events_per_s"] for run in runs["interactions"]]
    return session.result(
        "generator",
        {"events": events, "partitions": 3},
        runs,
        [Bar("7", "generator: interactions into Kafka", ">=", 400_000.0, rates, "events/s")],
        "one process, broker on the same cores, acknowledged events",
    )
