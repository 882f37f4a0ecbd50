"""Records of a stream for the tests beside it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from generator import GeneratorSettings, plan

START = datetime(2026, 11, 20, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000
ALL_FAULTS = {
    "out_of_order_share": 0.1,
    "late_share": 0.01,
    "duplicate_share": 0.02,
    "malformed_share": 0.02,
    "missing_field_share": 0.04,
    "future_share": 0.01,
}
OTHERS = ("logins", "activity", "sales", "inventory")
"""The streams beside interactions."""


def settings(stream: str, **changed: Any) -> GeneratorSettings:
    """Return settings of a backfill of 40,000 records in 40 s of event time."""
    values = {"rate": None, "event_rate": 1_000.0, "count": 40_000, "start_time": START}
    return GeneratorSettings.model_validate({"stream": stream} | values | changed)


def records(stream: str, partitions: int = 3, **changed: Any) -> pl.DataFrame:
    """Return the whole plan as one frame."""
    return pl.concat(plan(settings(stream, **changed), partitions))


def parsed(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Read the values; numbers with a point come as exact decimals."""
    return [json.loads(value, parse_float=Decimal) for value in frame["value"]]
