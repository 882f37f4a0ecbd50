"""What every series store must do, the same for each."""

from __future__ import annotations

import math
import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.commands import Point, WritePoints
from tests.sinks.builders import ODD_NAMES, START
from tests.sinks.readers import SeriesPlace

AT = int(START.timestamp())


def test_a_point_comes_back_with_its_tags_and_kinds_of_numbers(series: SeriesPlace) -> None:
    tags = {"interaction_type": "view", "day_type": "weekday"}
    fields = {"count": 2**53 + 1, "share": 0.1 + 0.2, "whole": 3.0}
    store = series.make()
    store.open()
    store.write([WritePoints([Point("interactions", START, tags, fields)])])
    store.close()
    read = series.read("interactions", list(tags))
    assert read == {(AT, tuple(sorted(tags.items()))): fields}


def test_a_point_without_tags(series: SeriesPlace) -> None:
    store = series.make()
    store.open()
    store.write([WritePoints([Point("interactions_summary", START, {}, {"total": 7})])])
    store.close()
    assert series.read("interactions_summary", []) == {(AT, ()): {"total": 7}}


def test_a_point_sent_again_overwrites_itself(series: SeriesPlace) -> None:
    store = series.make()
    store.open()
    for value in (1, 2, 2):
        store.write([WritePoints([Point("m", START, {"a": "x", "b": "y"}, {"n": value})])])
    store.write([WritePoints([Point("m", START, {"b": "y", "a": "x"}, {"n": 3})])])
    store.close()
    assert series.read("m", ["a", "b"]) == {(AT, (("a", "x"), ("b", "y"))): {"n": 3}}


def test_another_time_or_tag_is_another_point(series: SeriesPlace) -> None:
    later = START + timedelta(seconds=10)
    points = [
        Point("m", START, {"a": "x"}, {"n": 1}),
        Point("m", START, {"a": "y"}, {"n": 2}),
        Point("m", later, {"a": "x"}, {"n": 3}),
    ]
    store = series.make()
    store.open()
    store.write([WritePoints(points[:2]), WritePoints(points[2:])])
    store.close()
    assert series.read("m", ["a"]) == {
        (AT, (("a", "x"),)): {"n": 1},
        (AT, (("a", "y"),)): {"n": 2},
        (AT + 10, (("a", "x"),)): {"n": 3},
    }


def test_fields_that_are_not_sent_again_stay(series: SeriesPlace) -> None:
    store = series.make()
    store.open()
    store.write([WritePoints([Point("m", START, {}, {"a": 1, "b": 2})])])
    store.write([WritePoints([Point("m", START, {}, {"b": 3})])])
    store.close()
    assert series.read("m", []) == {(AT, ()): {"a": 1, "b": 3}}


@pytest.mark.parametrize("name", [*ODD_NAMES, "a,b=c d", "back\\slash", "#x", "tab\tx"])
def test_odd_names_survive(series: SeriesPlace, name: str) -> None:
    store = series.make()
    store.open()
    point = Point(f"m {name}", START, {"tag": name, f"t{name}": "v"}, {f"f{name}": 1})
    store.write([WritePoints([point])])
    store.close()
    identity = (AT, tuple(sorted(point.tags.items())))
    assert series.read(point.measurement, list(point.tags)) == {identity: dict(point.fields)}


def test_many_points_in_one_write(series: SeriesPlace) -> None:
    points = [
        Point("m", START + timedelta(seconds=n // 100), {"a": str(n % 100)}, {"n": n})
        for n in range(12_000)
    ]
    store = series.make()
    store.open()
    store.write([WritePoints(points)])
    store.close()
    read = series.read("m", ["a"])
    assert len(read) == 12_000
    assert sum(fields["n"] for fields in read.values()) == sum(range(12_000))


def test_no_points_are_fine(series: SeriesPlace) -> None:
    store = series.make()
    store.open()
    store.write([])
    store.write([WritePoints([])])
    store.flush()
    store.close()
    store.close()


def test_a_number_that_is_none_is_left_out(series: SeriesPlace) -> None:
    fields = {"n": 1, "nan": math.nan, "inf": math.inf}
    store = series.make()
    store.open()
    store.write([WritePoints([Point("m", START, {}, fields)])])
    store.write([WritePoints([Point("m", START + timedelta(seconds=1), {}, {"x": math.nan})])])
    store.close()
    assert series.read("m", []) == {(AT, ()): {"n": 1}}


def test_an_empty_tag_is_no_tag(series: SeriesPlace) -> None:
    store = series.make()
    store.open()
    store.write([WritePoints([Point("m", START, {"a": "", "b": "y"}, {"n": 1})])])
    store.close()
    assert series.read("m", ["a", "b"]) == {(AT, (("b", "y"),)): {"n": 1}}


text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8
)
texts = text.filter(lambda value: not re.search(r"\\([,= ]|$)", value))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts, texts, st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_number_survive(
    series: SeriesPlace, measurement: str, tag: str, count: int, share: float
) -> None:
    store = series.make()
    store.open()
    point = Point(f"m{measurement}", START, {"tag": tag}, {"count": count, "share": share})
    store.write([WritePoints([point])])
    store.close()
    fields = series.read(point.measurement, ["tag"])[AT, (("tag", tag),)]
    assert fields == {"count": count, "share": pytest.approx(share, rel=1e-15)}
