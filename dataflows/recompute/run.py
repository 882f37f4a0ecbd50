"""Recompute: rebuild the windows of a period, say what changes, and write it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dataflows.assembly import AnyPipeline
from dataflows.recompute.changes import Change, Removal, change_of, removal_of
from dataflows.recompute.closed import is_running, require_closed
from dataflows.recompute.keys import Keys, KeysReport, require_everything
from dataflows.recompute.records import Judge
from dataflows.recompute.windows import MOST_ROWS, Pass, rebuild
from dataflows.streaming.results import AGGREGATES, metrics
from dataflows.streaming.timestamps import moment
from sinks import document_stores, series_stores
from sinks.commands import Command, ReplaceDocuments, WritePoints
from sinks.lane import Lane
from sinks.repair import remove_documents, remove_points
from sinks.store import StoreFactory
from sinks.stored import StoredDocuments, stored_documents
from tidemark.config import Settings
from tidemark.errors import EXIT_USAGE, TidemarkError
from tidemark.kafka_ranges import TopicReader

_GIVE_UP_AFTER_S = 30.0
_SNAPSHOTS_TO_WAIT = 3
_EXAMPLES = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotRebuildable(TidemarkError):
    """A window of this pipeline does not follow from its own records alone."""

    exit_code = EXIT_USAGE

    def __init__(self, pipeline: str) -> None:
        super().__init__(
            f"windows of {pipeline} can not be rebuilt one by one: they depend on those before",
            remedy="replay the topic into an empty store instead (tidemark run --fresh)",
        )


class WrongPeriod(TidemarkError):
    """There is nothing in the period, or no place to keep it."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Request:
    """The windows that start in [start, end) and what is to be done with them.

    `since`: records that Kafka got before are not read. `allow_fewer`: also where a window would
    lose events that are stored.
    """

    pipeline: AnyPipeline
    start: datetime
    end: datetime
    include_late: bool = True
    since: datetime | None = None
    allow_fewer: bool = False
    stats: bool = False
    """Rebuild the current aggregates of the keys of the period as well."""
    most_rows: int = MOST_ROWS


@dataclass(slots=True)
class Report:
    """What changes, or has changed. Totals are over all windows of the period that are rebuilt."""

    windows: int = 0
    changed: int = 0
    new: int = 0
    removed: int = 0
    total_before: int = 0
    total_after: int = 0
    late_included: int = 0
    passes: int = 0
    records_read: int = 0
    left_alone: list[str] = field(default_factory=list)
    """Ids of windows that would have lost events."""
    examples: list[Change] = field(default_factory=list)
    keys: KeysReport | None = None


def recompute(
    settings: Settings,
    request: Request,
    *,
    write: bool,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Report:
    """Rebuild the windows; without `write` only say what would change.

    Raises StillOpen, FlowRuns, RecordsGone, NoBooks, WrongPeriod, NoSuchTopic, ReadFailed,
    StoreUnavailable, StoreRejected. Where it fails half-way, what was written is right, and another
    run does the rest.
    """
    pipeline = request.pipeline
    if not pipeline.rebuildable:
        raise NotRebuildable(pipeline.name)
    report = Report()
    began = time.monotonic()
    with TopicReader(settings) as reader, ExitStack() as stack:
        stored = _first_stored(settings, stack)
        judge = Judge(settings, pipeline, reader)
        start_us, end_us = (_aligned(m, judge.window_us) for m in (request.start, request.end))
        if start_us >= end_us:
            raise WrongPeriod(
                "no window starts in the period", remedy="choose a --to later than --from"
            )
        ranges = reader.ranges(pipeline.topic, request.since)
        keys = Keys(settings, pipeline, stored)
        if request.stats and write:
            keys.require_stopped()
        if request.stats and not request.allow_fewer:
            require_everything(ranges)
        end = moment(end_us)
        require_closed(stored, pipeline.name, pipeline.topic, len(ranges), pipeline.window_s, end)
        if write and is_running(stored.of_pipeline(pipeline.name), datetime.now(UTC)):
            # What the flow has closed a moment ago it may still be writing, or, killed before its
            # next snapshot, write again.
            _wait(began + _SNAPSHOTS_TO_WAIT * settings.engine.epoch_interval_s, progress)
        total = sum(each.end - each.first for each in ranges)
        passes = rebuild(
            pipeline,
            judge,
            ranges,
            start_us,
            end_us,
            include_late=request.include_late,
            most_rows=request.most_rows,
            progress=lambda done: progress("reading", done, total),
        )
        for each in passes:
            changes, removals = _changes(request, stored, each, report)
            if write:
                progress("writing", 0, len(changes))
                _write(settings, pipeline, changes, removals)
        if request.stats:
            report.keys = keys.rebuild(
                judge,
                ranges,
                start_us,
                end_us,
                include_late=request.include_late,
                allow_fewer=request.allow_fewer,
                most_rows=request.most_rows,
                write=write,
                progress=lambda done: progress("reading for the aggregates", done, total),
            )
    return report


def _changes(
    request: Request, stored: StoredDocuments, each: Pass, report: Report
) -> tuple[list[Change], list[Removal]]:
    before = stored.of_windows(request.pipeline.name, moment(each.from_us), moment(each.to_us))
    report.passes += 1
    report.records_read += each.records_read
    changes = []
    for window in each.windows:
        identity = f"{request.pipeline.name}/{_iso(moment(window.start_us))}"
        change = change_of(
            request.pipeline,
            window,
            before.pop(identity, None),
            include_late=request.include_late,
        )
        if change.fewer and not request.allow_fewer:
            report.left_alone.append(change.identity)
            continue
        _count(report, change, request.pipeline.events_field)
        changes.append(change)
    # Stored, but not a single record of them has come.
    removals = []
    for identity, document in sorted(before.items()):
        removal = None
        if not request.include_late:
            removal = removal_of(request.pipeline, document)
        if removal is None:
            report.left_alone.append(identity)
        else:
            report.removed += 1
            report.total_before += document[request.pipeline.events_field]
            removals.append(removal)
    return changes, removals


def _count(report: Report, change: Change, events_field: str) -> None:
    report.windows += 1
    report.total_before += 0 if change.before is None else change.before[events_field]
    report.total_after += change.after[events_field]
    report.late_included += change.after["late_included"]
    if change.differs:
        report.changed += 1
        report.new += change.before is None
        if len(report.examples) < _EXAMPLES:
            report.examples.append(change)


def _write(
    settings: Settings,
    pipeline: AnyPipeline,
    changes: Sequence[Change],
    removals: Sequence[Removal],
) -> None:
    """Write all of the windows, changed or not: a store may lack what another one has."""
    stale = [point for change in changes for point in change.stale]
    stale += [point for removal in removals for point in removal.points]
    for url in settings.series.urls:
        remove_points(settings, str(url), stale)
    for url in settings.documents.urls:
        remove_documents(settings, str(url), AGGREGATES, [each.identity for each in removals])
    if not changes:
        return
    newest = max(changes, key=lambda change: change.start_us)
    documents: list[Command] = [
        ReplaceDocuments(AGGREGATES, [change.after for change in changes]),
        metrics(pipeline.name, newest.after),
    ]
    points: list[Command] = [WritePoints(change.points) for change in changes]
    for factory in document_stores(settings):
        _send(settings, factory, documents)
    for factory in series_stores(settings):
        _send(settings, factory, points)


def _send(settings: Settings, factory: StoreFactory, commands: Sequence[Command]) -> None:
    patience_s = min(_GIVE_UP_AFTER_S, settings.stores.give_up_after_s)
    lane = Lane(factory, settings.stores.queue_commands, patience_s)
    try:
        for command in commands:
            lane.put(command)
        lane.drain()
    finally:
        lane.close()


def _first_stored(settings: Settings, stack: ExitStack) -> StoredDocuments:
    for url in settings.documents.urls:
        stored = stack.enter_context(stored_documents(settings, str(url)))
        if stored is not None:
            return stored
    raise WrongPeriod(
        "no document store keeps anything: there is nothing to repair",
        remedy="set documents.urls (MONGO_URI) to the store that the flow writes to",
    )


def _wait(until: float, progress: Callable[[str, int, int], None]) -> None:
    while (left_s := until - time.monotonic()) > 0:
        progress("waiting for the flow's next snapshots", 0, 0)
        time.sleep(min(0.5, left_s))


def _aligned(at: datetime, window_us: int) -> int:
    """Return the start of the first window that starts at a moment or later."""
    at_us = (at - _EPOCH) // timedelta(microseconds=1)
    return -(-at_us // window_us) * window_us


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
