"""Sales: what is sold where, how it is paid, for how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from dataflows.streaming.schema import (
    UNKNOWN,
    Event,
    Id,
    Label,
    Money,
    Optional,
    OptionalMoney,
    Timestamp,
    Whole,
)
from sinks.commands import Document, Point
from stats.sales import (
    CATEGORIES,
    PAYMENT_METHODS,
    PRODUCTS,
    STORES,
    SalesSummary,
    Sold,
    summarize,
)
from stats.tables import CountTable
from tidemark.config.pipelines import SalesSettings

_MEASUREMENTS = {
    "sales_by_category": ("by_category", "category"),
    "sales_by_payment_method": ("by_payment_method", "payment_method"),
    "sales_by_store": ("by_store", "store_id"),
}
"""Where the numbers are in the document, and the tag."""


class Sale(Event):
    """A record of the topic: one product in one transaction."""

    transaction_id: Id
    product_id: Id
    quantity: Whole
    total_amount: Money
    timestamp: Timestamp
    category: Label = UNKNOWN
    payment_method: Label = UNKNOWN
    store_id: Label = UNKNOWN
    user_id: Optional = ""
    unit_price: OptionalMoney = 0


class Sales(Pipeline[SalesSummary]):
    """Per window transactions, pieces and revenue; by category, payment method, store, product."""

    name = "sales"
    schema = Sale
    summary = SalesSummary
    section: SalesSettings
    events_field = "transactions"
    some_of = frozenset({"by_product"})

    def tables(self) -> Sequence[CountTable]:
        """Add quantities and amounts up by each of the four."""
        return [PRODUCTS, CATEGORIES, PAYMENT_METHODS, STORES]

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> SalesSummary:
        """Sum the tables up."""
        return summarize(tables, self.section.top_k)

    def fields(self, summary: SalesSummary, start: datetime) -> dict[str, object]:
        """Return the sums; `by_product` only those of most revenue, in that order."""
        return {
            **_shown(summary.total),
            "by_category": _by_key(summary.by_category.items()),
            "by_payment_method": _by_key(summary.by_payment_method.items()),
            "by_store": _by_key(summary.by_store.items()),
            "by_product": _by_key(summary.top_products),
        }

    def points(self, document: Document) -> list[Point]:
        """Return a point per category, payment method and store, and the summary."""
        start = document["timestamp"]
        numbers = ("transactions", "quantity", "revenue")
        return [
            *(
                Point(measurement, start, {tag: name}, sold)
                for measurement, (field, tag) in _MEASUREMENTS.items()
                for name, sold in document[field].items()
            ),
            Point("sales_summary", start, {}, {name: document[name] for name in numbers}),
        ]


def _shown(sold: Sold) -> dict[str, int | float]:
    """Return what is stored: revenue in units of the currency, exact to the cent."""
    return {
        "transactions": sold.transactions,
        "quantity": sold.quantity,
        "revenue": sold.cents / 100,
    }


def _by_key(sold: Iterable[tuple[str, Sold]]) -> dict[str, dict[str, int | float]]:
    return {name: _shown(each) for name, each in sold}


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "Sales")
