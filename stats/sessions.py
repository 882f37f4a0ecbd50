"""Sessions: spans of activity of one user, ended by a gap."""

from __future__ import annotations

import msgspec
import polars as pl

from stats.spans import FIRST_US, LAST_US
from stats.tables import COUNT

MICROSECONDS = 1_000_000


class SessionsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions ended in a window, how long they were and of how many events.

    A length is that from the first to the last event. Mergeable.
    """

    sessions: int
    events: int
    length_us: int
    longest_us: int

    @property
    def mean_length_s(self) -> float:
        """Seconds a session, 0 without any."""
        return self.length_us / self.sessions / MICROSECONDS if self.sessions else 0.0

    @property
    def events_per_session(self) -> float:
        """Events a session, 0 without any."""
        return self.events / self.sessions if self.sessions else 0.0

    def merge(self, other: SessionsSummary) -> SessionsSummary:
        """Add another part of the window up; associative and commutative."""
        return SessionsSummary(
            sessions=self.sessions + other.sessions,
            events=self.events + other.events,
            length_us=self.length_us + other.length_us,
            longest_us=max(self.longest_us, other.longest_us),
        )


def summarize(ended: pl.DataFrame) -> SessionsSummary:
    """Sum up sessions, rows of a span table."""
    length_us = pl.col(LAST_US) - pl.col(FIRST_US)
    events, total_us, longest_us = ended.select(
        pl.col(COUNT).sum(), length_us.sum().alias("total"), length_us.max().alias("longest")
    ).row(0)
    return SessionsSummary(
        sessions=ended.height, events=events, length_us=total_us, longest_us=longest_us or 0
    )
