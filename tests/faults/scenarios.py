"""The faults in whole: what is run, and what it is compared with; in every size."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.feed import Feed, stream, truth_of
from tests.faults.job import Job, settings
from tests.faults.storm import Storm
from tests.faults.verdict import Verdict, judge, missing_dead_letters
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name

PARTITIONS = 3
FULL_SPEED = {"TIDEMARK_SOURCE__BATCH_SIZE": "20000", "TIDEMARK_SOURCE__EPOCH_BYTES": "67108864"}


@dataclass(frozen=True)
class Result:
    """What a scenario has shown."""

    scenario: str
    faults: dict[str, int]
    events: int
    verdict: Verdict
    seconds: float
    remark: str = ""


def kills_in_a_bounded_run(
    kafka: KafkaEndpoint,
    directory: Path,
    dice: random.Random,
    *,
    processes: int,
    events: int,
    kills: int,
    batch_size: int,
) -> Result:
    """Break a run over a filled topic, then let it come to the end."""
    began = time.monotonic()
    topic = kafka.create_topic(unique_name("bounded"), PARTITIONS)
    feed = Feed(kafka, topic, directory / "truth.parquet", stream(events))
    feed.send(events)
    feed.close()
    environ = settings(kafka, topic, batch_size=batch_size)
    arguments = ("--until-end", f"--processes={processes}")
    with Job(directory / "job", environ, *arguments) as job:
        job.start()
        storm = Storm(job, dice, end_at=events)
        storm.rage(kills, then=FULL_SPEED)
        assert job.end() == 0, job.text()[-3000:]
    return _result("bounded", processes, kafka, feed, job, storm, began)


def kills_in_a_live_run(
    kafka: KafkaEndpoint,
    directory: Path,
    dice: random.Random,
    *,
    processes: int,
    kills: int,
    rate: float,
) -> Result:
    """Break a run while its topic is being filled, then let it read the rest and end."""
    began = time.monotonic()
    topic = kafka.create_topic(unique_name("live"), PARTITIONS)
    paced = stream(None, rate=rate, event_rate=None, speed=4.0)
    feed = Feed(kafka, topic, directory / "truth.parquet", paced)
    environ = settings(kafka, topic) | FULL_SPEED
    with Job(directory / "job", environ, f"--processes={processes}") as job:
        job.start()
        storm = Storm(job, dice)
        with feed.flowing():
            storm.rage(kills, then={})
        feed.close()
        job.wait_until(lambda: job.read() == feed.sent, "all that was sent")
        assert job.stop() == 0, job.text()[-3000:]
        job.start("--until-end")
        assert job.end() == 0, job.text()[-3000:]
    return _result("live", processes, kafka, feed, job, storm, began)


def _result(
    what: str,
    processes: int,
    kafka: KafkaEndpoint,
    feed: Feed,
    job: Job,
    storm: Storm,
    began: float,
) -> Result:
    truth = truth_of(feed.truth_file)
    verdict = judge(job.store, truth)
    letters = tuple(missing_dead_letters(kafka, feed.topic, truth))
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(feed.topic + suffix)
    return Result(
        f"{what} run, {processes} process{'es' if processes > 1 else ''}",
        dict(storm.hits),
        feed.sent,
        Verdict(verdict.lost, verdict.double, verdict.problems + letters),
        time.monotonic() - began,
    )
