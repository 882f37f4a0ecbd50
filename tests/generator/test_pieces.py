from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import polars as pl

from generator.pieces import int64, money, number, only_where, quoted


def test_pieces_are_fields_of_json_objects() -> None:
    texts = quoted("a.b", pl.Series(["x", "y"])) + number("n", pl.Series(["1", "2.5"]))
    read = [json.loads("{" + text[:-1] + "}") for text in texts]
    assert read == [{"a.b": "x", "n": 1}, {"a.b": "y", "n": 2.5}]


def test_nothing_gives_no_field() -> None:
    assert quoted("a", pl.Series([None, "x"], dtype=pl.String)).to_list() == ["", '"a":"x",']


def test_every_amount_is_written_exactly() -> None:
    cents = np.arange(1, 30_000, dtype=np.int64)
    texts = money(cents, np.random.default_rng(1)).to_list()
    read = [json.loads(text, parse_float=Decimal, parse_int=Decimal) * 100 for text in texts]
    assert read == cents.tolist()
    assert {"19", "19.00"} & set(texts)
    padded = sum(text[-3:-2] == "." and text.endswith("0") for text in texts)
    assert 0.15 < padded / (len(texts) / 10) < 0.25


def test_amounts_beyond_what_a_float_can_say_are_exact_too() -> None:
    cents = np.array([2**62 + 1], dtype=np.int64)
    (text,) = money(cents, np.random.default_rng(1))
    assert Decimal(text) * 100 == 2**62 + 1


def test_only_where_keeps_the_masked_ones() -> None:
    mask = np.array([True, False])
    assert only_where(mask, pl.Series(["a", "b"]), "").to_list() == ["a", ""]
    kept = only_where(mask, int64("n", np.array([5, 6])), None)
    assert (kept.name, kept.dtype, kept.to_list()) == ("n", pl.Int64(), [5, None])
