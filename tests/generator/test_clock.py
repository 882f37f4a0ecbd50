from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generator.clock import EventClock
from generator.settings import BurstSettings


def numbers(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64)


def test_events_are_evenly_spaced() -> None:
    clock = EventClock(4.0, BurstSettings())
    assert clock.offsets_us(numbers(4)).tolist() == [0, 250_000, 500_000, 750_000]


def test_a_burst_is_denser_and_the_time_after_it_is_not() -> None:
    clock = EventClock(2.0, BurstSettings(factor=4.0, after_s=1.0, for_s=0.5))
    seconds = clock.offsets_us(numbers(8)) / 1e6
    assert seconds.tolist() == [0.0, 0.5, 1.0, 1.125, 1.25, 1.375, 1.5, 2.0]


@given(
    rate=st.floats(0.1, 1e5),
    factor=st.floats(0.1, 20.0),
    after_s=st.floats(0.0, 10.0),
    for_s=st.floats(0.0, 10.0),
)
def test_offsets_never_go_back(rate: float, factor: float, after_s: float, for_s: float) -> None:
    clock = EventClock(rate, BurstSettings(factor=factor, after_s=after_s, for_s=for_s))
    assert (np.diff(clock.offsets_us(numbers(3_000))) >= 0).all()


@given(
    rate=st.floats(1.0, 1e4),
    factor=st.floats(0.1, 20.0),
    offset_s=st.floats(0.01, 30.0),
)
def test_records_before_counts_the_offsets_below(
    rate: float, factor: float, offset_s: float
) -> None:
    clock = EventClock(rate, BurstSettings(factor=factor, after_s=3.0, for_s=4.0))
    count = clock.records_before(offset_s)
    around = clock.offsets_us(np.array([max(0, count - 2), count + 1], dtype=np.int64)) / 1e6
    assert around[0] <= offset_s <= around[1] + 1e-6
