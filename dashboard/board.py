"""The board: what is on the page, encoded once for everybody who looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec


class Board:
    """Sections by name, each with the revision of its last change.

    Whoever has seen revision n needs the sections that changed after n and nothing else, so a page
    costs no more than the bytes it is sent.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.revision = 0
        self.closed = False
        self._clock = clock
        self._published_at_s = 0.0
        self._sections: dict[str, tuple[int, bytes]] = {}
        self._changed = asyncio.Event()
        self._watched: dict[str, int] = {}
        self._arrival = asyncio.Event()

    def publish(self, sections: dict[str, Any]) -> None:
        """Put up what has changed since the last time, and wake everybody."""
        self.revision += 1
        self._published_at_s = self._clock()
        for name, section in sections.items():
            encoded = msgspec.json.encode(section)
            before = self._sections.get(name)
            if before is None or before[1] != encoded:
                self._sections[name] = (self.revision, encoded)
        self._wake()

    def event(self, names: Collection[str], seen: int) -> bytes:
        """Return the sections that changed after revision `seen`, as a server-sent event.

        With the time of now, from which a reader knows how far its own clock is off.
        """
        parts = [
            b'"%s":%s' % (name.encode(), self._sections[name][1])
            for name in names
            if name in self._sections and self._sections[name][0] > seen
        ]
        return b'data: {"at":%d,"sections":{%s}}\n\n' % (
            round(self._clock() * 1000),
            b",".join(parts),
        )

    def age_s(self) -> float:
        """Return how long ago something was published."""
        return self._clock() - self._published_at_s

    async def changed(self) -> None:
        """Return when something has been published, or the board is closed."""
        await self._changed.wait()

    @contextmanager
    def watching(self, view: str) -> Iterator[None]:
        """Count somebody who looks at a view."""
        self._watched[view] = self._watched.get(view, 0) + 1
        self._arrival.set()
        try:
            yield
        finally:
            self._watched[view] -= 1

    def watchers(self, view: str | None = None) -> int:
        """Return how many look at a view, or at any."""
        return sum(self._watched.values()) if view is None else self._watched.get(view, 0)

    async def rest(self, seconds: float, idle_seconds: float) -> None:
        """Wait; longer while nobody looks, until somebody comes."""
        if self.watchers():
            await asyncio.sleep(seconds)
            return
        self._arrival.clear()
        try:
            await asyncio.wait_for(self._arrival.wait(), idle_seconds)
        except TimeoutError:
            return

    def close(self) -> None:
        """Send everybody home."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()
        if self.closed:
            self._changed.set()
