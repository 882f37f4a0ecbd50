"""The engine's operators: functions of a step id and a stream, as Bytewax's own are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import KeyedStream, StatefulBatchLogic

from dataflows.streaming.batch import Batch
from dataflows.streaming.environment import MICROSECONDS, Environment
from dataflows.streaming.latefetch import LateFetcher
from dataflows.streaming.outputs import StoreSink
from dataflows.streaming.parcels import ClosedWindow, Closing, Parcel
from dataflows.streaming.progress import Progress
from dataflows.streaming.reader import TopicSpec
from dataflows.streaming.schema import Event
from dataflows.streaming.source import KafkaSource
from dataflows.streaming.split import Splitter
from dataflows.streaming.summary import (
    GroupPartials,
    P,
    Part,
    SummarySpec,
    SummaryWindows,
    WindowSummary,
)
from dataflows.streaming.timestamps import moment
from dataflows.streaming.windows import GroupWindows, WindowSpec
from sinks.commands import AccumulateWindow, Command, SendRecords
from sinks.store import StoreFactory
from stats.tables import CountTable

KeyedCommands: TypeAlias = KeyedStream[Command]


@dataclass(frozen=True, slots=True)
class Events:
    """The batches of a topic, and how it is read."""

    spec: TopicSpec
    batches: Stream[Batch]


@dataclass(frozen=True, slots=True)
class Windows:
    """The closed windows of a pipeline by key group, and what came late on arrival."""

    pipeline: str
    window_us: int
    closings: KeyedStream[Closing]
    late: KeyedCommands


def read(
    step_id: str,
    flow: Dataflow,
    env: Environment,
    topic: str,
    schema: type[Event],
    windows_s: Mapping[str, int],
) -> Events:
    """Read a topic as batches of columns.

    `windows_s` names the pipelines that take its records, each with its window length: what is late
    for which of them is decided here, in offset order. Rejected and late records are sent to
    `<topic>.dlq` and `<topic>.late`.
    """
    spec = TopicSpec(
        topic=topic,
        schema=schema,
        limits=env.limits,
        out_of_orderness_us=env.out_of_orderness_us,
        windows_us={name: length_s * MICROSECONDS for name, length_s in windows_s.items()},
    )
    source = KafkaSource(spec, env.partitions(topic), env.source)
    batches = op.input(step_id, flow, source)
    dead_letters = op.flat_map(f"{step_id}_dead_letters", batches, _dead_letters)
    write(f"{step_id}_dead_letter_topics", dead_letters, env, env.topics)
    return Events(spec, batches)


def _dead_letters(batch: Batch) -> Iterable[tuple[str, Command]]:
    if batch.dead_letters:
        yield str(batch.partition), SendRecords(batch.dead_letters)


def tumbling(
    step_id: str,
    events: Events,
    env: Environment,
    pipeline: str,
    tables: Sequence[CountTable],
) -> Windows:
    """Count events into tables per tumbling window and key group.

    Each closing holds the final rows of the windows that are over. The first table must count every
    event exactly once.
    """
    window_us = events.spec.windows_us[pipeline]
    spec = WindowSpec(
        tables=tuple(tables),
        window_us=window_us,
        out_of_orderness_us=env.out_of_orderness_us,
        idle_after_us=env.idle_after_us,
        key_groups=env.key_groups,
    )
    splitter = Splitter(tables, window_us, env.key_groups)

    def split(batch: Batch) -> list[tuple[str, Parcel]]:
        parcels = parcels_of(batch, splitter, pipeline, env.key_groups)
        return [(str(parcel.group), parcel) for parcel in parcels]

    parcels = op.flat_map(f"{step_id}_split", events.batches, split)
    closings = op.stateful_batch(
        step_id, parcels, lambda state: _WindowsLogic(GroupWindows(spec, state))
    )
    fetcher = LateFetcher(
        events.spec, pipeline, tables[0].keys[0], env.key_groups, env.source.client
    )

    def late(keyed: tuple[str, Closing]) -> list[tuple[str, Command]]:
        key, closing = keyed
        return [(key, SendRecords(fetcher.fetch(item))) for item in closing.late]

    return Windows(
        pipeline, window_us, closings, op.flat_map(f"{step_id}_late_on_arrival", closings, late)
    )


def parcels_of(batch: Batch, splitter: Splitter, pipeline: str, key_groups: int) -> list[Parcel]:
    """Return a batch's parcel for each key group; without records it is news of the partition."""
    taken = batch.on_time.get(pipeline)
    groups = splitter.split(taken.columns, taken.event_time_us) if taken else None
    # One group keeps the books of a partition.
    bookkeeper = batch.partition % key_groups
    return [
        Parcel(
            origin=batch.partition,
            origins=batch.partitions,
            group=group,
            sequence=batch.sequence,
            max_event_us=batch.max_event_us,
            silent_us=batch.silent_us,
            first_offset=batch.first_offset,
            next_offset=batch.next_offset,
            max_event_before_us=batch.max_event_before_us,
            pieces=groups[group] if groups else [],
            discarded=taken.discarded if taken and group == bookkeeper else [],
        )
        for group in range(key_groups)
    ]


def merge(
    step_id: str,
    windows: Windows,
    env: Environment,
    partial: Callable[[ClosedWindow], P],
    summary_type: type[P],
) -> KeyedStream[WindowSummary[P]]:
    """Sum each window up over all key groups; final summaries come oldest first, by pipeline."""
    spec = SummarySpec(partial, summary_type, env.key_groups, windows.window_us)

    def partials(keyed: tuple[str, Closing]) -> tuple[str, GroupPartials[P]]:
        _, closing = keyed
        parts = [
            (window.start_us, Part(partial(window), window.aside)) for window in closing.windows
        ]
        return windows.pipeline, GroupPartials(
            closing.group,
            closing.watermark_us,
            parts,
            closing.unbooked,
        )

    by_pipeline = op.map(f"{step_id}_partials", windows.closings, partials)
    return op.stateful_batch(
        step_id, by_pipeline, lambda state: _SummaryLogic(SummaryWindows(spec, state))
    )


def accumulate(step_id: str, windows: Windows, table: CountTable, collection: str) -> KeyedCommands:
    """Add a table's closed windows to the current aggregate of each of its first keys.

    The table has two keys: the one that is aggregated by, and the name that is counted.
    """
    key, name = table.keys

    def commands(keyed: tuple[str, Closing]) -> list[tuple[str, Command]]:
        group, closing = keyed
        return [
            (
                group,
                AccumulateWindow(
                    collection,
                    moment(window.start_us),
                    window.tables[table.name]
                    .rename({key: "key", name: "name"})
                    .select("key", "name", "count")
                    .sort("key", "name"),
                ),
            )
            for window in closing.windows
            if window.tables[table.name].height
        ]

    return op.flat_map(step_id, windows.closings, commands)


def progress(step_id: str, events: Events, pipeline: str) -> KeyedCommands:
    """Tell how far each partition has been read and what became of its records, once a second."""
    tracker = Progress(pipeline, events.spec.out_of_orderness_us, time.monotonic)

    def commands(batch: Batch) -> list[tuple[str, Command]]:
        command = tracker.command(batch)
        return [] if command is None else [(str(batch.partition), command)]

    return op.flat_map(step_id, events.batches, commands)


def write(
    step_id: str, commands: KeyedCommands, env: Environment, stores: Sequence[StoreFactory]
) -> None:
    """Write commands to each of the stores."""
    for number, factory in enumerate(stores):
        name = step_id if number == 0 else f"{step_id}_{number}"
        op.output(name, commands, StoreSink(factory, **env.lane))


class _WindowsLogic(StatefulBatchLogic[Parcel, Closing, dict[str, Any]]):
    """Lets Bytewax drive the windows of a key group.

    No notifications: a silent partition says so by ordinary batches, so no clock is needed here.
    """

    def __init__(self, windows: GroupWindows) -> None:
        self._windows = windows

    def on_batch(self, values: list[Parcel]) -> tuple[list[Closing], bool]:
        return self._windows.absorb(values), StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Closing], bool]:
        return self._windows.end(), StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Any]:
        return self._windows.snapshot()


class _SummaryLogic(StatefulBatchLogic[GroupPartials[P], WindowSummary[P], dict[str, Any]]):
    """Lets Bytewax drive the merge of summaries."""

    def __init__(self, windows: SummaryWindows[P]) -> None:
        self._windows = windows

    def on_batch(self, values: list[GroupPartials[P]]) -> tuple[list[WindowSummary[P]], bool]:
        return self._windows.absorb(values), StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Any]:
        return self._windows.snapshot()
