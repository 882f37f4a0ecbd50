"""Columns of numbers: whole ones and amounts of money, as Int64, exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dataflows.streaming.rejects import BadRows, Reason, shown
from dataflows.streaming.timestamps import Int64Array

MOST = 1_000_000_000_000
"""The largest number and the largest amount that is taken; below, a float holds every cent."""
_CENTS = 100


def whole_numbers(name: str, values: list[int | float], bad: BadRows) -> Int64Array:
    """Return the column; rows that are no whole number of at most `MOST` are marked as bad."""
    numbers = _floats(values)
    fits = (np.abs(numbers) <= MOST) & (np.floor(numbers) == numbers)
    for row in np.flatnonzero(~fits).tolist():
        message = f"{name}: {shown(values[row])} is no whole number of at most {MOST:,}"
        bad.add(row, Reason.INVALID_SCHEMA, message)
    column: Int64Array = np.where(fits, numbers, 0.0).astype(np.int64)
    return column


def cents(name: str, values: list[int | float], bad: BadRows) -> Int64Array:
    """Return amounts in cents, rounded to the nearest; rows beyond `MOST` are marked as bad."""
    amounts = _floats(values)
    fits = np.abs(amounts) <= MOST
    for row in np.flatnonzero(~fits).tolist():
        message = f"{name}: {shown(values[row])} is no amount of at most {MOST:,}"
        bad.add(row, Reason.INVALID_SCHEMA, message)
    column: Int64Array = np.rint(np.where(fits, amounts, 0.0) * _CENTS).astype(np.int64)
    return column


def optional_cents(values: list[Any], default: int) -> tuple[Int64Array, int]:
    """Return amounts in cents, the default where there is none that is of use.

    `values` has None where there is none. The second result is how often a value was there but of
    no use.
    """
    numbers = [value if type(value) in (int, float) else None for value in values]
    amounts = _floats([np.nan if number is None else number for number in numbers])
    fits = np.abs(amounts) <= MOST
    column = np.rint(np.where(fits, amounts, 0.0) * _CENTS).astype(np.int64)
    absent = sum(value is None for value in values)
    amounts_or_default: Int64Array = np.where(fits, column, default)
    return amounts_or_default, int((~fits).sum()) - absent


def _floats(values: list[Any]) -> npt.NDArray[np.float64]:
    """Return numbers as floats: exact up to `MOST`, and beyond it far from it."""
    try:
        return np.array(values, np.float64)
    except OverflowError:
        return np.array([_float(value) for value in values], np.float64)


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf
