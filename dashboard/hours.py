"""Interactions by hour over the last week: weekday against weekend, this hour against others.

An hour that has passed is added up once; a few of them a round, so that no round is long.
"""

from __future__ import annotations

from dashboard.reading import Reader
from dashboard.reading.protocol import Bucket, Sums

HOUR_S = 3600
_HOURS = 7 * 24
_A_ROUND = 12
_SETTLES_S = 600
"""After so long the last windows of an hour are final, unless it is repaired."""
_SUMS = Sums(("total",), (("by_type", None),))


class Hours:
    """Sums of each hour of the last week, UTC."""

    def __init__(self) -> None:
        self._held: dict[int, Bucket | None] = {}
        self._since_s: int | None = None

    def update(self, reader: Reader, now_s: float, bounds: tuple[int, int] | None) -> None:
        """Add up the hour that runs, and a few of those not added up yet, newest first.

        `bounds` are the starts of the oldest and the newest window, in milliseconds.
        """
        this = int(now_s) // HOUR_S * HOUR_S
        oldest = this - (_HOURS - 1) * HOUR_S
        for gone in [start for start in self._held if start < oldest]:
            del self._held[gone]
        if bounds is None:
            return
        first = max(oldest, bounds[0] // 1000 // HOUR_S * HOUR_S)
        self._since_s = first
        missing = [start for start in range(this - HOUR_S, first - 1, -HOUR_S)]
        missing = [start for start in missing if start not in self._held]
        late = [this - HOUR_S] if now_s - this < _SETTLES_S and this > first else []
        for start in {this, *late, *missing[:_A_ROUND]}:
            found = reader.sums("interactions", _SUMS, start, start + HOUR_S, HOUR_S)
            self._held[start] = found[0] if found else None

    def forget(self) -> None:
        """Start anew: another store may be there now."""
        self._held.clear()

    @property
    def complete(self) -> bool:
        """Whether every hour of the week that has windows is added up."""
        if self._since_s is None:
            return True
        return all(
            start in self._held
            for start in range(self._since_s, max(self._held, default=0), HOUR_S)
        )

    def buckets(self) -> list[Bucket]:
        """Return the hours that have windows, oldest first."""
        return [bucket for _, bucket in sorted(self._held.items()) if bucket is not None]
