"""Groups: counts and sums by one key, such as returns and their cost by reason."""

from __future__ import annotations

from typing import TypeAlias

import polars as pl

from stats.tables import totals

Groups: TypeAlias = dict[str, tuple[int, ...]]
"""By key: the number of events, then the sums, in the order that was asked for."""


def groups(counts: pl.DataFrame, key: str, *sums: str) -> Groups:
    """Sum a count table by one of its keys."""
    return {row[0]: row[1:] for row in totals(counts, key, *sums).iter_rows()}


def merged(one: Groups, other: Groups) -> Groups:
    """Add groups up; associative and commutative."""
    result = dict(one)
    for key, numbers in other.items():
        there = result.get(key)
        if there is not None:
            numbers = tuple(a + b for a, b in zip(there, numbers, strict=True))
        result[key] = numbers
    return result
