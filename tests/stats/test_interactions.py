"""The summary of interactions against a recomputation with counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from zlib import crc32

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.interactions import ITEM_TYPES, USER_TYPES, InteractionsSummary, summarize
from stats.tables import CountTable

Event = tuple[str, str, str]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u10", "ü", "U"]),
        st.sampled_from(["i1", "i2", "i10", "$i.1", "é"]),
        st.sampled_from(["view", "buy", "checkout.start", "$x"]),
    ),
    max_size=40,
)


def counted(table: CountTable, pairs: Sequence[tuple[str, str]]) -> pl.DataFrame:
    rows = [(*pair, count) for pair, count in Counter(pairs).items()]
    return pl.DataFrame(rows, schema=table.empty().schema, orient="row")


def tables(users: Sequence[Event], items: Sequence[Event]) -> dict[str, pl.DataFrame]:
    return {
        USER_TYPES.name: counted(USER_TYPES, [(user, kind) for user, _, kind in users]),
        ITEM_TYPES.name: counted(ITEM_TYPES, [(item, kind) for _, item, kind in items]),
    }


def naive(events: Sequence[Event], k: int) -> InteractionsSummary:
    users, items = Counter(e[0] for e in events), Counter(e[1] for e in events)

    def first(counts: Counter[str], number: int) -> list[tuple[str, int]]:
        return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:number]

    fewest = sorted(items.items(), key=lambda entry: (entry[1], entry[0]))
    return InteractionsSummary(
        top_k=k,
        by_type=dict(Counter(e[2] for e in events)),
        users=len(users),
        items=len(items),
        top_users=first(users, k),
        top_items=first(items, k),
        max_item=first(items, 1)[0] if items else None,
        min_item=fewest[0] if items else None,
    )


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.integers(1, 6))
def test_summary_is_what_counters_say(events: list[Event], k: int) -> None:
    summary = summarize(tables(events, events), k)
    assert summary == naive(events, k)
    assert summary.events == len(events)


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.integers(1, 6))
def test_merged_parts_are_the_summary_of_the_whole(events: list[Event], k: int) -> None:
    def part(group: int) -> InteractionsSummary:
        users = [event for event in events if crc32(event[0].encode()) % 3 == group]
        items = [event for event in events if crc32(event[1].encode()) % 3 == group]
        return summarize(tables(users, items), k)

    a, b, c = (part(group) for group in range(3))
    wanted = naive(events, k)
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(a).merge(b) == wanted
    assert a.merge(b) == b.merge(a)
    assert reduce(InteractionsSummary.merge, [c, b, a]) == wanted


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_a_summary_survives_its_way_through_the_recovery_store(events: list[Event]) -> None:
    summary = summarize(tables(events, events), 3)
    stored = msgspec.msgpack.encode(summary)
    assert msgspec.msgpack.decode(stored, type=InteractionsSummary) == summary


def test_a_part_without_events_is_neutral() -> None:
    events = [("u", "i", "view"), ("u", "j", "buy")]
    nothing = summarize(tables([], []), 5)
    whole = summarize(tables(events, events), 5)
    assert nothing.events == 0
    assert nothing.merge(whole) == whole.merge(nothing) == whole
