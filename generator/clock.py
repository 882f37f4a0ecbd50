"""Event time of the n-th record: evenly spaced, denser during a burst."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.settings import BurstSettings

US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class EventClock:
    """Map record numbers to microseconds since the start; never goes back."""

    rate_per_s: float
    burst: BurstSettings

    def offsets_us(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the event-time offset of each record number."""
        per_us = US_PER_S / self.rate_per_s
        offsets: NDArray[np.floating] = numbers * per_us
        if self.burst.factor != 1.0:
            first, last = self._burst_numbers()
            in_burst = np.clip(numbers - first, 0.0, last - first)
            outside = numbers - in_burst
            offsets = outside * per_us + in_burst * (per_us / self.burst.factor)
        whole: NDArray[np.int64] = np.floor(offsets).astype(np.int64)
        return whole

    def records_before(self, offset_s: float) -> int:
        """Return how many records have an event-time offset below `offset_s`."""
        extra_s = max(0.0, min(offset_s - self.burst.after_s, self.burst.for_s))
        return math.ceil(self.rate_per_s * (offset_s + extra_s * (self.burst.factor - 1.0)))

    def _burst_numbers(self) -> tuple[float, float]:
        first = self.burst.after_s * self.rate_per_s
        return first, first + self.burst.for_s * self.rate_per_s * self.burst.factor
