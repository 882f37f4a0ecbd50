"""Rules over windows: any cut of the closings, with restarts, gives the same alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.alerting.followers import DocumentRules, KeyRules
from dataflows.alerting.rule import OfDocument, OfTable, WatchedRule
from dataflows.alerts import Alert
from dataflows.streaming.parcels import NOTHING_ASIDE, ClosedWindow, Closing
from dataflows.streaming.summary import Finals, WindowSummary
from dataflows.streaming.watermark import END_US
from stats.distinct import KeyTable
from tests.support.recompute_alerts import Expected, rule_alerts
from tidemark.config.alerts import RuleSettings

WINDOW_S = 10
WINDOW_US = WINDOW_S * 1_000_000
Counts = dict[int, dict[str, int]]
"""By the number of a window: the count of each key."""

COUNTS: st.SearchStrategy[Counts] = st.dictionaries(
    st.integers(0, 12),
    st.dictionaries(st.sampled_from(["a", "b", "c/d"]), st.integers(1, 9), min_size=1),
)
CUTS = st.lists(st.tuples(st.integers(0, 130), st.booleans()), max_size=6)
RULES: list[dict[str, Any]] = [
    {"name": "high", "op": ">", "threshold": 5},
    {"name": "low", "op": "<=", "threshold": 2.5, "for_windows": 2, "cooldown_s": 20},
]


def watched(rule: dict[str, Any], source: OfTable | OfDocument) -> WatchedRule:
    given = {"pipeline": "p", "metric": "m", **rule, "threshold": float(rule["threshold"])}
    return WatchedRule(RuleSettings.model_validate(given), WINDOW_S, source)


def cuts_of(counts: Counts, cuts: Sequence[tuple[int, bool]]) -> list[tuple[list[int], int, bool]]:
    """Return what closes at each watermark (in s), the watermark, and whether a restart follows."""
    found, done = [], 0
    for second, restart in [*sorted(cuts), (END_US, False)]:
        over = min(second // WINDOW_S, 10**6)
        numbers = [number for number in sorted(counts) if done <= number < over]
        watermark_us = END_US if second == END_US else second * 1_000_000
        found.append((numbers, watermark_us, restart))
        done = max(done, over)
    return found


def check(found: Sequence[Alert], rule: dict[str, Any], values: dict[tuple[int, str], int]) -> None:
    documents = {each["_id"]: each for each in (alert.document() for alert in found)}
    assert len(documents) == len(found)
    expected = rule_alerts(Expected({**rule, "pipeline": "p"}, values), window_s=WINDOW_S)
    assert documents.keys() == expected.keys()
    for identity, fields in expected.items():
        assert {name: documents[identity][name] for name in fields} == fields


def table(counts: dict[str, int]) -> pl.DataFrame:
    """Return rows of two kinds for each key."""
    rows = [(key, kind, part) for key, n in counts.items() for kind, part in (("x", n), ("y", 50))]
    return pl.DataFrame(
        rows, {"key": pl.String, "kind": pl.String, "count": pl.Int64}, orient="row"
    )


@settings(deadline=None)
@given(COUNTS, CUTS)
def test_by_key(counts: Counts, cuts: list[tuple[int, bool]]) -> None:
    source = OfTable("t", "key", "count", second_key="kind", name="x")
    rules = [watched(rule, source) for rule in RULES]
    follower, found = KeyRules(rules), list[Alert]()
    for numbers, watermark_us, restart in cuts_of(counts, cuts):
        windows = [ClosedWindow(n * WINDOW_US, {"t": table(counts[n])}) for n in numbers]
        for alerts in follower.absorb(Closing(0, watermark_us, windows, [])):
            found += alerts
        if restart:
            follower = KeyRules(rules, msgspec.msgpack.decode(packed(follower)))
    values = {(n * WINDOW_US, key): v for n, each in counts.items() for key, v in each.items()}
    for rule in RULES if values else ():
        check([each for each in found if each.rule.name == rule["name"]], rule, values)


class Total(msgspec.Struct):
    counts: dict[str, int]

    @property
    def events(self) -> int:
        return sum(self.counts.values())

    def merge(self, other: Total) -> Total:
        raise NotImplementedError


@settings(deadline=None)
@given(COUNTS, CUTS)
def test_by_documents(counts: Counts, cuts: list[tuple[int, bool]]) -> None:
    """Of each key of a map, and of one of them, which is 0 in windows that have others only."""
    each = [watched(rule, OfDocument(("by_key",), each=True, inner=("n",))) for rule in RULES]
    one = [
        watched({**rule, "name": f"{rule['name']}-a"}, OfDocument(("by_key", "a", "n")))
        for rule in RULES
    ]

    def document(window: WindowSummary[Total]) -> dict[str, Any]:
        return {"by_key": {key: {"n": count} for key, count in window.summary.counts.items()}}

    follower, found = DocumentRules([*each, *one], document), list[Alert]()
    for numbers, watermark_us, restart in cuts_of(counts, cuts):
        windows = [
            WindowSummary(n * WINDOW_US, watermark_us, Total(counts[n]), NOTHING_ASIDE)
            for n in numbers
        ]
        for alerts in follower.absorb(Finals(watermark_us, windows)):
            found += alerts
        if restart:
            state = msgspec.msgpack.decode(packed(follower))
            follower = DocumentRules([*each, *one], document, state)
    values = {(n * WINDOW_US, key): v for n, found_ in counts.items() for key, v in found_.items()}
    whole = {(n * WINDOW_US, "p"): found_.get("a", 0) for n, found_ in counts.items()}
    for rule in RULES if values else ():
        check([alert for alert in found if alert.rule.name == rule["name"]], rule, values)
        named = {**rule, "name": f"{rule['name']}-a"}
        check([alert for alert in found if alert.rule.name == named["name"]], named, whole)


def packed(follower: KeyRules | DocumentRules) -> bytes:
    """Return a snapshot as bytes: it is nothing but plain values."""
    return msgspec.msgpack.encode(follower.snapshot())


def test_a_window_without_events_has_no_values() -> None:
    follower = DocumentRules(
        [watched({"name": "few", "op": "<", "threshold": 5}, OfDocument(("n",)))],
        lambda _: {"n": 0},
    )
    window = WindowSummary(0, END_US, Total({}), NOTHING_ASIDE)
    assert follower.absorb(Finals(END_US, [window])) == []


def test_money_is_compared_in_units_exact_to_the_cent() -> None:
    rule = watched({"name": "r", "op": ">=", "threshold": 0.3}, OfTable("t", "k", "cents", True))
    rows = pl.DataFrame({"k": ["a", "a", "b"], "count": [1, 1, 1], "cents": [10, 20, 29]})
    ((alert,),) = KeyRules([rule]).absorb(Closing(0, WINDOW_US, [ClosedWindow(0, {"t": rows})], []))
    assert (alert.subject, alert.value) == ("a", 0.3)


def test_keys_of_a_sketch_are_no_subjects() -> None:
    keys = KeyTable("ips", "ip", 4)
    rows = pl.DataFrame(
        {"ip": [f"10.0.0.{n}" for n in range(9)], "slot": None, "count": [9, *[1] * 8]},
        schema={"ip": pl.String, "slot": pl.Int32, "count": pl.Int64},
    )
    rule = watched({"name": "r", "op": ">", "threshold": 2}, OfTable("ips", "ip", "count"))
    window = ClosedWindow(0, {"ips": keys.merge([rows])})
    ((alert,),) = KeyRules([rule]).absorb(Closing(0, WINDOW_US, [window], []))
    assert alert.subject == "10.0.0.0"


def test_a_rule_that_comes_to_mean_other_subjects_begins_from_nothing() -> None:
    by_key = watched({"name": "r", "op": ">", "threshold": 5}, OfTable("t", "key", "count"))
    follower = KeyRules([by_key])
    follower.absorb(Closing(0, WINDOW_US, [ClosedWindow(0, {"t": table({"a": 9})})], []))
    other = watched(
        {"name": "r", "op": ">", "threshold": 5, "per": "user"}, OfTable("t", "key", "count")
    )
    state = follower.snapshot()
    (ends,) = KeyRules([by_key], state).absorb(Closing(0, END_US, [], []))
    assert [alert.state for alert in ends] == ["end"]
    assert KeyRules([other], state).absorb(Closing(0, END_US, [], [])) == []
    assert KeyRules([], state).absorb(Closing(0, END_US, [], [])) == []
