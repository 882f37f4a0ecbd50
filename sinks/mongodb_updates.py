"""Updates of MongoDB that may be applied any number of times.

Each is a pipeline of one document: the server compares and computes in one atomic step. Names of
types are data, and may look like paths (`checkout.start`) or operators (`$x`): they only ever come
as `$literal` values, never as field names of an expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import polars as pl
from pymongo import UpdateOne

from sinks.commands import AccumulateWindow, Document

Expression: TypeAlias = dict[str, Any]

_Stored: TypeAlias = tuple[Expression, Expression]
_AVERAGE: Expression = {"$set": {"avg_per_window": {"$divide": ["$total", "$windows"]}}}


def accumulate_updates(window_start: datetime, counts: pl.DataFrame) -> list[UpdateOne]:
    """Return one update per key that adds the window where it is newer than the stored ones."""
    known = {"$gte": ["$last_window", window_start]}
    stored: dict[str, _Stored] = {}
    return [
        UpdateOne(
            {"_id": key},
            [{"$replaceWith": {"$cond": [known, "$$ROOT", _after(added, stored)]}}, _AVERAGE],
            upsert=True,
        )
        for key, added in _added([AccumulateWindow("", window_start, counts)]).items()
    ]


def joint_updates(windows: Sequence[AccumulateWindow]) -> list[UpdateOne]:
    """Return one update per key that adds all windows, which are of one collection.

    A key that has the first of its windows already, or a later one, is not found by its update; the
    server then tries to insert it, and refuses that as a duplicate key. Such a key needs
    `accumulate_updates`, window by window.
    """
    stored: dict[str, _Stored] = {}
    return [
        UpdateOne(
            {"_id": key, "last_window": {"$lt": added.first_window}},
            [{"$replaceWith": _after(added, stored)}, _AVERAGE],
            upsert=True,
        )
        for key, added in _added(windows).items()
    ]


@dataclass(slots=True)
class _Added:
    """What windows add to one key."""

    first_window: datetime
    last_window: datetime
    windows: int
    total: int
    max_per_window: int
    min_per_window: int
    last_window_count: int
    by_name: dict[str, int]


def _added(windows: Sequence[AccumulateWindow]) -> dict[str, _Added]:
    """Return what the windows add to each key; one that is not later than the last adds nothing."""
    found: dict[str, _Added] = {}
    for window in windows:
        start = window.window_start
        rows = window.counts.select("key", "name", "count").iter_rows()
        for key, group in groupby(rows, itemgetter(0)):
            counts = {name: count for _, name, count in group}
            total = sum(counts.values())
            added = found.get(key)
            if added is None:
                found[key] = _Added(start, start, 1, total, total, total, total, counts)
            elif added.last_window < start:
                added.last_window = start
                added.windows += 1
                added.total += total
                added.max_per_window = max(added.max_per_window, total)
                added.min_per_window = min(added.min_per_window, total)
                added.last_window_count = total
                for name, count in counts.items():
                    added.by_name[name] = added.by_name.get(name, 0) + count
    return found


def _stored_count(name: str) -> _Stored:
    """Return the name as an expression, and its stored count or 0."""
    literal = {"$literal": name}
    by_type = {"$ifNull": ["$by_type", {}]}
    return literal, {"$ifNull": [{"$getField": {"field": literal, "input": by_type}}, 0]}


def _after(added: _Added, stored: dict[str, _Stored]) -> Expression:
    """Return `sinks.aggregate.accumulate` for one key as an expression, all but the average.

    On a new document the stored fields are missing, which `$ifNull`, `$min`, `$max` and
    `$mergeObjects` take as nothing, and which `$gte` sorts before any date. Expressions of names
    are kept in `stored`.
    """
    sums = []
    for name, count in added.by_name.items():
        label, value = stored.get(name) or stored.setdefault(name, _stored_count(name))
        sums.append({"k": label, "v": {"$add": [value, count]}})
    return {
        "_id": "$_id",
        "total": {"$add": [{"$ifNull": ["$total", 0]}, added.total]},
        "by_type": {"$mergeObjects": ["$by_type", {"$arrayToObject": [sums]}]},
        "windows": {"$add": [{"$ifNull": ["$windows", 0]}, added.windows]},
        "max_per_window": {"$max": ["$max_per_window", added.max_per_window]},
        "min_per_window": {"$min": ["$min_per_window", added.min_per_window]},
        "last_window": added.last_window,
        "last_window_count": added.last_window_count,
        "first_seen": {"$ifNull": ["$first_seen", added.first_window]},
        "last_seen": added.last_window,
    }


def newest_updates(documents: Sequence[Document], order_by: str) -> list[UpdateOne]:
    """Return one update per document that leaves a newer stored one alone."""
    stored = {"$getField": {"$literal": order_by}}
    return [
        UpdateOne(
            {"_id": document["_id"]},
            [
                {
                    "$replaceWith": {
                        "$cond": [
                            {"$gt": [stored, {"$literal": document[order_by]}]},
                            "$$ROOT",
                            {"$literal": document},
                        ]
                    }
                }
            ],
            upsert=True,
        )
        for document in documents
    ]
