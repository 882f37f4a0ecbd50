"""Columns of numbers: whole ones and amounts of money, as Int64, exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dataflows.streaming.rejects import BadRows, Reason, shown
from dataflows.streaming.timestamps import Int64Array

Floats: TypeAlias = npt.NDArray[np.float64]
Original: TypeAlias = Callable[[int], object]

MOST = 1_000_000_000_000
"""The largest number and the largest amount that is taken; below, a float holds every cent."""
_CENTS = 100


def whole_numbers(name: str, numbers: Floats, original: Original, bad: BadRows) -> Int64Array:
    """Return the column; rows that are no whole number of at most `MOST` are marked as bad.

    `original` tells what stands in the record of a row, for the message.
    """
    fits = (np.abs(numbers) <= MOST) & (np.floor(numbers) == numbers)
    for row in np.flatnonzero(~fits).tolist():
        message = f"{name}: {shown(original(row))} is no whole number of at most {MOST:,}"
        bad.add(row, Reason.INVALID_SCHEMA, message)
    column: Int64Array = np.where(fits, numbers, 0.0).astype(np.int64)
    return column


def cents(name: str, amounts: Floats, original: Original, bad: BadRows) -> Int64Array:
    """Return amounts in cents, rounded to the nearest; rows beyond `MOST` are marked as bad."""
    fits = np.abs(amounts) <= MOST
    for row in np.flatnonzero(~fits).tolist():
        message = f"{name}: {shown(original(row))} is no amount of at most {MOST:,}"
        bad.add(row, Reason.INVALID_SCHEMA, message)
    column: Int64Array = np.rint(np.where(fits, amounts, 0.0) * _CENTS).astype(np.int64)
    return column


def optional_cents(amounts: Floats, default: int) -> tuple[Int64Array, int]:
    """Return amounts in cents, the default where there is none that is of use.

    The second result is how many amounts were there but beyond `MOST`; NaN is none at all.
    """
    fits = np.abs(amounts) <= MOST
    column = np.rint(np.where(fits, amounts, 0.0) * _CENTS).astype(np.int64)
    amounts_or_default: Int64Array = np.where(fits, column, default)
    return amounts_or_default, int((~fits & ~np.isnan(amounts)).sum())


def floats_of(values: list[Any]) -> Floats:
    """Return numbers as floats: exact up to `MOST`, and beyond it far from it."""
    try:
        return np.array(values, np.float64)
    except OverflowError:
        return np.array([_float(value) for value in values], np.float64)


def optional_floats_of(values: list[Any]) -> tuple[Floats, int]:
    """Return what may be numbers, NaN where there is none.

    The second result is how many of those stand for something that is no number.
    """
    numbers = [value if type(value) in (int, float) else np.nan for value in values]
    wrong = sum(
        value is not None and number is np.nan
        for value, number in zip(values, numbers, strict=True)
    )
    return floats_of(numbers), wrong


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf
