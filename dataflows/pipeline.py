"""What a pipeline is: which records, which tables of a window, what is stored of them.

A pipeline is a class with one method for each of these. Everything else (reading, lateness, dead
letters, key groups, windows, recovery, stores, books) is the same for all of them and is here.

    class Returns(Pipeline[ReturnsSummary]):
        name, topic, window_s = "returns", "returns", 60
        schema, summary = Return, ReturnsSummary

        def tables(self): ...
        def summarize(self, tables): ...
        def fields(self, summary, start): ...
        def points(self, document): ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

import bytewax.operators as op
import polars as pl

from dataflows.alerting.attach import watch_rules
from dataflows.streaming.environment import MICROSECONDS, Environment
from dataflows.streaming.operators import (
    Events,
    Windows,
    final_windows,
    finals,
    of_records,
    progress,
    tumbling,
)
from dataflows.streaming.outlets import Outlets
from dataflows.streaming.parcels import ClosedWindow
from dataflows.streaming.results import AGGREGATES, aggregate, metrics, pipeline_point
from dataflows.streaming.schema import Event, fields_of
from dataflows.streaming.summary import Partial, WindowSummary
from dataflows.streaming.timestamps import moment
from dataflows.streaming.transform import TransformFactory
from sinks.commands import (
    Command,
    Document,
    Point,
    ReplaceDocuments,
    SendRecords,
    WritePoints,
)
from stats.tables import Table
from tidemark.config import Settings


class Summary(Partial, Protocol):
    """The summary of a window: a msgspec struct that can be merged."""

    @property
    def events(self) -> int:
        """How many events it is of, each counted once."""


S = TypeVar("S", bound=Summary)


class Pipeline(ABC, Generic[S]):
    """One pipeline, with its settings. Topic and window come from its section, if it has one."""

    name: ClassVar[str]
    """Also the type of its documents in `aggregated_data`."""
    schema: type[Event]
    """What a record of the topic looks like; pipelines of one topic have the same."""
    summary: ClassVar[type[Any]]
    """The type S."""
    events_field: ClassVar[str] = "total"
    """The field of the document that says how many events it is of."""
    rebuildable: bool = True
    """Whether a window follows from its own records alone."""
    aggregates: ClassVar[Mapping[str, str]] = {}
    """Collections of current aggregates: by table with two keys, the collection per first key."""
    some_of: ClassVar[frozenset[str]] = frozenset()
    """Maps of the document that have only the first few of their keys: no rule is made of them."""

    topic: str
    window_s: int

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.section = getattr(settings.pipelines, self.name, None)
        self.zone = ZoneInfo(settings.time.time_zone)
        if self.section is not None:
            self.topic = settings.pipelines.topic_of(self.name)
            self.window_s = self.section.window_s

    @abstractmethod
    def tables(self) -> Sequence[Table]:
        """Return what is kept of a window; the first one is a count table."""

    @abstractmethod
    def summarize(self, tables: Mapping[str, pl.DataFrame]) -> S:
        """Sum one key group's part of a window up from its tables, by name.

        The parts have no first key of a table in common.
        """

    @abstractmethod
    def fields(self, summary: S, start: datetime) -> dict[str, object]:
        """Return the fields of a window's document in `aggregated_data`."""

    def points(self, document: Document) -> list[Point]:
        """Return the points of a window, from its document."""
        return []

    def transform(self) -> TransformFactory | None:
        """Return what is done with the records before they are counted, if anything is."""
        return None

    def closings(self, windows: Windows) -> Windows:
        """Return the windows that are summed up: those that are closed, unless said otherwise."""
        return windows

    def outputs(self, windows: Windows, env: Environment, outlets: Outlets) -> None:
        """Add what else the pipeline writes, beside documents and points of its windows."""

    def records_of(self, document: Document) -> list[Command]:
        """Return what is sent to topics when a window is final."""
        return []

    def tell(self, document: Document) -> None:
        """Say something about a final window in the log; after a restart perhaps again."""

    @property
    def window_us(self) -> int:
        """Length of a window."""
        return self.window_s * MICROSECONDS

    def wanted(self) -> frozenset[str]:
        """Return the optional fields of the schema that are used."""
        inputs = {name for table in self.tables() for name in table.inputs}
        return frozenset(
            field.name
            for field in fields_of(self.schema)
            if field.role.is_optional and field.name in inputs
        )

    def document(self, final: WindowSummary[S]) -> Document:
        """Return a window's document in `aggregated_data`."""
        fields = {
            **self.fields(final.summary, moment(final.start_us)),
            "rejected": final.aside.rejected,
            "late": final.aside.late,
            "duplicates": final.aside.duplicates,
        }
        return aggregate(self.name, final.start_us, self.window_s, fields)

    def build(self, events: Events, env: Environment, outlets: Outlets) -> None:
        """Add the pipeline to a flow that reads its topic."""

        def partial(window: ClosedWindow) -> S:
            return self.summarize(window.tables)

        def documents(keyed: tuple[str, WindowSummary[S]]) -> Iterator[tuple[str, Command]]:
            key, final = keyed
            if final.summary.events:  # else nothing but records put aside
                document = self.document(final)
                self.tell(document)
                yield key, ReplaceDocuments(AGGREGATES, [document])
                yield key, metrics(self.name, document)

        def points(keyed: tuple[str, WindowSummary[S]]) -> tuple[str, Command]:
            key, final = keyed
            books = pipeline_point(self.name, final, self.window_s, final.summary.events)
            points = self.points(self.document(final)) if final.summary.events else []
            return key, WritePoints([books, *points])

        def records(keyed: tuple[str, WindowSummary[S]]) -> Iterator[tuple[str, Command]]:
            key, final = keyed
            if final.summary.events:
                for command in self.records_of(self.document(final)):
                    yield key, command

        windows = tumbling(f"{self.name}_windows", events, env, self.name, self.tables())
        closings = self.closings(windows)
        news = finals(f"{self.name}_summary", closings, env, partial, self.summary)
        summaries = final_windows(f"{self.name}_summary_windows", news)
        outlets.documents.append(progress(f"{self.name}_progress", events, self.name))
        outlets.documents.append(op.flat_map(f"{self.name}_documents", summaries, documents))
        outlets.series.append(op.map(f"{self.name}_points", summaries, points))
        outlets.topics.append(windows.late)
        if type(self).records_of is not Pipeline.records_of:
            outlets.topics.append(op.flat_map(f"{self.name}_records", summaries, records))
        if self.transform() is not None:
            outlets.topics.append(
                of_records(f"{self.name}_processed", events, self.name, SendRecords)
            )
        self.outputs(windows, env, outlets)
        watch_rules(self, windows, news, outlets)
