"""The summary of one window of stock updates, and what a level means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from stats.groups import added
from stats.newest import NewestTable
from stats.tables import COUNT, CountTable

STOCK = "current_stock"
REORDER = "reorder_level"
PLACE = ("product_id", "warehouse_id")

UPDATES = CountTable("updates", ("product_id",))
LEVELS = NewestTable("levels", PLACE, labels=("category",), numbers=(STOCK, REORDER))

IS_OUT = pl.col(STOCK) <= 0
IS_SHORT = pl.col(STOCK) <= pl.col(REORDER)
"""Time to order: also where nothing is left."""
IS_LOW = IS_SHORT & ~IS_OUT
STATUS = (
    pl.when(IS_OUT).then(pl.lit("out")).when(IS_LOW).then(pl.lit("low")).otherwise(pl.lit("ok"))
)


_WAREHOUSE = pl.col("warehouse_id")
_NOT_PLAIN = "/|%2F|%25"
_ENCODED = _WAREHOUSE.str.replace_all("%", "%25", literal=True).str.replace_all(
    "/", "%2F", literal=True
)
IDENTITY = pl.concat_str(
    pl.col("product_id"),
    pl.lit("/"),
    pl.when(_WAREHOUSE.str.contains(_NOT_PLAIN)).then(_ENCODED).otherwise(_WAREHOUSE),
).alias("_id")
"""`<product_id>/<warehouse_id>`. No two places have the same: a warehouse with a slash in it, or
that looks as if it were encoded, is percent-encoded, so the last slash is the one between them."""


class Levels(NamedTuple):
    """How many products (each in each warehouse) were updated; how many of them are low, or out."""

    products: int
    low_stock: int
    out_of_stock: int

    def plus(self, other: Levels) -> Levels:
        """Return the sum of both."""
        return Levels(*(one + another for one, another in zip(self, other, strict=True)))


NO_LEVELS = Levels(0, 0, 0)


class InventorySummary(msgspec.Struct, frozen=True, kw_only=True):
    """The newest levels of a window, or of one key group's part of it, counted.

    Mergeable as long as the parts have no product in common.
    """

    updates: int
    by_category: dict[str, Levels]
    by_warehouse: dict[str, Levels]

    @property
    def events(self) -> int:
        """Number of updates."""
        return self.updates

    @property
    def total(self) -> Levels:
        """All of them."""
        return Levels(*map(sum, zip(NO_LEVELS, *self.by_category.values(), strict=True)))

    def merge(self, other: InventorySummary) -> InventorySummary:
        """Add another part of the window up; associative and commutative."""
        return InventorySummary(
            updates=self.updates + other.updates,
            by_category=added(self.by_category, other.by_category, NO_LEVELS),
            by_warehouse=added(self.by_warehouse, other.by_warehouse, NO_LEVELS),
        )


def summarize(tables: Mapping[str, pl.DataFrame]) -> InventorySummary:
    """Sum one part of a window up from its tables `updates` and `levels`."""
    levels = tables[LEVELS.name]
    return InventorySummary(
        updates=int(tables[UPDATES.name][COUNT].sum()),
        by_category=_counted(levels, "category"),
        by_warehouse=_counted(levels, "warehouse_id"),
    )


def _counted(levels: pl.DataFrame, key: str) -> dict[str, Levels]:
    counts = levels.group_by(key).agg(
        pl.len(), IS_LOW.sum().alias("low"), IS_OUT.sum().alias("out")
    )
    return {name: Levels(*numbers) for name, *numbers in counts.iter_rows()}
