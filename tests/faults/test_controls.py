"""Negative controls: without the guard or without the drain, the comparison must find it.

The same procedure is run on the unharmed job, which must pass it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.feed import Feed, stream, truth_of
from tests.faults.flows import HOLD
from tests.faults.job import Job, settings
from tests.faults.scenarios import FULL_SPEED, PARTITIONS
from tests.faults.seeds import dice
from tests.faults.verdict import judge
from tests.support.recompute import Truth
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name

EVENTS = 60_000
EPOCHS = 8
"""More than it takes to read them, and to count that as done."""


@pytest.fixture(scope="module")
def filled(
    kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Truth]]:
    """Yield a topic for all controls, and its truth."""
    topic = kafka.create_topic(unique_name("controls"), PARTITIONS)
    feed = Feed(kafka, topic, tmp_path_factory.mktemp("truth") / "truth.parquet", stream(EVENTS))
    feed.send(EVENTS)
    feed.close()
    yield topic, truth_of(feed.truth_file)
    kafka.delete_topic(topic)


@pytest.mark.parametrize(("flow", "exact"), [("unharmed", True), ("without_guard", False)])
def test_windows_written_since_the_last_snapshot_count_once_because_of_the_guard(
    flow: str, exact: bool, filled: tuple[str, Truth], kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    topic, truth = filled
    environ = settings(kafka, topic) | FULL_SPEED
    # No snapshot comes before the kill: all is read again, and all windows are written again.
    # The budget of an epoch keeps the input from ending before.
    environ |= {
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "3600",
        "TIDEMARK_SOURCE__BATCH_SIZE": "2000",
        "TIDEMARK_SOURCE__EPOCH_BYTES": "2600000",
    }
    with Job(tmp_path, environ, "--until-end", f"--flow=tests.faults.flows:{flow}") as job:
        job.start()
        job.wait_until(lambda: len(job.documents("user_stats")) > 0, "closed windows")
        job.kill_supervisor()
        job.environ |= {**FULL_SPEED, "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1"}
        job.start()
        assert job.end() == 0, job.text()[-3000:]
    verdict = judge(job.store, truth)
    assert verdict.exact is exact, verdict
    assert exact or verdict.double > 0
    assert verdict.lost == 0


@pytest.mark.parametrize(("flow", "exact"), [("unharmed", True), ("without_drain", False)])
def test_a_snapshot_counts_only_what_the_stores_have_because_of_the_drain(
    flow: str, exact: bool, filled: tuple[str, Truth], kafka: KafkaEndpoint, tmp_path: Path
) -> None:
    topic, truth = filled
    hold = tmp_path / "hold"
    hold.touch()
    environ = settings(kafka, topic) | {
        HOLD: str(hold),
        "TIDEMARK_STORES__QUEUE_COMMANDS": "100000",
    }
    with Job(tmp_path, environ, f"--flow=tests.faults.flows:{flow}") as job:
        job.start()
        job.wait_until(lambda: bool(job.events("group.ready")), "the group")
        job.wait_until(lambda: (tmp_path / "hold.waits").exists(), "a write that is held back")
        epoch = job.snapshot_epoch()
        if exact:
            job.wait(2.5)
            assert job.snapshot_epoch() == epoch, "a snapshot counted without the stores"
        else:
            job.wait_until(lambda: job.snapshot_epoch() > epoch + EPOCHS, "snapshots of all")
        job.kill_member(dice("drain"))
        hold.unlink()
        job.wait_until(lambda: len(job.events("group.ready")) == 2, "the restart")
        job.wait_until(lambda: job.read() == EVENTS, "the end of the topic")
        assert job.stop() == 0, job.text()[-3000:]
        job.start("--until-end")
        assert job.end() == 0, job.text()[-3000:]
    verdict = judge(job.store, truth)
    assert verdict.exact is exact, verdict
    assert exact or verdict.lost > 0
    assert verdict.double == 0
