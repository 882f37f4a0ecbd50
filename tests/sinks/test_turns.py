"""Turns of writers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sinks.turns import Turns


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def test_those_in_a_hurry_come_first_and_all_come() -> None:
    turns = Turns()
    assert turns.take(hurry=False, timeout_s=1)
    order: list[str] = []

    def write(name: str, hurry: bool) -> None:
        assert turns.take(hurry=hurry, timeout_s=30)
        order.append(name)
        turns.leave()

    patient = [threading.Thread(target=write, args=(f"p{n}", False)) for n in range(3)]
    hurried = [threading.Thread(target=write, args=(f"h{n}", True)) for n in range(3)]
    for thread in [*patient, *hurried]:
        thread.start()
    assert within(30, lambda: len(turns._hurrying) == 3)
    turns.leave()
    for thread in [*patient, *hurried]:
        thread.join(30)
    assert sorted(order[:3]) == ["h0", "h1", "h2"]
    assert sorted(order[3:]) == ["p0", "p1", "p2"]


def test_nobody_starves() -> None:
    turns = Turns()
    ended = threading.Event()

    def hurry() -> None:
        while not ended.is_set():
            assert turns.take(hurry=True, timeout_s=30)
            time.sleep(0.001)
            turns.leave()

    hurried = [threading.Thread(target=hurry) for _ in range(3)]
    for thread in hurried:
        thread.start()
    try:
        for _ in range(3):
            assert turns.take(hurry=False, timeout_s=20)
            turns.leave()
    finally:
        ended.set()
    for thread in hurried:
        thread.join(30)


def test_a_turn_that_does_not_come_in_time_is_refused_and_holds_nobody_up() -> None:
    turns = Turns()
    assert turns.take(hurry=False, timeout_s=0)
    assert not turns.take(hurry=True, timeout_s=0)
    turns.leave()
    assert turns.take(hurry=False, timeout_s=0)
