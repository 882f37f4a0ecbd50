"""What is sold: products with a category and a price, the same in all streams of trade."""

from __future__ import annotations

from typing import Final

import numpy as np
from faker import Faker
from numpy.typing import NDArray

from generator import odd_names
from generator.identity import uniform
from generator.population import Pool, Skew, product_names
from generator.settings import GeneratorSettings

_CATEGORIES: Final = {
    "electronics": 25.0,
    "clothing": 25.0,
    "home": 18.0,
    "books": 14.0,
    "sports": 10.0,
    "beauty": 8.0,
}
_CHEAPEST: Final = 99
_DEAREST: Final = 250_000
_CATEGORY, _PRICE = 11, 12


class Catalog:
    """The pools of products and categories, and what each product is."""

    def __init__(self, settings: GeneratorSettings, faker: Faker) -> None:
        share = settings.population.odd_name_share
        words = odd_names.replaced(product_names(faker), odd_names.PRODUCTS, share)
        categories = odd_names.with_odd_names(_CATEGORIES, odd_names.CATEGORIES, share)
        self.products = Pool.numbered("product_id", words, settings.population.items)
        self.categories = Pool.of("category", list(categories))
        self._category = Skew.weighted(list(categories.values()))

    def category_of(self, products: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of each product's category."""
        return self._category.ranks(uniform(products, _CATEGORY))

    def price_cents(self, products: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return each product's price: cheap ones are more frequent, one in three ends in 99."""
        spread = np.log(_DEAREST / _CHEAPEST)
        cents = (_CHEAPEST * np.exp(spread * uniform(products, _PRICE) ** 2)).astype(np.int64)
        price: NDArray[np.int64] = np.where(products % 3 == 0, cents // 100 * 100 + 99, cents)
        return price
