"""The current aggregate of a key, as a pure function: the reference for every store.

A store may compute an `AccumulateWindow` in any way (SQL, an update pipeline), what it holds
afterwards must equal the fold of `accumulate` over the windows in the order they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sinks.commands import Document


def accumulate(
    document: Document | None, key: str, window_start: datetime, counts: Mapping[str, int]
) -> Document:
    """Return the aggregate of `key` after one more window.

    `document` is the stored aggregate (None: the key is new) and is not changed; `counts` has at
    least one name. A window that is not newer than the stored `last_window` was applied before: the
    document comes back as it is.
    """
    if document is not None and document["last_window"] >= window_start:
        return document
    total = sum(counts.values())
    if document is None:
        return {
            "_id": key,
            "total": total,
            "by_type": dict(counts),
            "windows": 1,
            "avg_per_window": float(total),
            "max_per_window": total,
            "min_per_window": total,
            "last_window": window_start,
            "last_window_count": total,
            "first_seen": window_start,
            "last_seen": window_start,
        }
    by_type = dict(document["by_type"])
    for name, count in counts.items():
        by_type[name] = by_type.get(name, 0) + count
    windows = document["windows"] + 1
    total_so_far = document["total"] + total
    return {
        "_id": key,
        "total": total_so_far,
        "by_type": by_type,
        "windows": windows,
        "avg_per_window": total_so_far / windows,
        "max_per_window": max(document["max_per_window"], total),
        "min_per_window": min(document["min_per_window"], total),
        "last_window": window_start,
        "last_window_count": total,
        "first_seen": document["first_seen"],
        "last_seen": window_start,
    }
