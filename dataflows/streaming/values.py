"""The values of a batch of records, one after the other in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from dataflows.streaming.layout import LONGEST_FIXED, WORD_BYTES
from dataflows.streaming.timestamps import Int64Array

PADDING_BYTES = LONGEST_FIXED + WORD_BYTES
"""Zeros after the last value: how far one may look past it."""
_NO_VALUE = b""


class Values:
    """Value i is `joined[bounds[i]:bounds[i + 1]]`, or null where `nulls[i]` is true.

    The first bound is 0.
    """

    __slots__ = ("bounds", "joined", "nulls")

    def __init__(
        self, joined: bytes, bounds: Int64Array, nulls: npt.NDArray[np.bool_] | None = None
    ) -> None:
        """Take values that are joined already, with some padding after them."""
        self.joined = joined
        self.bounds = bounds
        self.nulls = nulls

    @classmethod
    def of(cls, values: Sequence[bytes | None] | Values) -> Values:
        """Join values, where that is not done yet."""
        if isinstance(values, Values):
            return values
        present = cast(Sequence[bytes], values)
        nulls = None
        try:
            lengths = np.fromiter(map(len, present), np.int64, len(present))
        except TypeError:
            # A tombstone is null.
            nulls = np.fromiter((value is None for value in values), bool, len(values))
            present = [value or _NO_VALUE for value in values]
            lengths = np.fromiter(map(len, present), np.int64, len(present))
        bounds = np.zeros(len(present) + 1, np.int64)
        np.cumsum(lengths, out=bounds[1:])
        return cls(b"".join([*present, bytes(PADDING_BYTES)]), bounds, nulls)

    @property
    def value_bytes(self) -> int:
        """Of all values together."""
        return int(self.bounds[-1])

    @property
    def lengths(self) -> Int64Array:
        """Of each value in bytes; 0 for null."""
        return np.diff(self.bounds)

    def padded(self) -> bytes:
        """Return the joined values with all the padding."""
        if len(self.joined) - int(self.bounds[-1]) >= PADDING_BYTES:
            return self.joined
        return self.joined + bytes(PADDING_BYTES)

    def first(self, count: int) -> Values:
        """Return so many of them."""
        nulls = None if self.nulls is None else self.nulls[:count]
        return Values(self.joined, self.bounds[: count + 1], nulls)

    def picked(self, places: Int64Array) -> list[bytes | None]:
        """Return some of them, in less time than one by one."""
        joined = self.joined
        begins, ends = self.bounds[places].tolist(), self.bounds[places + 1].tolist()
        found: list[bytes | None] = [joined[a:b] for a, b in zip(begins, ends, strict=True)]
        if self.nulls is not None:
            for place in np.flatnonzero(self.nulls[places]).tolist():
                found[place] = None
        return found

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, at: int) -> bytes | None:
        if not 0 <= at < len(self):
            raise IndexError(at)
        if self.nulls is not None and self.nulls[at]:
            return None
        return self.joined[int(self.bounds[at]) : int(self.bounds[at + 1])]

    def __iter__(self) -> Iterator[bytes | None]:
        places: list[int] = self.bounds.tolist()
        joined = self.joined
        found = (joined[a:b] for a, b in pairwise(places))
        if self.nulls is None:
            return found
        nulls = self.nulls.tolist()
        return (None if null else value for value, null in zip(found, nulls, strict=True))
