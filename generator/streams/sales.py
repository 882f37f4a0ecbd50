"""Sales: transactions of one product each, with amounts that are exact to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator import odd_names, pieces
from generator.optional import Kind
from generator.population import Pool, Skew, user_names
from generator.settings import GeneratorSettings
from generator.streams.base import Draw, Stream
from generator.streams.catalog import Catalog
from generator.streams.people import item_skew, seeded_faker, user_skew
from generator.streams.places import places
from tidemark.errors import TidemarkError

PAYMENT_METHODS: Final = {
    **{"credit_card": 45.0, "debit_card": 22.0, "paypal": 18.0},
    **{"bank_transfer": 8.0, "cash": 4.0, "gift_card": 3.0},
}
QUANTITIES: Final = {1: 60.0, 2: 20.0, 3: 9.0, 4: 4.0, 5: 3.0, 6: 2.0, 10: 1.5, 24: 0.4, 100: 0.1}
REDUCED_SHARE: Final = 0.15
REDUCTIONS: Final = (5, 10, 15, 20, 25, 30, 50)
"""Percent."""


class Sales(Stream):
    """Events of topic `sales`, keyed by transaction; each transaction is one record."""

    time_field: ClassVar[str] = "timestamp"
    required: ClassVar[tuple[str, ...]] = (
        "transaction_id",
        "product_id",
        "quantity",
        "total_amount",
        "timestamp",
    )
    optional: ClassVar[Mapping[str, Kind]] = {
        "user_id": "text",
        "unit_price": "number",
        "payment_method": "text",
        "store_id": "text",
        "category": "text",
    }
    cents: ClassVar[tuple[str, ...]] = ("unit_price", "total_amount")

    def __init__(self, settings: GeneratorSettings, partitions: int) -> None:
        population = settings.population
        faker = seeded_faker(settings)
        self._users = Pool.numbered("user_id", user_names(faker), population.users)
        self._catalog = Catalog(settings, faker)
        self._stores = places("store_id", "store", settings.sales.stores)
        methods = odd_names.with_odd_names(
            settings.sales.payment_methods or PAYMENT_METHODS,
            odd_names.PAYMENT_METHODS,
            population.odd_name_share,
        )
        self._methods = Pool.of("payment_method", list(methods))
        self._draw_method = Skew.weighted(list(methods.values()))
        self._draw_user = user_skew(settings)
        self._draw_item = item_skew(settings)
        self._draw_store = Skew.zipf(settings.sales.stores, 0.5, 0.0)
        self._draw_quantity = Skew.weighted(list(QUANTITIES.values()))
        self._partitions = partitions
        self._silent_partition = settings.scenarios.silence.partition
        self._prefix = f"txn_{settings.seed:x}_"
        if self._silent_partition is not None and partitions == 1:
            raise TidemarkError(
                "no transaction is left while partition 0 is silent",
                remedy="use a topic with more partitions",
            )

    def draw(
        self,
        random: np.random.Generator,
        numbers: NDArray[np.int64],
        clock_us: NDArray[np.int64],
        silent: NDArray[np.bool_],
    ) -> Draw:
        count = len(numbers)
        users = self._draw_user.draw(random, count)
        products = self._draw_item.draw(random, count)
        quantity = np.array(list(QUANTITIES), dtype=np.int64)[
            self._draw_quantity.draw(random, count)
        ]
        methods = self._draw_method.draw(random, count)
        stores = self._draw_store.draw(random, count)
        categories = self._catalog.category_of(products)
        price = self._price_cents(products, random)
        total = price * quantity
        transactions, partition = self._transactions(numbers, silent)
        quantities = pieces.int64("quantity", quantity)
        return Draw(
            partition=partition,
            key=transactions,
            columns={
                "transaction_id": transactions,
                "user_id": self._users.names.gather(users),
                "product_id": self._catalog.products.names.gather(products),
                "quantity": quantities,
                "unit_price_cents": pieces.int64("unit_price_cents", price),
                "total_amount_cents": pieces.int64("total_amount_cents", total),
                "payment_method": self._methods.names.gather(methods),
                "store_id": self._stores.names.gather(stores),
                "category": self._catalog.categories.names.gather(categories),
            },
            pieces={
                "transaction_id": pieces.quoted("transaction_id", transactions),
                "user_id": self._users.pieces.gather(users),
                "product_id": self._catalog.products.pieces.gather(products),
                "quantity": pieces.number("quantity", quantities.cast(pl.String)),
                "unit_price": pieces.number("unit_price", pieces.money(price, random)),
                "total_amount": pieces.number("total_amount", pieces.money(total, random)),
                "payment_method": self._methods.pieces.gather(methods),
                "store_id": self._stores.pieces.gather(stores),
                "category": self._catalog.categories.pieces.gather(categories),
            },
        )

    def _price_cents(
        self, products: NDArray[np.int64], random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return the price of one piece: the product's own, sometimes reduced, whole cents."""
        price = self._catalog.price_cents(products)
        percent = np.array(REDUCTIONS, dtype=np.int64)[
            random.integers(0, len(REDUCTIONS), len(products))
        ]
        reduced = random.random(len(products)) < REDUCED_SHARE
        return np.where(reduced, price * (100 - percent) // 100, price)

    def _transactions(
        self, numbers: NDArray[np.int64], silent: NDArray[np.bool_]
    ) -> tuple[pl.Series, NDArray[np.int32]]:
        """Number the transactions; where a partition is silent, ids that fall into it are varied
        until they do not."""
        digits = pl.Series(numbers).cast(pl.String).str.zfill(8)
        names = (self._prefix + digits).to_list()
        partition = [crc32(name.encode()) % self._partitions for name in names]
        for row in np.flatnonzero(silent).tolist():
            while partition[row] == self._silent_partition:
                names[row] += "x"
                partition[row] = crc32(names[row].encode()) % self._partitions
        return pl.Series("transaction_id", names), np.array(partition, dtype=np.int32)
