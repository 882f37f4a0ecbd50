"""The engine without Bytewax: any batches, interleaving and restarts give the batch result.

Readers, splitter, windows of each key group and the merge of summaries are put together as the flow
does; what comes out is compared with a recomputation that shares no code with them.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.interactions import Interactions
from dataflows.streaming.batch import Batch
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.operators import parcels_of
from dataflows.streaming.parcels import Closing
from dataflows.streaming.split import Splitter
from dataflows.streaming.summary import (
    GroupPartials,
    Part,
    SummarySpec,
    SummaryWindows,
    WindowSummary,
)
from dataflows.streaming.watermark import END_US
from dataflows.streaming.windows import GroupWindows, WindowSpec
from stats.interactions import ITEM_TYPES, USER_TYPES, InteractionsSummary, summarize
from tests.dataflows.streaming.making import (
    ENDED_SILENCE,
    SECOND,
    T0,
    cut_at,
    messages_of,
    reader_of,
    record,
    spec_of,
)
from tidemark.config import Settings

WINDOW, DELAY, IDLE = 10 * SECOND, 5 * SECOND, 20 * SECOND
GROUPS, TOP_K = 3, 2
TOPIC = spec_of({"p": WINDOW}, DELAY)
SPEC = WindowSpec((USER_TYPES, ITEM_TYPES), WINDOW, DELAY, IDLE, GROUPS)
SUMMARY = SummarySpec(
    lambda window: summarize(window.tables, TOP_K), InteractionsSummary, GROUPS, WINDOW
)
SPLITTER = Splitter(SPEC.tables, WINDOW, GROUPS)

Event = tuple[int, str, str, str] | None
"""Second, user, item, type; None is a record that is rejected."""


@dataclass
class Outcome:
    """What left the engine."""

    closings: list[Closing] = field(default_factory=list)
    summaries: list[WindowSummary[InteractionsSummary]] = field(default_factory=list)


class Engine:
    """All key groups and the merge, restartable."""

    def __init__(self) -> None:
        self.groups = [GroupWindows(SPEC) for _ in range(GROUPS)]
        self.merge: SummaryWindows[InteractionsSummary] = SummaryWindows(SUMMARY)
        self.outcome = Outcome()

    def take(self, batches: Sequence[Batch]) -> None:
        for batch_parcels in zip(
            *(parcels_of_group(batches, group) for group in range(GROUPS)), strict=True
        ):
            for group, parcel in enumerate(batch_parcels):
                self._closed(self.groups[group].absorb([parcel]))

    def end(self) -> None:
        for windows in self.groups:
            self._closed(windows.end())

    def restart(self) -> None:
        state = pickle.dumps(([group.snapshot() for group in self.groups], self.merge.snapshot()))
        groups, merge = pickle.loads(state)
        self.groups = [GroupWindows(SPEC, state) for state in groups]
        self.merge = SummaryWindows(SUMMARY, merge)

    def _closed(self, closings: list[Closing]) -> None:
        self.outcome.closings += closings
        self.outcome.summaries += self.merge.absorb([partials(closing) for closing in closings])


def parcels_of_group(batches: Sequence[Batch], group: int) -> list:  # type: ignore[type-arg]
    return [
        pickle.loads(pickle.dumps(parcels_of(batch, SPLITTER, "p", GROUPS)[group]))
        for batch in batches
    ]


def partials(closing: Closing) -> GroupPartials[InteractionsSummary]:
    parts = [
        (window.start_us, Part(summarize(window.tables, TOP_K), window.aside))
        for window in closing.windows
    ]
    return GroupPartials(
        closing.group,
        closing.watermark_us,
        parts,
        closing.unbooked,
    )


def naive(partitions: Sequence[Sequence[Event]]) -> tuple[dict[int, list[Event]], int, int]:
    """Return the events of each window, the number of late and of rejected records."""
    windows: dict[int, list[Event]] = {}
    late = rejected = 0
    for events in partitions:
        largest: int | None = None
        for event in events:
            if event is None:
                rejected += 1
                continue
            time = T0 + event[0] * SECOND
            start = time // WINDOW * WINDOW
            if largest is not None and start + WINDOW <= largest - DELAY:
                late += 1
            else:
                windows.setdefault(start, []).append(event)
            largest = time if largest is None else max(largest, time)
    return windows, late, rejected


def first(counts: Counter[str], k: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:k]


def naive_summary(events: Sequence[Event]) -> InteractionsSummary:
    users = Counter(event[1] for event in events if event)
    items = Counter(event[2] for event in events if event)
    return InteractionsSummary(
        top_k=TOP_K,
        by_type=dict(Counter(event[3] for event in events if event)),
        users=len(users),
        items=len(items),
        top_users=first(users, TOP_K),
        top_items=first(items, TOP_K),
        max_item=first(items, 1)[0],
        min_item=min(items.items(), key=lambda entry: (entry[1], entry[0])),
    )


EVENT: st.SearchStrategy[Event] = st.one_of(
    st.tuples(
        st.integers(0, 90),
        st.sampled_from(["u1", "u2", "u3", "ü"]),
        st.sampled_from(["i1", "i2", "$i.3"]),
        st.sampled_from(["view", "buy"]),
    ),
    st.none(),
)
PARTITIONS = st.lists(st.lists(EVENT, max_size=30), min_size=1, max_size=3)
CUTS = st.lists(st.lists(st.integers(0, 30), max_size=5), min_size=3, max_size=3)


def batches_of(
    partition: int, partitions: int, events: Sequence[Event], cuts: list[int]
) -> list[Batch]:
    """Read a partition to its end; the reader is resumed after every batch."""
    values = [
        b'{"user_id": ""}' if e is None else record(e[1], e[2], e[3], T0 + e[0] * SECOND)
        for e in events
    ]
    made: list[Batch] = []
    reader = reader_of(TOPIC, partition, partitions)
    for piece in cut_at(messages_of(values, partition), cuts):
        if piece:
            made.append(reader.batch(FetchedMessages(piece), len(values)))
        else:
            made.append(reader.news(len(values), 0))
        state = pickle.loads(pickle.dumps(reader.state()))
        reader = reader_of(TOPIC, partition, partitions, state)
    made.append(reader.news(len(values), ENDED_SILENCE, ended=True))
    return made


@settings(max_examples=150, deadline=None)
@given(PARTITIONS, CUTS, st.data())
def test_every_history_gives_the_windows_of_a_batch_recomputation(
    partitions: list[list[Event]], cuts: list[list[int]], data: st.DataObject
) -> None:
    queues = [
        batches_of(number, len(partitions), events, cuts[number])
        for number, events in enumerate(partitions)
    ]
    engine = Engine()
    while any(queues):
        ready = [number for number, queue in enumerate(queues) if queue]
        number = data.draw(st.sampled_from(ready))
        engine.take([queues[number].pop(0)])
        if data.draw(st.integers(0, 5)) == 0:
            engine.restart()
    engine.end()
    outcome = engine.outcome
    windows, late, rejected = naive(partitions)

    # Every key group's tables, every window once.
    users: Counter[tuple[int, str, str]] = Counter()
    items: Counter[tuple[int, str, str]] = Counter()
    seen: set[tuple[int, int]] = set()
    for closing in outcome.closings:
        assert closing.late == []
        for window in closing.windows:
            assert (closing.group, window.start_us) not in seen
            seen.add((closing.group, window.start_us))
            assert window.start_us + WINDOW <= closing.watermark_us
            for user, kind, count in window.tables["user_types"].iter_rows():
                users[window.start_us, user, kind] += count
            for item, kind, count in window.tables["item_types"].iter_rows():
                items[window.start_us, item, kind] += count
    flat = [(start, event) for start, events in windows.items() for event in events if event]
    assert users == Counter((start, event[1], event[3]) for start, event in flat)
    assert items == Counter((start, event[2], event[3]) for start, event in flat)

    # The summaries, each once and oldest first.
    found = {final.start_us: final.summary for final in outcome.summaries}
    assert [final.start_us for final in outcome.summaries] == sorted(windows)
    assert found == {start: naive_summary(events) for start, events in windows.items()}

    # The books: nothing vanishes. A partition of nothing but rejects has no window to book them on.
    hopeless = sum(len(events) for events in partitions if not any(events))
    assert sum(final.aside.late for final in outcome.summaries) == late
    assert sum(final.aside.rejected for final in outcome.summaries) == rejected - hopeless
    assert sum(final.summary.events for final in outcome.summaries) + late + rejected == sum(
        map(len, partitions)
    )


@settings(max_examples=60, deadline=None)
@given(PARTITIONS, CUTS, st.data())
def test_snapshots_do_not_change_when_the_engine_goes_on(
    partitions: list[list[Event]], cuts: list[list[int]], data: st.DataObject
) -> None:
    batches = [
        batch
        for number, events in enumerate(partitions)
        for batch in batches_of(number, len(partitions), events, cuts[number])
    ]
    engine = Engine()
    at = data.draw(st.integers(0, len(batches)))
    engine.take(batches[:at])
    taken = [group.snapshot() for group in engine.groups], engine.merge.snapshot()
    before = pickle.dumps(taken)
    engine.take(batches[at:])
    engine.end()
    assert pickle.dumps(taken) == before


def test_the_last_word_of_every_group_is_the_end() -> None:
    engine = Engine()
    engine.take(batches_of(0, 1, [(1, "u1", "i1", "view")], []))
    engine.end()
    last = {closing.group: closing.watermark_us for closing in engine.outcome.closings}
    assert last == dict.fromkeys(range(GROUPS), END_US)


def test_a_partition_far_behind_loses_nothing() -> None:
    ahead: list[Event] = [(1_000 + n, "u1", "i1", "view") for n in range(100)]
    behind: list[Event] = [(n, "u2", "i2", "view") for n in range(100)]
    engine = Engine()
    engine.take(batches_of(0, 2, ahead, [20, 40])[:-1])
    engine.take(batches_of(1, 2, behind, [50]))
    engine.end()
    assert sum(final.summary.events for final in engine.outcome.summaries) == 200
    assert all(closing.late == [] for closing in engine.outcome.closings)


def test_a_window_of_nothing_but_rejects_can_be_stored() -> None:
    """Groups on two workers may hear two partitions in different orders.

    Partition 1 is idle and wakes with a record and a reject. The record's groups have heard before
    that partition 0 is far ahead: for them it is late on arrival. The group that keeps the books of
    partition 1 has not, so that the reject still opens the record's window.
    """
    ahead = batches_of(0, 2, [(100, "u1", "i1", "view")], [])[0]
    idle = reader_of(TOPIC, 1, 2)
    silence = idle.news(0, IDLE)
    values = [record("u2", "i2", "view", T0 + 12 * SECOND), b"{"]
    messages = messages_of(values, 1)
    woken = idle.batch(FetchedMessages(messages), 2)
    engine = Engine()
    for group, windows in enumerate(engine.groups):
        order = [silence, woken, ahead] if group == 1 else [silence, ahead, woken]
        for parcel in parcels_of_group(order, group):
            engine._closed(windows.absorb([parcel]))
    engine.end()
    assert T0 + 10 * SECOND in {final.start_us for final in engine.outcome.summaries}
    for final in engine.outcome.summaries:
        Interactions(Settings()).document(final)
