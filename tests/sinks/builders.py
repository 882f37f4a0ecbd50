"""Short ways to say commands in tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from sinks.aggregate import accumulate
from sinks.commands import COUNTS_SCHEMA, AccumulateWindow

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
LENGTH_S = 10

# What people put into names: paths, operators, quotes, spaces, other scripts.
ODD_NAMES = [
    "checkout.start",
    "2.3.0",
    "$x",
    "$$ROOT",
    " ",
    "a b",
    "q\"u\\o'te",
    "ünï",
    "💧",
    "_id",
]

Counts = Mapping[str, Mapping[str, int]]


def window_start(number: int) -> datetime:
    """Return the start of a window."""
    return START + timedelta(seconds=LENGTH_S * number)


def window(number: int, counts: Counts, collection: str = "user_stats") -> AccumulateWindow:
    """Return the command for {key: {name: count}} of a window."""
    rows = [(key, name, count) for key, by in counts.items() for name, count in by.items()]
    frame = pl.DataFrame(rows, schema=COUNTS_SCHEMA, orient="row")
    return AccumulateWindow(collection, window_start(number), frame)


def fold(windows: Mapping[int, Counts]) -> dict[str, dict[str, Any]]:
    """Return what a collection must hold after the windows, in order of their numbers."""
    held: dict[str, dict[str, Any]] = {}
    for number in sorted(windows):
        for key, counts in windows[number].items():
            held[key] = accumulate(held.get(key), key, window_start(number), counts)
    return held
