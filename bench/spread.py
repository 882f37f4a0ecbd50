"""Spread: what is said of several runs of one thing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest of some values."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def text(self, form: str = ",.0f") -> str:
        """Write it as `median (lowest-highest)`."""
        return f"{self.median:{form}} ({self.lowest:{form}}-{self.highest:{form}})"


def ratios(values: Sequence[float], beside: Sequence[float]) -> list[float]:
    """Return the ratio round by round: both were measured a moment apart."""
    return [value / other for value, other in zip(values, beside, strict=True)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed (nearest rank).

    No interpolation: the result is a value that was measured.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = -(-share * len(ordered) // 1)
    return ordered[max(0, int(rank) - 1)]
