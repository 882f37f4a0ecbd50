"""Stores and warehouses."""

from __future__ import annotations

from typing import Final

import polars as pl

from generator.population import Pool, piece

NUMBERED_EVERY: Final = 10
"""One place in so many is known by a number alone, and written as one."""


def places(field: str, word: str, count: int) -> Pool:
    """Make `count` places such as `store_07`; the tenth is 10, as a JSON number."""
    width = max(2, len(str(count)))
    names, texts = [], []
    for number in range(1, count + 1):
        numbered = number % NUMBERED_EVERY == 0
        name = str(number) if numbered else f"{word}_{number:0{width}d}"
        names.append(name)
        texts.append(piece(field, name if numbered else f'"{name}"'))
    return Pool(pl.Series(field, names), pl.Series(field, texts))
