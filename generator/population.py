"""Who takes part: pools of realistic ids made once, and how often each of them is drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import polars as pl
from faker import Faker
from numpy.typing import NDArray

NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Pool:
    """Distinct names, and each as a piece of a JSON object: `"field":"name",`."""

    names: pl.Series
    pieces: pl.Series

    @classmethod
    def of(cls, field: str, names: Sequence[str]) -> Pool:
        """Make a pool for a field; names are escaped for JSON once, here."""
        pieces = [piece(field, json.dumps(name, ensure_ascii=False)) for name in names]
        return cls(pl.Series(field, names, dtype=pl.String), pl.Series(field, pieces))

    @classmethod
    def numbered(cls, field: str, words: Sequence[str], size: int) -> Pool:
        """Make `size` distinct names such as `maria42_00017` from a few words."""
        width = max(5, len(str(size - 1)))
        number = pl.int_range(size)
        digits = number.cast(pl.String).str.zfill(width)
        escaped = [json.dumps(word, ensure_ascii=False)[1:-1] for word in words]
        before, after = json.dumps(field) + ':"', '",'

        def cycled(texts: Sequence[str]) -> pl.Expr:
            return pl.lit(pl.Series(texts)).gather(number % len(texts))

        frame = pl.select(
            names=pl.concat_str(cycled(words), pl.lit("_"), digits),
            pieces=pl.concat_str(
                pl.lit(before), cycled(escaped), pl.lit("_"), digits, pl.lit(after)
            ),
        )
        return cls(frame["names"].alias(field), frame["pieces"].alias(field))

    def __len__(self) -> int:
        return len(self.names)

    def partitions(self, count: int) -> NDArray[np.int32]:
        """Return the partition of each name: crc32 of its UTF-8 bytes modulo `count`."""
        hashes = (crc32(name.encode()) % count for name in self.names.to_list())
        return np.fromiter(hashes, dtype=np.int32, count=len(self))


@dataclass(frozen=True, slots=True)
class Skew:
    """Draws ranks 0..size-1 with weight (rank + 1) ** -exponent, and rank 0 more often."""

    size: int
    cumulative: NDArray[np.float64] | None
    hot_share: float

    @classmethod
    def zipf(cls, size: int, exponent: float, hot_share: float) -> Skew:
        """Make the distribution; exponent 0 is even."""
        if exponent == 0.0:
            return cls(size, None, hot_share)
        return cls(size, _cumulative(np.arange(1.0, size + 1.0) ** -exponent), hot_share)

    @classmethod
    def weighted(cls, weights: Sequence[float]) -> Skew:
        """Make a distribution of given weights (any scale)."""
        return cls(len(weights), _cumulative(np.asarray(weights, dtype=np.float64)), 0.0)

    def draw(self, random: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Return `count` ranks."""
        ranks = self.ranks(random.random(count))
        if self.hot_share > 0.0:
            ranks[random.random(count) < self.hot_share] = 0
        return ranks

    def ranks(self, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the rank of each number from 0 to 1; the hot share is left out."""
        if self.cumulative is None:
            return (uniform * self.size).astype(np.int64)
        return np.searchsorted(self.cumulative, uniform, side="right").astype(np.int64)


def piece(field: str, value: str) -> str:
    """Return one field of a JSON object with the comma that follows it."""
    return f"{json.dumps(field)}:{value},"


def user_names(faker: Faker) -> list[str]:
    """Return realistic account names."""
    return [faker.user_name() for _ in range(NAMES)]


def product_names(faker: Faker) -> list[str]:
    """Return realistic product names."""
    return [f"{faker.safe_color_name()}-{faker.word()}" for _ in range(NAMES)]


def page_paths(faker: Faker, size: int) -> list[str]:
    """Return `size` distinct paths of web pages."""
    return [f"/{faker.uri_path()}/{number}" for number in range(size)]


def _cumulative(weights: NDArray[np.floating]) -> NDArray[np.float64]:
    total = np.cumsum(weights)
    cumulative: NDArray[np.float64] = total / total[-1]
    return cumulative
