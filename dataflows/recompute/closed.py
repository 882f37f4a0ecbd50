"""Which windows of a pipeline are closed, as its own books say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sinks.commands import Document
from sinks.stored import StoredDocuments
from tidemark.errors import EXIT_USAGE, TidemarkError

END = datetime.max.replace(tzinfo=UTC)
"""Everything is closed: the input has ended."""

_ALIVE_S = 5.0
"""A flow that runs writes its books once a second."""


class NoBooks(TidemarkError):
    """The store does not say how far the pipeline has come."""


class StillOpen(TidemarkError):
    """Windows of the period are not closed yet."""

    exit_code = EXIT_USAGE


def closed_until(
    books: Sequence[Document], partitions: int, newest_window_end: datetime | None
) -> datetime:
    """Return the end of the closed windows.

    An active partition holds windows open that end after its watermark. Where none is active, the
    windows that are stored tell as well: they are stored when they are closed.

    Raises NoBooks where a partition has no books.
    """
    if len(books) < partitions:
        raise NoBooks(
            f"pipeline_status has books of {len(books)} of {partitions} partitions: nobody knows"
            " which windows are closed",
            remedy="run the flow with this store first",
        )
    if all(each["state"] == "ended" for each in books):
        return END
    beginning = datetime.min.replace(tzinfo=UTC)
    watermarks = {
        state: [each["watermark"] or beginning for each in books if each["state"] == state]
        for state in ("active", "idle", "ended")
    }
    if watermarks["active"]:
        return min(watermarks["active"])
    return max([*watermarks["idle"], *watermarks["ended"], newest_window_end or beginning])


def require_closed(
    store: StoredDocuments, pipeline: str, topic: str, partitions: int, window_s: int, to: datetime
) -> None:
    """Refuse a period that ends after the last closed window. Raises StillOpen, NoBooks."""
    books = [each for each in store.of_pipeline(pipeline) if each["topic"] == topic]
    newest = store.newest_window(pipeline)
    newest_end = None if newest is None else newest + timedelta(seconds=window_s)
    until = closed_until(books, partitions, newest_end)
    if to > until:
        raise StillOpen(
            f"the windows up to {_iso(to)} are not closed yet: those of {pipeline} are closed up to"
            f" {_iso(until)}",
            remedy="choose an earlier --to, or wait",
        )


def is_running(books: Sequence[Document], now: datetime) -> bool:
    """Tell whether the flow has written its books within the last seconds."""
    live = (each["updated_at"] for each in books if each["state"] != "ended")
    return any((now - at).total_seconds() < _ALIVE_S for at in live)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
