"""Records read by their layout: that they are, and that nothing comes out otherwise."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming import layouts
from dataflows.streaming.decode import Decoded, Decoder
from dataflows.streaming.layout import layout_of
from dataflows.streaming.layouts import Layouts, Matched
from dataflows.streaming.native.record_bytes import CompiledBytes
from dataflows.streaming.record_bytes import NumpyBytes, RecordBytes
from dataflows.streaming.rejects import Limits
from dataflows.streaming.schema import (
    UNKNOWN,
    Event,
    Id,
    Label,
    Money,
    Name,
    Optional,
    OptionalMoney,
    Role,
    Timestamp,
    Whole,
    fields_of,
)
from dataflows.streaming.values import Values
from tests.dataflows.streaming.making import NOW

LIMITS = Limits(max_message_bytes=2_000, max_id_length=40)


class Order(Event):
    """Every role there is."""

    order_id: Id
    kind: Name
    pieces: Whole
    amount: Money
    at: Timestamp
    shop: Label = UNKNOWN
    note: Optional = ""
    tip: OptionalMoney = 0


class Click(Event):
    user_id: Id
    kind: Name
    at: Timestamp
    page: Optional = ""


ORDER: dict[str, Any] = {
    "order_id": "o-1",
    "kind": "web",
    "pieces": 3,
    "amount": 12.5,
    "at": "2026-01-01T00:00:00Z",
    "shop": "north",
    "note": "ring twice",
    "tip": 0.5,
    "weight_kg": 1.25,
    "gift": False,
}
CLICK: dict[str, Any] = {"user_id": "u", "kind": "view", "at": "2026-01-01T00:00:00Z"}


@pytest.fixture(autouse=True, params=[NumpyBytes, CompiledBytes])
def _any_number_of_rows_by_both_halves(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "_WORTH_ROWS", 1)
    monkeypatch.setattr(layouts, "_Bytes", request.param)


def roles_of(schema: type[Event]) -> dict[str, Role]:
    return {field.name: field.role for field in fields_of(schema)}


def matched(schema: type[Event], values: Sequence[bytes]) -> Matched | None:
    return Layouts(roles_of(schema), LIMITS).match(Values.of(values))


def outcome(decoded: Decoded) -> dict[str, Any]:
    return {
        "positions": decoded.positions.tolist(),
        "times": decoded.event_time_us.tolist(),
        "columns": {name: column.to_pylist() for name, column in decoded.columns.items()},
        "rejects": decoded.rejects,
        "dropped": decoded.dropped,
        "missing": decoded.missing,
    }


def both(schema: type[Event], batches: Sequence[Sequence[bytes | None]]) -> None:
    """Decode with and without layouts, and compare all there is."""
    by_layout, by_parser = Decoder(schema, LIMITS), Decoder(schema, LIMITS)
    for batch in batches:
        fast = outcome(by_layout.decode(batch, NOW))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Layouts, "match", lambda *_: None)
            assert fast == outcome(by_parser.decode(batch, NOW))


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,  ", " :")])
@pytest.mark.parametrize("schema", [Order, Click])
def test_records_of_one_layout_are_all_read_by_it(
    schema: type[Event], separators: tuple[str, str]
) -> None:
    plain = ORDER if schema is Order else CLICK
    values = [
        json.dumps({**plain, "kind": kind, "note": "x" * length}, separators=separators).encode()
        for kind, length in zip("abcdef", (0, 1, 7, 8, 57, 300), strict=True)
    ]
    found = matched(schema, values)
    assert found is not None
    assert found.rows.tolist() == list(range(6))
    kinds = found.texts("kind")
    assert kinds is not None
    assert kinds.to_pylist() == list("abcdef")
    both(schema, [values])


def test_each_layout_of_a_topic_is_learned() -> None:
    with_page = [json.dumps({**CLICK, "page": f"/{n}"}).encode() for n in range(20)]
    without = [json.dumps({**CLICK, "user_id": f"u{n}"}).encode() for n in range(20)]
    mixed = [value for pair in zip(with_page, without, strict=True) for value in pair]
    found = matched(Click, mixed)
    assert found is not None
    assert found.rows.tolist() == list(range(40))
    pages = found.texts("page")
    assert pages is not None
    assert pages.to_pylist()[:4] == ["/0", None, "/1", None]
    both(Click, [mixed, without, with_page, mixed])


def test_a_number_as_an_id_is_its_decimal_text() -> None:
    values = [json.dumps({**CLICK, "user_id": n}).encode() for n in (0, 7, 10**17)]
    found = matched(Click, values)
    assert found is not None
    assert len(found.rows) == 3
    both(Click, [values])


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"null",
        b'"user_id"',
        b'{"user_id":"u","kind":"view"}',
        b'{"user_id":"u","user_id":"v","kind":"view","at":"x"}',
        b'{"user_id":1,"user_id":2,"kind":"view","at":"x"}',
        b'{"user_id":"u","kind":"view","at":"x","more":{"a":"b"}}',
        b'{"user_id":"u","kind":"view","at":"x","more":["b"]}',
        b'{"user_id":null,"kind":"view","at":"x"}',
        b'{"user_id":"u","kind":true,"at":"x"}',
        b'{"user_id":"\\u0075","kind":"view","at":"x"}',
        b'{"user_id":"u","kind":"view","at":"x"} {}',
    ],
)
def test_what_has_no_layout_has_none(record: bytes) -> None:
    assert layout_of(record, roles_of(Click)) is None


def test_what_breaks_a_layout_is_left_to_the_parser() -> None:
    good = [json.dumps({**CLICK, "user_id": f"u{n}", "tip": n}).encode() for n in range(8)]
    odd: list[bytes | None] = [
        good[0][:-1],
        good[0] + b"}",
        good[0] + good[1],
        good[0].replace(b"u0", b'u"0'),
        good[0].replace(b"u0", b"u\\n0"),
        good[0].replace(b"u0", b"u\x000"),
        good[0].replace(b"u0", b"u\xff0"),
        good[0].replace(b"u0", "ü".encode()),
        good[0].replace(b"u0", b""),
        good[0].replace(b'"tip": 0', b'"tip": 00'),
        good[0].replace(b'"tip": 0', b'"tip": -'),
        good[0].replace(b'"tip": 0', b'"tip": 1e3'),
        good[0].replace(b'"tip": 0', b'"tip": 1.'),
        good[0].replace(b'"tip": 0', b'"tip": "0"'),
        good[0].replace(b'"tip": 0', b'"tip": '),
        good[0].replace(b"kind", b"kinD"),
        good[0] + b" " * 3_000,
        None,
        b"",
    ]
    for bad in odd:
        both(Click, [[*good, bad, *good], [bad, *good], [*good, bad], [bad]])


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    lambda rng, value: value[: rng.randrange(len(value) + 1)],
    lambda rng, value: value + value[: rng.randrange(8)],
    lambda rng, value: _with(rng, value, bytes([rng.randrange(256)])),
    lambda rng, value: _with(rng, value, rng.choice([b'"', b"\\", b"{", b"}", b",", b":", b"0"])),
    lambda rng, value: value.replace(b'"', b"", 1),
    lambda rng, value: value.replace(b'": "', b'":"', 1),
    lambda rng, value: value.replace(b"2026", rng.choice([b"2025", b"9999", b"abcd", b"20261"])),
]


def _with(rng: random.Random, value: bytes, piece: bytes) -> bytes:
    at = rng.randrange(len(value))
    return value[:at] + piece + value[at + rng.randrange(2) :]


texts = st.text(max_size=70)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(0.1))
anything = st.one_of(texts, numbers, st.none(), st.booleans(), st.just([1]), st.just({"a": "b"}))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(ORDER, anything),
                "order_id": st.one_of(texts, st.integers(0, 10**19)),
                "pieces": numbers,
                "amount": numbers,
                "tip": numbers,
                "at": st.one_of(st.just("2026-01-01T00:00:00.5Z"), numbers, st.just("1767225600")),
            },
        ),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
    st.integers(0, 1 << 32),
)
def test_layouts_change_nothing(changes: list[dict[str, Any]], as_ascii: bool, seed: int) -> None:
    rng = random.Random(seed)
    values = [json.dumps(ORDER).encode()]
    for change in changes:
        value = json.dumps({**ORDER, **change}, ensure_ascii=as_ascii).encode(errors="replace")
        values += [value, rng.choice(MUTATIONS)(rng, value)]
    rng.shuffle(values)
    both(Order, [values, values[: len(values) // 2], values])


def test_a_topic_without_layouts_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where layouts explain little, they are tried ever more rarely, and again when they do."""
    monkeypatch.setattr(layouts, "_WORTH_ROWS", 64)
    rng = random.Random(1)
    names = [f"f{n}" for n in range(12)]

    def record(shuffled: bool) -> bytes:
        rng.shuffle(names)
        more = {name: "x" for name in names} if shuffled else {}
        return json.dumps({**CLICK, **more}).encode()

    tried = []

    bytes_of = layouts._Bytes

    def noting(values: Values) -> RecordBytes:
        tried.append(1)
        return bytes_of(values)

    monkeypatch.setattr(layouts, "_Bytes", noting)
    decoder = Decoder(Click, LIMITS)
    for _ in range(64):
        assert len(decoder.decode([record(True) for _ in range(200)], NOW).positions) == 200
    assert len(tried) <= 8
    before = len(tried)
    for _ in range(130):
        decoder.decode([record(False) for _ in range(100)], NOW)
    assert len(tried) - before > 60
