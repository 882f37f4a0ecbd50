"""The seed that everything random in the fault tests comes from."""

from __future__ import annotations

import os
import random

VARIABLE = "TIDEMARK_FAULT_SEED"
CACHED = "tidemark/fault_seed"
"""Under this name pytest's cache keeps the seed of the last run."""
_seed = int(os.environ.get(VARIABLE) or random.SystemRandom().randrange(1, 1_000_000))


def seed() -> int:
    """Return the seed of this run."""
    return _seed


def agree_on(seed: int) -> None:
    """Take the seed of another process that belongs to the same run of the tests."""
    global _seed
    _seed = seed


def replay() -> str:
    """Tell how to run the same again."""
    return f"fault seed {_seed} ({VARIABLE}={_seed} replays it)"


def dice(name: str) -> random.Random:
    """Return a generator of its own for each name, so that one test alone rolls the same."""
    return random.Random(f"{_seed}/{name}")
