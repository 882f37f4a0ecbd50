"""Who or what a record is about: the pool that its key is drawn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.population import Pool, Skew
from generator.settings import GeneratorSettings
from tidemark.errors import TidemarkError


class Keys:
    """Draws members of a pool whose name is the key of a record, and knows their partitions."""

    def __init__(
        self, what: str, pool: Pool, skew: Skew, settings: GeneratorSettings, partitions: int
    ) -> None:
        self.pool = pool
        self.partition_of = pool.partitions(partitions)
        self._skew = skew
        self._silent_partition = settings.scenarios.silence.partition
        self._others = np.flatnonzero(self.partition_of != self._silent_partition)
        if self._silent_partition is not None and len(self._others) == 0:
            raise TidemarkError(
                f"no {what} is left while partition {self._silent_partition} is silent",
                remedy=f"use a topic with more partitions, or more {what}s",
            )

    def draw(self, random: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Draw members, whether their partition is silent or not."""
        return self._skew.draw(random, count)

    def is_away(self, members: NDArray[np.int64], silent: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which members must not take part because their partition is silent just then."""
        away: NDArray[np.bool_] = silent & (self.partition_of[members] == self._silent_partition)
        return away

    def replace_away(self, members: NDArray[np.int64], silent: NDArray[np.bool_]) -> None:
        """Put others in the place of those that are away."""
        if silent.any():
            away = self.is_away(members, silent)
            members[away] = self._others[members[away] % len(self._others)]
