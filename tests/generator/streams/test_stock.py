"""Stock computed a block at a time is that of a shelf served update by update."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generator.streams.stock import Stock


class Told(np.random.Generator):
    """Draws what it is told, so that demands are known."""

    def __init__(self, numbers: list[float]) -> None:
        super().__init__(np.random.PCG64(0))
        self._numbers = numbers

    def random(self, size: object = None, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        assert isinstance(size, int)
        drawn, self._numbers = self._numbers[:size], self._numbers[size:]
        return np.array(drawn)


@given(
    shelves=st.lists(st.integers(0, 4), min_size=1, max_size=120),
    seed=st.integers(0, 1_000),
    cut=st.integers(1, 119),
)
def test_cutting_blocks_elsewhere_changes_nothing(shelves: list[int], seed: int, cut: int) -> None:
    numbers = np.random.default_rng(seed).random(len(shelves)).tolist()
    whole = Stock(5).sell(np.array(shelves, dtype=np.int64), Told(numbers))
    parts, told = Stock(5), Told(numbers)
    pieces = [shelves[:cut], shelves[cut:]]
    sold = [parts.sell(np.array(p, dtype=np.int64), told) for p in pieces if p]
    assert np.concatenate([p.stock for p in sold]).tolist() == whole.stock.tolist()
    assert np.concatenate([p.reorder for p in sold]).tolist() == whole.reorder.tolist()


@given(shelves=st.lists(st.integers(0, 4), min_size=1, max_size=120), seed=st.integers(0, 1_000))
def test_shelves_do_not_know_each_other(shelves: list[int], seed: int) -> None:
    numbers = np.random.default_rng(seed).random(len(shelves))
    together = Stock(5).sell(np.array(shelves, dtype=np.int64), Told(numbers.tolist()))
    for shelf in set(shelves):
        rows = np.flatnonzero(np.array(shelves) == shelf)
        alone = Stock(5).sell(np.full(len(rows), shelf), Told(numbers[rows].tolist()))
        assert together.stock[rows].tolist() == alone.stock.tolist()


def test_without_demand_nothing_changes() -> None:
    levels = Stock(1).sell(np.zeros(50, dtype=np.int64), Told([0.0] * 50))
    assert len(set(levels.stock.tolist())) == 1
    assert levels.stock[0] > 0
