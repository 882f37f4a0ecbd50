"""Interactions: users view, click, like, share and buy items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator.clock import US_PER_S
from generator.optional import Kind
from generator.population import Pool, Skew, page_paths, product_names
from generator.settings import GeneratorSettings
from generator.streams.base import Draw, Stream
from generator.streams.people import item_skew, seeded_faker, user_keys


class Interactions(Stream):
    """Events of topic `user_interactions`, keyed by user."""

    time_field: ClassVar[str] = "timestamp"
    required: ClassVar[tuple[str, ...]] = ("user_id", "item_id", "interaction_type", "timestamp")
    optional: ClassVar[Mapping[str, Kind]] = {"page_id": "text", "session_id": "text"}

    def __init__(self, settings: GeneratorSettings, partitions: int) -> None:
        population = settings.population
        faker = seeded_faker(settings)
        self._users = user_keys(settings, faker, partitions)
        self._items = Pool.numbered("item_id", product_names(faker), population.items)
        self._pages = Pool.of("page_id", page_paths(faker, population.pages))
        self._types = Pool.of("interaction_type", list(population.types))
        self._draw_item = item_skew(settings)
        self._draw_type = Skew.weighted(list(population.types.values()))
        self._session_us = round(population.session_s * US_PER_S)

    def draw(
        self,
        random: np.random.Generator,
        numbers: NDArray[np.int64],
        clock_us: NDArray[np.int64],
        silent: NDArray[np.bool_],
    ) -> Draw:
        count = len(numbers)
        users = self._users.draw(random, count)
        items = self._draw_item.draw(random, count)
        types = self._draw_type.draw(random, count)
        pages = random.integers(0, len(self._pages), count)
        self._users.replace_away(users, silent)
        names = self._users.pool.names.gather(users)
        return Draw(
            partition=self._users.partition_of[users],
            key=names,
            columns={
                "user_id": names,
                "item_id": self._items.names.gather(items),
                "interaction_type": self._types.names.gather(types),
            },
            pieces={
                "user_id": self._users.pool.pieces.gather(users),
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
