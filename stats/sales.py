"""The summary of one window of sales. Money is in cents throughout."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from stats.groups import added
from stats.tables import COUNT, CountTable, top

QUANTITY = "quantity"
AMOUNT = "total_amount"
_SUMS = (QUANTITY, AMOUNT)

PRODUCTS = CountTable("products", ("product_id",), _SUMS)
CATEGORIES = CountTable("categories", ("category",), _SUMS)
PAYMENT_METHODS = CountTable("payment_methods", ("payment_method",), _SUMS)
STORES = CountTable("stores", ("store_id",), _SUMS)


class Sold(NamedTuple):
    """How many transactions, how many pieces, for how many cents."""

    transactions: int
    quantity: int
    cents: int

    def plus(self, other: Sold) -> Sold:
        """Return the sum of both."""
        return Sold(*(one + another for one, another in zip(self, other, strict=True)))


NOTHING_SOLD = Sold(0, 0, 0)
Ranked = tuple[str, Sold]
"""A product, and what was sold of it."""


class SalesSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of a window, or of one key group's part of it, and its products of most revenue.

    Mergeable as long as the parts have no product in common.
    """

    top_k: int
    total: Sold
    by_category: dict[str, Sold]
    by_payment_method: dict[str, Sold]
    by_store: dict[str, Sold]
    top_products: list[Ranked]
    """By revenue, descending; ties by id."""

    @property
    def events(self) -> int:
        """Number of transactions."""
        return self.total.transactions

    def merge(self, other: SalesSummary) -> SalesSummary:
        """Add another part of the window up; associative and commutative."""
        return SalesSummary(
            top_k=self.top_k,
            total=self.total.plus(other.total),
            by_category=added(self.by_category, other.by_category, NOTHING_SOLD),
            by_payment_method=added(self.by_payment_method, other.by_payment_method, NOTHING_SOLD),
            by_store=added(self.by_store, other.by_store, NOTHING_SOLD),
            top_products=_first([*self.top_products, *other.top_products], self.top_k),
        )


def summarize(tables: Mapping[str, pl.DataFrame], top_k: int) -> SalesSummary:
    """Sum one part of a window up from its four count tables."""
    products = tables[PRODUCTS.name]
    sums = products.select(pl.col(name).sum() for name in (COUNT, *_SUMS)).row(0)
    return SalesSummary(
        top_k=top_k,
        total=Sold(*sums),
        by_category=_by_key(tables[CATEGORIES.name]),
        by_payment_method=_by_key(tables[PAYMENT_METHODS.name]),
        by_store=_by_key(tables[STORES.name]),
        top_products=list(_by_key(top(products, "product_id", top_k, by=AMOUNT)).items()),
    )


def _by_key(table: pl.DataFrame) -> dict[str, Sold]:
    """Return the rows of a table, in order; its first column is the key."""
    rows = table.select(table.columns[0], COUNT, *_SUMS).iter_rows()
    return {key: Sold(*numbers) for key, *numbers in rows}


def _first(entries: Iterable[Ranked], k: int) -> list[Ranked]:
    return heapq.nsmallest(k, entries, key=lambda entry: (-entry[1].cents, entry[0]))
