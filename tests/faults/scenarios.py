"""The faults in whole: what is run, and what it is compared with; in every size."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.feed import Feed, stream, truth_of
from tests.faults.job import Job, settings
from tests.faults.storm import Storm
from tests.faults.verdict import Verdict, judge, missing_dead_letters
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name

PARTITIONS = 3
IDLE_AFTER_S = 2.0
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
    what = f"bounded run, {_processes(processes)}"
    return _result(what, kafka, feed, job, storm.faults(), began, _remark(storm))


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
    what = f"live run, {_processes(processes)}"
    return _result(what, kafka, feed, job, storm.faults(), began, _remark(storm))


def rescaling(
    kafka: KafkaEndpoint, directory: Path, *, processes: Sequence[int], events_a_step: int
) -> Result:
    """Run a stream on other numbers of processes one after the other, with more of it each time."""
    began = time.monotonic()
    topic = kafka.create_topic(unique_name("rescaled"), PARTITIONS)
    events = events_a_step * len(processes)
    feed = Feed(kafka, topic, directory / "truth.parquet", stream(events))
    with Job(directory / "job", settings(kafka, topic) | FULL_SPEED) as job:
        resumed: list[int] = []
        for step, number in enumerate(processes):
            feed.send(events_a_step)
            last = step == len(processes) - 1
            job.start(f"--processes={number}", *(["--until-end"] if last else []))
            if not last:
                job.wait_until(partial(_has_read, job, feed.sent), f"all, with {number} processes")
                job.wait_for_snapshot()
                resumed.append(job.resumed_from())
                assert job.stop() == 0, job.text()[-3000:]
        assert job.end() == 0, job.text()[-3000:]
        resumed.append(job.resumed_from())
    feed.close()
    assert resumed == sorted(set(resumed)), f"a run began at the same place again: {resumed}"
    what = "rescaling " + " → ".join(map(str, processes))
    return _result(what, kafka, feed, job, {"rescaled": len(processes) - 1}, began)


def long_downtime(
    kafka: KafkaEndpoint, directory: Path, *, processes: int, events: int, down_s: float
) -> Result:
    """Stop in the middle of a stream, let `events` more arrive meanwhile, go on.

    `down_s` is more than the idle time and the lateness together, so that whoever took the pause
    for silence would have closed all windows. At the end the windows close by silence, not by the
    end of input.
    """
    began = time.monotonic()
    topic = kafka.create_topic(unique_name("down"), PARTITIONS)
    feed = Feed(kafka, topic, directory / "truth.parquet", stream(2 * events))
    feed.send(events)
    slow = settings(kafka, topic, batch_size=1_000)
    patience = {"TIDEMARK_TIME__IDLE_AFTER_S": str(IDLE_AFTER_S)}
    with Job(directory / "job", slow | patience, f"--processes={processes}") as job:
        job.start()
        # Stopped while there is a backlog: no partition has been silent yet.
        job.wait_until(lambda: job.read() > events // 4, "a quarter of the backlog")
        job.wait_for_snapshot()
        assert job.stop() == 0, job.text()[-3000:]
        stopped = time.monotonic()
        assert job.read() < events, "all was read before the stop"
        feed.send(events)
        feed.close()
        truth = truth_of(feed.truth_file)
        time.sleep(max(0.0, down_s - (time.monotonic() - stopped)))
        job.environ |= FULL_SPEED
        job.start()
        windows = truth.accepted["start_us"].n_unique()
        job.wait_until(
            lambda: len(job.documents("aggregated_data")) == windows, f"{windows} closed windows"
        )
        job.wait_until(lambda: job.read() == 2 * events, "the last status")
        assert job.resumed_from() > 1, "the first run has stored nothing"
        assert job.stop() == 0, job.text()[-3000:]
    what = f"long downtime, {_processes(processes)}"
    return _result(what, kafka, feed, job, {"stopped for long": 1}, began)


def _remark(storm: Storm) -> str:
    assert max(storm.resumed_from) > 1, "no run was resumed from a snapshot"
    return f"resumed from {len(storm.resumed_from)} different snapshots"


def _has_read(job: Job, events: int) -> bool:
    return job.read() == events


def _processes(number: int) -> str:
    return f"{number} process{'es' if number > 1 else ''}"


def _result(
    scenario: str,
    kafka: KafkaEndpoint,
    feed: Feed,
    job: Job,
    faults: Mapping[str, int],
    began: float,
    remark: str = "",
) -> Result:
    truth = truth_of(feed.truth_file)
    verdict = judge(job.store, truth)
    letters = tuple(missing_dead_letters(kafka, feed.topic, truth))
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(feed.topic + suffix)
    return Result(
        scenario,
        dict(faults),
        feed.sent,
        Verdict(verdict.lost, verdict.double, verdict.problems + letters),
        time.monotonic() - began,
        remark,
    )
