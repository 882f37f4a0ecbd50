"""Stores that are down, slow, cut off or refuse: nothing is lost, nothing counts double.

Each run reads a topic to its end into MongoDB and InfluxDB, each behind a proxy, and into SQLite.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from tests.conftest import MakeTopic
from tests.faults.seeds import dice
from tests.faults_stores.data import PARTITIONS, Dataset, assert_documents, assert_series, fill
from tests.faults_stores.job import Job, job_settings, one_message
from tests.faults_stores.proxy import FaultProxy
from tests.sinks.readers import influx_series
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint


@pytest.fixture
def job(
    tmp_path: Path,
    kafka: KafkaEndpoint,
    small: Dataset,
    mongo: MongoEndpoint,
    mongo_database: str,
    mongo_proxy: FaultProxy,
    influx: InfluxDBEndpoint,
    influx_proxy: FaultProxy,
) -> Job:
    """Return a job that has not been started."""
    influx.create_database(mongo_database)
    settings = job_settings(kafka, small.topic, mongo_database, mongo_proxy, influx_proxy)
    return Job(tmp_path, small, settings, mongo, influx, mongo_database)


@dataclass(frozen=True)
class Fault:
    """What happens to a store: how it begins, how often it hits, whether it ends by itself."""

    begin: Callable[[FaultProxy], None]
    hits: int = 0
    heal_when_missed: bool = False


DOWN = Fault(FaultProxy.refuse, heal_when_missed=True)
# MongoDB and InfluxDB have a fault each in the same run, to save runs; they share no lane.
FAULTS: dict[str, tuple[Fault, Fault]] = {
    "both down": (DOWN, DOWN),
    "requests cut, too many requests": (
        Fault(lambda proxy: proxy.cut(5_000, times=3), hits=3),
        Fault(lambda proxy: proxy.answer(429, headers={"Retry-After": "1"}, times=3), hits=3),
    ),
    "answers cut, overloaded": (
        Fault(lambda proxy: proxy.cut(20, "answers", times=3), hits=3),
        Fault(lambda proxy: proxy.answer(503, '{"message":"overloaded"}', times=3), hits=3),
    ),
    "silent, carried out but answered by 500": (
        # Longer than the timeout: a request arrives when its client has given it up.
        Fault(lambda proxy: proxy.slow(delay_s=1.5), heal_when_missed=True),
        Fault(lambda proxy: proxy.answer(500, "oops", forward=True, times=3), hits=3),
    ),
    "little bandwidth, requests cut": (
        Fault(lambda proxy: proxy.slow(bytes_per_s=2_000_000)),
        Fault(lambda proxy: proxy.cut(300, times=3), hits=3),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_stores_that_fail_in_mid_run_get_everything_when_they_are_back(
    name: str, job: Job, mongo_proxy: FaultProxy, influx_proxy: FaultProxy
) -> None:
    on_mongo, on_influx = FAULTS[name]
    roll = dice(name)
    # Of 0.9 MB (aggregates of several windows come together) and 13 kB in all.
    mongo_proxy.after(roll.randrange(50_000, 300_000), partial(on_mongo.begin, mongo_proxy))
    influx_proxy.after(roll.randrange(1_500, 6_000), partial(on_influx.begin, influx_proxy))
    both = ((mongo_proxy, on_mongo), (influx_proxy, on_influx))
    missed = [proxy for proxy, fault in both if fault.heal_when_missed]

    def heal_those_missed() -> bool:
        for proxy in list(missed):
            if job.logged("store_unavailable", f":{proxy.port}"):
                proxy.heal()
                missed.remove(proxy)
        return not missed

    with job.start(TIDEMARK_STORES__TIMEOUT_S="1" if "silent" in name else "3") as running:
        running.wait_until(heal_those_missed, what="stores to be missed")
        assert running.process.wait(60) == 0, job.log()
    assert [proxy.hits for proxy, _ in both] == [fault.hits for _, fault in both]
    job.assert_exact()


@pytest.mark.parametrize("store", ["MongoDB", "InfluxDB"])
def test_a_store_that_stays_away_ends_the_run_and_the_next_goes_on(
    store: str, job: Job, mongo_proxy: FaultProxy, influx_proxy: FaultProxy
) -> None:
    proxy = {"MongoDB": mongo_proxy, "InfluxDB": influx_proxy}[store]
    proxy.after(100_000 if store == "MongoDB" else 3_000, proxy.refuse)
    # Long enough for the SQLite file, whose writers wait for each other on a busy disk.
    done = job.finish(TIDEMARK_STORES__GIVE_UP_AFTER_S="8")
    assert done.code == 1
    message, remedy = one_message(done.stdout + done.stderr)
    assert f":{proxy.port} has taken nothing for" in message
    assert "start again" in remedy
    assert "stores.give_up_after_s" in remedy

    proxy.heal()
    done = job.finish()
    assert done.code == 0, done.stderr
    job.assert_exact()


def test_points_of_another_type_are_reported_and_the_others_arrive(
    job: Job, influx: InfluxDBEndpoint
) -> None:
    start_us = job.dataset.truth.accepted["start_us"].min()
    assert isinstance(start_us, int)
    # InfluxDB fixes a field's type per measurement and shard: a week.
    line = f"interactions_summary total=true {start_us // 1_000_000 - 1}"
    write_lines(influx, job.database, line)
    done = job.finish()
    assert done.code == 0, done.stderr
    refused = [line for line in done.stderr.splitlines() if '"points_refused"' in line]
    assert refused
    assert all("type conflict" in line for line in refused)
    job.assert_exact(without=("interactions_summary",))
    kept = influx.query("SELECT * FROM interactions_summary", job.database)
    assert [(row["total"], row["time"]) for row in kept] == [(True, start_us // 1_000_000 - 1)]


def test_a_bulk_that_mongodb_takes_in_part_is_sent_again_until_it_is_whole(
    job: Job, mongo: MongoEndpoint
) -> None:
    with mongo.client() as client:
        users = client[job.database]["user_stats"]
        # Somebody's index that most documents are in conflict with.
        users.create_index("by_type.view", unique=True)
        with job.start() as running:
            running.wait_until(
                lambda: job.logged("store_unavailable", "MongoDB took part of a batch"),
                what="a partial failure",
            )
            assert users.count_documents({}) > 0
            users.drop_index("by_type.view_1")
            assert running.process.wait(60) == 0, job.log()
    job.assert_exact()


def test_a_document_that_mongodb_refuses_for_ever_ends_the_run(
    job: Job, mongo: MongoEndpoint
) -> None:
    user = job.dataset.truth.accepted["user_id"][0]
    with mongo.client() as client:
        users = client[job.database]["user_stats"]
        users.insert_one({"_id": user, "by_type": "what somebody else has put here"})
        done = job.finish()
        assert done.code == 1
        message, remedy = one_message(done.stdout + done.stderr)
        assert "user_stats" in message
        assert "$mergeObjects" in message
        assert "start again" in remedy
        users.delete_one({"_id": user})
    done = job.finish()
    assert done.code == 0, done.stderr
    job.assert_exact()


def test_while_a_store_is_down_the_other_gets_its_data_reading_pauses_and_memory_stays(
    job: Job,
    kafka: KafkaEndpoint,
    make_topic: MakeTopic,
    influx_proxy: FaultProxy,
    tmp_path: Path,
) -> None:
    topic = make_topic(PARTITIONS)
    large = fill(kafka, topic, tmp_path / "truth.parquet", count=100_000, windows=12)
    settings = {
        **job.settings,
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        # So that a run without a bound would read all of it within the first seconds.
        "TIDEMARK_SOURCE__EPOCH_BYTES": "1500000",
        "TIDEMARK_SOURCE__MAX_MESSAGE_BYTES": "1000000",
        "TIDEMARK_KAFKA__CLIENT": '{"queued.max.messages.kbytes": 4096}',
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
    }
    job = replace(job, dataset=large, settings=settings)
    influx_proxy.after(1_500, influx_proxy.refuse)

    def read() -> int:
        return sum(part["read"] for part in job.sqlite("pipeline_status").values())

    with job.start() as running:
        running.wait_until(
            lambda: job.logged("store_unavailable", f":{influx_proxy.port}"), what="a missed store"
        )
        worker = child_of(running.process.pid)
        time.sleep(1.5)
        before, resident = read(), resident_bytes(worker)
        time.sleep(3.0)
        assert read() == before
        assert 0 < before < large.truth.read / 2
        assert abs(resident_bytes(worker) - resident) < 8 << 20
        # The store that works has all windows that were closed before the flow stood still.
        windows = job.sqlite("aggregated_data")
        assert windows
        influx_proxy.heal()
        assert running.process.wait(60) == 0, job.log()
        assert windows.items() <= job.sqlite("aggregated_data").items()
    assert_documents(job.sqlite, large.truth)
    assert_series(influx_series(job.influx, job.database), large.truth)


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has, without what it has swapped out."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def child_of(pid: int) -> int:
    """Return the worker that a supervisor has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1, children
    return int(children[0])


def write_lines(influx: InfluxDBEndpoint, database: str, lines: str) -> None:
    """Write points as somebody else would."""
    with InfluxDBClient(influx.url, token=influx.token, org="-") as client:
        writer = client.write_api(write_options=SYNCHRONOUS)
        writer.write(bucket=database, record=lines, write_precision="s")
