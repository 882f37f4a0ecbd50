"""The rows of one table in one open window, and how they become bytes.

Bytes are always Arrow's IPC format, which any later version reads; never a library's own pickle.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

Merge = Callable[[Sequence[pl.DataFrame]], pl.DataFrame]
"""Adds frames of a table up to one."""


def pack(frame: pl.DataFrame) -> bytes:
    """Serialize a frame."""
    buffer = io.BytesIO()
    # Uncompressed: LZ4 makes a third of it, for three times the CPU time of each merge.
    frame.write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
    return buffer.getvalue()


def unpack(data: bytes) -> pl.DataFrame:
    """Read a frame that `pack` wrote."""
    return pl.read_ipc_stream(io.BytesIO(data))


@dataclass(frozen=True, slots=True)
class _Tier:
    """Merged rows, as bytes."""

    rows: int
    packed: bytes


class Tiers:
    """The rows of one table in one open window: tiers of merged rows, and pieces not merged yet.

    The idea of log-structured merge trees (O'Neil et al., 1996): a new tier takes in those before
    it that are not much larger. So a row is merged a few times only, however large the window
    grows, and a snapshot packs no more than what has come since the last one. Tiers are kept as
    the bytes that a snapshot holds, and as nothing else: a row is in memory once.
    """

    MERGE_ABOVE_ROWS = 8_192
    _GROWTH = 2

    __slots__ = ("_merge", "_pieces", "_tiers", "_waiting_rows")

    def __init__(self, merge: Merge, packed: Sequence[bytes] = ()) -> None:
        self._merge = merge
        self._tiers = [_Tier(unpack(data).height, data) for data in packed]
        self._pieces: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    @property
    def rows(self) -> int:
        """Number of rows held, merged or not."""
        return self._waiting_rows + sum(tier.rows for tier in self._tiers)

    def add(self, piece: pa.RecordBatch) -> None:
        """Take rows in."""
        self._pieces.append(piece)
        self._waiting_rows += piece.num_rows
        newest_rows = self._tiers[-1].rows if self._tiers else 0
        if self._waiting_rows > max(newest_rows, self.MERGE_ABOVE_ROWS):
            self.compact()

    def merged(self) -> pl.DataFrame:
        """Return all rows as one merged frame."""
        frames = [unpack(tier.packed) for tier in self._tiers]
        if len(frames) == 1 and not self._pieces:
            return frames[0]
        return self._merge([*frames, *self._waiting()])

    def packed(self) -> list[bytes]:
        """Return all rows as bytes, tier by tier; what has not changed is not packed again."""
        self.compact()
        return [tier.packed for tier in self._tiers]

    def compact(self) -> None:
        """Merge the pieces, and tiers that are not much larger than them, to a new tier."""
        if not self._pieces:
            return
        frame = self._merge(self._waiting())
        self._pieces = []
        self._waiting_rows = 0
        while self._tiers and self._tiers[-1].rows <= self._GROWTH * frame.height:
            frame = self._merge([unpack(self._tiers.pop().packed), frame])
        self._tiers.append(_Tier(frame.height, pack(frame)))

    def _waiting(self) -> list[pl.DataFrame]:
        # To polars at once: piece by piece costs more than the merge itself.
        return [_to_frame(pa.Table.from_batches(self._pieces))] if self._pieces else []


def _to_frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a frame")
    return frame
