"""What belongs to somebody for good, derived from numbers: no tables, however many there are."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

_HEX: Final = pl.Series("hex", [f"{n:04x}" for n in range(65_536)])
_DECIMAL: Final = pl.Series("decimal", [str(n) for n in range(256)])
_V6_SHARE: Final = 20
"""One address in so many is of IPv6."""

Numbers = NDArray[np.int64]


def mix(numbers: Numbers, purpose: int) -> NDArray[np.uint64]:
    """Return well-mixed 64-bit numbers, distinct for distinct `numbers` of one purpose.

    The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), which is a bijection.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    mixed = numbers.astype(np.uint64) * golden + np.uint64(purpose * 0xD1342543DE82EF95 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def below(numbers: Numbers, purpose: int, limit: int) -> Numbers:
    """Return for each number one of 0 to limit - 1, always the same."""
    return (mix(numbers, purpose) % np.uint64(limit)).astype(np.int64)


def uniform(numbers: Numbers, purpose: int) -> NDArray[np.float64]:
    """Return for each number one from 0 to below 1, always the same."""
    return (mix(numbers, purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def device_ids(devices: Numbers) -> pl.Series:
    """Return 16 hexadecimal digits for each device, distinct for distinct devices."""
    return _words(mix(devices, 1)).select(pl.concat_str("a", "b", "c", "d")).to_series()


def addresses(hosts: Numbers) -> pl.Series:
    """Return an IP address for each host, a few of them IPv6 (from the range for documents)."""
    mixed = mix(hosts, 2)
    octets = [((mixed >> np.uint64(shift)) & np.uint64(255)).astype(np.int64) for shift in (0, 8)]
    first = (11 + (mixed >> np.uint64(16)) % np.uint64(100)).astype(np.int64)
    last = (1 + (mixed >> np.uint64(32)) % np.uint64(254)).astype(np.int64)
    frame = _words(mixed).with_columns(
        pl.Series("modern", below(hosts, 3, _V6_SHARE) == 0),
        *(
            _DECIMAL.gather(part).alias(name)
            for name, part in zip("wxyz", [first, *octets, last], strict=True)
        ),
    )
    old = pl.concat_str("w", "x", "y", "z", separator=".")
    modern = pl.concat_str(pl.lit("2001:db8"), "a", "b", "c", "d", pl.lit("0:1"), separator=":")
    return frame.select(pl.when("modern").then(modern).otherwise(old).alias("ip")).to_series()


def _words(mixed: NDArray[np.uint64]) -> pl.DataFrame:
    """Return four columns of 16 bits each, as hexadecimal digits."""
    return pl.DataFrame(
        {
            name: _HEX.gather(((mixed >> np.uint64(shift)) & np.uint64(65_535)).astype(np.int64))
            for name, shift in (("a", 48), ("b", 32), ("c", 16), ("d", 0))
        }
    )
