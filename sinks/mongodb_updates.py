"""Updates of MongoDB that may be applied any number of times.

Each is a pipeline of one document: the server compares and computes in one atomic step. Names of
types are data, and may look like paths (`checkout.start`) or operators (`$x`): they only ever come
as `$literal` values, never as field names of an expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import polars as pl
from pymongo import UpdateOne

from sinks.commands import Document

Expression: TypeAlias = dict[str, Any]

_AVERAGE: Expression = {"$set": {"avg_per_window": {"$divide": ["$total", "$windows"]}}}


def accumulate_updates(window_start: datetime, counts: pl.DataFrame) -> list[UpdateOne]:
    """Return one update per key that adds the window where it is newer than the stored ones."""
    stored = {name: _stored_count(name) for name in counts["name"].unique()}
    rows = counts.select("key", "name", "count").iter_rows()
    updates = []
    for key, group in groupby(rows, itemgetter(0)):
        total = 0
        sums = []
        for _, name, count in group:
            total += count
            key_expression, value = stored[name]
            sums.append({"k": key_expression, "v": {"$add": [value, count]}})
        pipeline = _accumulate_pipeline(window_start, total, sums)
        updates.append(UpdateOne({"_id": key}, pipeline, upsert=True))
    return updates


def _stored_count(name: str) -> tuple[Expression, Expression]:
    """Return the name as an expression, and its stored count or 0."""
    literal = {"$literal": name}
    by_type = {"$ifNull": ["$by_type", {}]}
    return literal, {"$ifNull": [{"$getField": {"field": literal, "input": by_type}}, 0]}


def _accumulate_pipeline(
    window_start: datetime, total: int, sums: list[Expression]
) -> list[Expression]:
    """Return the pipeline that is `sinks.aggregate.accumulate` for one key.

    On a new document the stored fields are missing, which `$ifNull`, `$min`, `$max` and
    `$mergeObjects` take as nothing, and which `$gte` sorts before any date.
    """
    new = {
        "_id": "$_id",
        "total": {"$add": [{"$ifNull": ["$total", 0]}, total]},
        "by_type": {"$mergeObjects": ["$by_type", {"$arrayToObject": [sums]}]},
        "windows": {"$add": [{"$ifNull": ["$windows", 0]}, 1]},
        "max_per_window": {"$max": ["$max_per_window", total]},
        "min_per_window": {"$min": ["$min_per_window", total]},
        "last_window": window_start,
        "last_window_count": total,
        "first_seen": {"$ifNull": ["$first_seen", window_start]},
        "last_seen": window_start,
    }
    known = {"$gte": ["$last_window", window_start]}
    return [{"$replaceWith": {"$cond": [known, "$$ROOT", new]}}, _AVERAGE]


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
