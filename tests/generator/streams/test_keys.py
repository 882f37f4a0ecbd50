from __future__ import annotations

import numpy as np
import pytest

from generator.population import Pool, Skew
from generator.settings import GeneratorSettings
from generator.streams.keys import Keys
from tidemark.errors import TidemarkError


def keys(partitions: int, silent: int | None) -> Keys:
    settings = GeneratorSettings.model_validate(
        {"scenarios": {"silence": {"partition": silent}}} if silent is not None else {}
    )
    pool = Pool.numbered("user_id", ["anna"], 30)
    return Keys("user", pool, Skew.zipf(30, 0.0, 0.0), settings, partitions)


def test_only_those_of_the_silent_partition_are_replaced_and_only_then() -> None:
    some = keys(3, silent=1)
    members = np.arange(30, dtype=np.int64)
    silent = np.arange(30) % 2 == 0
    changed = members.copy()
    some.replace_away(changed, silent)
    away = silent & (some.partition_of[members] == 1)
    assert away.any()
    assert (changed[~away] == members[~away]).all()
    assert (some.partition_of[changed[away]] != 1).all()


def test_without_a_silence_nobody_is_away() -> None:
    some = keys(1, silent=None)
    assert not some.is_away(np.arange(30, dtype=np.int64), np.zeros(30, dtype=np.bool_)).any()


def test_a_silence_that_leaves_nobody_is_refused() -> None:
    with pytest.raises(TidemarkError, match="no user is left while partition 0 is silent"):
        keys(1, silent=0)
