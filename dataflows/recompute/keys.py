"""Put rebuilt current aggregates in the place of the stored ones, while no flow runs.

The flow holds in its stores what it has added, and never adds it again: a document that is replaced
while a window is added to it would lose that window. So a running flow is refused, before the
topic is read and again before each write. A document that has a later window than the rebuilt one
is left alone, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dataflows.assembly import AnyPipeline
from dataflows.recompute.aggregates import Period, rebuild_aggregates
from dataflows.recompute.closed import closed_until, is_running
from dataflows.recompute.records import Judge
from dataflows.streaming.watermark import END_US
from sinks.commands import Document
from sinks.repair import replace_aggregates
from sinks.stored import StoredDocuments
from tidemark.config import Settings
from tidemark.errors import TidemarkError
from tidemark.kafka_ranges import Range

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DOCUMENTS_PER_WRITE = 10_000
_DERIVED = "avg_per_window"
"""Follows from two others, and SQLite gives it with 15 digits."""


class FlowRuns(TidemarkError):
    """The flow adds to the documents that are to be replaced."""


class RecordsGone(TidemarkError):
    """The topic does not keep what the documents were summed up from."""


@dataclass(slots=True)
class KeysReport:
    """How many documents of current aggregates were looked at, differ, and were left alone."""

    keys: int = 0
    changed: int = 0
    left_alone: int = 0


@dataclass(frozen=True, slots=True)
class Keys:
    """Rebuilds the aggregates of the keys of one pipeline."""

    settings: Settings
    pipeline: AnyPipeline
    stored: StoredDocuments

    def require_stopped(self) -> None:
        """Raise FlowRuns while the flow writes its books."""
        if is_running(self._books(), datetime.now(UTC)):
            raise FlowRuns(
                f"the flow of {self.pipeline.name} is running: it adds to the documents that"
                " --stats replaces",
                remedy="stop it, wait some seconds, start this again, then start the flow again:"
                " it goes on where it was. Without --stats windows are rebuilt while it runs",
            )

    def rebuild(
        self,
        judge: Judge,
        ranges: Sequence[Range],
        from_us: int,
        to_us: int,
        *,
        include_late: bool,
        allow_fewer: bool,
        most_rows: int,
        write: bool,
        progress: Callable[[int], None],
    ) -> KeysReport:
        """Rebuild the aggregates of all keys with a record in the windows [from, to).

        Raises FlowRuns, NoBooks, StoreUnavailable.
        """
        period = Period(from_us, to_us, self._closed_us(len(ranges)))
        report = KeysReport()
        rebuilt = rebuild_aggregates(
            self.pipeline,
            judge,
            ranges,
            period,
            include_late=include_late,
            most_rows=most_rows,
            progress=progress,
        )
        for collection, documents in rebuilt:
            for first in range(0, len(documents), _DOCUMENTS_PER_WRITE):
                part = documents[first : first + _DOCUMENTS_PER_WRITE]
                wanted = self._wanted(collection, part, report, allow_fewer=allow_fewer)
                if not write:
                    continue
                for url in self.settings.documents.urls:
                    self.require_stopped()
                    replace_aggregates(self.settings, str(url), collection, wanted)
        return report

    def _wanted(
        self,
        collection: str,
        documents: Sequence[Document],
        report: KeysReport,
        *,
        allow_fewer: bool,
    ) -> list[Document]:
        before = self.stored.of_keys(collection, [each["_id"] for each in documents])
        wanted = []
        for document in documents:
            old = before.get(document["_id"])
            report.keys += 1
            if old is not None and (
                old["last_window"] > document["last_window"]
                or (not allow_fewer and _fewer(old, document))
            ):
                report.left_alone += 1
                continue
            report.changed += old is None or any(
                old.get(name) != value for name, value in document.items() if name != _DERIVED
            )
            wanted.append(document)
        return wanted

    def _closed_us(self, partitions: int) -> int:
        newest = self.stored.newest_window(self.pipeline.name)
        length = timedelta(seconds=self.pipeline.window_s)
        newest_end = None if newest is None else newest + length
        until = closed_until(self._books(), partitions, newest_end)
        if until.year == datetime.max.year:
            return END_US
        # A window is stored when it is closed, and books are written once a second only.
        return (max(until, newest_end or until) - _EPOCH) // timedelta(microseconds=1)

    def _books(self) -> list[Document]:
        topic = self.pipeline.topic
        return [e for e in self.stored.of_pipeline(self.pipeline.name) if e["topic"] == topic]


def require_everything(ranges: Sequence[Range]) -> None:
    """Raise RecordsGone unless the topic is read from its very first record on."""
    if any(each.first > 0 for each in ranges):
        raise RecordsGone(
            "the first records of the topic are gone or not read: sums over all windows can not be"
            " rebuilt",
            remedy="rebuild without --stats; --allow-fewer rebuilds them from what is read",
        )


def _fewer(old: Document, new: Document) -> bool:
    kinds = old["by_type"].items()
    return bool(
        old["windows"] > new["windows"]
        or old["first_seen"] < new["first_seen"]
        or any(new["by_type"].get(name, 0) < count for name, count in kinds)
    )
