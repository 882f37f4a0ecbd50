"""Records, messages and readers for the engine's tests."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from dataflows.interactions import Interaction
from dataflows.streaming.batch import Batch
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.reader import PartitionReader, TopicSpec
from dataflows.streaming.rejects import Limits
from dataflows.streaming.split import Piece
from dataflows.streaming.timestamps import iso

SECOND = 1_000_000
T0 = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z."""
NOW = T0 + 86_400 * SECOND
CREATE_TIME = 1
ENDED_SILENCE = 1 << 60


@dataclass(frozen=True)
class FakeMessage:
    """What is used of a confluent_kafka Message."""

    at: int
    content: bytes | None
    of_key: bytes | None = b"key"
    of_topic: str = "clicks"
    of_partition: int = 0
    time: tuple[int, int] = (0, -1)

    def topic(self) -> str:
        return self.of_topic

    def partition(self) -> int:
        return self.of_partition

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.of_key

    def value(self) -> bytes | None:
        return self.content

    def timestamp(self) -> tuple[int, int]:
        return self.time

    def error(self) -> None:
        return None


def record(user: object, item: object, kind: object, time_us: int, **more: object) -> bytes:
    """Return a valid interaction."""
    return json.dumps(
        {
            "user_id": user,
            "item_id": item,
            "interaction_type": kind,
            "timestamp": iso(time_us),
            **more,
        }
    ).encode()


def messages_of(values: Iterable[bytes | None], partition: int = 0) -> list[FakeMessage]:
    """Return the values as messages of a partition, offsets from 0."""
    return [
        FakeMessage(at, value, f"k{at}".encode(), of_partition=partition)
        for at, value in enumerate(values)
    ]


def spec_of(
    windows_us: dict[str, int], out_of_orderness_us: int, limits: Limits | None = None
) -> TopicSpec:
    """Return how the tests' topic is read."""
    return TopicSpec("clicks", Interaction, limits or Limits(), out_of_orderness_us, windows_us)


def reader_of(
    spec: TopicSpec, partition: int = 0, partitions: int = 1, state: dict[str, Any] | None = None
) -> PartitionReader:
    """Return a reader whose clock stands still."""
    return PartitionReader(spec, partition, partitions, 0, lambda: NOW, state)


def read_all(reader: PartitionReader, pieces: Iterable[Sequence[FakeMessage]]) -> list[Batch]:
    """Read messages that were cut into pieces; empty pieces are left out."""
    return [
        reader.batch(FetchedMessages(piece), piece[-1].offset() + 1) for piece in pieces if piece
    ]


def cut_at(items: Sequence[FakeMessage], cuts: Iterable[int]) -> list[Sequence[FakeMessage]]:
    """Cut a sequence at the given places."""
    places = sorted({min(cut, len(items)) for cut in cuts})
    bounds = [0, *places, len(items)]
    return [items[a:b] for a, b in itertools.pairwise(bounds)]


def rows_of(piece: Piece) -> pl.DataFrame:
    """Return a piece's rows as a frame."""
    frame = pl.from_arrow(pa.Table.from_batches([piece.rows]))
    assert isinstance(frame, pl.DataFrame)
    return frame
