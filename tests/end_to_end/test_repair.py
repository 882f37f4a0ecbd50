"""Rejected and late records made whole: looked at, sent back repaired, counted after all."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import MakeTopic
from tests.end_to_end.flow import Flow, make_flow
from tests.support.producing import START, interaction, produce
from tests.support.running import BYTEWAX, TIDEMARK, Running
from tests.support.servers import KafkaEndpoint
from tests.support.topics import header, read_topic
from tests.support.unique import unique_name


@pytest.fixture
def flow(kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path) -> Flow:
    """Return a flow over an empty topic of two partitions."""
    topic = make_topic(2)
    for suffix in (".dlq", ".late"):
        kafka.create_topic(topic + suffix, 2)
    return make_flow(kafka, topic, tmp_path)


REPAIR = """
import json

def repair(value: bytes) -> bytes | None:
    event = json.loads(value)
    if "user" not in event:
        return None
    event["user_id"] = event.pop("user")
    return json.dumps(event).encode()

def broken(value: bytes) -> bytes:
    raise ValueError("no idea")
"""


def misnamed(second: float, user: str) -> bytes:
    """Return an interaction that a producer has misnamed a field of."""
    return interaction(second, user).replace(b'"user_id"', b'"user"')


def test_a_replay_repairs_and_sends_each_record_once(kafka: KafkaEndpoint, flow: Flow) -> None:
    (flow.directory / "repairs.py").write_text(REPAIR)
    produce(kafka, flow.topic, 0, [interaction(1), misnamed(2, "a"), b"{}", misnamed(3, "b")])
    produce(kafka, flow.topic, 1, [interaction(4), misnamed(5, "c"), b"no json"])
    flow.ok("run", "--until-end")
    assert flow.totals() == {"12:00:00Z": 2}

    ask = ("dlq", "replay", "--where", "reason=invalid_schema", "--transform", "repairs:repair")
    assert "would send 3, skipped 1 (1 left out by the transform)" in flow.ok(*ask)
    assert len(read_topic(kafka, flow.topic)) == 7, "a dry run sends nothing"
    said = flow.ok(*ask, "--yes", "--limit", "2")
    assert "sent 2, acknowledged 2, failed 0" in said.splitlines()[-1]
    said = flow.ok(*ask, "--yes")
    assert "sent 1, acknowledged 1, failed 0" in said.splitlines()[-1]
    assert "2 already replayed" in said
    assert "sent 0, acknowledged 0, failed 0" in flow.ok(*ask, "--yes").splitlines()[-1]

    sent = [m for m in read_topic(kafka, flow.topic) if m.headers()]
    assert {(m.partition(), header(m, "replay.of")) for m in sent} == {
        (0, f"{flow.topic}/0/1"),
        (0, f"{flow.topic}/0/3"),
        (1, f"{flow.topic}/1/1"),
    }
    assert [json.loads(m.value() or b"")["user_id"] for m in sent if m.partition() == 0] == [
        "a",
        "b",
    ]
    (flow.directory / "out.db").unlink()
    flow.ok("run", "--until-end", "--fresh")
    assert flow.totals() == {"12:00:00Z": 5}
    # The second reading has rejected the same records again: copies of letters, not more letters.
    (dead,) = json.loads(flow.ok("dlq", "list", "--json"))
    assert (dead["records"], dead["copies"]) == (5, 5)
    assert "sent 0, acknowledged 0, failed 0" in flow.ok(*ask, "--yes").splitlines()[-1]


def test_letters_without_a_key_are_replayed_in_the_order_of_their_partition(
    kafka: KafkaEndpoint, flow: Flow
) -> None:
    for partition in range(2):
        produce(kafka, flow.topic, partition, [b'{"n": %d}' % n for n in range(50)])
    flow.ok("run", "--until-end")
    letters = read_topic(kafka, f"{flow.topic}.dlq")
    assert {(m.partition(), header(m, "source.partition")) for m in letters} == {(0, "0"), (1, "1")}

    flow.ok("dlq", "replay", "--yes")
    assert replayed(kafka, flow) == {p: list(range(50)) for p in range(2)}


def test_letters_that_were_spread_are_put_in_order(kafka: KafkaEndpoint, flow: Flow) -> None:
    produce(kafka, flow.topic, 0, [b"{}"] * 6)
    for partition in range(2):
        for offset in range(5 - partition, -1, -2):
            origin = {"topic": flow.topic, "partition": "0", "offset": str(offset)}
            headers = {f"source.{name}": value for name, value in origin.items()}
            produce(kafka, f"{flow.topic}.dlq", partition, [b"{}"], headers)
    flow.ok("dlq", "replay", "--yes", "--limit", "2")
    flow.ok("dlq", "replay", "--yes")
    assert replayed(kafka, flow) == {0: list(range(6))}


def replayed(kafka: KafkaEndpoint, flow: Flow) -> dict[int, list[int]]:
    """Return the source offsets of the copies in each partition, in order."""
    found: dict[int, list[int]] = {}
    for message in read_topic(kafka, flow.topic):
        if message.headers():
            topic, partition, offset = header(message, "replay.of").rsplit("/", 2)
            assert (topic, partition) == (flow.topic, str(message.partition()))
            found.setdefault(int(partition), []).append(int(offset))
    return found


def test_a_repaired_record_of_a_closed_window_is_late_and_recompute_makes_it_whole(
    kafka: KafkaEndpoint, flow: Flow
) -> None:
    (flow.directory / "repairs.py").write_text(REPAIR)
    produce(kafka, flow.topic, 0, [interaction(1), misnamed(2, "a"), interaction(45)])
    produce(kafka, flow.topic, 1, [interaction(3), interaction(46)])
    with Running((*BYTEWAX, "-s", "1"), flow.directory, flow.settings) as job:
        job.wait_until(lambda: _has(flow, "12:00:00Z"), what="the first window")
        job.wait_until(lambda: _read(flow) == 5, what="all records to be read")
        flow.ok("dlq", "replay", "--transform", "repairs:repair", "--yes")
        job.wait_until(
            lambda: len(read_topic(kafka, f"{flow.topic}.late")) == 1, what="the late record"
        )
        assert flow.totals()["12:00:00Z"] == 2
        job.wait_until(lambda: _has(flow, "12:00:40Z"), what="the last window")
        period = ("--from", START.isoformat(), "--to", (START + timedelta(seconds=10)).isoformat())
        said = flow.ok("recompute", *period, "--yes")
        assert "total 2 -> 3, late included 1" in said
        assert flow.totals() == {"12:00:00Z": 3, "12:00:40Z": 2}
        too_far = ("--from", START.isoformat(), "--to", (START + timedelta(hours=1)).isoformat())
        refused = flow.tidemark("recompute", *too_far, "--yes")
        assert refused.code == 2, refused.stdout
        assert "not closed yet" in refused.stderr
        running = flow.tidemark("recompute", *period, "--yes", "--stats")
        assert (running.code, "is running" in running.stderr) == (1, True)
        job.interrupt()
    assert flow.totals() == {"12:00:00Z": 3, "12:00:40Z": 2}
    assert "a" not in flow.documents("user_stats")


def test_aggregates_made_whole_go_on_adding_up(kafka: KafkaEndpoint, flow: Flow) -> None:
    period = ("--from", START.isoformat(), "--to", (START + timedelta(seconds=10)).isoformat())

    def total() -> int:
        return int(flow.documents("user_stats").get("u1", {"total": 0})["total"])

    def has_read(count: int) -> bool:
        return _read(flow) == count

    # In both partitions, so that none is idle: 41 and 42 are in a window that stays open.
    produce(kafka, flow.topic, 1, [interaction(s) for s in (2, 21, 42)])
    produce(kafka, flow.topic, 0, [interaction(s) for s in (1, 11, 41, 3)])
    command = (*TIDEMARK, "run")
    patient = flow.settings | {"TIDEMARK_TIME__IDLE_AFTER_S": "600"}
    with Running(command, flow.directory, patient) as job:
        job.wait_until(lambda: has_read(7), what="all records to be read")
        job.wait_until(lambda: total() == 4, what="three closed windows")
        time.sleep(3)  # a snapshot or two
        assert job.interrupt() == 130
    time.sleep(6)  # nobody has written books for a while
    flow.ok("recompute", *period, "--stats", "--yes")
    assert total() == 5, "the late one, and nothing of the open window"
    with Running(command, flow.directory, patient) as job:
        produce(kafka, flow.topic, 0, [interaction(61)])
        produce(kafka, flow.topic, 1, [interaction(62)])
        job.wait_until(lambda: total() == 7, what="the window that was open")
        job.interrupt()
    user = flow.documents("user_stats")["u1"]
    assert user["windows"] == 4
    assert user["max_per_window"] == 3
    assert user["first_seen"] == START


def _has(flow: Flow, window: str) -> bool:
    return window in flow.totals()


def _read(flow: Flow) -> int:
    return sum(each["read"] for each in flow.documents("pipeline_status").values())


def test_windows_that_the_topic_no_longer_keeps_are_left_alone(
    kafka: KafkaEndpoint, flow: Flow
) -> None:
    produce(kafka, flow.topic, 0, [interaction(s, f"u{s}") for s in (1, 2, 12, 13)])
    produce(kafka, flow.topic, 1, [b"{}"])
    flow.ok("run", "--until-end")
    _delete_before(kafka, flow.topic, 0, 1)
    period = ("--from", START.isoformat(), "--to", (START + timedelta(seconds=30)).isoformat())
    done = flow.tidemark("recompute", *period, "--yes")
    assert done.code == 1
    assert "left alone: 1 windows" in done.stderr
    assert flow.totals() == {"12:00:00Z": 2, "12:00:10Z": 2}
    gone = flow.tidemark("recompute", *period, "--stats")
    assert (gone.code, "can not be rebuilt" in gone.stderr) == (1, True)
    flow.ok("recompute", *period, "--yes", "--allow-fewer")
    assert flow.totals() == {"12:00:00Z": 1, "12:00:10Z": 2}

    # Of a letter whose record is gone nobody can tell whether it was replayed.
    _delete_before(kafka, flow.topic, 1, 1)
    assert "1 older than what the topic keeps" in flow.ok("dlq", "replay", "--yes")
    said = flow.ok("dlq", "replay", "--yes", "--include-unprovable")
    assert "sent 1, acknowledged 1" in said.splitlines()[-1]


def _delete_before(kafka: KafkaEndpoint, topic: str, partition: int, offset: int) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    place = TopicPartition(topic, partition, offset)
    admin = AdminClient(kafka.client_properties())
    admin.delete_records([place])[place].result(30)


@pytest.fixture(scope="module")
def quiet(kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    """Yield a finished flow that nobody changes."""
    topic = kafka.create_topic(unique_name("quiet"), 2)
    flow = make_flow(kafka, topic, tmp_path_factory.mktemp("quiet"))
    (flow.directory / "repairs.py").write_text(REPAIR)
    produce(kafka, topic, 0, [interaction(1), b"{}"])
    flow.ok("run", "--until-end")
    yield flow
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(topic + suffix)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("dlq", "list", "no-such-pond"), 2, "there is no topic 'no-such-pond.dlq'"),
        (("dlq", "replay", "--where", "colour=red"), 2, "reason, partition, key"),
        (("dlq", "replay", "--from", "yesterday"), 2, "ISO-8601"),
        (("dlq", "replay", "--transform", "no.such:thing"), 2, "can not be loaded"),
        (("dlq", "replay", "--transform", "repairs:broken"), 1, "no idea"),
        (("recompute", "--from", "2026-03-01", "--to", "2026-02-01"), 2, "no window starts"),
        (("recompute", "--from", "x", "--to", "y"), 2, "--from: 'x'"),
        (
            ("recompute", "--from", "2026-03-01", "--to", "2026-03-02", "--pipeline", "nothing"),
            2,
            "there is no pipeline 'nothing'",
        ),
    ],
)
def test_what_can_not_work_is_one_clear_message(
    quiet: Flow, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = quiet.tidemark(*arguments)
    assert done.code == code, done.stdout + done.stderr
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_without_a_store_or_without_books_nothing_is_recomputed(
    kafka: KafkaEndpoint, flow: Flow
) -> None:
    produce(kafka, flow.topic, 0, [interaction(1)])
    period = ("--from", "2026-03-01", "--to", "2026-03-02")
    missing = flow.tidemark("recompute", *period)
    assert (missing.code, "there is no store at" in missing.stderr) == (1, True)
    sqlite3.connect(flow.directory / "out.db").close()
    empty = flow.tidemark("recompute", *period)
    assert (empty.code, "run the flow with this store first" in empty.stderr) == (1, True)
