"""Sessions: a user is there for a while and then away for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator.clock import US_PER_S
from generator.identity import below, uniform
from generator.streams.keys import Keys

_PHASE, _LENGTH = 31, 32
ROUNDS: Final = 16
STEPS: Final = 64
SHORTEST: Final = 0.25
"""The shortest session, as a part of the longest."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Says from user and time alone whether there is a session, and which; keeps no state."""

    longest_us: int
    gap_us: int

    @classmethod
    def of(cls, longest_s: float, gap_s: float) -> Sessions:
        """Make sessions of at most `longest_s`, with at least `gap_s` in between."""
        return cls(max(1, round(longest_s * US_PER_S)), round(gap_s * US_PER_S))

    def numbers(
        self, users: NDArray[np.int64], clock_us: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the number of each user's session (or of the last one), and whether it lasts."""
        cycle_us = self.longest_us + self.gap_us
        moments = clock_us + below(users, _PHASE, cycle_us)
        numbers = moments // cycle_us
        part = SHORTEST + (1.0 - SHORTEST) * uniform(users * 1_000_003 + numbers, _LENGTH)
        if self.gap_us == 0:
            part = np.ones_like(part)
        return numbers, moments - numbers * cycle_us < part * self.longest_us

    def draw_users(
        self,
        keys: Keys,
        random: np.random.Generator,
        clock_us: NDArray[np.int64],
        silent: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Draw users who are in a session: again where one is not, then the next in the pool.

        Where nobody nearby is in a session, one who is not takes part all the same.
        """
        users = keys.draw(random, len(clock_us))
        members = len(keys.pool)
        rows = np.arange(len(users), dtype=np.int64)
        for attempt in range(ROUNDS + STEPS):
            _, present = self.numbers(users[rows], clock_us[rows])
            rows = rows[~present | keys.is_away(users[rows], silent[rows])]
            if len(rows) == 0:
                break
            if attempt < ROUNDS:
                users[rows] = keys.draw(random, len(rows))
            else:
                users[rows] = (users[rows] + 1) % members
        keys.replace_away(users, silent)
        return users

    def names(self, users: NDArray[np.int64], clock_us: NDArray[np.int64]) -> pl.Series:
        """Return the id of each user's session."""
        numbers, _ = self.numbers(users, clock_us)
        frame = pl.DataFrame({"user": users, "number": numbers})
        name = pl.concat_str(
            pl.lit("s"),
            pl.col("user").cast(pl.String),
            pl.lit("-"),
            pl.col("number").cast(pl.String),
        )
        return frame.select(name.alias("session_id")).to_series()
