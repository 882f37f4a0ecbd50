from __future__ import annotations

import json
from zlib import crc32

import numpy as np
import pytest

from generator.population import Pool, Skew


def test_numbered_names_are_distinct_and_in_words() -> None:
    pool = Pool.numbered("user_id", ["anna", "bob"], 5)
    assert pool.names.to_list() == [
        "anna_00000",
        "bob_00001",
        "anna_00002",
        "bob_00003",
        "anna_00004",
    ]


def test_pieces_are_json_fields() -> None:
    names = ['quo"te', "back\\slash", "Zoë 🌊", "a.b$c"]
    for pool in (Pool.of("type", names), Pool.numbered("type", names, 4)):
        read = [json.loads("{" + piece.removesuffix(",") + "}") for piece in pool.pieces]
        assert [one["type"] for one in read] == pool.names.to_list()


def test_partition_is_crc32_of_the_name() -> None:
    pool = Pool.numbered("user_id", ["Zoë"], 50)
    expected = [crc32(name.encode()) % 3 for name in pool.names]
    assert pool.partitions(3).tolist() == expected


def test_zipf_draws_ranks_by_their_weights() -> None:
    drawn = Skew.zipf(100, 1.0, 0.0).draw(np.random.default_rng(1), 200_000)
    weights = 1 / np.arange(1, 101)
    expected = 200_000 * weights / weights.sum()
    assert np.bincount(drawn, minlength=100) == pytest.approx(expected, rel=0.15, abs=60)


def test_exponent_zero_is_even() -> None:
    drawn = Skew.zipf(10, 0.0, 0.0).draw(np.random.default_rng(1), 100_000)
    assert np.bincount(drawn) == pytest.approx([10_000] * 10, rel=0.05)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_the_hot_one_gets_its_share_on_top(exponent: float) -> None:
    drawn = Skew.zipf(1_000, exponent, 0.4).draw(np.random.default_rng(1), 100_000)
    by_chance = 1 / 1_000 if exponent == 0.0 else 1 / (1 / np.arange(1, 1_001)).sum()
    assert (drawn == 0).mean() == pytest.approx(0.4 + 0.6 * by_chance, abs=0.01)


def test_weight_zero_is_never_drawn() -> None:
    drawn = Skew.weighted([0.0, 1.0, 0.0, 3.0, 0.0]).draw(np.random.default_rng(1), 10_000)
    assert set(drawn.tolist()) == {1, 3}
