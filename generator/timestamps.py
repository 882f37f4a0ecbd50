"""Event times as they are written into records."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator.settings import TimestampFormat

WRITTEN: Final[tuple[TimestampFormat, ...]] = ("iso", "iso_naive", "epoch_s", "epoch_ms")
_QUOTES: Final = ('"', '"', "", "")
RESOLUTION_US: Final = np.array([1, 1, 1_000_000, 1_000], dtype=np.int64)


def draw_formats(
    form: TimestampFormat, random: np.random.Generator, count: int
) -> NDArray[np.int64]:
    """Return for each record which of WRITTEN its time is written in."""
    if form == "mixed":
        return random.integers(0, len(WRITTEN), count)
    return np.full(count, WRITTEN.index(form), dtype=np.int64)


def representable(times_us: NDArray[np.int64], formats: NDArray[np.int64]) -> NDArray[np.int64]:
    """Round down to what the format can say, so that truth and record agree to the microsecond."""
    resolution = RESOLUTION_US[formats]
    return times_us - times_us % resolution


def text(times_us: NDArray[np.int64], formats: NDArray[np.int64]) -> pl.Series:
    """Write event times as text without quotes; row by row in its own format."""
    kinds = np.unique(formats)
    if len(kinds) == 1:
        return _text(times_us, WRITTEN[int(kinds[0])])
    rows = [np.flatnonzero(formats == kind) for kind in kinds]
    written = [
        _text(times_us[at], WRITTEN[int(kind)]) for kind, at in zip(kinds, rows, strict=True)
    ]
    order = np.argsort(np.concatenate(rows))
    return pl.concat(written).gather(order)


def pieces(field: str, written: pl.Series, formats: NDArray[np.int64]) -> pl.Series:
    """Return `"field":time,` for a JSON object: ISO times as strings, epoch times as numbers."""
    before = f"{json.dumps(field)}:"
    if formats.min() == formats.max():
        quote = _QUOTES[int(formats[0])]
        text = pl.concat_str(pl.lit(before + quote), "written", pl.lit(quote + ","))
        return written.alias("written").to_frame().select(text.alias(field)).to_series()
    quote_of_row = pl.Series(_QUOTES).gather(formats)
    frame = pl.DataFrame({"written": written, "quote": quote_of_row})
    text = pl.concat_str(pl.lit(before), "quote", "written", "quote", pl.lit(","))
    return frame.select(text.alias(field)).to_series()


def _text(times_us: NDArray[np.int64], form: TimestampFormat) -> pl.Series:
    series = pl.Series("timestamp", times_us)
    if form == "epoch_s":
        return (series // 1_000_000).cast(pl.String)
    if form == "epoch_ms":
        return (series // 1_000).cast(pl.String)
    # Formatting each second once and joining digits is several times faster than strftime on rows.
    seconds, second_of_row = np.unique(times_us // 1_000_000, return_inverse=True)
    return _iso(seconds, second_of_row, times_us % 1_000_000, "Z" if form == "iso" else "")


def _iso(
    seconds: NDArray[np.int64],
    second_of_row: NDArray[np.intp],
    micros: NDArray[np.int64],
    zone: str,
) -> pl.Series:
    whole = (
        pl.Series("whole", seconds * 1_000)
        .cast(pl.Datetime("ms"))
        .dt.strftime("%Y-%m-%dT%H:%M:%S.")
    )
    frame = pl.DataFrame(
        {
            "whole": whole.gather(second_of_row),
            "milli": _DIGITS.gather(micros // 1_000),
            "micro": _DIGITS.gather(micros % 1_000),
        }
    )
    return frame.select(
        pl.concat_str("whole", "milli", "micro", pl.lit(zone)).alias("timestamp")
    ).to_series()


_DIGITS: Final = pl.Series("digits", [f"{n:03d}" for n in range(1_000)])
