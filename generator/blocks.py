"""Blocks of records: an event is drawn, gets its time and its faults, and becomes bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator import timestamps
from generator.clock import US_PER_S, EventClock
from generator.faults import (
    DUPLICATE,
    FAULTS,
    MALFORMED,
    MISSING_FIELD,
    NONE,
    draw_faults,
    draw_sources,
    malform,
)
from generator.optional import missing as missing_optional
from generator.settings import ALL, GeneratorSettings
from generator.streams import STREAMS, Draw
from tidemark.errors import TidemarkError

BLOCK: Final = 16_384
"""Records are drawn in blocks of this size whatever the batch size, each with its own random
state: so the same seed gives the same bytes for any batch size."""

Rows = NDArray[np.int64]


class Blocks:
    """Makes the records of a run block by block; keeps only the next sequence numbers."""

    def __init__(self, settings: GeneratorSettings, partitions: int, start_us: int) -> None:
        self._settings = settings
        self._partitions = partitions
        self._start_us = start_us
        self._silence = settings.scenarios.silence
        self._lag = settings.scenarios.partition_lag
        self._check("silence", self._silence.partition)
        self._check("partition_lag", self._lag.partition if self._lag.by_s > 0 else None)
        self._clock = EventClock(settings.events_per_event_second, settings.scenarios.burst)
        if settings.stream == ALL:
            raise ValueError("all streams have no blocks of their own")
        self._stream = STREAMS[settings.stream](settings, partitions)
        self._faults = self._stream.faults(settings.faults)
        self._stream_code = crc32(settings.stream.encode())
        self._next_sequence = np.zeros(partitions, dtype=np.int64)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield block after block without end; columns as `generator.planning.plan` says."""
        block = 0
        while True:
            yield self._frame(block)
            block += 1

    def _frame(self, block: int) -> pl.DataFrame:
        random = np.random.default_rng([self._settings.seed, self._stream_code, block])
        numbers = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.int64)
        offsets_us = self._clock.offsets_us(numbers)
        silent = self._silent(offsets_us)
        drawn = self._stream.draw(random, numbers, self._start_us + offsets_us, silent)
        faults = draw_faults(self._faults, random, BLOCK)
        times_us = self._start_us + offsets_us + faults.shift_us - self._lag_us(drawn.partition)
        records = self._records(random, numbers, drawn, times_us, faults.codes)

        within = self._faults.duplicate_within
        duplicates, sources = draw_sources(faults.codes, within, random)
        awake = ~(silent[duplicates] & (drawn.partition[sources] == self._silence.partition))
        rows = np.arange(BLOCK, dtype=np.int64)
        rows[duplicates[awake]] = sources[awake]
        codes = np.where(faults.codes == DUPLICATE, NONE, faults.codes)
        codes[duplicates[awake]] = DUPLICATE
        if awake.any():
            records = records[rows]
        return records.select(
            pl.Series("offset_us", offsets_us),
            "partition",
            self._sequence(records["partition"].to_numpy()),
            "key",
            "value",
            pl.Series("fault", FAULTS, dtype=pl.String).gather(codes),
            pl.exclude("partition", "key", "value"),
        )

    def _records(
        self,
        random: np.random.Generator,
        numbers: Rows,
        drawn: Draw,
        times_us: Rows,
        codes: Rows,
    ) -> pl.DataFrame:
        """Write the records; duplicates are still records of their own here."""
        stream = self._stream
        formats = timestamps.draw_formats(self._settings.timestamp_format, random, len(numbers))
        times_us = timestamps.representable(times_us, formats)
        written = timestamps.text(times_us, formats)

        missing = np.flatnonzero(codes == MISSING_FIELD)
        lacks = random.integers(0, len(stream.required), len(missing))
        malformed = np.flatnonzero(codes == MALFORMED)
        without = {field: missing[lacks == at] for at, field in enumerate(stream.required)}

        pieces = {
            **drawn.pieces,
            stream.time_field: timestamps.pieces(stream.time_field, written, formats),
        }
        absent = {
            name: [malformed] for name in ("event_time_us", *drawn.columns, stream.time_field)
        }
        for field, rows in without.items():
            pieces[field] = _replaced(pieces[field], rows, pl.Series([""]))
            absent[stream.column(field)].append(rows)
        absent["event_time_us"].append(without[stream.time_field])
        if (share := self._faults.missing_optional_share) > 0.0:
            for field, kind in stream.optional.items():
                rows, texts = missing_optional(field, kind, share, len(numbers), random)
                pieces[field] = _replaced(pieces[field], rows, texts)
                absent.setdefault(stream.column(field), []).append(rows)
        values = self._join(pieces, numbers)
        broken, kinds = malform(values.gather(malformed), drawn.key.gather(malformed), random)

        columns = {
            "event_time_us": pl.Series(times_us),
            **drawn.columns,
            stream.time_field: written,
        }
        for name, column in columns.items():
            nothing = pl.Series([None], dtype=column.dtype)
            columns[name] = _replaced(column, np.concatenate(absent[name]), nothing)
        details = pl.concat([pl.Series([None], dtype=pl.String), kinds, pl.Series(stream.required)])
        detail_of_row = np.zeros(len(numbers), dtype=np.int64)
        detail_of_row[malformed] = 1 + np.arange(len(malformed))
        detail_of_row[missing] = 1 + len(malformed) + lacks
        return pl.DataFrame(
            {
                "partition": drawn.partition,
                "key": drawn.key.cast(pl.Binary),
                "value": _replaced(values.cast(pl.Binary), malformed, broken),
                "fault_detail": details.gather(detail_of_row),
                **columns,
            }
        )

    def _join(self, pieces: dict[str, pl.Series], numbers: Rows) -> pl.Series:
        """Join the pieces to JSON objects; each ends with an event_id of its own."""
        frame = pl.DataFrame({**pieces, "number": numbers})
        last = f'"event_id":"{self._settings.seed:x}-'
        return frame.select(
            pl.concat_str(
                pl.lit("{"), *pieces, pl.lit(last), pl.col("number").cast(pl.String), pl.lit('"}')
            ).alias("value")
        ).to_series()

    def _sequence(self, partition: NDArray[np.int32]) -> pl.Series:
        """Number the records of each partition on from the block before."""
        within = pl.Series("partition", partition).to_frame()
        positions = within.select(pl.int_range(pl.len()).over("partition")).to_series().to_numpy()
        sequence = self._next_sequence[partition] + positions
        self._next_sequence += np.bincount(partition, minlength=self._partitions)
        return pl.Series("sequence", sequence)

    def _silent(self, offsets_us: Rows) -> NDArray[np.bool_]:
        if self._silence.partition is None:
            return np.zeros(len(offsets_us), dtype=np.bool_)
        first_us = self._silence.after_s * US_PER_S
        last_us = first_us + self._silence.for_s * US_PER_S
        return (offsets_us >= first_us) & (offsets_us < last_us)

    def _lag_us(self, partition: NDArray[np.int32]) -> Rows:
        lag_us = round(self._lag.by_s * US_PER_S)
        return np.where(partition == self._lag.partition, lag_us, 0).astype(np.int64)

    def _check(self, scenario: str, partition: int | None) -> None:
        if partition is not None and partition >= self._partitions:
            raise TidemarkError(
                f"scenario {scenario} names partition {partition}, "
                f"but the topic has {self._partitions} (0 to {self._partitions - 1})",
                remedy=f"set generator.scenarios.{scenario}.partition to one that exists",
            )


def _replaced(series: pl.Series, rows: Rows, new: pl.Series) -> pl.Series:
    """Return the series with other values in `rows`; a single new value is used for all."""
    if len(rows) == 0:
        return series
    index = np.arange(len(series), dtype=np.int64)
    index[rows] = len(series) + (0 if len(new) == 1 else np.arange(len(rows)))
    return pl.concat([series, new.alias(series.name)], rechunk=True).gather(index)
