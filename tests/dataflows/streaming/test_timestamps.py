"""Event times: every accepted form, and the batch parser against the one-by-one parser."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.timestamps import (
    INVALID_US,
    iso,
    moment,
    parse_timestamp,
    parse_timestamps,
)
from dataflows.streaming.watermark import BEGINNING_US, END_US

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""


def micros(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)


def batch(values: list[object]) -> list[int | None]:
    return [None if us == INVALID_US else us for us in parse_timestamps(values).tolist()]


OFFSETS = st.sampled_from(
    ["", "Z", "+00:00", "-00:00", "+02:00", "-05:30", "+14:00", "-1200", "+05", "+01:00:30"]
)


@st.composite
def written_times(draw: st.DrawFn) -> tuple[str, int]:
    """A moment as text, and the moment."""
    time = draw(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)))
    digits = draw(st.integers(0, 9))
    suffix = draw(OFFSETS)
    separator = draw(st.sampled_from("TT "))
    mark = draw(st.sampled_from("..,"))
    nanos = f"{time.microsecond:06d}{draw(st.integers(0, 999)):03d}"
    text = f"{time:%m-%dT%H:%M:%S}".replace("T", separator)
    text = f"{time.year:04d}-{text}{mark + nanos[:digits] if digits else ''}{suffix}"
    kept = int((nanos[: min(digits, 6)]).ljust(6, "0"))
    ahead = timedelta(0)
    if suffix not in ("", "Z"):
        parts = suffix[1:].replace(":", "").ljust(6, "0")
        ahead = timedelta(hours=int(parts[:2]), minutes=int(parts[2:4]), seconds=int(parts[4:]))
        ahead = -ahead if suffix[0] == "-" else ahead
    local = time.replace(microsecond=kept, tzinfo=timezone(ahead))
    return text, micros(local)


@settings(max_examples=150, deadline=None)
@given(st.lists(written_times(), max_size=40))
def test_a_batch_of_any_layouts_is_read_as_datetime_reads_it(times: list[tuple[str, int]]) -> None:
    texts = [text for text, _ in times]
    wanted = [us for _, us in times]
    assert batch(list(texts)) == wanted
    assert [parse_timestamp(text) for text in texts] == wanted


@settings(max_examples=60, deadline=None)
@given(written_times(), st.integers(1, 50))
def test_a_batch_of_one_layout_is_read_as_datetime_reads_it(
    time: tuple[str, int], count: int
) -> None:
    assert batch([time[0]] * count) == [time[1]] * count


@st.composite
def damaged_times(draw: st.DrawFn) -> str:
    """A moment as text with some characters changed, taken out or put in."""
    text = draw(written_times())[0]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        new = draw(st.sampled_from([*"0123456789-:+.,TZt z/", "", "\u0665", "é", "\x00"]))
        text = text[:at] + new + text[at + draw(st.integers(0, 1)) :]
    return text


@settings(max_examples=300, deadline=None)
@given(st.lists(damaged_times(), max_size=30))
def test_batch_and_single_parser_agree_on_damaged_texts(texts: list[str]) -> None:
    assert batch(list(texts)) == [parse_timestamp(text) for text in texts]


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**14), 10**14),
    st.floats(-1e300, 1e300),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.binary(max_size=30),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    damaged_times(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANYTHING, max_size=20))
def test_any_values_are_read_alike_by_both_parsers_without_raising(values: list[object]) -> None:
    assert batch(values) == [parse_timestamp(value) for value in values]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-01-01T00:00:00Z", DAY_US),
        ("2026-01-01T00:00:00", DAY_US),
        ("2026-01-01 00:00:00", DAY_US),
        ("2026-01-01T00:00", DAY_US),
        ("2026-01-01T01:00:00+01:00", DAY_US),
        ("2025-12-31T19:00:00-05:00", DAY_US),
        ("2026-01-01T05:45:00+0545", DAY_US),
        ("2026-01-01T00:00:00.5Z", DAY_US + 500_000),
        ("2026-01-01T00:00:00,5Z", DAY_US + 500_000),
        ("2026-01-01T00:00:00.000001", DAY_US + 1),
        ("2026-01-01T00:00:00.123456789Z", DAY_US + 123_456),
        ("  2026-01-01T00:00:00Z\n", DAY_US),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-02-29T00:00:00Z", micros(datetime(2000, 2, 29, tzinfo=UTC))),
        ("2024-02-29T23:59:59Z", micros(datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC))),
        ("2100-02-29T00:00:00Z", None),
        ("2023-02-29T00:00:00Z", None),
        ("2026-04-31T00:00:00Z", None),
        ("2026-00-10T00:00:00Z", None),
        ("2026-13-10T00:00:00Z", None),
        ("2026-01-00T00:00:00Z", None),
        ("2026-01-32T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:60:00Z", None),
        ("2026-01-01T00:00:60Z", None),
        ("2026-01-01T00:00:00+24:00", None),
        ("2026-01-01", None),
        ("20260101T000000Z", None),
        ("yesterday at noon, more or less", None),
        ("", None),
        ("2026-01-01T00:00:0\u0660Z", None),
    ],
)
def test_forms_of_text(text: str, wanted: int | None) -> None:
    assert parse_timestamp(text) == wanted
    assert batch([text]) == [wanted]
    assert batch(["2026-03-01T00:00:00Z", text])[1] == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1_767_225_600, DAY_US),
        (1_767_225_600.25, DAY_US + 250_000),
        (1_767_225_600_123, DAY_US + 123_000),
        (1_767_225_600_123.5, DAY_US + 123_500),
        ("1767225600", DAY_US),
        (" 1767225600 ", DAY_US),
        ("1767225600.25", DAY_US + 250_000),
        ("1767225600123", DAY_US + 123_000),
        ("+1767225600", DAY_US),
        ("-1", -1_000_000),
        (0, 0),
        (-0.0, 0),
        (-1.5, -1_500_000),
        (10**11, 10**17),
        (10**11 + 1, (10**11 + 1) * 1_000),
        (-(10**11) - 1, (-(10**11) - 1) * 1_000),
        (-(10**10) * 6, -(10**16) * 6),
        (10**18, None),
        (10**400, None),
        (-(10**400), None),
        ("9" * 20, None),
        ("9" * 21, None),
        ("1e9", None),
        ("0x10", None),
        ("1_000", None),
        (".5", None),
        ("\u0661\u0662\u0663\u0664", None),
        (float("nan"), None),
        (float("inf"), None),
        (1e300, None),
        (True, None),
        (False, None),
        (None, None),
        ([], None),
        ({}, None),
        (b"1767225600", None),
    ],
)
def test_forms_of_numbers_and_what_is_none(value: object, wanted: int | None) -> None:
    assert parse_timestamp(value) == wanted
    assert batch([value]) == [wanted]
    assert batch([value, "2026-01-01T00:00:00Z"]) == [wanted, DAY_US]


@given(
    st.integers(micros(datetime(1990, 1, 1, tzinfo=UTC)), micros(datetime(2100, 1, 1, tzinfo=UTC)))
)
def test_float_seconds_of_our_days_give_back_the_microsecond(us: int) -> None:
    assert parse_timestamp(us / 1e6) == us


@pytest.mark.parametrize("value", [1e306, -1e306, 1.7976931348623157e308])
def test_floats_near_the_largest_are_no_time(value: float) -> None:
    assert parse_timestamp(value) is None


def test_lone_surrogates_are_no_time() -> None:
    assert batch(["2026-01-01T00:00:00Z", "\ud800"]) == [DAY_US, None]


def test_week_dates_are_no_event_time() -> None:
    assert parse_timestamp("2026-W01-1T00:00:00") is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_what_is_read_is_always_a_moment(text: str) -> None:
    assert parse_timestamp(text) is None


@given(
    st.integers(micros(datetime.min.replace(tzinfo=UTC)), micros(datetime.max.replace(tzinfo=UTC)))
)
def test_moment_and_iso_go_back_to_the_same_microsecond(us: int) -> None:
    assert micros(moment(us)) == us
    assert parse_timestamp(iso(us)) == us


def test_moment_stops_at_the_first_year() -> None:
    assert moment(BEGINNING_US) == datetime.min.replace(tzinfo=UTC)


def test_moment_stops_at_the_last_year() -> None:
    assert moment(END_US).year == 9999


def test_long_texts_cost_a_small_multiple_of_their_size() -> None:
    texts: list[object] = ["x" * 200_000 + str(number) for number in range(10)]
    tracemalloc.start()
    try:
        assert batch([*texts, "2026-01-01T00:00:00Z"]) == [*[None] * 10, DAY_US]
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 3 * 10 * 200_000
