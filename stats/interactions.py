"""The summary of one window of interactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
import polars as pl

from stats.ranking import Ranked, largest, merge_rankings, smallest
from stats.tables import COUNT, CountTable, top, totals

USER_TYPES = CountTable("user_types", ("user_id", "interaction_type"))
ITEM_TYPES = CountTable("item_types", ("item_id", "interaction_type"))


class InteractionsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Sums, extremes and rankings of a window, or of one key group's part of it.

    Mergeable as long as the parts have no user and no item in common.
    """

    top_k: int
    by_type: dict[str, int]
    users: int
    items: int
    top_users: list[Ranked]
    top_items: list[Ranked]
    max_item: Ranked | None
    min_item: Ranked | None

    @property
    def events(self) -> int:
        """Number of interactions."""
        return sum(self.by_type.values())

    @property
    def avg_per_user(self) -> float:
        """Interactions per active user, 0 without any."""
        return self.events / self.users if self.users else 0.0

    @property
    def avg_per_item(self) -> float:
        """Interactions per item that was interacted with, 0 without any."""
        return self.events / self.items if self.items else 0.0

    def merge(self, other: InteractionsSummary) -> InteractionsSummary:
        """Add another part of the window up; associative and commutative."""
        k = self.top_k
        return InteractionsSummary(
            top_k=k,
            by_type=dict(Counter(self.by_type) + Counter(other.by_type)),
            users=self.users + other.users,
            items=self.items + other.items,
            top_users=merge_rankings((self.top_users, other.top_users), k),
            top_items=merge_rankings((self.top_items, other.top_items), k),
            max_item=largest(self.max_item, other.max_item),
            min_item=smallest(self.min_item, other.min_item),
        )


def summarize(tables: Mapping[str, pl.DataFrame], top_k: int) -> InteractionsSummary:
    """Sum one part of a window up from its count tables `user_types` and `item_types`."""
    user_types, item_types = tables[USER_TYPES.name], tables[ITEM_TYPES.name]
    users = totals(user_types, "user_id")
    items = totals(item_types, "item_id")
    by_type = totals(user_types, "interaction_type")
    fewest = items.filter(pl.col(COUNT) == pl.col(COUNT).min())
    top_items = _ranked(top(items, "item_id", max(top_k, 1)))
    return InteractionsSummary(
        top_k=top_k,
        by_type=dict(by_type.iter_rows()),
        users=users.height,
        items=items.height,
        top_users=_ranked(top(users, "user_id", top_k)),
        top_items=top_items[:top_k],
        max_item=top_items[0] if top_items else None,
        min_item=smallest(*_ranked(fewest.sort("item_id").head(1))),
    )


def _ranked(counts: pl.DataFrame) -> list[Ranked]:
    return [(key, count) for key, count in counts.iter_rows()]
