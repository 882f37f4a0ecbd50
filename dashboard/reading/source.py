"""A reader behind one thread: questions are awaited, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dashboard.reading.protocol import Reader, TooLong

T = TypeVar("T")


class Source:
    """Opens a reader when it is first asked, and again after a failure."""

    def __init__(self, open_reader: Callable[[], Reader], name: str) -> None:
        self._open = open_reader
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"dashboard-{name}")
        self._reader: Reader | None = None
        self._queries_before = 0

    @property
    def queries(self) -> int:
        """How many questions the store has been asked through this source."""
        return self._queries_before + (self._reader.queries if self._reader is not None else 0)

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """Answer a question that may consist of several.

        Raises StoreUnavailable, and whatever else the question raises.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question)

    def close(self) -> None:
        """Close the reader, after the question that is being answered."""
        self._threads.submit(self._drop)
        self._threads.shutdown(wait=True)

    def _ask(self, question: Callable[[Reader], T]) -> T:
        if self._reader is None:
            self._reader = self._open()
        try:
            self._reader.begin()
            answer = question(self._reader)
            self._reader.end()
        except TooLong:
            self._reader.end()
            raise
        except BaseException:
            self._drop()
            raise
        return answer

    def _drop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._queries_before += reader.queries
            reader.close()
