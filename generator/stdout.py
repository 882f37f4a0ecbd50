"""Print records instead of sending them: one value a line."""

from __future__ import annotations

import time
from typing import BinaryIO

import polars as pl

from generator.delivery import Delivery


class LinesTarget:
    """Writes the values of records as lines; a malformed record may be an empty line."""

    def __init__(self, output: BinaryIO) -> None:
        self.delivery = Delivery()
        self._output = output

    @property
    def failing(self) -> bool:
        """Return False: an output that cannot be written to raises."""
        return False

    def put(self, frame: pl.DataFrame) -> None:
        """Write and flush the values of a frame."""
        self._output.write(b"\n".join(frame["value"].to_list()) + b"\n")
        self._output.flush()
        self.delivery.sent += len(frame)
        self.delivery.acknowledged += len(frame)

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass."""
        time.sleep(seconds)

    def give_up(self) -> None:
        """Do nothing: every line is flushed already."""

    def finish(self) -> None:
        """Do nothing: every line is flushed already."""
