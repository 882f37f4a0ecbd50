"""What windows add to each key, in the columns of the SQLite store's aggregates.

In numpy, since lanes work beside each other and beside the engine: Polars runs in one thread here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from sinks.commands import AccumulateWindow
from sinks.sqlite_layout import SLOTS
from sinks.sqlite_rows import epoch_us

Integers = npt.NDArray[np.int64]


class UnknownName(Exception):
    """A name is counted that has no slot yet."""


class KeyTwice(Exception):
    """A key is in several commands of one window: those after the first add nothing."""


@dataclass(frozen=True, slots=True)
class Sums:
    """One row per key.

    `columns` are key, total, windows, largest and smallest total of a window, first and last window
    in microseconds since the epoch, total of the last; then one for each of `counts`: `n<slot>`,
    where 0 is none, and `rest`, the names without a slot as JSON (or None), if there are any. Keys
    are sorted: neighbours in the index are written together.
    """

    counts: list[str]
    columns: list[list[object]]

    def __len__(self) -> int:
        return len(self.columns[0])


def sum_up(windows: Sequence[AccumulateWindow], slots: Mapping[str, int]) -> Sums:
    """Add up windows in ascending order. `slots` has the number of each name, from 0 on.

    Raises UnknownName and KeyTwice.
    """
    counts = pl.concat([window.counts for window in windows], rechunk=True)
    if counts.is_empty():
        return Sums([], [[] for _ in range(8)])
    slot = _slots_of(counts["name"], slots)
    count = counts["count"].to_numpy()
    # The rows of a key in a window are adjacent: first those, as one.
    heights = np.array([window.counts.height for window in windows])
    begins = counts["key"].ne_missing(counts["key"].shift()).to_numpy().copy()
    begins[(np.cumsum(heights) - heights)[heights > 0]] = True
    first = np.flatnonzero(begins)
    window_us = np.repeat([epoch_us(window.window_start) for window in windows], heights)[first]
    total = np.add.reduceat(count, first)
    keys = counts["key"].gather(first)
    number = keys.rank("dense").to_numpy().astype(np.int64) - 1
    # Then those of a key.
    order = np.argsort(number, kind="stable")
    by_key, us, totals = number[order], window_us[order], total[order]
    starts = np.flatnonzero(np.diff(by_key, prepend=-1))
    ends = np.append(starts[1:], len(order)) - 1
    if np.any((np.diff(by_key) == 0) & (np.diff(us) == 0)):
        raise KeyTwice
    columns: list[list[object]] = [
        keys.gather(order[starts]).to_list(),
        np.add.reduceat(totals, starts).tolist(),
        (ends - starts + 1).tolist(),
        np.maximum.reduceat(totals, starts).tolist(),
        np.minimum.reduceat(totals, starts).tolist(),
        us[starts].tolist(),
        us[ends].tolist(),
        totals[ends].tolist(),
    ]
    each = pl.DataFrame({"row": number[np.cumsum(begins) - 1], "slot": slot, "count": count})
    labels, by_name = _by_name(each.with_columns(counts["name"]), len(starts))
    return Sums(labels, columns + by_name)


def _slots_of(names: pl.Series, slots: Mapping[str, int]) -> Integers:
    known = sorted(slots, key=lambda name: slots[name])
    codes = names.cast(pl.Enum(known), strict=False).to_physical()
    if codes.null_count():
        raise UnknownName
    numbers = np.array([slots[name] for name in known], np.int64)
    found: Integers = numbers[codes.to_numpy()]
    return found


def _by_name(counts: pl.DataFrame, height: int) -> tuple[list[str], list[list[object]]]:
    """Return labels and columns of the names in (row, slot, name, count); there are `height` rows.

    A sum is exact up to 2**53.
    """
    others = counts.filter(pl.col("slot") >= SLOTS)
    own = counts if others.is_empty() else counts.filter(pl.col("slot") < SLOTS)
    row, slot, count = (own[column].to_numpy() for column in ("row", "slot", "count"))
    used = np.flatnonzero(np.bincount(slot, minlength=SLOTS))
    place = np.zeros(SLOTS, np.int64)
    place[used] = np.arange(len(used))
    cells = np.bincount(row * len(used) + place[slot], count, minlength=height * len(used))
    labels = [f"n{slot}" for slot in used]
    columns = [column.tolist() for column in cells.astype(np.int64).reshape(height, len(used)).T]
    if not others.is_empty():
        labels.append("rest")
        columns.append(_as_json(others, height))
    return labels, columns


def _as_json(counts: pl.DataFrame, height: int) -> list[object]:
    """Return the sums of each `row` by name, as JSON, and None where there are none."""
    labels = {name: msgspec.json.encode(name).decode() for name in counts["name"].unique()}
    label = pl.col("name").replace_strict(labels, return_dtype=pl.String)
    pair = label + ":" + pl.col("count").cast(pl.String)
    sums = (
        counts.group_by("row", "name")
        .agg(pl.col("count").sum())
        .group_by("row")
        .agg(("{" + pair.str.join(",") + "}").alias("rest"))
    )
    found: list[object] = [None] * height
    for row, rest in sums.iter_rows():
        found[row] = rest
    return found
