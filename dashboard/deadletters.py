"""Dead letters: the newest of each topic, read from Kafka by a thread of its own.

Only while somebody looks at the health view, and never in the way of the page: how many there were
in all is in the pipelines' own books, in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from dashboard.board import Board
from dashboard.state import State
from tidemark.config import Settings
from tidemark.deadletters import DEAD_LETTER_SUFFIX, Overview, letter_of
from tidemark.deadletters.letters import Letter
from tidemark.errors import TidemarkError
from tidemark.kafka_ranges import NoSuchTopic, Range, TopicReader

_EVERY_S = 15.0
_KEPT = 200
_FIRST_READ = 200
"""Records of each partition that are read when a topic is first looked at."""
_MOST_AT_ONCE = 2000
_SAMPLES = 3


class DeadLetters:
    """The newest letters of every topic that the settings name."""

    def __init__(self, settings: Settings, state: State, board: Board) -> None:
        self._settings = settings
        self._state = state
        self._board = board
        self._kept: dict[str, deque[Letter]] = {}
        self._next: dict[tuple[str, int], int] = {}

    async def run(self) -> None:
        """Read now and then until the board is closed."""
        while not self._board.closed:
            if self._board.watchers("health"):
                self._state.letters = await asyncio.to_thread(self.look)
                await asyncio.sleep(_EVERY_S)
            else:
                await asyncio.sleep(0.5)

    def look(self) -> dict[str, Any]:
        """Read what is new; return the overviews, or what is wrong."""
        topics = sorted({info.topic for info in self._state.pipelines if info.topic})
        at_ms = round(time.time() * 1000)
        overviews = []
        try:
            with TopicReader(self._settings) as reader:
                for topic in topics:
                    try:
                        self._read(reader, topic + DEAD_LETTER_SUFFIX)
                    except NoSuchTopic:
                        continue
                    overviews.append(self._overview(topic))
        except TidemarkError as error:
            return {"trouble": error.message, "at": at_ms, "topics": []}
        return {"trouble": None, "at": at_ms, "topics": overviews, "kept": _KEPT}

    def _read(self, reader: TopicReader, name: str) -> None:
        kept = self._kept.setdefault(name, deque(maxlen=_KEPT))
        wanted = []
        for each in reader.ranges(name):
            known = self._next.get((name, each.partition))
            first = each.end - _FIRST_READ if known is None or known > each.end else known
            first = max(each.low, first, each.end - _MOST_AT_ONCE)
            wanted.append(Range(each.partition, first, each.end, each.low))
        new = [
            letter_of(message) for _, messages in reader.read(name, wanted) for message in messages
        ]
        kept.extend(sorted(new, key=lambda letter: letter.timestamp_ms or 0))
        for each in wanted:
            self._next[name, each.partition] = each.end

    def _overview(self, topic: str) -> dict[str, Any]:
        overview = Overview(topic + DEAD_LETTER_SUFFIX, ("reason",), _SAMPLES)
        overview.add(reversed(self._kept[topic + DEAD_LETTER_SUFFIX]))
        return {"source": topic, **overview.as_json()}
