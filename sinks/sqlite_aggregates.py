"""Current aggregates in SQLite: windows added to the rows of their keys.

What it does equals the fold of `sinks.aggregate.accumulate` over the windows, in the order they
come. The windows that come together are added up before, so that a key costs one upsert, however
many of them it is in: a backlog brings several at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import msgspec

from sinks.commands import AccumulateWindow
from sinks.sqlite_layout import SLOTS, accumulate_statement, name_statement, quote
from sinks.sqlite_rows import run
from sinks.sqlite_sums import KeyTwice, Sums, UnknownName, sum_up

Slots = dict[str, int]
"""The column number of each name of a collection; those from SLOTS on have no column."""


@dataclass(frozen=True, slots=True)
class Addition:
    """Windows of one collection in ascending order, and what they add to each key.

    There are no sums where a name is not known yet: they follow from the columns of the names.
    """

    collection: str
    windows: Sequence[AccumulateWindow]
    sums: Sums | None


def additions(windows: Sequence[AccumulateWindow], slots: dict[str, Slots]) -> list[Addition]:
    """Return what is to be added, in order. Needs no connection."""
    collection = attrgetter("collection")
    return [
        addition
        for name, some in groupby(sorted(windows, key=collection), key=collection)
        for ascending in _ascending(some)
        for addition in _summed_up(name, ascending, slots.get(name, {}))
    ]


def add(connection: sqlite3.Connection, addition: Addition, slots: dict[str, Slots]) -> None:
    """Add to the rows of the keys. The collection has its tables.

    Slots that are found or made are added to `slots`.
    """
    collection, windows, sums = addition.collection, addition.windows, addition.sums
    if sums is None:
        known = slots.setdefault(collection, {})
        _assign_slots(connection, collection, windows, known)
        for each in _summed_up(collection, windows, known):
            add(connection, each, slots)
        return
    stored = run(connection, accumulate_statement(collection, sums.counts), sums.columns)
    if stored < len(sums) and len(windows) > 1:
        # Some keys have some of the windows already. Those that were given all of them just now
        # take none twice.
        for window in windows:
            add(connection, Addition(collection, [window], None), slots)


def _ascending(windows: Iterable[AccumulateWindow]) -> list[list[AccumulateWindow]]:
    """Cut where a window comes after a later one: its keys may have that one already."""
    parts: list[list[AccumulateWindow]] = []
    for window in windows:
        if not parts or window.window_start < parts[-1][-1].window_start:
            parts.append([])
        parts[-1].append(window)
    return parts


def _summed_up(
    collection: str, windows: Sequence[AccumulateWindow], known: Slots
) -> list[Addition]:
    """Return windows together, or one by one where a key is in several commands of one window."""
    try:
        return [Addition(collection, windows, sum_up(windows, known))]
    except UnknownName:
        return [Addition(collection, windows, None)]
    except KeyTwice:
        return [each for window in windows for each in _summed_up(collection, [window], known)]


def _assign_slots(
    connection: sqlite3.Connection,
    collection: str,
    windows: Sequence[AccumulateWindow],
    known: Slots,
) -> None:
    """Give each name a column, if one is left."""
    names = {name for window in windows for name in window.counts["name"].unique()}
    new = sorted(names - known.keys())
    if new:
        labels = [(name, msgspec.json.encode(name).decode()) for name in new]
        connection.executemany(name_statement(collection), labels)
        known.update(connection.execute(f"SELECT name, slot FROM {quote(f'{collection}_names')}"))
        known.update((name, SLOTS) for name in new if name not in known)
