"""The rows of one table in one open window, and how they become bytes.

Bytes are always Arrow's IPC format, which any later version reads; never a library's own pickle.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import polars as pl
import pyarrow as pa

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
        self._pieces: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    @property
    def rows(self) -> int:
        """Number of rows held, merged or not."""
        return self._waiting_rows + (0 if self._base is None else self._base.height)

    def add(self, piece: pa.RecordBatch) -> None:
        """Take rows in."""
        self._pieces.append(piece)
        self._waiting_rows += piece.num_rows
        base_rows = 0 if self._base is None else self._base.height
        if self._waiting_rows > max(base_rows, self.MERGE_ABOVE_ROWS):
            self.merged()

    def merged(self) -> pl.DataFrame:
        """Return all rows as one merged frame."""
        if self._pieces or self._base is None:
            frames = [] if self._base is None else [self._base]
            if self._pieces:
                # To polars at once: piece by piece costs more than the merge itself.
                frames.append(_to_frame(pa.Table.from_batches(self._pieces)))
            self._base = self._merge(frames)
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


def _to_frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a frame")
    return frame
