"""Dead letters: rejected and late records, unchanged, with the reason and the origin as headers.

The letters of one source partition share a partition of their topic, whatever their keys: so they
keep the order of their source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from dataflows.streaming.rejects import Reason, Reject
from dataflows.streaming.timestamps import iso
from sinks.commands import Record

DEAD_LETTER_SUFFIX = ".dlq"
LATE_SUFFIX = ".late"
SOURCE_OFFSET = "source.offset"
ALSO_LATE = "also.late"


Headers: TypeAlias = tuple[tuple[str, bytes], ...]
Picked: TypeAlias = tuple[int, bytes | None, bytes | None]
"""Offset, key and value of a record."""


class Message(Protocol):
    """What is used of a confluent_kafka Message."""

    def topic(self) -> str | None:
        """Return the topic."""

    def partition(self) -> int | None:
        """Return the partition."""

    def offset(self) -> int | None:
        """Return the offset."""

    def key(self) -> bytes | None:
        """Return the key."""

    def value(self) -> bytes | None:
        """Return the value."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of the record's timestamp (0: none) and its milliseconds."""


def rejected_records(
    topic: str, partition: int, rejects: Sequence[Reject], picked: Iterable[Picked]
) -> list[Record]:
    """Return the records for `<topic>.dlq`: `picked` are those that were rejected."""
    dead_letters = f"{topic}{DEAD_LETTER_SUFFIX}"
    where = _source_partition(topic, partition)
    why = _Why(where)
    return [
        Record(
            dead_letters,
            key,
            value,
            (*why[reject.reason, reject.message], (SOURCE_OFFSET, b"%d" % offset)),
            partition,
        )
        for reject, (offset, key, value) in zip(rejects, picked, strict=True)
    ]


class _Why(dict[tuple[Reason, str], Headers]):
    """The headers that letters of one reason and message share; most of a batch's have few."""

    def __init__(self, where: Headers) -> None:
        super().__init__()
        self._where = where

    def __missing__(self, key: tuple[Reason, str]) -> Headers:
        reason, message = key
        found = self[key] = (
            ("error.reason", reason.value.encode()),
            ("error.message", message.encode(errors="backslashreplace")),
            *self._where,
        )
        return found


def late_record(message: Message, windows: Sequence[tuple[str, int]], watermark_us: int) -> Record:
    """Return the record for `<topic>.late`: one, however many pipelines it was late for.

    `windows` are the pipelines with the start of the window that each has missed it in. The first
    has headers of its own, the others are in `also.late`, written as ids of `aggregated_data`.
    """
    (pipeline, start_us), *others = windows
    also = " ".join(f"{name}/{iso(other_us)}" for name, other_us in others)
    return Record(
        f"{message.topic()}{LATE_SUFFIX}",
        message.key(),
        message.value(),
        (
            ("window.start", iso(start_us).encode()),
            ("watermark", iso(watermark_us).encode()),
            ("pipeline", pipeline.encode()),
            *([(ALSO_LATE, also.encode())] if also else []),
            *source_headers(message),
        ),
        message.partition(),
    )


def source_headers(message: Message) -> Headers:
    """Return where a record comes from, the offset last; copies, written twice, are told by it."""
    return (
        *_source_partition(message.topic(), message.partition()),
        (SOURCE_OFFSET, str(message.offset()).encode()),
    )


def _source_partition(topic: str | None, partition: int | None) -> Headers:
    return (
        ("source.topic", str(topic).encode()),
        ("source.partition", str(partition).encode()),
    )
