"""The funnel against a recomputation user by user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.funnel import FunnelSummary, summarize

STEPS = ("view", "click", "purchase")
Event = tuple[str, str]
EVENTS = st.lists(
    st.tuples(st.sampled_from(["u1", "u2", "u3", "ü"]), st.sampled_from([*STEPS, "search"])),
    max_size=40,
)


def summary_of(events: Sequence[Event]) -> FunnelSummary:
    rows = [(*pair, count) for pair, count in Counter(events).items()]
    schema = {"user_id": pl.String, "kind": pl.String, "count": pl.Int64}
    return summarize(pl.DataFrame(rows, schema, orient="row"), "user_id", "kind", STEPS)


def naive(events: Sequence[Event]) -> FunnelSummary:
    users = {user for user, _ in events}
    did = {user: {kind for who, kind in events if who == user} for user in users}
    return FunnelSummary(
        events=len(events),
        users=len(users),
        users_at=[sum(set(STEPS[: n + 1]) <= did[user] for user in users) for n in range(3)],
        events_at=[sum(kind == step for _, kind in events) for step in STEPS],
    )


@settings(deadline=None)
@given(EVENTS)
def test_a_user_is_at_a_step_who_did_it_and_all_before(events: list[Event]) -> None:
    assert summary_of(events) == naive(events)


@settings(deadline=None)
@given(EVENTS, st.sets(st.sampled_from(["u1", "u2", "u3", "ü"])))
def test_parts_without_a_common_user_add_up(events: list[Event], users: set[str]) -> None:
    one = summary_of([event for event in events if event[0] in users])
    other = summary_of([event for event in events if event[0] not in users])
    assert one.merge(other) == other.merge(one) == naive(events)


def test_conversion_is_that_from_the_step_before() -> None:
    summary = FunnelSummary(events=9, users=5, users_at=[4, 2, 0], events_at=[4, 4, 0])
    assert [summary.conversion(step) for step in range(3)] == [1.0, 0.5, 0.0]
    assert summary.conversion_of_all == 0.0
    empty = FunnelSummary(events=1, users=1, users_at=[0, 0, 0], events_at=[0, 0, 0])
    assert [empty.conversion(step) for step in range(3)] == [0.0, 0.0, 0.0]
