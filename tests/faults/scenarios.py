"""The faults in whole: what is run, and what it is compared with; in every size."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from tests.faults.feed import Feed, stream, truth_of, with_faults
from tests.faults.job import Job, settings
from tests.faults.storm import EVERYTHING, MEMBERS, Storm
from tests.faults.verdict import Verdict, judge, missing_dead_letters
from tests.support.recompute import Truth
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name

PARTITIONS = 3
IDLE_AFTER_S = 1.0
"""In the scenario of a long downtime, as is this lateness."""
LATENESS_S = 2.0
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
    one_supervisor: bool,
) -> Result:
    """Break a run over a filled topic, then let it come to the end.

    With `one_supervisor` only members are killed, and the supervisor that was started first sees
    the end; otherwise supervisors are killed and stopped in between.
    """
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
        if one_supervisor:
            storm.rage(kills, MEMBERS)
            assert storm.supervisors == {job.running.process.pid}
        else:
            storm.rage(kills, EVERYTHING, then=FULL_SPEED)
        assert job.end(600.0) == 0, job.text()[-3000:]
        what, remark = f"bounded run, {_processes(processes)}", _remark(storm)
        if one_supervisor:
            # A victim at start dies in the next group: such a fault is two kills.
            killed = kills + storm.hits["member killed at start"]
            assert len(job.events("group.restarting")) == killed
            what, remark = f"{what}, 1 supervisor", f"{killed} kill -9 in all, {remark}"
    return _result(
        what, kafka, topic, truth_of(feed.truth_file), job, storm.faults(), began, remark
    )


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
            storm.rage(kills, EVERYTHING, then={})
        feed.close()
        job.wait_until(lambda: job.read() == feed.sent, "all that was sent")
        assert job.stop() == 0, job.text()[-3000:]
        job.start("--until-end")
        assert job.end() == 0, job.text()[-3000:]
    what = f"live run, {_processes(processes)}"
    return _result(
        what, kafka, topic, truth_of(feed.truth_file), job, storm.faults(), began, _remark(storm)
    )


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
    return _result(
        what, kafka, topic, truth_of(feed.truth_file), job, {"rescaled": len(processes) - 1}, began
    )


def long_downtime(
    kafka: KafkaEndpoint, directory: Path, *, processes: int, events: int, down_s: float
) -> Result:
    """Stop in the middle of a backlog, let `events` more arrive meanwhile, go on.

    `down_s` is more than the idle time and the lateness together, so that whoever took the pause
    for silence would have closed all windows. At the end the windows close by silence, not by the
    end of input; then it is stopped again while more arrives, now with all partitions idle.
    """
    began = time.monotonic()
    topic = kafka.create_topic(unique_name("down"), PARTITIONS)
    brief = with_faults(stream(2 * events), out_of_order_s=LATENESS_S - 0.1)
    feed = Feed(kafka, topic, directory / "truth.parquet", brief)
    feed.send(events)
    environ = settings(kafka, topic, batch_size=1_000) | {
        "TIDEMARK_TIME__IDLE_AFTER_S": str(IDLE_AFTER_S),
        "TIDEMARK_TIME__OUT_OF_ORDERNESS_S": str(LATENESS_S),
    }
    with Job(directory / "job", environ, f"--processes={processes}") as job:
        job.start()
        # Stopped while there is a backlog: no partition has been silent yet.
        job.wait_until(lambda: job.read() > events // 10, "a tenth of the backlog")
        job.wait_for_snapshot()
        assert job.stop() == 0, job.text()[-3000:]
        stopped = time.monotonic()
        assert job.read() < events, "all was read before the stop"
        feed.send(events)
        feed.close()
        truth = truth_of(feed.truth_file, lateness_s=LATENESS_S)
        _sleep_until(stopped + down_s)
        job.environ |= FULL_SPEED
        job.start()
        _wait_for_windows(job, truth)
        assert job.resumed_from() > 1, "the first run has stored nothing"

        job.wait_for_snapshot()
        assert job.stop() == 0, job.text()[-3000:]
        stopped = time.monotonic()
        # Behind all windows that silence has closed, with room for the partition that lags.
        end_us = truth.accepted["event_time_us"].max()
        assert isinstance(end_us, int)
        start = datetime.fromtimestamp(end_us / 1e6, UTC) + timedelta(seconds=60)
        later = with_faults(
            stream(events, start_time=start, seed=7),
            out_of_order_s=LATENESS_S - 0.1,
            late_share=0.0,
        )
        more = Feed(kafka, topic, directory / "more.parquet", later)
        more.send(events)
        more.close()
        truth = truth_of(feed.truth_file, more.truth_file, lateness_s=LATENESS_S)
        _sleep_until(stopped + down_s)
        job.start()
        _wait_for_windows(job, truth)
        assert job.stop() == 0, job.text()[-3000:]
    what = f"long downtime, {_processes(processes)}"
    return _result(what, kafka, topic, truth, job, {"stopped for long": 2}, began)


def _wait_for_windows(job: Job, truth: Truth) -> None:
    windows = truth.accepted["start_us"].n_unique()
    job.wait_until(
        lambda: len(job.documents("aggregated_data")) == windows, f"{windows} closed windows"
    )
    job.wait_until(lambda: job.read() == truth.read, "the last status")


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


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
    topic: str,
    truth: Truth,
    job: Job,
    faults: Mapping[str, int],
    began: float,
    remark: str = "",
) -> Result:
    verdict = judge(job.store, truth)
    letters = tuple(missing_dead_letters(kafka, topic, truth))
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(topic + suffix)
    return Result(
        scenario,
        dict(faults),
        truth.read,
        Verdict(verdict.lost, verdict.double, verdict.problems + letters),
        time.monotonic() - began,
        remark,
    )
