"""The summary of processed logins against a recomputation, for any division into parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.processed_logins import VERSIONS, ProcessedLoginsSummary, summarize

Login = tuple[str, str, bool]
"""App version, category, whether it is an anomaly."""

LOGINS = st.lists(
    st.tuples(
        st.sampled_from(["2.3.0", "$1", "unknown"]),
        st.sampled_from(["Mobile", "Tablet", "Desktop"]),
        st.booleans(),
    ),
    max_size=40,
)


def table(logins: Sequence[Login]) -> pl.DataFrame:
    counts = Counter(login[:2] for login in logins)
    odd = Counter(login[:2] for login in logins if login[2])
    rows = [(*key, count, odd[key]) for key, count in counts.items()]
    return pl.DataFrame(rows, schema=VERSIONS.empty().schema, orient="row")


@settings(max_examples=80, deadline=None)
@given(LOGINS)
def test_summary_is_what_counters_say(logins: list[Login]) -> None:
    summary = summarize(table(logins))
    assert summary == ProcessedLoginsSummary(
        by_app_version=dict(Counter(login[0] for login in logins)),
        by_category=dict(Counter(login[1] for login in logins)),
        anomalies=sum(login[2] for login in logins),
    )
    assert summary.events == len(logins)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(summary), type=type(summary)) == summary


@settings(max_examples=80, deadline=None)
@given(LOGINS, st.integers(0, 40), st.integers(0, 40))
def test_merged_parts_are_the_summary_of_the_whole(logins: list[Login], i: int, j: int) -> None:
    first, second = sorted((i, j))
    a, b, c = (
        summarize(table(part)) for part in (logins[:first], logins[first:second], logins[second:])
    )
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(b).merge(a)
    assert a.merge(b).merge(c) == summarize(table(logins))
