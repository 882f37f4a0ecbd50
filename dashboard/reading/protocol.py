"""Readers: the questions that the page asks. Each is answered through an index.

Documents come as plain values; every date at the top of one is milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sinks.store import StoreUnavailable
from tidemark.errors import TidemarkError

Document = dict[str, Any]

DATES: Final = frozenset(
    {"timestamp", "window_end", "updated_at", "watermark", "max_event_time", "last_window"}
    | {"first_seen", "last_seen", "last_updated"}
)


class StoreAbsent(StoreUnavailable):
    """There is no store at that place (yet)."""


class NoStore(TidemarkError):
    """No document store is configured that can be read."""


class TooLong(TidemarkError):
    """The store takes too long over this question."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What to add up over the windows of a bucket: numbers by path, and maps of numbers.

    A map is `(path, member)`: the numbers of `path`, or of `member` in each of its values.
    """

    numbers: tuple[str, ...]
    maps: tuple[tuple[str, str | None], ...] = ()


@dataclass(slots=True)
class Bucket:
    """The sums over the windows that start in [start, start + length)."""

    start_s: int
    windows: int
    numbers: dict[str, float]
    maps: dict[str, dict[str, float]]


class Reader(Protocol):
    """One connection to one document store, used by one thread at a time.

    Every method raises StoreUnavailable where the store does not answer.
    """

    queries: int
    """How many questions have been put to the store."""

    def begin(self) -> None:
        """Start a round of questions about one state of the store, where it can do that."""

    def end(self) -> None:
        """End the round."""

    def status(self) -> list[Document]:
        """Return the documents of `pipeline_status`."""

    def metrics(self) -> list[Document]:
        """Return the documents of `real_time_metrics`, a thousand at most."""

    def newest_windows(self, kind: str, count: int) -> list[Document]:
        """Return the newest windows of a type, oldest first."""

    def windows_since(self, kind: str, start_ms: int) -> list[Document]:
        """Return the windows of a type that start at this time or later, oldest first."""

    def sums(self, kind: str, sums: Sums, start_s: int, end_s: int, bucket_s: int) -> list[Bucket]:
        """Add windows up by bucket; buckets without windows are left out. Raises TooLong."""

    def bounds(self, kind: str) -> tuple[int, int] | None:
        """Return the starts of the oldest and the newest window of a type, in milliseconds."""

    def alerts(self, state: str | None, count: int) -> list[Document]:
        """Return the newest alerts, newest first; of all states or of one."""

    def stock(self, status: str, count: int) -> list[Document]:
        """Return the inventory levels with a status, lowest stock first."""

    def stock_count(self, status: str, at_most: int) -> int:
        """Count the inventory levels with a status, `at_most` at most."""

    def largest(self, collection: str, count: int) -> list[Document]:
        """Return the aggregates with the largest totals, largest first."""

    def one(self, collection: str, key: str) -> Document | None:
        """Return the document with this id."""

    def keys_from(self, collection: str, prefix: str, count: int) -> list[str]:
        """Return the first ids that begin with a prefix, in order."""

    def close(self) -> None:
        """Close the connection."""


def to_ms(moment: datetime | str) -> int:
    """Return milliseconds since the epoch."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return round(moment.timestamp() * 1000)


def plain(document: Document) -> Document:
    """Return a document whose dates are milliseconds."""
    for name in DATES & document.keys():
        value = document[name]
        if isinstance(value, datetime | str):
            document[name] = to_ms(value)
    return document


def ranked(documents: Sequence[Document]) -> list[Document]:
    """Return aggregates by total, largest first; ties by id."""
    return sorted(documents, key=lambda each: (-each["total"], each["_id"]))
