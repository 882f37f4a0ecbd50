"""The Kafka source with a scripted consumer: ends, silence, budgets, gaps and missing offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from dataflows.streaming import partition_log
from dataflows.streaming.batch import Batch
from dataflows.streaming.partition_log import MissingOffsetError, SourceError, SourceOptions
from dataflows.streaming.source import KafkaPartition, KafkaSource
from tests.dataflows.streaming.making import SECOND, T0, record, spec_of

SPEC = spec_of({"p": 10 * SECOND}, 5 * SECOND)


def kept(*offsets: int) -> list[Message]:
    """Return good records at these offsets."""
    return [
        Message(
            topic="clicks",
            partition=0,
            offset=offset,
            key=b"k",
            value=record("u", "i", "view", T0 + offset * SECOND),
            timestamp=(1, (T0 + offset * SECOND) // 1_000),
        )
        for offset in offsets
    ]


def event(code: int, offset: int) -> Message:
    """Return an event of the client; its text is its value, as librdkafka does it."""
    error = KafkaError(code)
    text = error.str().encode()
    return Message(topic="clicks", partition=0, offset=offset, value=text, error=error)


def end_at(offset: int) -> Message:
    return event(KafkaError._PARTITION_EOF, offset)


class FakeConsumer:
    """Hands out what a test has written down, then nothing."""

    def __init__(self, low: int, high: int, script: Sequence[list[Message]]) -> None:
        self.low, self.high = low, high
        self.script = list(script)
        self.assigned: list[int] = []
        self.committed: list[int] = []
        self.closed = False
        self.answers = True

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = 0, cached: bool = False
    ) -> tuple[int, int]:
        if not (self.answers or cached):
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return self.low, self.high

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned += [partition.offset for partition in partitions]

    def consume(self, count: int, timeout: float) -> list[Message]:
        return self.script.pop(0) if self.script else []

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self.committed += [offset.offset for offset in offsets]

    def close(self) -> None:
        self.closed = True


class Bench:
    """A partition under test, its consumer and its clock."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        script: Sequence[list[Message]],
        *,
        low: int = 0,
        high: int = 0,
        state: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.now_s = 1_000.0
        self.consumer = FakeConsumer(low, high, script)
        self.properties: dict[str, Any] = {}

        def make(properties: dict[str, Any], **_: Any) -> FakeConsumer:
            self.properties = properties
            return self.consumer

        monkeypatch.setattr(partition_log, "Consumer", make)
        chosen = SourceOptions(client={}, clock=lambda: self.now_s, **options)
        self.partition: KafkaPartition = KafkaSource(SPEC, 1, chosen).build_part(
            "step", "clicks/0", state
        )

    def poll(self, times: int = 1) -> list[Batch]:
        return [batch for _ in range(times) for batch in self.partition.next_batch()]


def accepted(batches: list[Batch]) -> list[int]:
    """Return the offsets of the records that were accepted."""
    times = [t for b in batches if b.on_time for t in b.on_time["p"].event_time_us.tolist()]
    return [(time - T0) // SECOND for time in times]


def test_records_come_as_batches_with_offsets_without_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [kept(0, 1, 2), kept(3)], high=4)
    batches = bench.poll(2)
    assert accepted(batches) == [0, 1, 2, 3]
    assert [(b.first_offset, b.next_offset, b.sequence) for b in batches] == [(0, 3, 1), (3, 4, 2)]
    assert bench.consumer.assigned == [0]


def test_the_end_of_the_partition_is_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [[*kept(0), end_at(1)], [end_at(1)]], high=1)
    (batch, *_) = bench.poll(2)
    assert batch.counters.read == 1
    assert batch.counters.rejected == {}


def test_an_end_between_records_is_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [[*kept(0), end_at(1), *kept(1, 2)]], high=3)
    assert [b.counters.read for b in bench.poll()] == [3]


def test_offsets_that_compaction_left_out_are_no_records(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [kept(0, 5, 9)], high=10)
    (batch,) = bench.poll()
    assert (batch.counters.read, batch.next_offset) == (3, 10)


def test_an_end_beside_a_transactions_marker_is_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    # Offset 1 is the marker: three entries for the three offsets 0 to 2, but two records.
    bench = Bench(monkeypatch, [[*kept(0), end_at(2), *kept(2)]], high=3)
    (batch,) = bench.poll()
    assert batch.counters.read == 2
    assert batch.dead_letters == []


def test_a_bounded_run_ends_at_the_end_it_found_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [kept(0, 1), kept(2, 3, 4)], high=4, until_end=True)
    batches = bench.poll(3)
    assert accepted(batches) == [0, 1, 2, 3]
    assert [batch.ended for batch in batches] == [False, False, True]
    assert batches[-1].silent_us > 0
    with pytest.raises(StopIteration):
        bench.poll()


def test_a_bounded_run_of_an_empty_partition_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [], until_end=True)
    assert [batch.ended for batch in bench.poll()] == [True]
    with pytest.raises(StopIteration):
        bench.poll()


def test_a_bounded_run_ends_behind_a_transactions_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [kept(0, 1), [end_at(3)]], high=3, until_end=True)
    batches = bench.poll(3)
    assert accepted(batches) == [0, 1]
    assert [batch.ended for batch in batches] == [False, False, True]


def test_a_bounded_run_ends_although_a_producer_never_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Offset 2 is a marker and the last of what was there at the start.
    script = [kept(0, 1), *(kept(n, n + 1) for n in range(3, 99, 2))]
    bench = Bench(monkeypatch, script, high=3, until_end=True)
    batches = bench.poll(3)
    assert accepted(batches) == [0, 1]
    assert batches[-1].ended


def test_silence_is_told_when_it_has_lasted(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [[*kept(0), end_at(1)]], high=1, idle_after_s=10.0)
    bench.poll()
    bench.now_s += 9.0
    assert [batch.silent_us for batch in bench.poll()] == [0]
    bench.now_s += 0.1
    assert bench.poll() == []
    bench.now_s += 3.0
    (news,) = bench.poll()
    assert news.silent_us == pytest.approx(12.1 * SECOND)
    assert (news.sequence, news.on_time) == (3, {})


def test_silence_is_not_believed_while_the_broker_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, [[*kept(0), end_at(1)]], high=1, idle_after_s=10.0)
    bench.poll()
    found = []
    for second in range(1, 60):
        bench.now_s += 1.0
        # It is down from 5 to 25; those who write need a moment after that, too.
        bench.consumer.answers = not 5 <= second < 25
        found += [(second, batch.silent_us > 0) for batch in bench.poll()]
    idle_from = min(second for second, idle in found if idle)
    assert 35 <= idle_from <= 45
    assert all(idle for second, idle in found if second >= idle_from)


def test_an_idle_partition_is_no_longer_idle_when_the_broker_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, [[*kept(0), end_at(1)]], high=1, idle_after_s=10.0)
    bench.poll()
    bench.now_s += 11.0
    assert [batch.silent_us > 0 for batch in bench.poll()] == [True]
    bench.consumer.answers = False
    bench.now_s += 11.0
    assert [batch.silent_us > 0 for batch in bench.poll()] == [False]


def test_records_that_are_there_but_not_fetched_are_no_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, [[*kept(0), end_at(1)]], high=1, idle_after_s=10.0)
    bench.poll()
    bench.consumer.high = 2
    bench.now_s += 11.0
    assert [batch.silent_us > 0 for batch in bench.poll()] == [False]


def test_rejected_records_do_not_end_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Message(topic="clicks", partition=0, offset=1, value=b"{", timestamp=(0, 0))
    script = [[*kept(0), end_at(1)], [], [bad, end_at(2)], [*kept(2), end_at(3)]]
    bench = Bench(monkeypatch, script, high=1, idle_after_s=10.0)
    bench.poll()
    bench.now_s += 11.0
    assert [batch.silent_us > 0 for batch in bench.poll()] == [True]
    bench.now_s += 5.0
    (rejected,) = bench.poll()
    assert (rejected.silent_us, rejected.counters.rejected) == (16 * SECOND, {"invalid_json": 1})
    assert [batch.silent_us for batch in bench.poll()] == [0]


def test_a_partition_with_a_backlog_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [kept(0)], high=5)
    bench.poll()
    bench.now_s += 1_000.0
    assert bench.poll(3) == []


def test_an_epoch_reads_no_more_than_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [kept(n) for n in range(9)], high=9, epoch_bytes=150)
    assert accepted(bench.poll(6)) == [0, 1]
    bench.partition.snapshot()
    assert accepted(bench.poll(6)) == [2, 3]


def test_a_snapshot_resumes_where_it_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Bench(monkeypatch, [kept(0, 1), kept(2)], high=4)
    first.poll()
    state = first.partition.snapshot()
    assert first.consumer.committed == [2]
    first.poll()
    second = Bench(monkeypatch, [kept(2, 3)], high=4, state=state)
    assert second.consumer.assigned == [2]
    (batch,) = second.poll()
    assert (batch.sequence, batch.first_offset, batch.counters.read) == (2, 2, 4)


def test_the_start_is_chosen_only_without_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Bench(monkeypatch, [], low=3, high=9).consumer.assigned == [3]
    latest = Bench(monkeypatch, [], low=3, high=9, start="latest")
    assert latest.consumer.assigned == [9]
    state = Bench(monkeypatch, [], low=4, high=9).partition.snapshot()
    again = Bench(monkeypatch, [], low=3, high=9, start="latest", state=state)
    assert again.consumer.assigned == [4]


def test_records_deleted_before_they_were_read_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = Bench(monkeypatch, [], low=4, high=9).partition.snapshot()
    with pytest.raises(MissingOffsetError, match="4"):
        Bench(monkeypatch, [], low=7, high=9, state=state)
    going_on = Bench(monkeypatch, [], low=7, high=9, state=state, on_missing_offset="earliest")
    assert going_on.consumer.assigned == [7]


@pytest.mark.parametrize("on_missing_offset", ["fail", "earliest"])
def test_a_topic_made_anew_is_an_error(
    monkeypatch: pytest.MonkeyPatch, on_missing_offset: str
) -> None:
    state = Bench(monkeypatch, [], low=4, high=9).partition.snapshot()
    with pytest.raises(MissingOffsetError, match="anew"):
        Bench(monkeypatch, [], high=2, state=state, on_missing_offset=on_missing_offset)


def test_trouble_that_passes_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = event(KafkaError._TRANSPORT, -1001)
    bench = Bench(monkeypatch, [[trouble], [*kept(0), trouble], kept(1)], high=2)
    assert accepted(bench.poll(3)) == [0, 1]


def test_trouble_that_does_not_pass_stops_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [[event(KafkaError.TOPIC_AUTHORIZATION_FAILED, -1001)]], high=2)
    with pytest.raises(SourceError):
        bench.poll()


def test_a_topic_that_has_gone_stops_the_flow_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = event(KafkaError.UNKNOWN_TOPIC_OR_PART, -1001)
    bench = Bench(monkeypatch, [[gone], [gone], [gone]], high=2)
    bench.poll()
    bench.now_s += 59.0
    bench.poll()
    bench.now_s += 2.0
    with pytest.raises(SourceError):
        bench.poll()


def test_records_beside_an_offset_error_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = event(KafkaError._AUTO_OFFSET_RESET, 2)
    bench = Bench(monkeypatch, [[*kept(0, 1), lost]], high=4)
    bench.poll()
    assert bench.consumer.assigned == [0, 2]


def test_a_failed_commit_does_not_stop_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, [kept(0)], high=1)
    bench.poll()

    def fail(**_: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(bench.consumer, "commit", fail)
    assert bench.partition.snapshot()["next_offset"] == 1


def test_the_consumer_is_closed_and_never_commits_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, [], group_id="mine")
    bench.partition.close()
    assert bench.consumer.closed
    assert bench.properties["enable.auto.commit"] is False
    assert bench.properties["auto.offset.reset"] == "error"
    assert bench.properties["group.id"] == "mine"


def test_every_partition_of_the_topic_is_listed() -> None:
    parts = KafkaSource(SPEC, 3, SourceOptions(client={})).list_parts()
    assert parts == ["clicks/0", "clicks/1", "clicks/2"]
