"""The truth file: what was sent, record by record, for checking what came out."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl
import pyarrow.parquet as pq

from tidemark.errors import TidemarkError

ROW_GROUP: Final = 131_072
FRAMES: Final = 256
"""A slow run hands over a few records at a time: joined now and then, not all at the end."""


class TruthWriter:
    """Writes a Parquet file, one row a record in the order of sending; memory stays bounded.

    Columns: topic, then those of `generator.planning.plan` without offset_us. Per partition the
    order of `sequence` is that of the offsets. The file appears under its name when the writer is
    closed; until then it is `<name>.part`.
    """

    def __init__(self, path: Path, topic: str) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._topic = pl.lit(topic).alias("topic")
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pl.DataFrame] = []
        self._rows = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
        except OSError as error:
            raise TidemarkError(
                f"cannot write the truth file {path}: {error.strerror}",
                remedy="choose a file in a directory that this user may write to",
            ) from error

    def write(self, frame: pl.DataFrame) -> None:
        """Add records that were handed over for sending."""
        self._waiting.append(frame)
        self._rows += len(frame)
        if len(self._waiting) > FRAMES:
            self._waiting = [pl.concat(self._waiting)]
        if self._rows >= ROW_GROUP:
            self._write_row_group()

    def close(self) -> None:
        """Complete the file and give it its name."""
        if self._rows:
            self._write_row_group()
        if self._writer is None:
            self._part.unlink()
            return
        self._writer.close()
        self._part.replace(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_row_group(self) -> None:
        rows = pl.concat(self._waiting).select(self._topic, pl.exclude("offset_us"))
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._part, table.schema, compression="zstd")
        self._writer.write_table(table)
        self._waiting = []
        self._rows = 0
