"""Every alert rule: data on which it must fire and data on which it must not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from sinks.commands import Point
from tests.grafana.asking import Asker, last_hours
from tests.grafana.data import (
    STARTED_S,
    before,
    books,
    interactions,
    item,
    logins_summary,
    processed_summary,
    stock,
    store,
    windows,
)
from tests.grafana.evaluation import NO_LABELS, Labels
from tests.grafana.filling import Span
from tests.grafana.tree import rule, rules
from tests.support.servers import InfluxDBEndpoint

Make = Callable[[datetime], Iterable[Point]]


@dataclass(frozen=True)
class Case:
    """Points, by the moment of evaluation, and for which series the rule then fires."""

    uid: str
    what: str
    points: Make
    firing: frozenset[Labels]
    no_data: bool = False

    def __str__(self) -> str:
        return f"{self.uid.removeprefix('tidemark-')}: {self.what}"


ALONE: Labels = NO_LABELS


def labels(**tags: str) -> Labels:
    return frozenset(tags.items())


def fires(uid: str, what: str, points: Make, *of: Labels, no_data: bool = False) -> Case:
    return Case(f"tidemark-{uid}", what, points, frozenset(of or (ALONE,)), no_data)


def quiet(uid: str, what: str, points: Make, *, no_data: bool = False) -> Case:
    return Case(f"tidemark-{uid}", what, points, frozenset(), no_data)


def purchases(now: datetime, *, earlier: int, later: int) -> list[Point]:
    """Purchases spread over half an hour and the half an hour after it, up to now."""
    points: list[Point] = []
    for count, minutes in ((earlier, range(31, 59)), (later, range(1, 29))):
        for number in range(count):
            minute, second = minutes[number % len(minutes)], number // len(minutes) % 60
            window = before(now, minutes=minute, seconds=second)
            points += interactions(window, {"purchase": 1, "view": 5})
    return points


def pipeline(now: datetime, **counts: int) -> list[Point]:
    return [books("sales", before(now, minutes=minute), **counts) for minute in range(1, 11)]


def starts(now: datetime, count: int) -> list[Point]:
    return [
        books("sales", before(now, minutes=25 - minute), started_s=STARTED_S + minute % count)
        for minute in range(20)
    ]


CASES = [
    fires(
        "item-spike",
        "one item in one window",
        lambda now: [
            item(before(now, minutes=2), "i1", 501),
            item(before(now, minutes=2), "i2", 9),
        ],
        labels(item_id="i1"),
    ),
    quiet("item-spike", "just below", lambda now: [item(before(now, minutes=2), "i1", 500)]),
    quiet(
        "item-spike",
        "long ago",
        lambda now: [item(before(now, minutes=20), "i1", 501)],
        no_data=True,
    ),
    fires("interactions-stopped", "nothing at all", lambda now: [], no_data=True),
    fires(
        "interactions-stopped",
        "nothing for six minutes",
        lambda now: [
            point
            for window in windows(before(now, hours=1), before(now, minutes=6), 10)
            for point in interactions(window, {"view": 3})
        ],
        no_data=True,
    ),
    quiet(
        "interactions-stopped",
        "a window a minute ago",
        lambda now: interactions(before(now, minutes=1), {"view": 1}),
    ),
    fires("purchases-fell", "to a third", lambda now: purchases(now, earlier=90, later=30)),
    fires("purchases-fell", "to nothing", lambda now: purchases(now, earlier=90, later=0)),
    quiet("purchases-fell", "by a third", lambda now: purchases(now, earlier=90, later=60)),
    quiet("purchases-fell", "risen", lambda now: purchases(now, earlier=30, later=90)),
    quiet("purchases-fell", "from too few", lambda now: purchases(now, earlier=19, later=0)),
    quiet(
        "purchases-fell",
        "none before",
        lambda now: purchases(now, earlier=0, later=50),
        no_data=True,
    ),
    fires(
        "suspicious-logins",
        "one",
        lambda now: [
            processed_summary(before(now, minutes=3), anomalies=1),
            processed_summary(before(now, minutes=2), anomalies=0),
        ],
    ),
    quiet(
        "suspicious-logins",
        "none",
        lambda now: [processed_summary(before(now, minutes=m), anomalies=0) for m in range(9)],
    ),
    fires(
        "frequent-ip",
        "in one window",
        lambda now: [
            logins_summary(before(now, minutes=3), max_per_ip=101),
            logins_summary(before(now, minutes=2), max_per_ip=4),
        ],
    ),
    quiet(
        "frequent-ip",
        "often, yet in many windows",
        lambda now: [logins_summary(before(now, minutes=m), max_per_ip=100) for m in range(1, 9)],
    ),
    fires(
        "low-stock",
        "low in one category",
        lambda now: [
            stock(before(now, minutes=3), "books", low=1),
            stock(before(now, minutes=3), "garden tools"),
        ],
        labels(category="books"),
    ),
    fires(
        "low-stock",
        "out",
        lambda now: [stock(before(now, minutes=3), "books", out=2)],
        labels(category="books"),
    ),
    quiet("low-stock", "enough", lambda now: [stock(before(now, minutes=3), "books")]),
    fires(
        "rejected-share",
        "one in ten",
        lambda now: [
            *pipeline(now, events=90, rejected=10),
            books("activity", before(now, minutes=2)),
        ],
        labels(pipeline="sales"),
    ),
    fires(
        "rejected-share",
        "all",
        lambda now: pipeline(now, events=0, rejected=10, late=0),
        labels(pipeline="sales"),
    ),
    quiet("rejected-share", "one in fifty", lambda now: pipeline(now, events=98, rejected=2)),
    quiet(
        "rejected-share",
        "half, yet of few",
        lambda now: [books("sales", before(now, minutes=2), events=9, rejected=9, late=0)],
    ),
    fires(
        "late-share",
        "one in ten",
        lambda now: pipeline(now, events=90, late=10),
        labels(pipeline="sales"),
    ),
    quiet("late-share", "one in fifty", lambda now: pipeline(now, events=98, late=2)),
    fires(
        "watermark-lag",
        "the newest window is of hours ago, as the pipeline is behind",
        lambda now: [books("sales", before(now, hours=3), lag_s=10_800.0)],
        labels(pipeline="sales"),
    ),
    fires(
        "watermark-lag",
        "one of two pipelines",
        lambda now: [
            books("sales", before(now, minutes=1), lag_s=121.0),
            books("activity", before(now, minutes=1), lag_s=8.0),
        ],
        labels(pipeline="sales"),
    ),
    quiet(
        "watermark-lag",
        "caught up",
        lambda now: [
            books("sales", before(now, hours=3), lag_s=10_800.0),
            books("sales", before(now, minutes=1), lag_s=8.0),
        ],
    ),
    fires("restarts", "four processes", lambda now: starts(now, 4), labels(pipeline="sales")),
    quiet("restarts", "three processes", lambda now: starts(now, 3)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_fires_when_it_must_and_only_then(
    case: Case, influx: InfluxDBEndpoint, influx_database: str
) -> None:
    asker = Asker(influx, influx_database, last_hours(1))
    store(influx, influx_database, list(case.points(asker.span.end)))
    states = asker.rule(rule(case.uid))
    assert (states is None) == case.no_data
    assert _firing(case.uid, states) == case.firing


def test_each_rule_has_data_that_fires_and_data_that_does_not() -> None:
    every = {each["uid"] for each in rules()}
    assert {case.uid for case in CASES if case.firing} == every
    assert {case.uid for case in CASES if not case.firing} == every


def test_no_rule_but_the_one_for_silence_fires_without_data(filled: Asker) -> None:
    end = filled.span.end + timedelta(days=9)
    later = replace(filled, span=Span(end - timedelta(hours=1), end))
    firing = {each["uid"] for each in rules() if _firing(each["uid"], later.rule(each))}
    assert firing == {"tidemark-interactions-stopped"}


@pytest.mark.parametrize("uid", [each["uid"] for each in rules()])
def test_a_rules_queries_return_rows_from_a_database_that_is_in_use(
    uid: str, filled: Asker
) -> None:
    assert filled.rule(rule(uid)) is not None


def _firing(uid: str, states: dict[Labels, bool] | None) -> frozenset[Labels]:
    """Return the series that fire; without data the rule's own answer to that counts."""
    if states is None:
        return frozenset({ALONE}) if rule(uid)["noDataState"] == "Alerting" else frozenset()
    return frozenset(series for series, holds in states.items() if holds)
