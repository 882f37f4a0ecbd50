"""The seed that everything random in the fault tests comes from."""

from __future__ import annotations

import os
import random

VARIABLE = "TIDEMARK_FAULT_SEED"
SEED = int(os.environ.get(VARIABLE) or random.SystemRandom().randrange(1, 1_000_000))
REPLAY = f"fault seed {SEED} ({VARIABLE}={SEED} replays it)"


def dice(name: str) -> random.Random:
    """Return a generator of its own for each name, so that one test alone rolls the same."""
    return random.Random(f"{SEED}/{name}")
