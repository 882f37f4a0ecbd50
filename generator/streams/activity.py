"""Activity: users come, look around, search, click, buy and leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from generator import identity, odd_names, pieces
from generator.optional import Kind
from generator.population import Pool, Skew
from generator.settings import GeneratorSettings
from generator.streams.base import Draw, Stream
from generator.streams.catalog import Catalog
from generator.streams.people import item_skew, seeded_faker, user_keys
from generator.streams.sessions import Sessions

USER_AGENTS: Final = 200
_AGENT = 41
TYPES: Final = {
    **{"page_view": 40.0, "search": 12.0, "login": 6.0, "logout": 5.0},
    **{"view": 20.0, "click": 12.0, "purchase": 5.0},
}
PURCHASE: Final = "purchase"
WITHOUT_PRODUCT: Final = ("login", "logout", "page_view", "search")
PRICED_SHARE: Final = 0.05
"""Events about a product that say its price as `amount` although nothing is bought."""
UNITS: Final = (70.0, 20.0, 10.0)
"""How often one, two or three of a product are bought."""


class Activity(Stream):
    """Events of topic `user_activity`, keyed by user."""

    time_field: ClassVar[str] = "timestamp"
    required: ClassVar[tuple[str, ...]] = ("user_id", "activity_type", "timestamp")
    optional: ClassVar[Mapping[str, Kind]] = {
        "session_id": "text",
        "ip_address": "text",
        "user_agent": "text",
        "product_id": "text",
        "amount": "number",
    }
    cents: ClassVar[tuple[str, ...]] = ("amount",)

    def __init__(self, settings: GeneratorSettings, partitions: int) -> None:
        population = settings.population
        faker = seeded_faker(settings)
        self._users = user_keys(settings, faker, partitions)
        self._catalog = Catalog(settings, faker)
        self._agents = Pool.of("user_agent", [faker.user_agent() for _ in range(USER_AGENTS)])
        types = odd_names.with_odd_names(
            settings.activity.types or TYPES, odd_names.ACTIVITY_TYPES, population.odd_name_share
        )
        self._types = Pool.of("activity_type", list(types))
        self._draw_type = Skew.weighted(list(types.values()))
        self._buys = np.array([name == PURCHASE for name in types])
        self._has_product = np.array([name not in WITHOUT_PRODUCT for name in types])
        self._draw_item = item_skew(settings)
        self._draw_units = Skew.weighted(UNITS)
        self._sessions = Sessions.of(population.session_s, settings.activity.session_gap_s)

    def draw(
        self,
        random: np.random.Generator,
        numbers: NDArray[np.int64],
        clock_us: NDArray[np.int64],
        silent: NDArray[np.bool_],
    ) -> Draw:
        count = len(numbers)
        users = self._sessions.draw_users(self._users, random, clock_us, silent)
        types = self._draw_type.draw(random, count)
        products = self._draw_item.draw(random, count)
        units = 1 + self._draw_units.draw(random, count)
        buys, has_product = self._buys[types], self._has_product[types]
        has_amount = buys | (has_product & (random.random(count) < PRICED_SHARE))
        cents = self._catalog.price_cents(products) * np.where(buys, units, 1)

        sessions = self._sessions.names(users, clock_us)
        ips = identity.addresses(users)
        agents = identity.below(users, _AGENT, USER_AGENTS)
        goods = self._catalog.products
        amounts = pieces.number("amount", pieces.money(cents, random))
        names = self._users.pool.names.gather(users)
        return Draw(
            partition=self._users.partition_of[users],
            key=names,
            columns={
                "user_id": names,
                "activity_type": self._types.names.gather(types),
                "session_id": sessions,
                "ip_address": ips,
                "user_agent": self._agents.names.gather(agents),
                "product_id": pieces.only_where(has_product, goods.names.gather(products), None),
                "amount_cents": pieces.only_where(has_amount, pieces.int64("cents", cents), None),
            },
            pieces={
                "user_id": self._users.pool.pieces.gather(users),
                "activity_type": self._types.pieces.gather(types),
                "session_id": pieces.quoted("session_id", sessions),
                "ip_address": pieces.quoted("ip_address", ips),
                "user_agent": self._agents.pieces.gather(agents),
                "product_id": pieces.only_where(has_product, goods.pieces.gather(products), ""),
                "amount": pieces.only_where(has_amount, amounts, ""),
            },
        )
