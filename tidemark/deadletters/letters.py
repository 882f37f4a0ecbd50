"""Letters: the records of `<topic>.dlq` and `<topic>.late` with what their headers say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from confluent_kafka import Message

DEAD_LETTER_SUFFIX = ".dlq"
LATE_SUFFIX = ".late"
_SHOWN_CHARACTERS = 120
_TIMESTAMP_NOT_AVAILABLE = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A rejected or late record; what the headers do not say is None.

    `source` is partition and offset of the record in the source topic. A restart of the flow may
    send a letter again: copies have the same source.
    """

    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    source: tuple[int, int] | None
    source_topic: str | None = None
    reason: str | None = None
    message: str | None = None
    pipeline: str | None = None
    window_start: str | None = None
    watermark: str | None = None
    also_late: tuple[tuple[str, str], ...] = ()
    """Further pipelines that a late record was late for, with the start of the window of each."""

    def values(self, name: str) -> list[str | None]:
        """Return what there is of an attribute: of pipeline and window all that it was late for."""
        further = {"pipeline": 0, "window_start": 1}.get(name)
        more = [] if further is None else [window[further] for window in self.also_late]
        return [getattr(self, name), *more]


def letter_of(message: Message) -> Letter:
    """Return the letter that a Kafka record holds."""
    # The client's own type leaves it open whether headers come as a list of pairs or as a dict.
    pairs = cast(list[tuple[str, bytes | None]], message.headers() or [])
    headers = {name: (data or b"").decode("utf-8", "backslashreplace") for name, data in pairs}
    kind, timestamp_ms = message.timestamp()
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise ValueError("a consumed message has no place")
    return Letter(
        partition=partition,
        offset=offset,
        timestamp_ms=None if kind == _TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        source=_source(headers.get("source.partition"), headers.get("source.offset")),
        source_topic=headers.get("source.topic"),
        reason=headers.get("error.reason"),
        message=headers.get("error.message"),
        pipeline=headers.get("pipeline"),
        window_start=headers.get("window.start"),
        watermark=headers.get("watermark"),
        also_late=_windows(headers.get("also.late", "")),
    )


def shown(data: bytes | None) -> str:
    """Return bytes as one short line that is safe to print."""
    from tidemark.messages import readable

    # Cut before it is decoded: a value may have megabytes, a character has 4 bytes at most.
    text = readable(data[: 4 * _SHOWN_CHARACTERS] if data is not None else None)
    if len(text) <= _SHOWN_CHARACTERS and len(data or b"") <= 4 * _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS]}… ({len(data or b''):,} bytes)"


def _source(partition: str | None, offset: str | None) -> tuple[int, int] | None:
    if not (partition and offset and partition.isdecimal() and offset.isdecimal()):
        return None
    return int(partition), int(offset)


def _windows(text: str) -> tuple[tuple[str, str], ...]:
    """Split windows written as `pipeline/start`, with blanks between them."""
    parts = (word.rpartition("/") for word in text.split())
    return tuple((pipeline, start) for pipeline, _, start in parts if pipeline)


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
