"""Inventory: what is in stock, and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import bytewax.operators as op
import polars as pl

from dataflows.alerts import write_alerts
from dataflows.pipeline import Pipeline
from dataflows.running import flow_of_pipeline
from dataflows.shortages import Shortages
from dataflows.streaming.environment import Environment
from dataflows.streaming.operators import Windows, follow
from dataflows.streaming.outlets import Outlets
from dataflows.streaming.parcels import Closing
from dataflows.streaming.schema import UNKNOWN, Event, Id, Label, Optional, Timestamp, Whole
from dataflows.streaming.timestamps import moment
from sinks.commands import Command, Document, NewestDocuments, Point
from stats.inventory import (
    IDENTITY,
    LEVELS,
    PLACE,
    REORDER,
    STATUS,
    STOCK,
    UPDATES,
    InventorySummary,
    Levels,
    summarize,
)
from stats.tables import EVENT_TIME_US, Table

LEVELS_COLLECTION = "inventory_levels"


class StockUpdate(Event):
    """A record of the topic. What `status` says follows from the numbers, and is not used.

    A warehouse is no label: were those beyond the cap one, their levels would be mixed up.
    """

    product_id: Id
    current_stock: Whole
    reorder_level: Whole
    last_updated: Timestamp
    warehouse_id: Optional = UNKNOWN
    category: Label = UNKNOWN
    status: Optional = ""


class Inventory(Pipeline[InventorySummary]):
    """Per window what is low and what is out; current levels; alerts where stock runs short."""

    name = "inventory"
    schema = StockUpdate
    summary = InventorySummary
    events_field = "updates"

    def tables(self) -> Sequence[Table]:
        """Count by product, and keep the newest update of each product and warehouse."""
        return [UPDATES, LEVELS]

    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> InventorySummary:
        """Count the newest levels."""
        return summarize(tables)

    def fields(self, summary: InventorySummary, start: datetime) -> dict[str, object]:
        """Return the counts. A product counts once for each warehouse that has told of it."""
        return {
            "updates": summary.updates,
            **summary.total._asdict(),
            "by_category": _by_key(summary.by_category),
            "by_warehouse": _by_key(summary.by_warehouse),
        }

    def points(self, document: Document) -> list[Point]:
        """Return a point per category."""
        start = document["timestamp"]
        return [
            Point("inventory_summary", start, {"category": name}, levels)
            for name, levels in document["by_category"].items()
        ]

    def outputs(self, windows: Windows, env: Environment, outlets: Outlets) -> None:
        """Keep the current levels, and tell where stock begins and ceases to be short."""
        outlets.documents.append(op.flat_map("inventory_levels", windows.closings, _newest_levels))
        alerts = follow(
            "inventory_shortages",
            windows,
            lambda state: Shortages(self.name, self.window_s, state),
        )
        topic = self.settings.alerts.topic
        write_alerts("inventory_alerts", alerts, topic, outlets)


def _newest_levels(keyed: tuple[str, Closing]) -> Iterator[tuple[str, Command]]:
    """Return what a key group's closed windows say of current levels, oldest first."""
    group, closing = keyed
    for window in closing.windows:
        levels = window.tables[LEVELS.name]
        if levels.height:
            documents = [*_level_documents(levels)]
            yield group, NewestDocuments(LEVELS_COLLECTION, documents, "last_updated")


def _level_documents(levels: pl.DataFrame) -> Iterator[Document]:
    columns = (IDENTITY, *PLACE, STOCK, REORDER, "category", STATUS.alias("status"))
    for *values, time_us in levels.select(*columns, EVENT_TIME_US).iter_rows():
        fields = dict(zip(_LEVEL_FIELDS, values, strict=True))
        yield {**fields, "last_updated": moment(time_us)}


_LEVEL_FIELDS = ("_id", *PLACE, STOCK, REORDER, "category", "status")


def _by_key(counts: Mapping[str, Levels]) -> dict[str, dict[str, int]]:
    return {name: each._asdict() for name, each in counts.items()}


if not TYPE_CHECKING:
    __getattr__ = flow_of_pipeline(__name__, "Inventory")
