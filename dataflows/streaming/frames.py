"""Frames as bytes: for recovery snapshots and for the way to another process.

Arrow's IPC format, read back by any later version; never a pickle of the frame library's own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import polars as pl

Merge = Callable[[Sequence[pl.DataFrame]], pl.DataFrame]
"""Adds frames of a table up to one."""


def pack(frame: pl.DataFrame) -> bytes:
    """Serialize a frame."""
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
    return buffer.getvalue()


def unpack(data: bytes) -> pl.DataFrame:
    """Read a frame that `pack` wrote."""
    return pl.read_ipc_stream(io.BytesIO(data))


class Tiers:
    """The rows of one table in one open window: a merged base and the pieces not merged yet.

    Pieces are merged into the base when they outweigh it, so that a row is touched a constant
    number of times on average, however large the window grows.
    """

    MERGE_ABOVE_ROWS = 8_192

    __slots__ = ("_base", "_merge", "_packed", "_pieces", "_waiting_rows")

    def __init__(self, merge: Merge, packed: bytes | None = None) -> None:
        self._merge = merge
        self._packed = packed
        self._base: pl.DataFrame | None = unpack(packed) if packed is not None else None
        self._pieces: list[pl.DataFrame] = []
        self._waiting_rows = 0

    def add(self, piece: pl.DataFrame) -> None:
        """Take rows in."""
        self._pieces.append(piece)
        self._waiting_rows += piece.height
        base_rows = 0 if self._base is None else self._base.height
        if self._waiting_rows > max(base_rows, self.MERGE_ABOVE_ROWS):
            self.merged()

    def merged(self) -> pl.DataFrame:
        """Return all rows as one merged frame."""
        if self._pieces or self._base is None:
            base = [] if self._base is None else [self._base]
            self._base = self._merge([*base, *self._pieces])
            self._packed = None
            self._pieces = []
            self._waiting_rows = 0
        return self._base

    def packed(self) -> bytes:
        """Return all rows as bytes; unchanged tiers are not packed twice."""
        frame = self.merged()
        if self._packed is None:
            self._packed = pack(frame)
        return self._packed
