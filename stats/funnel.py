"""The funnel of one window: how many users get from one step to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import polars as pl

from stats.tables import COUNT


class FunnelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Users and events by step, of a window or of one key group's part of it.

    `users_at[i]` did all of steps 0 to i within the window, in any order; `events_at[i]` are the
    events of step i. Mergeable as long as the parts have no user in common.
    """

    events: int
    users: int
    users_at: list[int]
    events_at: list[int]

    def merge(self, other: FunnelSummary) -> FunnelSummary:
        """Add another part of the window up; associative and commutative."""
        return FunnelSummary(
            events=self.events + other.events,
            users=self.users + other.users,
            users_at=[a + b for a, b in zip(self.users_at, other.users_at, strict=True)],
            events_at=[a + b for a, b in zip(self.events_at, other.events_at, strict=True)],
        )

    @property
    def conversion_of_all(self) -> float:
        """The share of the users of the first step who got to the last."""
        return self.users_at[-1] / self.users_at[0] if self.users_at[0] else 0.0

    def conversion(self, step: int) -> float:
        """Return the share of the users of the step before who got to a step; 1 for the first."""
        before = self.users_at[step - 1] if step else self.users_at[0]
        return self.users_at[step] / before if before else 0.0


def summarize(counts: pl.DataFrame, user: str, kind: str, steps: Sequence[str]) -> FunnelSummary:
    """Sum one part of a window up from its counts by user and kind."""
    reached = counts.select(user).unique()
    users = reached.height
    users_at = []
    for step in steps:
        took = counts.filter(pl.col(kind) == step).select(user)
        reached = reached.join(took, on=user, how="semi")
        users_at.append(reached.height)
    by_kind: Mapping[str, int] = dict(counts.group_by(kind).agg(pl.col(COUNT).sum()).iter_rows())
    return FunnelSummary(
        events=sum(by_kind.values()),
        users=users,
        users_at=users_at,
        events_at=[by_kind.get(step, 0) for step in steps],
    )
