"""Optional fields that are left out, null or of a wrong type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

Kind = Literal["text", "number"]
_WRONG: Final[Mapping[Kind, tuple[str, ...]]] = {
    # An integer would do as a text, a numeric string might do as a number.
    "text": ("true", "2.5", '""', '["x"]', '{"x":"y"}'),
    "number": ("true", '"n/a"', '""', "[1]", '{"x":1}'),
}


def missing(
    field: str, kind: Kind, share: float, count: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], pl.Series]:
    """Choose `share` of `count` records; returns their rows and what stands for the field there.

    A third each: nothing, null, a value of a wrong type.
    """
    rows = np.flatnonzero(random.random(count) < share)
    wrong = _WRONG[kind]
    # As many nothings and nulls as there are wrong values make it a third each.
    values = ["null"] * len(wrong) + list(wrong)
    texts = [""] * len(wrong) + [f"{json.dumps(field)}:{value}," for value in values]
    return rows, pl.Series(field, texts).gather(random.integers(0, len(texts), len(rows)))
