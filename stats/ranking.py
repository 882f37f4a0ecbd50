"""Rankings that can be merged: the keys with the largest counts, ties by key, ascending."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

Ranked = tuple[str, int]
"""A key and its count."""


def _order(entry: Ranked) -> tuple[int, str]:
    return -entry[1], entry[0]


def merge_rankings(rankings: Iterable[Iterable[Ranked]], k: int) -> list[Ranked]:
    """Return the first `k` of several rankings over disjoint keys."""
    entries = (entry for ranking in rankings for entry in ranking)
    return heapq.nsmallest(k, entries, key=_order)


def largest(*entries: Ranked | None) -> Ranked | None:
    """Return the entry with the largest count; of equal counts the smallest key."""
    return min((entry for entry in entries if entry is not None), key=_order, default=None)


def smallest(*entries: Ranked | None) -> Ranked | None:
    """Return the entry with the smallest count; of equal counts the smallest key."""
    there = (entry for entry in entries if entry is not None)
    return min(there, key=lambda entry: (entry[1], entry[0]), default=None)
