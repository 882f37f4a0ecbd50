"""Stock that falls with sales and is refilled, for many products at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from generator.identity import below
from generator.population import Skew

Numbers = NDArray[np.int64]

DEMAND: Final = {0: 4.0, 1: 50.0, 2: 20.0, 3: 12.0, 5: 6.0, 8: 3.0, 12: 2.0, 20: 2.0, 60: 1.0}
"""Pieces sold between two updates, and how often."""
BACK_ORDERS_EVERY: Final = 20
"""One shelf in so many sells what it does not have: its stock goes below zero."""
_LEVEL, _LOT, _FIRST, _DELIVERY, _BACK_ORDERS = 51, 52, 53, 54, 55


@dataclass(frozen=True, slots=True)
class Levels:
    """What updates say, one entry each."""

    stock: Numbers
    reorder: Numbers


class Stock:
    """Keeps one number a shelf (a product in a warehouse): how much was asked for so far.

    A shelf orders a fixed lot as often as its stock has fallen to a point at or below its reorder
    level; the lots are there at its next update. With the demand so far D, the lot Q, that point P
    and the first stock S, the stock before an update is P + 1 + (S - P - 1 - D) mod Q, so that no
    update depends on the one before except by the sum D, and a block is computed at once. This is
    the (s, Q) policy of inventory theory with unit steps.
    """

    def __init__(self, shelves: int) -> None:
        self._asked = np.zeros(shelves, dtype=np.int64)
        self._draw_demand = Skew.weighted(list(DEMAND.values()))
        self._demand = np.array(list(DEMAND), dtype=np.int64)

    def sell(self, shelves: Numbers, random: np.random.Generator) -> Levels:
        """Sell something from a shelf for each update, in order, and return what is left."""
        demand = self._demand[self._draw_demand.draw(random, len(shelves))]
        asked = self._asked_before(shelves, demand)
        reorder = 5 + below(shelves, _LEVEL, 46)
        lot = 2 * reorder + 20 + below(shelves, _LOT, 100)
        # Half of the suppliers are quick, one in six only comes when all is sold.
        delivery = below(shelves, _DELIVERY, 6)
        point = np.where(delivery < 3, reorder, np.where(delivery < 5, reorder // 2, 0))
        first = 1 + below(shelves, _FIRST, 1_000_000) % lot
        left = point + 1 + (first - 1 - asked) % lot - demand
        may_owe = below(shelves, _BACK_ORDERS, BACK_ORDERS_EVERY) == 0
        return Levels(np.where(may_owe, left, np.maximum(left, 0)), reorder)

    def _asked_before(self, shelves: Numbers, demand: Numbers) -> Numbers:
        """Return what was asked for before each update, and keep what is asked for after all."""
        order = np.argsort(shelves, kind="stable")
        sorted_demand = demand[order]
        before = np.cumsum(sorted_demand) - sorted_demand
        distinct, starts, counts = np.unique(shelves[order], return_index=True, return_counts=True)
        within = before - np.repeat(before[starts], counts)
        asked = np.empty_like(demand)
        asked[order] = within + np.repeat(self._asked[distinct], counts)
        self._asked[distinct] += np.add.reduceat(sorted_demand, starts)
        return asked
