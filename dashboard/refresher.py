"""The refresher: asks the store for everybody, as often as the page refreshes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dashboard.alerting import BEGIN, pair
from dashboard.board import Board
from dashboard.rate import RateMeter, books
from dashboard.reading import Reader, Source, StoreAbsent
from dashboard.sections import SECTIONS
from dashboard.state import ALERTS_READ, STATUSES, STOCK_COUNTED, State
from tidemark.errors import TidemarkError
from tidemark.log import RateLimited, get_logger

IDLE_S = 15.0
"""Seconds between two looks at the store while nobody looks at the page."""

_MOST_STOCK = 100
_LEADERS = 10
_SILENT_S = 20.0
_WINDOWS_OF = {
    "interactions": "interactions",
    "logins": "logins",
    "processed_logins": "processed_logins",
    "activity": "activity",
    "funnel": "funnel",
    "sessions": "sessions",
    "sales": "sales",
    "inventory": "inventory",
}
"""Sections that are made of one type's windows and nothing else."""

log = RateLimited(get_logger(__name__), every_s=60.0)


class Refresher:
    """Reads the state and publishes the sections made of it; one for all pages."""

    def __init__(
        self,
        state: State,
        board: Board,
        source: Source,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._board = board
        self._source = source
        self._clock = clock
        self._meters: dict[str, RateMeter] = {}
        self._made_of: dict[str, object] = {}
        self.refreshed_at_s = clock()

    async def run(self) -> None:
        """Refresh until the board is closed."""
        while not self._board.closed:
            await self.refresh()
            pause_s = self._state.refresh_s
            await self._board.rest(pause_s, max(IDLE_S, pause_s))

    async def refresh(self) -> None:
        """Read the store once and publish what has changed; a store that fails is told as well."""
        state = self._state
        try:
            await self._source.ask(self._read)
        except TidemarkError as error:
            self._failed(error)
        else:
            state.reachable, state.seen = True, True
            state.trouble, state.trouble_since_ms = "", None
        state.at_ms = round(self._clock() * 1000)
        self._board.publish(self._sections())
        self.refreshed_at_s = self._clock()

    def _failed(self, error: TidemarkError) -> None:
        state = self._state
        state.reachable = False
        state.trouble = error.message
        if state.trouble_since_ms is None:
            state.trouble_since_ms = round(self._clock() * 1000)
        if not isinstance(error, StoreAbsent) or state.seen:
            log.warning("store_unreachable", reason=error.message)

    def _read(self, reader: Reader) -> None:
        state = self._state
        if not state.reachable:
            # It may be another store than before.
            state.windows.forget()
            state.hours.forget()
        state.status = reader.status()
        self._measure()
        before = state.windows["interactions"]
        state.windows.update(reader)
        if state.windows["interactions"] is not before or not state.hours.complete:
            bounds = reader.bounds("interactions")
            state.hours.update(reader, self._clock(), bounds)
        state.metrics = reader.metrics()
        alerts = reader.alerts(None, ALERTS_READ) + reader.alerts(BEGIN, ALERTS_READ)
        state.open_alerts, state.past_alerts = pair(alerts)
        state.stock = {status: reader.stock(status, _MOST_STOCK) for status in STATUSES}
        state.stock_counts = {
            status: reader.stock_count(status, STOCK_COUNTED) for status in STATUSES
        }
        state.top_users = reader.largest("user_stats", _LEADERS)
        state.top_items = reader.largest("item_stats", _LEADERS)

    def _measure(self) -> None:
        status = self._state.status
        topics = sorted({each["topic"] for each in status})
        for topic in ("", *topics):
            of_topic = [each for each in status if topic in ("", each["topic"])]
            meter = self._meters.setdefault(topic, RateMeter())
            at_ms = max((each["updated_at"] for each in of_topic), default=0)
            rate = meter.update(at_ms / 1000, books(of_topic)["read"])
            silent_s = self._clock() - at_ms / 1000
            # Partitions report once a second, idle ones as well: silence is a flow that is down.
            self._state.rates[topic] = None if silent_s > _SILENT_S else rate

    def _sections(self) -> dict[str, Any]:
        state, made = self._state, {}
        for name, make in SECTIONS.items():
            kind = _WINDOWS_OF.get(name)
            if kind is not None:
                windows = state.windows[kind]
                if windows and self._made_of.get(name) is windows:
                    continue
                self._made_of[name] = windows
            made[name] = make(state)
        return made
