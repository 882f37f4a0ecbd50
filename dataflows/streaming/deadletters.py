"""Dead letters: rejected and late records, unchanged, with the reason and the origin as headers.

The letters of one source partition share a partition of their topic, whatever their keys: so they
keep the order of their source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from dataflows.streaming.rejects import Reject
from dataflows.streaming.timestamps import iso
from sinks.commands import Record

DEAD_LETTER_SUFFIX = ".dlq"
LATE_SUFFIX = ".late"
SOURCE_OFFSET = "source.offset"
ALSO_LATE = "also.late"


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
    return [
        Record(
            dead_letters,
            key,
            value,
            (
                ("error.reason", reject.reason.value.encode()),
                ("error.message", reject.message.encode(errors="backslashreplace")),
                *where,
                (SOURCE_OFFSET, b"%d" % offset),
            ),
            partition,
        )
        for reject, (offset, key, value) in zip(rejects, picked, strict=True)
    ]


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


def source_headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    """Return where a record comes from, the offset last; copies, written twice, are told by it."""
    return (
        *_source_partition(message.topic(), message.partition()),
        (SOURCE_OFFSET, str(message.offset()).encode()),
    )


def _source_partition(
    topic: str | None, partition: int | None
) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return (
        ("source.topic", str(topic).encode()),
        ("source.partition", str(partition).encode()),
    )
