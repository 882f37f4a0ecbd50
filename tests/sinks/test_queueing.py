"""What is written first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.commands import ReplaceDocuments
from sinks.queueing import (
    BULK_ROWS_PER_WRITE,
    HELD_BACK_S,
    OVERTAKEN_S,
    WriteQueue,
    can_wait,
)
from tests.sinks.builders import window


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
        clock.now_s = number * OVERTAKEN_S / 10
        queue.put(fresh(number))
        taken += queue.take()
    assert taken[:10] == [fresh(number) for number in range(10)]
    assert taken[10] is first


def test_more_is_written_at_once_where_everybody_waits() -> None:
    def bulky() -> WriteQueue:
        queue = WriteQueue(Clock())
        counts = {f"u{number}": {"a": 1} for number in range(BULK_ROWS_PER_WRITE // 2 + 1)}
        for number in range(4):
            queue.put(window(number, counts))
        return queue

    assert len(bulky().take()) == 1
    assert len(bulky().take(all_wait=True)) == 4
