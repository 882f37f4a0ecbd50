"""The operators in small Bytewax flows, on one worker and on two, with and without recovery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, cluster_main, run_main

from dataflows.interactions import Interactions
from dataflows.streaming.batch import Batch
from dataflows.streaming.environment import Environment
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.operators import Events, accumulate, merge, progress, tumbling
from dataflows.streaming.partition_log import SourceOptions
from dataflows.streaming.rejects import Limits
from dataflows.streaming.summary import WindowSummary
from dataflows.streaming.timestamps import moment
from sinks.aggregate import accumulate as accumulated
from sinks.commands import AccumulateWindow, ReplaceDocuments
from stats.interactions import ITEM_TYPES, USER_TYPES, InteractionsSummary, summarize
from tests.dataflows.streaming.making import (
    ENDED_SILENCE,
    SECOND,
    T0,
    messages_of,
    reader_of,
    record,
    spec_of,
)
from tidemark.config import Settings

WINDOW_S = 10
SPEC = spec_of({"p": WINDOW_S * SECOND}, 5 * SECOND)
PARTITIONS = 3
EVENTS_PER_PARTITION = 400


# Bytewax ships no types for these, or none that fit.
_write: Any = op.output
_run: Any = run_main
_run_cluster: Any = cluster_main
_make_store: Any = init_db_dir
_recovery: Any = RecoveryConfig


class _Abort(Exception):
    """Ends a run as a crash would."""


def values_of(partition: int) -> list[bytes]:
    """Return a partition's records: mild disorder, some late, some bad."""
    values = []
    for n in range(EVENTS_PER_PARTITION):
        time = n // 4 - (n * 7 % 5)
        if n % 50 == 49:
            time -= 40
        user, item = f"u{n * (partition + 3) % 17}", f"i{n * 5 % 11}.{partition}"
        kind = "view" if n % 3 else "checkout.$start"
        good = record(user, item, kind, T0 + time * SECOND)
        values.append(b"{" if n % 40 == 17 else good)
    return values


def expected() -> tuple[dict[int, list[dict[str, Any]]], int, int]:
    """Sort the records out as the design says: windows' events, late, rejected."""
    windows: dict[int, list[dict[str, Any]]] = {}
    late = rejected = 0
    for partition in range(PARTITIONS):
        largest = -(10**18)
        for value in values_of(partition):
            if value == b"{":
                rejected += 1
                continue
            event = json.loads(value)
            time = round(datetime.fromisoformat(event["timestamp"]).timestamp()) * SECOND
            start = time // (10 * SECOND) * 10 * SECOND
            if start + 10 * SECOND <= largest - 5 * SECOND:
                late += 1
            else:
                windows.setdefault(start, []).append(event)
            largest = max(largest, time)
    return windows, late, rejected


@dataclass
class Plan:
    """How the source hands its records out."""

    batch_size: int
    crash_at: int | None = None


class BatchPartition(StatefulSourcePartition[Batch, dict[str, Any]]):
    """A partition of batches made by a real reader, resumable as the Kafka source is."""

    def __init__(self, number: int, plan: Plan, state: dict[str, Any] | None) -> None:
        self._messages = messages_of(values_of(number), number)
        self._reader = reader_of(SPEC, number, PARTITIONS, state)
        self._plan = plan
        self._ended = False
        self._batches = 0

    def next_batch(self) -> list[Batch]:
        if self._ended:
            raise StopIteration
        begin = self._reader.next_offset
        piece = self._messages[begin : begin + self._plan.batch_size]
        if self._plan.crash_at is not None and begin >= self._plan.crash_at:
            raise _Abort
        if not piece:
            self._ended = True
            return [self._reader.news(begin, ENDED_SILENCE, ended=True)]
        return [self._reader.batch(FetchedMessages(piece), len(self._messages))]

    def snapshot(self) -> dict[str, Any]:
        return self._reader.state()


class BatchSource(FixedPartitionedSource[Batch, dict[str, Any]]):
    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def list_parts(self) -> list[str]:
        return [str(number) for number in range(PARTITIONS)]

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> BatchPartition:
        return BatchPartition(int(for_part), self._plan, resume_state)


def environment() -> Environment:
    return Environment(
        source=SourceOptions(client={}),
        limits=Limits(),
        out_of_orderness_us=5 * SECOND,
        idle_after_us=20 * SECOND,
        key_groups=4,
        documents=[],
        series=[],
        topics=[],
        partitions=lambda _topic, _outputs: PARTITIONS,
    )


@dataclass
class Out:
    """What came out, over all runs of a flow."""

    summaries: list[tuple[str, WindowSummary[InteractionsSummary]]]
    users: list[tuple[str, AccumulateWindow]]
    status: list[tuple[str, ReplaceDocuments]]


def flow_of(plan: Plan, out: Out) -> Dataflow:
    flow, env = Dataflow("test"), environment()
    events = Events(SPEC, op.input("in", flow, BatchSource(plan)))
    windows = tumbling("windows", events, env, "p", [USER_TYPES, ITEM_TYPES])
    summaries = merge(
        "summary", windows, env, lambda window: summarize(window.tables, 3), InteractionsSummary
    )
    _write("summaries", summaries, TestingSink(out.summaries))
    users = accumulate("by_user", windows, USER_TYPES, "user_stats")
    _write("users", users, TestingSink(out.users))
    _write("status", progress("progress", events, "p"), TestingSink(out.status))
    return flow


def check_summaries(out: Out) -> None:
    windows, late, rejected = expected()
    finals = {final.start_us: final for _, final in out.summaries}
    assert finals.keys() == windows.keys()
    for start, events in windows.items():
        summary = finals[start].summary
        assert summary.events == len(events)
        assert summary.users == len({event["user_id"] for event in events})
        assert summary.items == len({event["item_id"] for event in events})
        kinds = [event["interaction_type"] for event in events]
        assert summary.by_type == {kind: kinds.count(kind) for kind in set(kinds)}
    assert sum(final.aside.late for final in finals.values()) == late
    assert sum(final.aside.rejected for final in finals.values()) == rejected


def check_users(out: Out) -> None:
    windows, _, _ = expected()
    totals: dict[str, int] = {}
    for events in windows.values():
        for event in events:
            totals[event["user_id"]] = totals.get(event["user_id"], 0) + 1
    documents: dict[str, dict[str, Any]] = {}
    for _, command in out.users:
        counts = command.counts
        assert counts.columns == ["key", "name", "count"]
        assert counts.equals(counts.sort("key", "name"))
        by_key: dict[str, dict[str, int]] = {}
        for key, name, count in counts.iter_rows():
            by_key.setdefault(key, {})[name] = count
        for key, names in by_key.items():
            # The reference refuses a window that was added: sent again after a crash it is ignored.
            documents[key] = accumulated(documents.get(key), key, command.window_start, names)
    assert {key: document["total"] for key, document in documents.items()} == totals


@pytest.mark.parametrize("batch_size", [1, 7, 1_000])
@pytest.mark.parametrize("workers", [1, 2])
def test_windows_and_summaries_are_exact(batch_size: int, workers: int) -> None:
    out = Out([], [], [])
    _run_cluster(flow_of(Plan(batch_size), out), [], 0, worker_count_per_proc=workers)
    starts = [final.start_us for _, final in out.summaries]
    assert starts == sorted(set(starts))
    check_summaries(out)
    check_users(out)


def test_a_crash_at_any_place_changes_nothing(tmp_path: Path) -> None:
    _make_store(tmp_path, 2)
    out = Out([], [], [])
    for crash_at in (60, 150, 151, 333, None):
        flow = flow_of(Plan(13, crash_at), out)
        config = _recovery(tmp_path)
        if crash_at is None:
            _run(flow, epoch_interval=timedelta(0), recovery_config=config)
        else:
            # Bytewax wraps what a step raises; the message is its own.
            with pytest.raises((_Abort, RuntimeError)):
                _run(flow, epoch_interval=timedelta(0), recovery_config=config)
    check_summaries(out)
    check_users(out)


def test_status_tells_the_whole_of_each_partition_at_the_end() -> None:
    out = Out([], [], [])
    _run(flow_of(Plan(50), out))
    last = {document["partition"]: document for _, c in out.status for document in c.documents}
    _, late, rejected = expected()
    assert last.keys() == set(range(PARTITIONS))
    assert {document["state"] for document in last.values()} == {"ended"}
    assert {document["read"] for document in last.values()} == {EVENTS_PER_PARTITION}
    assert {document["lag"] for document in last.values()} == {0}
    assert sum(document["late"] for document in last.values()) == late
    assert sum(document["rejected"] for document in last.values()) == rejected
    assert {document["_id"] for document in last.values()} == {f"p/clicks/{n}" for n in range(3)}
    events = sum(final.summary.events for _, final in out.summaries)
    assert sum(document["read"] for document in last.values()) == events + late + rejected


def numbers(document: dict[str, object]) -> Iterator[float]:
    for value in document.values():
        if isinstance(value, int | float):
            yield value


def test_documents_and_points_of_the_final_windows_agree() -> None:
    out = Out([], [], [])
    _run(flow_of(Plan(100), out))
    pipeline = Interactions(Settings())
    for _, final in out.summaries:
        fields = pipeline.document(final)
        points = pipeline.points(fields)
        assert all(number >= 0 for number in numbers(fields))
        assert {point.timestamp for point in points} == {moment(final.start_us)}
        by_type = {
            p.tags["interaction_type"]: p.fields["count"]
            for p in points
            if p.measurement == "interactions"
        }
        assert by_type == fields["by_type"]
        summary = next(p for p in points if p.measurement == "interactions_summary")
        for name in ("total", "users", "items", "avg_per_user", "avg_per_item"):
            assert summary.fields[name] == fields[name]
