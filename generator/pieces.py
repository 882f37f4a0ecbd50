"""Fields of JSON objects as columns of text: `"field":value,`."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

_SHORTEST: Final = ["", *(f".{n:02d}".rstrip("0") for n in range(1, 100))]
_PADDED: Final = [f".{n:02d}" for n in range(100)]
_HUNDREDTHS: Final = pl.Series("hundredths", _SHORTEST + _PADDED)


def quoted(field: str, texts: pl.Series) -> pl.Series:
    """Return pieces that hold strings; texts must not need escaping. Null gives an empty piece."""
    return _surrounded(texts, f'{json.dumps(field)}:"', '",')


def number(field: str, texts: pl.Series) -> pl.Series:
    """Return pieces that hold numbers. Null gives an empty piece."""
    return _surrounded(texts, f"{json.dumps(field)}:", ",")


def money(cents: NDArray[np.int64], random: np.random.Generator) -> pl.Series:
    """Write amounts of at least 0 as JSON numbers: most as short as possible (19, 19.9, 19.99),
    one in five with two decimals (19.00)."""
    padded = random.random(len(cents)) < 0.2
    frame = pl.DataFrame(
        {
            "whole": cents // 100,
            "hundredths": _HUNDREDTHS.gather(cents % 100 + 100 * padded.astype(np.int64)),
        }
    )
    return frame.select(
        pl.concat_str(pl.col("whole").cast(pl.String), "hundredths").alias("money")
    ).to_series()


def only_where(mask: NDArray[np.bool_], column: pl.Series, other: str | None) -> pl.Series:
    """Return the column with `other` where the mask does not hold."""
    frame = pl.DataFrame({"mask": mask, "column": column})
    kept = pl.when("mask").then("column").otherwise(pl.lit(other))
    return frame.select(kept.alias(column.name)).to_series()


def int64(name: str, numbers: NDArray[np.int64]) -> pl.Series:
    """Return numbers as a column."""
    return pl.Series(name, numbers, dtype=pl.Int64)


def _surrounded(texts: pl.Series, before: str, after: str) -> pl.Series:
    joined = pl.concat_str(pl.lit(before), "text", pl.lit(after)).fill_null("")
    return texts.alias("text").to_frame().select(joined.alias("piece")).to_series()
