"""The rows of one table in one open window: tiers of merged rows, and pieces that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from dataflows.streaming.merging import Merging, merging_of
from dataflows.streaming.packing import read, stream
from stats.tables import Table

_UNMERGED = b"unmerged"
"""In the metadata of rows that come as pieces do: a key may be in several of them."""
_FEW_ROWS = 256
"""So few are packed once more in less time than they are merged."""
_AT_REST = 8
"""Less than one in so many rows that wait is new."""


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

    MERGE_ABOVE_ROWS = 16_384
    _GROWTH = 2

    __slots__ = (
        "_merging",
        "_packed_pieces",
        "_pieces",
        "_settled_rows",
        "_tiers",
        "_waiting_rows",
    )

    def __init__(self, table: Table, packed: Sequence[bytes] = ()) -> None:
        self._merging: Merging[Any] = merging_of(table)
        self._tiers: list[_Tier] = []
        self._pieces: list[pa.RecordBatch] = []
        # Pieces, too: those that the last snapshot has, and no newer ones.
        self._packed_pieces: bytes | None = None
        self._waiting_rows = self._settled_rows = 0
        for data in packed:
            rows = read(data)
            if _UNMERGED in (rows.schema.metadata or {}):
                self._packed_pieces = data
                self._waiting_rows = rows.num_rows
            else:
                self._tiers.append(_Tier(rows.num_rows, data))

    @property
    def rows(self) -> int:
        """Number of rows held, merged or not."""
        return sum((tier.rows for tier in self._tiers), self._waiting_rows)

    def add(self, piece: pa.RecordBatch) -> None:
        """Take rows in."""
        self._pieces.append(piece)
        self._waiting_rows += piece.num_rows
        newest_rows = self._tiers[-1].rows if self._tiers else 0
        if self._waiting_rows > max(newest_rows, self.MERGE_ABOVE_ROWS):
            self.compact()

    def merged(self) -> pl.DataFrame:
        """Return all rows as one merged frame."""
        merging = self._merging
        parts = [merging.unpack(tier.packed) for tier in self._tiers]
        if len(parts) == 1 and not self._waiting_rows:
            return merging.frame(parts[0])
        return merging.frame(merging.merge([*parts, *self._waiting()]))

    def packed(self) -> list[bytes]:
        """Return all rows as bytes, tier by tier; what has not changed is not packed again."""
        if self._waiting_rows > self.MERGE_ABOVE_ROWS:
            self.compact()
        packed = [tier.packed for tier in self._tiers]
        if self._pieces:
            # As they are: to merge a few rows, or to make them narrow, takes longer than to pack
            # them again.
            together = pa.concat_tables(self._tables()).combine_chunks()
            self._packed_pieces = stream(together.replace_schema_metadata({_UNMERGED: b""}))
            self._pieces = []
        if self._packed_pieces is not None:
            packed.append(self._packed_pieces)
        return packed

    def settle(self) -> None:
        """Merge what waits if hardly any row has come since this was last called.

        A window that does not grow any more has this behind it when it is packed or closed.
        """
        newer_rows = self._waiting_rows - self._settled_rows
        if self._waiting_rows > max(_FEW_ROWS, _AT_REST * newer_rows):
            self.compact()
        else:
            self._settled_rows = self._waiting_rows

    def compact(self) -> None:
        """Merge the pieces, and tiers that are not much larger than them, to a new tier."""
        if not self._waiting_rows:
            return
        merging = self._merging
        merged = merging.merge(self._waiting())
        self._settled_rows = 0
        self._pieces = []
        self._packed_pieces = None
        self._waiting_rows = 0
        while self._tiers and self._tiers[-1].rows <= self._GROWTH * merging.height(merged):
            merged = merging.merge([merging.unpack(self._tiers.pop().packed), merged])
        self._tiers.append(_Tier(merging.height(merged), merging.pack(merged)))

    def _waiting(self) -> list[Any]:
        tables = self._tables()
        return [self._merging.rows_of(pa.concat_tables(tables))] if tables else []

    def _tables(self) -> list[pa.Table]:
        older = [] if self._packed_pieces is None else [read(self._packed_pieces)]
        return older + ([pa.Table.from_batches(self._pieces)] if self._pieces else [])
