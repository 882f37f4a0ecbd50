"""The engine's operators: functions of a step id and a stream, as Bytewax's own are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import KeyedStream, StatefulBatchLogic

from dataflows.streaming.batch import Batch
from dataflows.streaming.environment import Environment
from dataflows.streaming.latefetch import LateFetcher
from dataflows.streaming.outputs import StoreSink
from dataflows.streaming.parcels import ClosedWindow, Closing, Parcel
from dataflows.streaming.progress import Progress
from dataflows.streaming.reader import TopicSpec
from dataflows.streaming.source import KafkaSource
from dataflows.streaming.split import Splitter
from dataflows.streaming.summary import (
    Finals,
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
from stats.tables import CountTable, Table
from tidemark.observability.metrics import StateMeter

KeyedCommands: TypeAlias = KeyedStream[Command]

R = TypeVar("R")
T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Follower(Protocol[T_contra, R]):
    """Keeps a state over the windows of one key group, or over final windows."""

    def absorb(self, news: T_contra, /) -> list[R]:
        """Take closed windows in, oldest first, and return what follows from them."""

    def snapshot(self) -> dict[str, Any]:
        """Return the state as plain values and bytes, independent of later changes."""


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


def read(step_id: str, flow: Dataflow, env: Environment, spec: TopicSpec) -> Events:
    """Read a topic as batches of columns.

    What is late for which pipeline is decided here, in offset order.
    """
    source = KafkaSource(spec, env.partitions(spec.topic, spec.outputs), env.source)
    return Events(spec, op.input(step_id, flow, source))


def dead_letters(step_id: str, events: Events) -> KeyedCommands:
    """Return the rejected and late records, for `<topic>.dlq` and `<topic>.late`."""

    def commands(batch: Batch) -> list[tuple[str, Command]]:
        letters = batch.dead_letters
        return [(str(batch.partition), SendRecords(letters))] if letters else []

    return op.flat_map(step_id, events.batches, commands)


def of_records(
    step_id: str, events: Events, name: str, kind: type[Command] | None = None
) -> KeyedCommands:
    """Return what a pipeline's transform, or a tap, wants to be written of single records.

    With `kind` only commands of that kind.
    """

    def commands(batch: Batch) -> list[tuple[str, Command]]:
        return [
            (str(batch.partition), command)
            for command in batch.commands.get(name, [])
            if kind is None or isinstance(command, kind)
        ]

    return op.flat_map(step_id, events.batches, commands)


def tumbling(
    step_id: str,
    events: Events,
    env: Environment,
    pipeline: str,
    tables: Sequence[Table],
) -> Windows:
    """Collect events in tables per tumbling window and key group.

    Each closing holds the final rows of the windows that are over. The first table must be a count
    table: it counts every event once.
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
        events.spec, pipeline, tables[0].texts[0], env.key_groups, env.source.client
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
    return final_windows(f"{step_id}_windows", finals(step_id, windows, env, partial, summary_type))


def finals(
    step_id: str,
    windows: Windows,
    env: Environment,
    partial: Callable[[ClosedWindow], P],
    summary_type: type[P],
) -> KeyedStream[Finals[P]]:
    """Sum each window up over all key groups, and tell also which windows have no event at all.

    Comes by pipeline, whenever a window is final or its time has passed without one.
    """
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
        step_id, by_pipeline, lambda state: _SummaryLogic(SummaryWindows(spec, state), spec)
    )


def final_windows(step_id: str, news: KeyedStream[Finals[P]]) -> KeyedStream[WindowSummary[P]]:
    """Return the final summaries alone."""
    return op.flat_map_value(step_id, news, lambda each: each.windows)


def follow(
    step_id: str,
    windows: Windows,
    follower: Callable[[dict[str, Any] | None], Follower[Closing, R]],
) -> KeyedStream[R]:
    """Follow the closed windows of each key group with a state of one's own.

    `follower` makes it from a snapshot, None at first. Closings come in order of their watermarks.
    """
    return keep(step_id, windows.closings, follower)


def keep(
    step_id: str,
    news: KeyedStream[T],
    follower: Callable[[dict[str, Any] | None], Follower[T, R]],
) -> KeyedStream[R]:
    """Follow what comes by each key with a state of one's own, made from a snapshot or None."""
    return op.stateful_batch(step_id, news, lambda state: _FollowerLogic(follower(state)))


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
        self._meter = StateMeter()

    def on_batch(self, values: list[Parcel]) -> tuple[list[Closing], bool]:
        return self._windows.absorb(values), StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Closing], bool]:
        return self._windows.end(), StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Any]:
        return self._meter.measured(self._windows.snapshot)


class _FollowerLogic(StatefulBatchLogic[T, R, dict[str, Any]], Generic[T, R]):
    """Lets Bytewax drive a follower."""

    def __init__(self, follower: Follower[T, R]) -> None:
        self._follower = follower

    def on_batch(self, values: list[T]) -> tuple[list[R], bool]:
        followed = [result for news in values for result in self._follower.absorb(news)]
        return followed, StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Any]:
        return self._follower.snapshot()


class _SummaryLogic(StatefulBatchLogic[GroupPartials[P], Finals[P], dict[str, Any]]):
    """Lets Bytewax drive the merge of summaries."""

    def __init__(self, windows: SummaryWindows[P], spec: SummarySpec[P]) -> None:
        self._windows = windows
        self._window_us = spec.window_us

    def on_batch(self, values: list[GroupPartials[P]]) -> tuple[list[Finals[P]], bool]:
        before_us = self._windows.watermark_us
        final = self._windows.absorb(values)
        now_us = self._windows.watermark_us
        passed_an_end = now_us // self._window_us != before_us // self._window_us
        told = [Finals(now_us, final)] if final or passed_an_end else []
        return told, StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Any]:
        return self._windows.snapshot()
