"""Points as lines of text."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from sinks.commands import Point
from sinks.line_protocol import to_line

AT = datetime(2023, 11, 14, 22, 13, 20, 999_999, tzinfo=UTC)


def test_integers_floats_tags_in_order_and_whole_seconds() -> None:
    point = Point("m", AT, {"b": "2", "a": "1"}, {"n": 3, "x": 3.0, "small": 1e-7})
    assert to_line(point) == "m,a=1,b=2 n=3i,x=3.0,small=1e-07 1700000000"


def test_separators_are_escaped() -> None:
    point = Point("m,1 =", AT, {"t, =": "v, ="}, {"f, =": 1})
    assert to_line(point) == r"m\,1\ =,t\,\ \==v\,\ \= f\,\ \==1i 1700000000"


@pytest.mark.parametrize(
    ("tag", "held"),
    [
        ("a\\", "a＼"),  # noqa: RUF001
        ("a\\\\", "a\\＼"),  # noqa: RUF001
        ("a\\,b", "a＼\\,b"),  # noqa: RUF001
        ("a\\b", "a\\b"),
        ("a\r\nb", "a␍␊b"),
    ],
)
def test_what_the_protocol_cannot_hold_becomes_a_look_alike(tag: str, held: str) -> None:
    assert to_line(Point("m", AT, {"t": tag}, {"n": 1})) == f"m,t={held} n=1i 1700000000"


def test_numbers_that_are_none_are_left_out() -> None:
    assert to_line(Point("m", AT, {}, {"a": math.nan, "b": -math.inf, "c": 1})) == (
        "m c=1i 1700000000"
    )
    assert to_line(Point("m", AT, {}, {"a": math.nan})) is None


def test_times_before_the_epoch_round_down() -> None:
    before = datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)
    assert to_line(Point("m", before, {}, {"n": 1})) == "m n=1i -2"


def test_a_bool_is_a_bug() -> None:
    with pytest.raises(TypeError, match="bool"):
        to_line(Point("m", AT, {}, {"n": True}))
