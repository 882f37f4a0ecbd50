"""Interactions: users view, click, like, share and buy items."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from faker import Faker
from numpy.typing import NDArray

from generator.population import Pool, Skew, page_paths, product_names, user_names
from generator.settings import GeneratorSettings
from generator.streams.base import Draw, Stream
from tidemark.errors import TidemarkError

US_PER_S = 1_000_000


class Interactions(Stream):
    """Events of topic `user_interactions`, keyed by user."""

    topic: ClassVar[str] = "user_interactions"
    time_field: ClassVar[str] = "timestamp"
    required: ClassVar[tuple[str, ...]] = ("user_id", "item_id", "interaction_type", "timestamp")

    def __init__(self, settings: GeneratorSettings, partitions: int) -> None:
        population = settings.population
        faker = Faker("en_US")
        faker.seed_instance(settings.seed)
        self._users = Pool.numbered("user_id", user_names(faker), population.users)
        self._items = Pool.numbered("item_id", product_names(faker), population.items)
        self._pages = Pool.of("page_id", page_paths(faker, population.pages))
        self._types = Pool.of("interaction_type", list(population.types))
        self._draw_user = Skew.zipf(
            population.users, population.user_skew, population.hot_user_share
        )
        self._draw_item = Skew.zipf(
            population.items, population.item_skew, population.hot_item_share
        )
        self._draw_type = Skew.weighted(list(population.types.values()))
        self._session_us = round(population.session_s * US_PER_S)
        self._partition_of_user = self._users.partitions(partitions)
        self._silent_partition = settings.scenarios.silence.partition
        self._others = np.flatnonzero(self._partition_of_user != self._silent_partition)
        if self._silent_partition is not None and len(self._others) == 0:
            raise TidemarkError(
                f"no user is left while partition {self._silent_partition} is silent",
                remedy="use a topic with more partitions, or more users",
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
        items = self._draw_item.draw(random, count)
        types = self._draw_type.draw(random, count)
        pages = random.integers(0, len(self._pages), count)
        if silent.any():
            away = silent & (self._partition_of_user[users] == self._silent_partition)
            users[away] = self._others[users[away] % len(self._others)]
        names = self._users.names.gather(users)
        return Draw(
            partition=self._partition_of_user[users],
            key=names,
            columns={
                "user_id": names,
                "item_id": self._items.names.gather(items),
                "interaction_type": self._types.names.gather(types),
            },
            pieces={
                "user_id": self._users.pieces.gather(users),
                "item_id": self._items.pieces.gather(items),
                "interaction_type": self._types.pieces.gather(types),
                "page_id": self._pages.pieces.gather(pages),
                "session_id": self._sessions(users, clock_us),
            },
        )

    def _sessions(self, users: NDArray[np.int64], clock_us: NDArray[np.int64]) -> pl.Series:
        """Number the sessions: users change theirs at different moments."""
        started = (clock_us + users * 7_919 * US_PER_S) // self._session_us
        numbers = pl.DataFrame({"number": users * 1_000_003 + started % 1_000_003})
        return numbers.select(pl.format('"session_id":"s{}",', "number")).to_series()
