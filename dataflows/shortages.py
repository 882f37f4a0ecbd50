"""Shortages: alerts where the stock of a product in a warehouse begins and ceases to be short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from dataflows.alerts import Alert, Rule
from dataflows.streaming.packing import pack_frame, unpack_frame
from dataflows.streaming.parcels import Closing
from dataflows.streaming.timestamps import moment
from dataflows.streaming.windows import StateMismatchError
from stats.inventory import IDENTITY, IS_OUT, IS_SHORT, LEVELS, PLACE, REORDER, STOCK

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule over levels: whether it holds, and what the stock is held against."""

    rule: Rule
    holds: pl.Expr
    threshold: pl.Expr
    begins: str
    ends: str

    @property
    def name(self) -> str:
        """The column that says whether it holds."""
        return self.rule.name


WATCHES = (
    Watch(
        Rule("low_stock", "warning"),
        IS_SHORT,
        pl.col(REORDER),
        "{0} in {1} is to be reordered: stock {2}, reorder level {3}",
        "{0} in {1} is above its reorder level of {3} again: stock {2}",
    ),
    Watch(
        Rule("out_of_stock", "critical"),
        IS_OUT,
        pl.lit(0, pl.Int64),
        "{0} in {1} is out of stock ({2})",
        "{0} in {1} is in stock again: {2}",
    ),
)
"""What is out of stock is low, too: its low stock does not end where it gets worse."""

_HOLDING = [watch.name for watch in WATCHES]


class Shortages:
    """Follows the levels of a key group: an alert where a rule begins or ceases to hold.

    What counts is the level at the end of a window. Kept are the places for which a rule holds.
    """

    def __init__(self, pipeline: str, window_s: int, state: dict[str, Any] | None = None) -> None:
        self._pipeline = pipeline
        self._window_s = window_s
        self._open: pl.DataFrame
        self._packed: bytes | None
        if state is None:
            columns = {**dict.fromkeys(PLACE, pl.String), **dict.fromkeys(_HOLDING, pl.Boolean)}
            self._open, self._packed = pl.DataFrame(schema=columns), None
            return
        if state["version"] != STATE_VERSION:
            raise StateMismatchError(state, {"version": STATE_VERSION})
        self._open, self._packed = unpack_frame(state["open"]), state["open"]

    def absorb(self, closing: Closing) -> list[list[Alert]]:
        """Take closed windows in; return the alerts of each that has any, by rule and subject."""
        found = []
        for window in closing.windows:
            levels = window.tables[LEVELS.name]
            if levels.height:
                found.append(self._alerts(moment(window.start_us), levels))
        return [alerts for alerts in found if alerts]

    def snapshot(self) -> dict[str, Any]:
        """Return the places for which a rule holds, as Arrow bytes."""
        if self._packed is None:
            self._packed = pack_frame(self._open)
        return {"version": STATE_VERSION, "open": self._packed}

    def _alerts(self, start: datetime, levels: pl.DataFrame) -> list[Alert]:
        known = self._open
        now = levels.select(
            *PLACE, STOCK, REORDER, *(watch.holds.alias(watch.name) for watch in WATCHES)
        )
        both = now.join(known, on=PLACE, how="left", suffix="_before")
        alerts = [
            Alert(
                rule=watch.rule,
                subject=identity,
                state="begin" if holds else "end",
                value=value,
                threshold=threshold,
                message=(watch.begins if holds else watch.ends).format(
                    product, warehouse, value, threshold
                ),
                pipeline=self._pipeline,
                window_start=start,
                window_s=self._window_s,
            )
            for watch in WATCHES
            for identity, product, warehouse, value, threshold, holds in _changed(both, watch)
        ]
        if alerts:
            still = known.join(now, on=PLACE, how="anti")
            holding = now.filter(pl.any_horizontal(_HOLDING)).select(known.columns)
            self._open, self._packed = pl.concat([still, holding]), None
        return alerts


def _changed(both: pl.DataFrame, watch: Watch) -> Iterator[tuple[str, str, str, int, int, bool]]:
    before = pl.col(f"{watch.name}_before").fill_null(value=False)
    changed = both.filter(pl.col(watch.name) != before).sort(PLACE)
    return changed.select(IDENTITY, *PLACE, STOCK, watch.threshold, watch.name).iter_rows()
