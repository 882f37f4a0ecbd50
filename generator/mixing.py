"""All streams at once: interleaved by event time, told apart again where they are sent.

A mixed frame has the columns of a plan with `stream` beside `offset_us`; a field of a stream is
named `<stream>.<field>` and null in the rows of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl

from generator.blocks import Blocks
from generator.delivery import Delivery
from generator.run import Target
from generator.settings import GeneratorSettings
from generator.truth import TruthWriter

COMMON: Final = (
    "offset_us",
    "partition",
    "sequence",
    "key",
    "value",
    "fault",
    "fault_detail",
    "event_time_us",
)


def mixed(
    settings: GeneratorSettings, partitions: Mapping[str, int], start_us: int
) -> Iterator[pl.DataFrame]:
    """Yield mixed frames of any size without end, in the order of `offset_us`.

    Each stream is what it is alone at its share of the event rate. Holds one block a stream.
    """
    shares = settings.mix_shares
    frames = {
        name: _named(name, settings.of_mix(name), partitions[name], start_us) for name in shares
    }
    waiting = {name: next(frames[name]) for name in shares}
    while True:
        # Whatever is drawn later is not before the end of its stream's block.
        ends = {name: frame["offset_us"][-1] for name, frame in waiting.items()}
        first = min(ends, key=lambda name: ends[name])
        ready = {
            name: int(frame["offset_us"].search_sorted(ends[first]))
            for name, frame in waiting.items()
        }
        parts = [frame.head(ready[name]) for name, frame in waiting.items()]
        yield pl.concat(parts, how="diagonal").sort("offset_us", maintain_order=True)
        waiting = {name: frame.slice(ready[name]) for name, frame in waiting.items()}
        waiting[first] = pl.concat([waiting[first], next(frames[first])])


def separated(frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the rows of each stream in a mixed frame, with the columns of the stream's own plan."""
    for (name,), rows in frame.partition_by("stream", as_dict=True).items():
        prefix = f"{name}."
        own = [column for column in frame.columns if column.startswith(prefix)]
        fields = (pl.col(column).alias(column.removeprefix(prefix)) for column in own)
        yield str(name), rows.select(*COMMON, *fields)


class MixedTarget:
    """Hands the records of each stream to a target of its own; counts them together."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self.delivery = Delivery()
        self._targets = targets

    @property
    def failing(self) -> bool:
        """Tell whether sending more to any of the targets is of no use."""
        return any(target.failing for target in self._targets.values())

    def put(self, frame: pl.DataFrame) -> None:
        """Take records; they keep their order within each stream."""
        for name, rows in separated(frame):
            self._targets[name].put(rows)
        self._count()

    def wait(self, seconds: float) -> None:
        """Let time pass, a part of it with each target."""
        for target in self._targets.values():
            target.wait(seconds / len(self._targets))
        self._count()

    def give_up(self) -> None:
        """Forget the records that nobody has taken yet; they count as failed."""
        for target in self._targets.values():
            target.give_up()

    def finish(self) -> None:
        """Wait until it is known what became of every record."""
        for target in self._targets.values():
            target.finish()
        self._count()

    def _count(self) -> None:
        parts = [target.delivery for target in self._targets.values()]
        self.delivery.sent = sum(part.sent for part in parts)
        self.delivery.acknowledged = sum(part.acknowledged for part in parts)
        self.delivery.failed = sum(part.failed for part in parts)
        self.delivery.errors.clear()
        for part in parts:
            self.delivery.errors.update(part.errors)


class MixedTruth:
    """Writes a truth file a stream: `truth.parquet` becomes `truth-sales.parquet` and so on."""

    def __init__(self, path: Path, topics: Mapping[str, str]) -> None:
        self._writers = {
            name: TruthWriter(path.with_name(f"{path.stem}-{name}{path.suffix}"), topic)
            for name, topic in topics.items()
        }

    def write(self, frame: pl.DataFrame) -> None:
        """Add records that were handed over for sending."""
        for name, rows in separated(frame):
            self._writers[name].write(rows)

    def close(self) -> None:
        """Complete the files and give them their names."""
        for writer in self._writers.values():
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _named(
    name: str, settings: GeneratorSettings, partitions: int, start_us: int
) -> Iterator[pl.DataFrame]:
    for frame in Blocks(settings, partitions, start_us).frames():
        yield frame.select(
            "offset_us",
            pl.lit(name).alias("stream"),
            *COMMON[1:],
            pl.exclude(*COMMON).name.prefix(f"{name}."),
        )
