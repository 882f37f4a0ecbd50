"""Inventory: what is in stock of each product in each warehouse, sold and refilled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator import pieces
from generator.optional import Kind
from generator.population import Pool, user_names
from generator.settings import FaultSettings, GeneratorSettings
from generator.streams.base import Draw, Stream
from generator.streams.catalog import Catalog
from generator.streams.keys import Keys
from generator.streams.people import item_skew, seeded_faker
from generator.streams.places import places
from generator.streams.stock import Stock


class Inventory(Stream):
    """Events of topic `inventory`, keyed by product."""

    time_field: ClassVar[str] = "last_updated"
    required: ClassVar[tuple[str, ...]] = (
        "product_id",
        "current_stock",
        "reorder_level",
        "last_updated",
    )
    optional: ClassVar[Mapping[str, Kind]] = {
        "warehouse_id": "text",
        "category": "text",
        "status": "text",
    }

    def __init__(self, settings: GeneratorSettings, partitions: int) -> None:
        faker = seeded_faker(settings)
        user_names(faker)
        self._catalog = Catalog(settings, faker)
        self._products = Keys(
            "product", self._catalog.products, item_skew(settings), settings, partitions
        )
        self._warehouses = places("warehouse_id", "warehouse", settings.inventory.warehouses)
        self._statuses = Pool.of("status", ["in_stock", "low_stock", "out_of_stock"])
        self._stock = Stock(len(self._catalog.products) * len(self._warehouses))
        self._out_of_order_share = settings.inventory.out_of_order_share

    def draw(
        self,
        random: np.random.Generator,
        numbers: NDArray[np.int64],
        clock_us: NDArray[np.int64],
        silent: NDArray[np.bool_],
    ) -> Draw:
        count = len(numbers)
        products = self._products.draw(random, count)
        self._products.replace_away(products, silent)
        warehouses = random.integers(0, len(self._warehouses), count)
        levels = self._stock.sell(products * len(self._warehouses) + warehouses, random)
        low = levels.stock <= levels.reorder
        statuses = low.astype(np.int64) + (levels.stock <= 0)
        categories = self._catalog.category_of(products)
        stock = pieces.int64("current_stock", levels.stock)
        reorder = pieces.int64("reorder_level", levels.reorder)
        names = self._catalog.products.names.gather(products)
        return Draw(
            partition=self._products.partition_of[products],
            key=names,
            columns={
                "product_id": names,
                "current_stock": stock,
                "reorder_level": reorder,
                "warehouse_id": self._warehouses.names.gather(warehouses),
                "category": self._catalog.categories.names.gather(categories),
                "status": self._statuses.names.gather(statuses),
            },
            pieces={
                "product_id": self._catalog.products.pieces.gather(products),
                "current_stock": pieces.number("current_stock", stock.cast(pl.String)),
                "reorder_level": pieces.number("reorder_level", reorder.cast(pl.String)),
                "warehouse_id": self._warehouses.pieces.gather(warehouses),
                "category": self._catalog.categories.pieces.gather(categories),
                "status": self._statuses.pieces.gather(statuses),
            },
        )

    def faults(self, settings: FaultSettings) -> FaultSettings:
        """Add the updates that come out of order anyway, as far as there is room for them."""
        room = max(0.0, 1.0 - settings.total_share)
        share = settings.out_of_order_share + min(room, self._out_of_order_share)
        return settings.model_copy(update={"out_of_order_share": share})
