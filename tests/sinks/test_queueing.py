"""What is written first."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.commands import RECORDS_SCHEMA, AccumulateWindow, Command, KeepRecords, ReplaceDocuments
from sinks.queueing import (
    BACKLOG_HELD_BACK_S,
    BEHIND_S,
    BULK_ROWS_PER_WRITE,
    HELD_BACK_S,
    OVERTAKEN_S,
    ROWS_PER_WRITE,
    WriteQueue,
    can_wait,
)
from tests.sinks.builders import START, window


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def fresh(number: int) -> ReplaceDocuments:
    return ReplaceDocuments("c", [{"_id": number}])


@given(st.lists(st.booleans(), max_size=30))
def test_everything_comes_once_and_in_order_of_its_kind(kinds: list[bool]) -> None:
    queue = WriteQueue(Clock())
    put = [window(n, {"u": {"a": 1}}) if bulk else fresh(n) for n, bulk in enumerate(kinds)]
    for command in put:
        queue.put(command)
    assert len(queue) == len(put)
    taken = []
    while queue.held_back_s() is not None:
        taken += queue.take()
    assert taken == sorted(put, key=can_wait)
    assert len(queue) == 0


def test_what_can_wait_is_held_back_from_the_first_of_it_on() -> None:
    clock = Clock()
    queue = WriteQueue(clock)
    assert queue.held_back_s() is None
    queue.put(window(0, {"u": {"a": 1}}))
    clock.now_s = HELD_BACK_S / 2
    queue.put(window(1, {"u": {"a": 1}}))
    assert queue.held_back_s() == HELD_BACK_S / 2
    queue.put(fresh(2))
    assert queue.held_back_s() == 0.0
    assert queue.take() == [fresh(2)]
    clock.now_s = 2 * HELD_BACK_S
    assert queue.held_back_s() == 0.0
    assert len(queue.take()) == 2


def test_what_can_wait_is_overtaken_for_a_moment_only() -> None:
    clock = Clock()
    queue = WriteQueue(clock)
    first = window(0, {"u": {"a": 1}})
    queue.put(first)
    taken = []
    for number in range(100):
        clock.now_s = number * (HELD_BACK_S + OVERTAKEN_S) / 9.5
        queue.put(fresh(number))
        taken += queue.take()
    assert taken[:10] == [fresh(number) for number in range(10)]
    assert taken[10] is first


def test_bulk_that_never_ends_is_overtaken_again() -> None:
    clock = Clock()
    queue = WriteQueue(clock, now=START.timestamp)
    queue.put(window(0, {f"u{number}": {"a": 1} for number in range(BULK_ROWS_PER_WRITE)}))
    clock.now_s = HELD_BACK_S + OVERTAKEN_S
    queue.put(window(1, {"u": {"a": 1}}))
    queue.put(fresh(0))
    assert [type(each) for each in queue.take()] == [AccumulateWindow]
    # What is left of the bulk has just come.
    assert queue.take() == [fresh(0)]


@pytest.mark.parametrize(
    ("age_s", "holds_backlog", "held_back_s"),
    [
        (BEHIND_S + 1, True, BACKLOG_HELD_BACK_S),
        (BEHIND_S - 1, True, HELD_BACK_S),
        (BEHIND_S + 1, False, HELD_BACK_S),
    ],
)
def test_windows_of_a_backlog_wait_for_others(
    age_s: float, holds_backlog: bool, held_back_s: float
) -> None:
    now_s = START.timestamp() + age_s
    queue = WriteQueue(Clock(), holds_backlog=holds_backlog, now=lambda: now_s)
    queue.put(window(0, {"u": {"a": 1}}))
    assert queue.held_back_s() == held_back_s


def test_records_do_not_wait_for_the_windows_of_a_backlog() -> None:
    queue = WriteQueue(Clock(), holds_backlog=True)
    put: list[Command] = [
        window(0, {"u": {"a": 1}}),
        KeepRecords("raw", "t", 0, pl.DataFrame(schema=RECORDS_SCHEMA)),
    ]
    queue.put(put[0])
    assert queue.held_back_s() == BACKLOG_HELD_BACK_S
    queue.put(put[1])
    assert queue.held_back_s() == HELD_BACK_S
    taken = queue.take()
    assert len(taken) == 2
    assert all(a is b for a, b in zip(taken, put, strict=True))


def test_a_full_write_waits_for_nothing() -> None:
    queue = WriteQueue(Clock(), holds_backlog=True)
    counts = {f"u{number}": {"a": 1} for number in range(ROWS_PER_WRITE // 2)}
    queue.put(window(0, counts))
    assert queue.held_back_s() == BACKLOG_HELD_BACK_S
    queue.put(window(1, counts))
    assert queue.held_back_s() == 0.0
    queue.put(fresh(0))
    # But for what is fresh.
    assert queue.take() == [fresh(0)]
    assert queue.held_back_s() == 0.0
    assert [type(each) for each in queue.take()] == [AccumulateWindow, AccumulateWindow]
    queue.put(window(2, {"u": {"a": 1}}))
    assert queue.held_back_s() == BACKLOG_HELD_BACK_S


def test_more_is_written_at_once_where_everybody_waits_or_of_a_backlog() -> None:
    def bulky(age_s: float) -> WriteQueue:
        queue = WriteQueue(Clock(), now=lambda: START.timestamp() + age_s)
        counts = {f"u{number}": {"a": 1} for number in range(BULK_ROWS_PER_WRITE // 2 + 1)}
        for number in range(4):
            queue.put(window(number, counts))
        return queue

    assert len(bulky(0).take()) == 1
    assert len(bulky(0).take(all_wait=True)) == 4
    assert len(bulky(2 * BEHIND_S).take()) == 4


def test_records_are_not_a_part_of_the_larger_writes_of_a_backlog() -> None:
    queue = WriteQueue(Clock(), now=lambda: START.timestamp() + 2 * BEHIND_S)
    queue.put(window(0, {f"u{number}": {"a": 1} for number in range(BULK_ROWS_PER_WRITE)}))
    offsets = pl.DataFrame({"offset": range(BULK_ROWS_PER_WRITE)})
    queue.put(KeepRecords("raw", "t", 0, offsets))
    queue.put(window(1, {"u": {"a": 1}}))
    assert [type(each) for each in queue.take()] == [AccumulateWindow]
    assert [type(each) for each in queue.take()] == [KeepRecords, AccumulateWindow]
