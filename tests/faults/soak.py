"""A long stream whose users change all the time, and the memory of the process that reads it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from confluent_kafka import Producer

from tests.faults.job import Job, settings
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name

PARTITIONS = 3
USERS = 5_000
ITEMS = 1_000
EVENTS_A_SECOND = 1_000
MIB = 1 << 20


@dataclass(frozen=True)
class Memory:
    """Resident memory over a run, sampled as (minutes of event time read, bytes)."""

    minutes: int
    samples: tuple[tuple[float, int], ...]
    distinct_users: int
    read: int
    seconds: float

    @property
    def steady(self) -> list[tuple[float, int]]:
        """The samples after warm-up, which is the first third."""
        return [sample for sample in self.samples if sample[0] >= self.minutes / 3]

    @property
    def slope_mib_a_minute(self) -> float:
        """Growth a minute of event time after warm-up, by least squares."""
        at, rss = np.array(self.steady, float).T
        return float(np.polyfit(at, rss / MIB, 1)[0])

    @property
    def level_mib(self) -> float:
        """The middle of the memory after warm-up."""
        return float(np.median([rss for _, rss in self.steady])) / MIB


def fill_with_churn(kafka: KafkaEndpoint, topic: str, minutes: int) -> None:
    """Send so many minutes of event time; each minute a tenth of the users gives way to new ones.

    Users are numbered; those of minute m are the USERS numbers from m * USERS / 10 on.
    """
    dice = np.random.default_rng(20_261_122)
    producer = Producer(
        {
            **kafka.client_properties(),
            "linger.ms": 50,
            "batch.size": 1 << 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    failures: list[str] = []
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes + 5)
    for second in range(minutes * 60):
        moment = (start + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
        users = second // 60 * (USERS // 10) + dice.integers(0, USERS, EVENTS_A_SECOND)
        items = dice.integers(0, ITEMS, EVENTS_A_SECOND)
        for number, (user, item) in enumerate(zip(users.tolist(), items.tolist(), strict=True)):
            producer.produce(
                topic,
                f'{{"user_id":"u{user}","item_id":"i{item}",'
                f'"interaction_type":"view","timestamp":"{moment}"}}',
                partition=number % PARTITIONS,
                on_delivery=lambda error, _: (
                    failures.append(str(error)) if error is not None else None
                ),
            )
        producer.poll(0)
    assert producer.flush(120) == 0
    assert not failures, failures[:3]


def soak(kafka: KafkaEndpoint, directory: Path, *, minutes: int, store: str, pace: int) -> Memory:
    """Read such a stream to its end and watch the memory of the member process.

    `pace` is the number of records read per partition and second at most: enough samples lie along
    the way however fast the machine is. `store` is the URL of both stores, beside the SQLite file
    that tells the progress.
    """
    began = time.monotonic()
    topic = kafka.create_topic(unique_name("soak"), PARTITIONS)
    fill_with_churn(kafka, topic, minutes)
    events = minutes * 60 * EVENTS_A_SECOND
    environ = settings(kafka, topic) | {
        "TIDEMARK_SOURCE__BATCH_SIZE": "10000",
        "TIDEMARK_SOURCE__EPOCH_BYTES": str(max(10_000, pace * 95)),
        "TIDEMARK_DOCUMENTS__URLS": store,
        "TIDEMARK_SERIES__URLS": store,
    }
    samples: list[tuple[float, int]] = []
    with Job(directory / "job", environ, "--until-end") as job:
        job.start()
        job.wait_until(lambda: bool(job.events("group.ready")), "the group")
        (member,) = job.members()
        first = time.monotonic()
        while job.alive:
            rss = _resident_bytes(member)
            if rss is None:
                break
            samples.append((time.monotonic() - first, rss))
            time.sleep(0.05)
        assert job.end() == 0, job.text()[-3000:]
    kafka.delete_topic(topic)
    # Read at an even pace: time on the clock is event time.
    whole_s = samples[-1][0]
    return Memory(
        minutes,
        tuple((at_s / whole_s * minutes, rss) for at_s, rss in samples),
        USERS + (minutes - 1) * USERS // 10,
        events,
        time.monotonic() - began,
    )


def _resident_bytes(pid: int) -> int | None:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None
