"""Show how far a run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from generator.delivery import Delivery

LINE_EVERY_S: Final = 5.0
BAR_EVERY_S: Final = 0.1


class ProgressDisplay:
    """Call it with the counts as often as they change; it writes to stderr when it is time."""

    def __init__(self, total: int | None, console: Console | None = None) -> None:
        console = console or Console(file=sys.stderr)
        self._terminal = console.is_terminal
        self._console = console
        self._bar = Progress(
            TextColumn("sending"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("sending", total=total, text="")
        self._every_s = BAR_EVERY_S if self._terminal else LINE_EVERY_S
        self._next = time.monotonic() + self._every_s

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, delivery: Delivery) -> None:
        """Show the counts, at most every few moments."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every_s
        if self._terminal:
            text = f"{delivery.acknowledged} acknowledged, {delivery.events_per_s:.0f}/s"
            self._bar.update(self._task, completed=delivery.acknowledged, text=text)
        else:
            self._console.print(delivery.summary(), highlight=False, soft_wrap=True)
