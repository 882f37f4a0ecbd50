"""Other numbers of processes and of partitions, from one recovery store: the result stays."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.conftest import MakeTopic
from tests.faults.feed import Feed, stream, truth_of, with_faults
from tests.faults.job import Job, settings
from tests.faults.scenarios import FULL_SPEED, rescaling
from tests.faults.verdict import judge
from tests.support.servers import KafkaEndpoint


def test_one_two_three_one_processes_give_what_one_gives(
    kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    result = rescaling(kafka, tmp_path, processes=(1, 2, 3, 1), events_a_step=20_000)
    assert result.verdict.exact, result.verdict


def test_partitions_added_between_two_runs_are_read_from_their_beginning(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(3)
    before = Feed(kafka, topic, tmp_path / "before.parquet", stream(30_000))
    before.send(30_000)
    before.close()
    with Job(tmp_path / "job", settings(kafka, topic) | FULL_SPEED) as job:
        job.start()
        job.wait_until(lambda: job.read() == 30_000, "all that was sent")
        job.wait_for_snapshot()
        assert job.stop() == 0, job.text()[-3000:]

        # Held: a client that is collected takes its requests with it.
        admin = AdminClient(kafka.client_properties())
        admin.create_partitions([NewPartitions(topic, 5)])[topic].result(30)
        after = _continued(kafka, topic, tmp_path / "after.parquet", before)
        after.send(30_000)
        after.close()
        job.start("--until-end")
        assert job.end() == 0, job.text()[-3000:]
    assert len(job.status()) == 5
    assert job.resumed_from() > 1
    verdict = judge(job.store, truth_of(before.truth_file, after.truth_file))
    assert verdict.exact, verdict


def _continued(kafka: KafkaEndpoint, topic: str, truth: Path, before: Feed) -> Feed:
    """Return a feed for more partitions that goes on in event time where the other one ends.

    None of it is late: nothing of the new partitions is behind anything of their own.
    """
    accepted = truth_of(before.truth_file).accepted
    end_us = accepted["event_time_us"].max()
    assert isinstance(end_us, int)
    start = datetime.fromtimestamp(end_us / 1e6, UTC)
    return Feed(
        kafka, topic, truth, with_faults(stream(30_000, start_time=start, seed=7), late_share=0.0)
    )
