"""Groups: counts and sums by one key, such as returns and their cost by reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias, TypeVar

import polars as pl

from stats.tables import totals

Groups: TypeAlias = dict[str, tuple[int, ...]]
"""By key: the number of events, then the sums, in the order that was asked for."""


class Addable(Protocol):
    """A sum of several numbers."""

    def plus(self: A, other: A) -> A:
        """Add another one; associative and commutative."""


A = TypeVar("A", bound=Addable)


def added(one: Mapping[str, A], other: Mapping[str, A], nothing: A) -> dict[str, A]:
    """Add sums up by key; a key that is missing on one side has `nothing` there."""
    return {key: one.get(key, nothing).plus(other.get(key, nothing)) for key in {**one, **other}}


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
