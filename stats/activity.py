"""The summary of one window of user activity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
import polars as pl

from stats.tables import COUNT, CountTable, totals

USER_TYPES = CountTable("user_types", ("user_id", "activity_type"), ("amount",))
SESSIONS = CountTable("sessions", ("session_id",))
PURCHASE = "purchase"
NO_SESSION = ""


class ActivitySummary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a window, or of one key group's part of it, and what was spent, in cents.

    Mergeable as long as the parts have no user and no session in common.
    """

    by_type: dict[str, int]
    users: int
    sessions: int
    purchase_cents: int

    @property
    def events(self) -> int:
        """Number of activities."""
        return sum(self.by_type.values())

    def merge(self, other: ActivitySummary) -> ActivitySummary:
        """Add another part of the window up; associative and commutative."""
        return ActivitySummary(
            by_type=dict(Counter(self.by_type) + Counter(other.by_type)),
            users=self.users + other.users,
            sessions=self.sessions + other.sessions,
            purchase_cents=self.purchase_cents + other.purchase_cents,
        )


def summarize(tables: Mapping[str, pl.DataFrame]) -> ActivitySummary:
    """Sum one part of a window up from its tables `user_types` and `sessions`.

    Only the amounts of purchases are added up: other activities may tell a price, too.
    """
    user_types = tables[USER_TYPES.name]
    by_type = totals(user_types, "activity_type", "amount")
    spent = by_type.filter(pl.col("activity_type") == PURCHASE)["amount"].sum()
    with_session = pl.col("session_id") != NO_SESSION
    return ActivitySummary(
        by_type=dict(by_type.select("activity_type", COUNT).iter_rows()),
        users=user_types["user_id"].n_unique(),
        sessions=tables[SESSIONS.name].filter(with_session).height,
        purchase_cents=int(spent),
    )
