"""Faults of single records: which records carry one, and what it does to time and bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator.settings import FaultSettings

FAULTS: Final = (
    "none",
    "out_of_order",
    "late",
    "duplicate",
    "malformed",
    "missing_field",
    "future",
)
NONE, OUT_OF_ORDER, LATE, DUPLICATE, MALFORMED, MISSING_FIELD, FUTURE = range(len(FAULTS))
MALFORMED_KINDS: Final = ("truncated", "invalid_utf8", "not_json", "empty")
US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What is wrong with each record of one block; all arrays have one entry a record."""

    codes: NDArray[np.int64]
    """Index into FAULTS."""
    shift_us: NDArray[np.int64]
    """Added to the record's place in event time."""


def draw_faults(settings: FaultSettings, random: np.random.Generator, count: int) -> FaultPlan:
    """Choose the faults of `count` records."""
    shares = [
        settings.out_of_order_share,
        settings.late_share,
        settings.duplicate_share,
        settings.malformed_share,
        settings.missing_field_share,
        settings.future_share,
    ]
    codes = np.searchsorted(np.cumsum(shares), random.random(count), side="right") + 1
    codes[codes == len(FAULTS)] = NONE
    shift_us = np.zeros(count, dtype=np.int64)
    shuffled = np.flatnonzero(codes == OUT_OF_ORDER)
    older_s = random.random(len(shuffled)) * settings.out_of_order_s
    shift_us[shuffled] = -np.floor(older_s * US_PER_S).astype(np.int64)
    shift_us[codes == LATE] = -round(settings.late_s * US_PER_S)
    shift_us[codes == FUTURE] = round(settings.future_s * US_PER_S)
    return FaultPlan(codes.astype(np.int64), shift_us)


def draw_sources(
    codes: NDArray[np.int64], within: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose for each duplicate the earlier record that it repeats.

    Returns the rows of the duplicates and the rows of their sources. A source is a sound record
    of the same block, at most `within` sound records before; a duplicate without any such record
    before it is left out of both.
    """
    sound = np.flatnonzero((codes == NONE) | (codes == OUT_OF_ORDER))
    duplicates = np.flatnonzero(codes == DUPLICATE)
    before = np.searchsorted(sound, duplicates)
    back = np.floor(random.random(len(duplicates)) * np.minimum(before, within)).astype(np.int64)
    possible = before > 0
    return duplicates[possible], sound[before[possible] - 1 - back[possible]]


def malform(
    values: pl.Series, keys: pl.Series, random: np.random.Generator
) -> tuple[pl.Series, pl.Series]:
    """Break JSON texts; returns the broken bytes and the name of what was done to each."""
    kinds = random.integers(0, len(MALFORMED_KINDS), len(values))
    where = random.random(len(values))
    broken = [
        _break(MALFORMED_KINDS[kind], value.encode(), key, at)
        for kind, value, key, at in zip(kinds, values, keys, where, strict=True)
    ]
    names = pl.Series("fault_detail", MALFORMED_KINDS).gather(kinds)
    return pl.Series(values.name, broken, dtype=pl.Binary), names


def _break(kind: str, value: bytes, key: str, at: float) -> bytes:
    if kind == "truncated":
        return value[: 1 + int(at * (len(value) - 1))]
    if kind == "invalid_utf8":
        inside = value.index(b'":"') + 3
        return value[:inside] + b"\xff\xfe" + value[inside:]
    if kind == "not_json":
        return f"ERROR no event for {key}".encode()
    return b""
