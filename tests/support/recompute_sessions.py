"""Funnels and sessions recomputed from accepted records in one batch, with no engine code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

Documents = dict[str, dict[str, Any]]


def _head(kind: str, start_us: int, window_s: int) -> dict[str, Any]:
    start = datetime.fromtimestamp(start_us / 1_000_000, UTC)
    return {
        "_id": f"{kind}/{start:%Y-%m-%dT%H:%M:%SZ}",
        "type": kind,
        "timestamp": start,
        "window_end": datetime.fromtimestamp(start_us / 1_000_000 + window_s, UTC),
    }


def funnel_documents(
    accepted: pl.DataFrame, *, window_s: int, kind: str, steps: Sequence[str]
) -> Documents:
    """Return the `funnel` documents by id; `start_us` is each record's window."""
    documents = {}
    for (start_us,), events in accepted.group_by("start_us"):
        did = dict(events.group_by("user_id").agg(pl.col(kind).unique()).iter_rows())
        users_at = [
            sum(set(steps[: n + 1]) <= set(kinds) for kinds in did.values())
            for n in range(len(steps))
        ]
        by_kind = dict(events[kind].value_counts().iter_rows())
        before = [users_at[0], *users_at]
        document = _head("funnel", int(start_us), window_s) | {
            "total": len(events),
            "users": len(did),
            "conversion": users_at[-1] / users_at[0] if users_at[0] else 0.0,
            "steps": [
                {
                    "name": step,
                    "users": users_at[n],
                    "events": by_kind.get(step, 0),
                    "conversion": users_at[n] / before[n] if before[n] else 0.0,
                }
                for n, step in enumerate(steps)
            ],
        }
        documents[document["_id"]] = document
    return documents


def sessions_documents(accepted: pl.DataFrame, *, window_s: int, gap_s: float) -> Documents:
    """Return the `sessions` documents by id."""
    gap_us, window_us = round(gap_s * 1_000_000), window_s * 1_000_000
    ordered = accepted.select("user_id", "event_time_us").sort("user_id", "event_time_us")
    silence_us = pl.col("event_time_us").diff().over("user_id")
    sessions = (
        ordered.with_columns(new=(silence_us.is_null() | (silence_us > gap_us)).cum_sum())
        .group_by("new")
        .agg(
            first=pl.col("event_time_us").min(),
            last=pl.col("event_time_us").max(),
            events=pl.len(),
        )
        .with_columns(start_us=pl.col("last") // window_us * window_us)
    )
    documents = {}
    for (start_us,), rows in sessions.group_by("start_us"):
        lengths = [last - first for first, last in rows.select("first", "last").iter_rows()]
        document = _head("sessions", int(start_us), window_s) | {
            "sessions": len(rows),
            "events": rows["events"].sum(),
            "mean_length_s": sum(lengths) / len(rows) / 1_000_000,
            "max_length_s": max(lengths) / 1_000_000,
            "events_per_session": rows["events"].sum() / len(rows),
        }
        documents[document["_id"]] = document
    return documents
