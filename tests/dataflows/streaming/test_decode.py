"""Decoding: what is accepted, which reason the rest gets, and that neighbours are left alone."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.interactions import Interaction
from dataflows.streaming import layouts
from dataflows.streaming.decode import Decoder
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.rejects import Limits, Reason
from tests.dataflows.streaming.making import CREATE_TIME, NOW, SECOND, T0, FakeMessage, record

Row = tuple[int, str, str, str, int]
"""Position, user, item, type, time."""

LIMITS = Limits(max_message_bytes=4_096, max_id_length=64, max_distinct_names=5)


@pytest.fixture(autouse=True, params=[1, 64], ids=["layouts", "parser"])
def _worth_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few records by their layout, too, or leave them to the parser: nothing may change."""
    monkeypatch.setattr(layouts, "_WORTH_ROWS", request.param)


def decode_in(
    decoder: Decoder,
    pieces: Sequence[Sequence[bytes | None]],
    broker_us: Callable[[int], int | None] = lambda _: None,
) -> tuple[list[Row], list[tuple[int, Reason]]]:
    """Decode a cut sequence; positions are those of the whole."""
    rows: list[Row] = []
    rejects: list[tuple[int, Reason]] = []
    begin = 0
    for piece in pieces:
        times = [broker_us(begin + at) for at in range(len(piece))]
        messages = [
            FakeMessage(at, None, time=(0, -1) if us is None else (CREATE_TIME, us // 1_000))
            for at, us in enumerate(times)
        ]
        decoded = decoder.decode(piece, NOW, FetchedMessages(messages).broker_times())
        columns = [
            decoded.columns[name].to_pylist() for name in ("user_id", "item_id", "interaction_type")
        ]
        places = (decoded.positions + begin).tolist()
        rows += zip(places, *columns, decoded.event_time_us.tolist(), strict=True)
        rejects += [(begin + reject.position, reject.reason) for reject in decoded.rejects]
        assert all(reject.message for reject in decoded.rejects)
        begin += len(piece)
    return rows, rejects


def verdict(value: bytes | None, limits: Limits = LIMITS) -> Reason | None:
    """Return the reason for a single record; it must not disturb two good neighbours."""
    good = record("u", "i", "view", T0)
    rows, rejects = decode_in(Decoder(Interaction, limits), [[good, value, good]])
    assert {0, 2} <= {row[0] for row in rows}
    assert len(rows) + len(rejects) == 3
    alone = decode_in(Decoder(Interaction, limits), [[value]])
    assert [reason for _, reason in alone[1]] == [reason for _, reason in rejects]
    return rejects[0][1] if rejects else None


def with_raw(**raw: str | None) -> bytes:
    """Return a good record, some fields given as JSON text; None leaves the field out."""
    fields: dict[str, str | None] = {
        "user_id": '"u"',
        "item_id": '"i"',
        "interaction_type": '"view"',
        "timestamp": '"2026-01-01T00:00:00Z"',
        **raw,
    }
    return (
        "{" + ",".join(f'"{k}": {v}' for k, v in fields.items() if v is not None) + "}"
    ).encode()


GOOD = with_raw()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b" ",
        b"{",
        b"}",
        b"not json",
        GOOD[:-1],
        GOOD[: len(GOOD) // 2],
        GOOD + b"x",
        GOOD + GOOD,
        GOOD + b"\x00",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.decode().encode("utf-32-le"),
        with_raw(user_id="'u'"),
        with_raw(user_id='"\\ud800"'),
        with_raw(user_id='"\\q"'),
        with_raw(user_id='"a\nb"'),
        with_raw(user_id='"a\x00b"'),
        with_raw(timestamp="NaN"),
        with_raw(timestamp="Infinity"),
        with_raw(timestamp="-Infinity"),
        with_raw(timestamp="01"),
        with_raw(timestamp="+1"),
        with_raw(extra="tru"),
        with_raw(extra="NaN"),
        with_raw(extra="01"),
        with_raw(extra='"\\u12"'),
        with_raw(extra='"\x01"'),
        with_raw(extra="[1,]"),
        with_raw(extra="{1: 2}"),
        with_raw(extra='"X"').replace(b"X", b"\xff"),
        with_raw(extra='"X"').replace(b"X", b"\xc3"),
        with_raw(extra='"X"').replace(b"X", b"\xed\xa0\x80"),
        with_raw(extra='"X"').replace(b"X", b"\xc0\xaf"),
        with_raw(extra='{"X": [1]}').replace(b"X", b"\x80"),
        with_raw(user_id='"X"').replace(b"X", b"\xff"),
    ],
)
def test_what_is_no_json(value: bytes | None) -> None:
    assert verdict(value, Limits()) is Reason.INVALID_JSON


@pytest.mark.parametrize(
    "value",
    [b"9\xaf", b"1 2", b"[1", b'{"user_id": null, "item', b"nullx", b'{"user_id": 1.5}}'],
)
def test_what_is_no_json_whatever_its_first_part_is(value: bytes) -> None:
    assert verdict(value) is Reason.INVALID_JSON


WRONG_TYPES = ["null", "true", "false", "1.5", "1.0", "1e2", "[]", '["u"]', "{}", '{"$oid": "u"}']


@pytest.mark.parametrize("field", ["user_id", "item_id", "interaction_type"])
@pytest.mark.parametrize("raw", [*WRONG_TYPES, '""', "1e999", None])
def test_ids_and_names_of_a_wrong_type(field: str, raw: str | None) -> None:
    assert verdict(with_raw(**{field: raw})) is Reason.INVALID_SCHEMA


@pytest.mark.parametrize("raw", ["null", "true", "[]", "{}", "[1767225600]", None])
def test_timestamps_of_a_wrong_type(raw: str | None) -> None:
    assert verdict(with_raw(timestamp=raw)) is Reason.INVALID_SCHEMA


@pytest.mark.parametrize(
    "value", [b"null", b"1", b"[]", b'"text"', b"true", b"{}", b"[" + GOOD + b"]"]
)
def test_json_that_is_no_record(value: bytes) -> None:
    assert verdict(value) is Reason.INVALID_SCHEMA


@pytest.mark.parametrize(
    "raw",
    [
        '""',
        '" "',
        '"yesterday"',
        '"2026-02-30T00:00:00Z"',
        '"2026-01-01"',
        '"NaN"',
        '"inf"',
        "1e999",
        "-1e999",
        "1e300",
        "9223372036854775808",
        "-9223372036854775808",
        "1" * 400,
        "1" * 4_000,
        '"' + "9" * 3_000 + '"',
        '"\\u0000"',
    ],
)
def test_what_is_no_time(raw: str) -> None:
    assert verdict(with_raw(timestamp=raw)) is Reason.INVALID_TIMESTAMP


@pytest.mark.parametrize("raw", ["1e306", "-1e306", "1.7976931348623157e308"])
def test_numbers_near_the_largest_are_no_time(raw: str) -> None:
    assert verdict(with_raw(timestamp=raw)) is Reason.INVALID_TIMESTAMP


@pytest.mark.parametrize("field", ["user_id", "item_id"])
@pytest.mark.parametrize(
    "raw",
    [
        '"\\u0000"',
        '"a\\nb"',
        '"a\\tb"',
        '"\\u001f"',
        '"\\u007f"',
        '"\\u0085"',
        '"\\u009f"',
        '"' + "x" * 65 + '"',
        '"' + "é" * 65 + '"',
        "1" * 65,
        "-" + "1" * 64,
        "1" * 4_000,
    ],
)
def test_ids_that_are_not_taken(field: str, raw: str) -> None:
    assert verdict(with_raw(**{field: raw})) is Reason.INVALID_ID


@pytest.mark.parametrize("raw", ['"a\\u0000b"', '"a\\nb"', '"\\u0085"'])
def test_names_with_control_characters_are_not_taken(raw: str) -> None:
    """No store takes a NUL in a map key, no line of a series a line break in a tag."""
    assert verdict(with_raw(interaction_type=raw)) is Reason.INVALID_ID


def test_numbers_too_long_to_print_are_no_ids_whatever_the_limit() -> None:
    limits = Limits(max_id_length=65_536)
    assert (
        verdict(with_raw(user_id="1" * 4_000), limits) is not None
        or decode_in(Decoder(Interaction, limits), [[with_raw(user_id="1" * 4_000)]])[0][0][1]
        == "1" * 4_000
    )


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("7", "7"),
        ("-7", "-7"),
        ("0", "0"),
        ("18446744073709551616", "18446744073709551616"),
        ('"7"', "7"),
        ('" "', " "),
        ('"a.b"', "a.b"),
        ('"$where"', "$where"),
        ('"checkout.$start.2.3.0"', "checkout.$start.2.3.0"),
        ('"\\u00fc\\ud83d\\ude00"', "ü😀"),
        ('"ü😀漢字"', "ü😀漢字"),
        ('"\\u2028"', "\u2028"),
        ('"\ufeffu"', "\ufeffu"),
        ('"' + "é" * 64 + '"', "é" * 64),
        ('"' + "😀" * 64 + '"', "😀" * 64),
        ("1" * 64, "1" * 64),
    ],
)
@pytest.mark.parametrize("field", ["user_id", "item_id", "interaction_type"])
def test_ids_and_names_come_through_unchanged(field: str, raw: str, text: str) -> None:
    decoded = Decoder(Interaction, LIMITS).decode([with_raw(**{field: raw})], NOW)
    assert decoded.columns[field].to_pylist() == [text]


@pytest.mark.parametrize(
    "value",
    [
        with_raw(extra='"\\u0000"'),
        with_raw(extra="1e999"),
        with_raw(extra="9" * 500),
        with_raw(extra="[" * 200 + "]" * 200),
        with_raw(extra='"ü😀"'),
        with_raw(extra="null"),
        b" \t\r\n" + GOOD + b"\n ",
        b'{"user_id": "first", ' + GOOD[1:],
        GOOD.replace(b"user_id", b"\\u0075ser_id"),
    ],
)
def test_what_is_unusual_but_valid(value: bytes) -> None:
    assert verdict(value) is None


def test_of_duplicate_keys_the_last_one_stands() -> None:
    value = GOOD[:-1] + b', "user_id": "last"}'
    assert Decoder(Interaction, LIMITS).decode([value], NOW).columns["user_id"].to_pylist() == [
        "last"
    ]


@pytest.mark.parametrize("levels", [500, 2_000, 100_000])
@pytest.mark.parametrize("field", ["extra", "user_id", "timestamp"])
def test_deep_nesting_ends_nothing_on_a_thread_of_a_small_stack(field: str, levels: int) -> None:
    """The workers of a cluster are threads with 2 MiB of stack."""
    value = with_raw(**{field: "[" * levels + "]" * levels})
    said: list[Reason | None] = []
    before = threading.stack_size(2 << 20)
    try:
        thread = threading.Thread(target=lambda: said.append(verdict(value, Limits())))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    allowed = (
        {Reason.INVALID_JSON, None}
        if field == "extra"
        else {Reason.INVALID_SCHEMA, Reason.INVALID_JSON}
    )
    assert said
    assert said[0] in allowed


def test_size_is_looked_at_first_and_to_the_byte() -> None:
    fits = GOOD.ljust(LIMITS.max_message_bytes)
    assert verdict(fits) is None
    assert verdict(fits + b" ") is Reason.TOO_LARGE
    assert verdict(b"x" * (LIMITS.max_message_bytes + 1)) is Reason.TOO_LARGE


def test_future_begins_after_the_skew_and_not_before() -> None:
    limit = NOW + LIMITS.max_future_skew_us
    assert verdict(with_raw(timestamp=f"{limit // 1_000}")) is None
    assert verdict(record("u", "i", "view", limit + 1)) is Reason.FUTURE_TIMESTAMP


def test_broker_time_before_the_clock_decides_what_is_future() -> None:
    value = record("u", "i", "view", T0 + 61 * SECOND)

    def decided(broker_us: int | None) -> list[tuple[int, Reason]]:
        return decode_in(Decoder(Interaction, LIMITS), [[value]], lambda _: broker_us)[1]

    assert decided(T0) == [(0, Reason.FUTURE_TIMESTAMP)]
    assert decided(T0 + SECOND) == []
    assert decided(None) == []


def test_names_beyond_the_cap_are_rejected_and_known_ones_stay() -> None:
    values = [record("u", "i", f"n{number}", T0) for number in (0, 1, 2, 3, 4, 5, 0, 6, 4)]
    rows, rejects = decode_in(Decoder(Interaction, LIMITS), [values])
    assert [row[3] for row in rows] == ["n0", "n1", "n2", "n3", "n4", "n0", "n4"]
    assert rejects == [(5, Reason.INVALID_SCHEMA), (7, Reason.INVALID_SCHEMA)]


def test_rejected_records_use_up_no_place_under_the_cap() -> None:
    bad = [record("", "i", f"bad{number}", T0) for number in range(9)]
    good = [record("u", "i", f"n{number}", T0) for number in range(5)]
    rows, rejects = decode_in(Decoder(Interaction, LIMITS), [[*bad, *good]])
    assert (len(rows), len(rejects)) == (5, 9)


def test_names_are_resumed() -> None:
    first = Decoder(Interaction, LIMITS)
    decode_in(first, [[record("u", "i", f"n{number}", T0) for number in range(5)]])
    second = Decoder(Interaction, LIMITS, first.names())
    rows, rejects = decode_in(second, [[record("u", "i", "n3", T0), record("u", "i", "other", T0)]])
    assert ([row[3] for row in rows], rejects) == (["n3"], [(1, Reason.INVALID_SCHEMA)])


def test_an_empty_batch_is_empty_columns() -> None:
    decoded = Decoder(Interaction, LIMITS).decode([], NOW)
    assert {len(column) for column in decoded.columns.values()} == {0}
    assert (len(decoded.positions), len(decoded.event_time_us), decoded.rejects) == (0, 0, [])


def test_a_batch_of_bad_records_is_empty_columns() -> None:
    decoded = Decoder(Interaction, LIMITS).decode([b"x", None, with_raw(user_id='""')], NOW)
    assert {len(column) for column in decoded.columns.values()} == {0}
    assert [reject.position for reject in decoded.rejects] == [0, 1, 2]


POOL: list[bytes | None] = [
    record("u1", "i1", "a", T0),
    record("u2", "i2", "b", T0 + SECOND, note="ü"),
    record(3, "i3", "c", T0 - SECOND),
    record("u4", 4, "d", T0 + 2 * SECOND),
    record("u5", "i5", "e", T0),
    record("u6", "i6", "f", T0),
    record("u7", "i7", "g", T0 + 30 * SECOND),
    record("", "i8", "h", T0),
    record("u9", "i9", "i", NOW + 61 * SECOND),
    record("u\n", "i", "j", T0),
    with_raw(timestamp="1767225600"),
    with_raw(timestamp='"1767225600123"'),
    with_raw(timestamp='"2026-01-01 01:00:00+01:00"'),
    with_raw(timestamp='"never"'),
    with_raw(user_id='"' + "x" * 65 + '"'),
    b"x" * 5_000,
    b"{",
    None,
    b"",
    with_raw(extra='"X"').replace(b"X", b"\xff"),
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(POOL), max_size=40),
    st.lists(st.integers(0, 40), max_size=8),
    st.lists(st.integers(-70, 70), min_size=40, max_size=40),
    st.booleans(),
)
def test_any_cut_into_batches_comes_to_the_same_result(
    values: list[bytes | None], cuts: list[int], ages_s: list[int], in_order: bool
) -> None:
    # Times of an append log go up; those that producers set need not.
    ages = sorted(ages_s) if in_order else ages_s

    def broker_us(position: int) -> int | None:
        return T0 + ages[position] * SECOND

    bounds = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    pieces = [values[a:b] for a, b in itertools.pairwise(bounds)]
    whole = decode_in(Decoder(Interaction, LIMITS), [values], broker_us)
    assert decode_in(Decoder(Interaction, LIMITS), pieces, broker_us) == whole
    assert decode_in(Decoder(Interaction, LIMITS), [[v] for v in values], broker_us) == whole


def test_a_producers_kafka_time_in_the_middle_of_a_batch_counts_like_one_at_its_end() -> None:
    values = [record("u", "i", "view", time) for time in (T0, T0 + 100 * SECOND, T0)]
    broker = [T0 + 200 * SECOND, T0, T0 + 200 * SECOND]
    alone = decode_in(Decoder(Interaction, LIMITS), [[v] for v in values], broker.__getitem__)
    assert alone[1] == [(1, Reason.FUTURE_TIMESTAMP)]
    assert decode_in(Decoder(Interaction, LIMITS), [values], broker.__getitem__) == alone


def _bad_records(rng: random.Random, count: int) -> list[tuple[bytes | None, set[Reason | None]]]:
    """Make odd records, each with what may be said of it."""
    json_, schema = {Reason.INVALID_JSON}, {Reason.INVALID_SCHEMA}
    long_json = "[" * 1_900 + "1" + "]" * 1_900
    made: list[tuple[bytes | None, set[Reason | None]]] = []
    makers: list[Callable[[], tuple[bytes | None, set[Reason | None]]]] = [
        lambda: (GOOD[: rng.randrange(len(GOOD))], {*json_}),
        lambda: (None, {*json_}),
        lambda: (b"<" + rng.randbytes(rng.randrange(60)), {*json_}),
        lambda: (
            with_raw(extra='"X"').replace(b"X", bytes([rng.randrange(0x80, 0x100)])),
            {*json_},
        ),
        lambda: (with_raw(extra=long_json), {Reason.INVALID_JSON, None}),
        lambda: (with_raw(extra=rng.choice(["NaN", "Infinity", "-Infinity", "nul"])), {*json_}),
        lambda: (with_raw(**{_field(rng): rng.choice([*WRONG_TYPES, '""'])}), {*schema}),
        lambda: (with_raw(**{_field(rng): None}), {*schema}),
        lambda: (with_raw(timestamp=rng.choice(["null", "[]", "true", "{}"])), {*schema}),
        lambda: (
            with_raw(timestamp=str(rng.randrange(10**16, 10**300))),
            {Reason.INVALID_TIMESTAMP},
        ),
        lambda: (with_raw(timestamp=f'"{rng.randrange(10**9)} s"'), {Reason.INVALID_TIMESTAMP}),
        lambda: (
            record("u", "i", "view", NOW + rng.randrange(61, 10**7) * SECOND),
            {Reason.FUTURE_TIMESTAMP},
        ),
        lambda: (
            record(f"u{chr(rng.choice([*range(32), *range(127, 160)]))}", "i", "view", T0),
            {Reason.INVALID_ID},
        ),
        lambda: (record("i", "x" * rng.randrange(65, 400), "view", T0), {Reason.INVALID_ID}),
        lambda: (b" " * rng.randrange(4_097, 5_000), {Reason.TOO_LARGE}),
        lambda: (record(f"u.{rng.random()}$", "i", "view", T0 + rng.randrange(9)), {None}),
        lambda: (record(rng.randrange(-(10**30), 10**30), "ü", "view", T0), {None}),
    ]
    for _ in range(count):
        made.append(rng.choice(makers)())
    return made


def _field(rng: random.Random) -> str:
    return rng.choice(["user_id", "item_id", "interaction_type"])


def test_twelve_thousand_odd_records_get_their_reason_and_cost_no_neighbour() -> None:
    rng = random.Random(20260101)
    made = _bad_records(rng, 12_000)
    values: list[bytes | None] = []
    wanted: dict[int, set[Reason | None]] = {}
    for number, (value, reasons) in enumerate(made):
        wanted[len(values)] = reasons
        values.append(value)
        if number % 3 == 0:
            wanted[len(values)] = {None}
            values.append(record(f"good{number}", "i", "view", T0 + number))
    pieces, at = [], 0
    while at < len(values):
        size = rng.choice([1, 7, 100, 2_000])
        pieces.append(values[at : at + size])
        at += size
    rows, rejects = decode_in(Decoder(Interaction, LIMITS), pieces)
    said: dict[int, Reason | None] = {**dict.fromkeys(row[0] for row in rows), **dict(rejects)}
    assert len(rows) + len(rejects) == len(values) == len(said)
    wrong = {
        at: (said[at], values[at]) for at, reasons in wanted.items() if said[at] not in reasons
    }
    assert not wrong
    for at, user, item, kind, time_us in rows:
        value = values[at]
        assert value is not None
        fields = json.loads(value)
        assert (user, item, kind) == (str(fields["user_id"]), str(fields["item_id"]), "view")
        assert value == record(fields["user_id"], item, kind, time_us)


def _is_json(value: bytes) -> bool:
    """Tell what the standard library says: strict but for its own `NaN` and lone surrogates."""
    try:
        json.loads(value.decode(), parse_constant=int)
    except ValueError:
        return False
    return True


def test_records_with_flipped_bytes_are_accepted_only_as_what_they_say() -> None:
    rng = random.Random(7)
    values: list[bytes | None] = []
    for _ in range(6_000):
        value = bytearray(
            with_raw(
                extra='{"a": [1.5, "é"]}',
                timestamp=rng.choice(["1767225600", '"2026-01-01T00:00:00Z"']),
            )
        )
        for _ in range(rng.randrange(1, 4)):
            value[rng.randrange(len(value))] = rng.randrange(256)
        values.append(bytes(value))
    limits = Limits(max_distinct_names=10_000)
    rows, rejects = decode_in(Decoder(Interaction, limits), [values[:3_000], values[3_000:]])
    assert len(rows) + len(rejects) == len(values)
    for at, user, item, kind, _ in rows:
        fields = json.loads(values[at] or b"", parse_constant=pytest.fail)
        read = tuple(str(fields[name]) for name in ("user_id", "item_id", "interaction_type"))
        assert read == (user, item, kind)
    for at, reason in rejects:
        if reason is Reason.INVALID_JSON:
            assert not _is_json(values[at] or b""), values[at]
