"""Alerts of rules recomputed from accepted records in one batch, with no engine code.

Every subject is looked at in every window from the first to the one after the last, gaps too.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

Documents = dict[str, dict[str, Any]]
_COMPARED = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@dataclass(frozen=True)
class Expected:
    """What a rule should be computed from: its settings, its values by window and subject."""

    settings: Mapping[str, Any]
    values: Mapping[tuple[int, str], float]


def values_by(records: pl.DataFrame, subject: str, value: pl.Expr) -> dict[tuple[int, str], float]:
    """Return a number by window and subject."""
    found = records.group_by("start_us", pl.col(subject).alias("subject")).agg(value.alias("value"))
    return {(start, name): number for start, name, number in found.iter_rows()}


def values_of(records: pl.DataFrame, pipeline: str, value: pl.Expr) -> dict[tuple[int, str], float]:
    """Return a number by window."""
    return values_by(records.with_columns(pl.lit(pipeline).alias("subject")), "subject", value)


def rule_alerts(expected: Expected, *, window_s: int) -> Documents:
    """Return the alerts of a rule by id."""
    window_us = window_s * 1_000_000
    rule, values = expected.settings, expected.values
    holds = _COMPARED[rule["op"]]
    cooldown_us = rule.get("cooldown_s", 0) * 1_000_000
    needed = rule.get("for_windows", 1)
    starts = [start for start, _ in values]
    every = range(min(starts), max(starts) + 2 * window_us, window_us)
    documents: Documents = {}
    for subject in {name for _, name in values}:
        streak, active, ended_us = 0, False, -(10**18)
        for start in every:
            value = values.get((start, subject))
            holding = value is not None and holds(value, rule["threshold"])
            streak = streak + 1 if holding else 0
            if active and not holding:
                active, ended_us = False, start
                state = "end"
            elif not active and streak >= needed and start - ended_us >= cooldown_us:
                active = True
                state = "begin"
            else:
                continue
            at = datetime.fromtimestamp(start / 1_000_000, UTC)
            identity = f"{rule['name']}/{subject}/{at:%Y-%m-%dT%H:%M:%SZ}"
            documents[identity] = {
                "_id": identity,
                "rule": rule["name"],
                "severity": rule.get("severity", "warning"),
                "subject": subject,
                "state": state,
                "value": value or 0,
                "threshold": rule["threshold"],
                "timestamp": at,
                "window_start": at,
                "window_end": datetime.fromtimestamp(start / 1_000_000 + window_s, UTC),
                "pipeline": rule["pipeline"],
            }
    return documents
