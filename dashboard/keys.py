"""One user or item: its current aggregate, and what is known of its past."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from dashboard.reading import Reader, Source
from dashboard.reading.protocol import Document
from dashboard.sections.interactions import history_of
from dashboard.state import State

COLLECTIONS = {
    "user": ("user_stats", "top_users", "user_id"),
    "item": ("item_stats", "top_items", "item_id"),
}
_MOST_KEYS = 500
_MOST_SEEN = 360
_SUGGESTIONS = 8


class Keys:
    """Answers about single keys; asked by many at once, the store is asked once a refresh."""

    def __init__(
        self, source: Source, state: State, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._state = state
        self._clock = clock
        self._answers: OrderedDict[tuple[str, ...], tuple[float, Any]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str], dict[int, int]] = OrderedDict()

    async def one(self, kind: str, key: str) -> dict[str, Any]:
        """Return the aggregate of a key, and its counts in the windows where they are known.

        Known are the windows in whose ranking it is, and those that were its last one while
        somebody looked. Raises StoreUnavailable.
        """
        collection, ranking, id_field = COLLECTIONS[kind]

        def question(reader: Reader) -> Document | None:
            return reader.one(collection, key)

        found: Document | None = await self._cached(("one", kind, key), question)
        counts = dict(history_of(self._state.windows["interactions"], ranking, id_field, key))
        if found is not None:
            seen = self._remembered(kind, key)
            seen[found["last_window"]] = found["last_window_count"]
            while len(seen) > _MOST_SEEN:
                del seen[min(seen)]
            counts |= seen
        return {"kind": kind, "id": key, "stats": found, "history": sorted(counts.items())}

    async def suggestions(self, kind: str, prefix: str) -> list[str]:
        """Return the first ids that begin with a prefix. Raises StoreUnavailable."""
        collection = COLLECTIONS[kind][0]

        def question(reader: Reader) -> list[str]:
            return reader.keys_from(collection, prefix, _SUGGESTIONS)

        found: list[str] = await self._cached(("from", kind, prefix), question)
        return found

    async def _cached(self, name: tuple[str, ...], question: Callable[[Reader], Any]) -> Any:
        held = self._answers.get(name)
        if held is not None and self._clock() - held[0] < self._state.refresh_s:
            return held[1]
        answer = await self._source.ask(question)
        self._answers[name] = self._clock(), answer
        self._answers.move_to_end(name)
        while len(self._answers) > _MOST_KEYS:
            self._answers.popitem(last=False)
        return answer

    def _remembered(self, kind: str, key: str) -> dict[int, int]:
        seen = self._seen.setdefault((kind, key), {})
        self._seen.move_to_end((kind, key))
        while len(self._seen) > _MOST_KEYS:
            self._seen.popitem(last=False)
        return seen
