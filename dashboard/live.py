"""A live page: everything that runs behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from dashboard.access import Guard
from dashboard.board import Board
from dashboard.deadletters import DeadLetters
from dashboard.history import History
from dashboard.keys import Keys
from dashboard.pipelines import pipelines_of
from dashboard.reach import Reach
from dashboard.reading import Source, open_reader, store_name
from dashboard.reading.series import open_series
from dashboard.refresher import IDLE_S, Refresher
from dashboard.state import State
from tidemark.config import Settings
from tidemark.log import get_logger

_STUCK_AFTER_S = 60.0

log = get_logger(__name__)


class Live:
    """What a page asks, kept fresh while `running`. Raises NoStore where there is none to read."""

    def __init__(self, settings: Settings) -> None:
        token = settings.dashboard.token
        self.guard = Guard(token.get_secret_value() if token is not None else None)
        self.board = Board()
        self.state = State(
            store=store_name(settings),
            pipelines=pipelines_of(settings),
            refresh_s=settings.dashboard.refresh_interval_s,
            time_zone=settings.time.time_zone,
        )
        # What people ask does not wait for the refresh, nor the refresh for it.
        self._refreshing = Source(partial(open_reader, settings), "refresh")
        self._asking = Source(partial(open_reader, settings), "ask")
        self.keys = Keys(self._asking, self.state)
        self.history = History(self._asking, self.state, open_series(settings))
        self._refresher = Refresher(self.state, self.board, self._refreshing)
        self._others = (
            DeadLetters(settings, self.state, self.board),
            Reach(settings, self.state, self.board),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the page fresh meanwhile."""
        jobs: list[Coroutine[Any, Any, None]] = [self._refresher.run()]
        jobs += [other.run() for other in self._others]
        tasks = [asyncio.create_task(_told(job)) for job in jobs]
        try:
            yield
        finally:
            self.board.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for source in (self._refreshing, self._asking):
                await asyncio.to_thread(source.close)

    def health(self) -> dict[str, Any]:
        """Return whether the page is refreshed, and whether its store answers."""
        silent_s = time.time() - self._refresher.refreshed_at_s
        stuck = silent_s > self.state.refresh_s + IDLE_S + _STUCK_AFTER_S
        return {
            "status": "stuck" if stuck else "ok",
            "store": "reachable" if self.state.reachable else "unreachable",
            "pages": self.board.watchers(),
            "queries": self._refreshing.queries + self._asking.queries,
        }


async def _told(job: Coroutine[Any, Any, None]) -> None:
    """Run a job; one that fails is told at once, and `/healthz` tells it as well."""
    try:
        await job
    except Exception:
        log.exception("dashboard_job_failed")
        raise
