"""Windows and aggregates rebuilt in one pass or many, compared with counting by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from dataflows.interactions import Interactions
from dataflows.recompute.aggregates import Period, rebuild_aggregates
from dataflows.recompute.records import Judge
from dataflows.recompute.windows import rebuild
from dataflows.streaming.watermark import END_US
from sinks.aggregate import accumulate
from sinks.commands import Document
from tests.dataflows.streaming.making import SECOND, T0, FakeMessage, messages_of, record
from tests.support.comparing import assert_same
from tidemark.config import Settings
from tidemark.config.pipelines import InteractionsSettings, PipelinesSettings
from tidemark.kafka_ranges import Range, TopicReader

WINDOW = 10 * SECOND
PIPELINE = Interactions(Settings())
Event = tuple[str, str, str, int]


class FakeReader:
    """Reads partitions from memory, in pieces."""

    def __init__(self, partitions: Sequence[Sequence[FakeMessage]], piece: int = 100) -> None:
        self.partitions = partitions
        self.piece = piece

    def ranges(self) -> list[Range]:
        return [Range(n, 0, len(each), 0) for n, each in enumerate(self.partitions)]

    def read(
        self, _topic: str, ranges: Sequence[Range]
    ) -> Iterator[tuple[int, Sequence[FakeMessage]]]:
        for each in ranges:
            messages = self.partitions[each.partition]
            for first in range(0, len(messages), self.piece):
                yield each.partition, messages[first : first + self.piece]


def events_of(seed: int, count: int = 800) -> list[list[Event]]:
    """Return two partitions of events, a tenth of them minutes behind."""
    chance = random.Random(seed)
    partitions: list[list[Event]] = [[], []]
    for number in range(count):
        behind_s = chance.choice([0] * 9 + [chance.randrange(1, 60)])
        at = T0 + max(0, number // 4 - behind_s) * SECOND
        user, item = f"u{chance.randrange(30)}", f"i{chance.randrange(10)}"
        partitions[chance.randrange(2)].append((user, item, chance.choice("abc"), at))
    return partitions


def judge_of(partitions: Sequence[Sequence[Event]], piece: int = 100) -> tuple[Judge, list[Range]]:
    messages = [
        messages_of([b"not json", *(record(*event) for event in events)], number)
        for number, events in enumerate(partitions)
    ]
    reader = FakeReader(messages, piece)
    return Judge(Settings(), PIPELINE, cast(TopicReader, reader)), reader.ranges()


def late_of(partitions: Sequence[Sequence[Event]]) -> set[tuple[int, int]]:
    """Return the late events by partition and place, by the definition."""
    late = set()
    for number, events in enumerate(partitions):
        furthest = -(1 << 62)
        for place, (_, _, _, at) in enumerate(events):
            if at - at % WINDOW + WINDOW <= furthest - 5 * SECOND:
                late.add((number, place))
            furthest = max(furthest, at)
    return late


def counted(partitions: Sequence[Sequence[Event]], *, include_late: bool) -> list[Event]:
    late = late_of(partitions)
    return [
        event
        for number, events in enumerate(partitions)
        for place, event in enumerate(events)
        if include_late or (number, place) not in late
    ]


@pytest.mark.parametrize("include_late", [True, False])
@pytest.mark.parametrize("most_rows", [10, 300, 1_000_000])
def test_windows_equal_counting_by_hand_however_many_passes_they_take(
    most_rows: int, include_late: bool
) -> None:
    partitions = events_of(1)
    judge, ranges = judge_of(partitions)
    from_us, to_us = T0 + 2 * WINDOW, T0 + 9 * WINDOW
    passes = list(
        rebuild(
            *(PIPELINE, judge, ranges, from_us, to_us),
            include_late=include_late,
            most_rows=most_rows,
        )
    )
    expected: dict[int, Counter[str]] = {}
    for _, _, kind, at in counted(partitions, include_late=include_late):
        if from_us <= at < to_us:
            expected.setdefault(at - at % WINDOW, Counter())[kind] += 1
    windows = [window for each in passes for window in each.windows]
    assert {window.start_us: window.summary.by_type for window in windows} == expected
    assert [window.start_us for window in windows] == sorted(expected)
    assert (len(passes) > 1) == (most_rows < 1_000_000)
    assert passes[0].from_us == from_us
    assert passes[-1].to_us == to_us
    late = late_of(partitions)
    in_period = sum(from_us <= partitions[n][place][3] < to_us for n, place in late)
    assert in_period > 5
    assert sum(each.late_included for each in windows) == (in_period if include_late else 0)


@pytest.mark.parametrize("most_rows", [100, 1_000_000])
def test_aggregates_equal_the_fold_over_all_closed_windows(most_rows: int) -> None:
    partitions = events_of(2)
    judge, ranges = judge_of(partitions, piece=70)
    closed_us = T0 + 15 * WINDOW
    period = Period(T0 + 2 * WINDOW, T0 + 3 * WINDOW, closed_us)
    found: dict[str, dict[str, Document]] = {}
    for collection, documents in rebuild_aggregates(
        *(PIPELINE, judge, ranges, period), include_late=True, most_rows=most_rows
    ):
        found.setdefault(collection, {}).update({each["_id"]: each for each in documents})
    events = counted(partitions, include_late=True)
    closed = [event for event in events if event[3] - event[3] % WINDOW + WINDOW <= closed_us]
    for collection, place in (("user_stats", 0), ("item_stats", 1)):
        touched = {str(e[place]) for e in closed if period.from_us <= e[3] < period.to_us}
        expected = {key: _folded(closed, place, key) for key in touched}
        assert_same(found[collection], expected, collection)


def _folded(events: Sequence[Event], place: int, key: str) -> Document:
    windows: dict[int, Counter[str]] = {}
    for event in events:
        if event[place] == key:
            windows.setdefault(event[3] - event[3] % WINDOW, Counter())[event[2]] += 1
    document: Document | None = None
    for start_us, counts in sorted(windows.items()):
        document = accumulate(document, key, datetime.fromtimestamp(start_us / SECOND, UTC), counts)
    assert document is not None
    return document


def test_duplicates_count_once_where_the_pipeline_says_so() -> None:
    interactions = InteractionsSettings(dedupe_by="event_id")
    settings = Settings(pipelines=PipelinesSettings(interactions=interactions))
    rows = [
        record("u1", "i1", "a", T0, event_id="e1"),
        record("u1", "i1", "a", T0 + 30 * SECOND, event_id="e2"),
        record("u1", "i1", "a", T0 + SECOND, event_id="e1"),  # late, and a copy
        record("u1", "i1", "a", T0 + SECOND, event_id="e3"),  # late
    ]
    reader = FakeReader([messages_of(rows)])
    ranges = reader.ranges()
    pipeline = Interactions(settings)
    judge = Judge(settings, pipeline, cast(TopicReader, reader))
    (each,) = rebuild(pipeline, judge, ranges, T0, T0 + WINDOW, include_late=True)
    (window,) = each.windows
    assert (window.summary.events, window.records, window.aside.duplicates) == (2, 3, 1)
    period = Period(T0, T0 + WINDOW, END_US)
    made = dict(
        rebuild_aggregates(pipeline, judge, ranges, period, include_late=True, most_rows=1_000)
    )
    (user,) = made["user_stats"]
    assert (user["total"], user["windows"]) == (3, 2)
