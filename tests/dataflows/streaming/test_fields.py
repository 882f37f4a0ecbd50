"""Fields that are numbers, money, labels or optional: what is taken, what is made of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming import layouts
from dataflows.streaming.decode import Decoded, Decoder
from dataflows.streaming.numbers import MOST
from dataflows.streaming.rejects import Limits
from dataflows.streaming.schema import (
    UNKNOWN,
    Event,
    Id,
    Label,
    Money,
    Optional,
    OptionalMoney,
    Timestamp,
    Whole,
    fields_of,
)

NOW = 1_800_000_000_000_000


@pytest.fixture(autouse=True, params=[1, 64], ids=["layouts", "parser"])
def _worth_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few records by their layout, too, or leave them to the parser: nothing may change."""
    monkeypatch.setattr(layouts, "_WORTH_ROWS", request.param)


class Sale(Event):
    product: Id
    quantity: Whole
    total: Money
    at: Timestamp
    store: Label = UNKNOWN
    note: Optional = ""
    tip: OptionalMoney = 0


GOOD: dict[str, Any] = {"product": "p", "quantity": 2, "total": 1.1, "at": 1_700_000_000}


def decoded(*values: bytes, wanted: set[str] | None = None, names: int = 1_000) -> Decoded:
    return Decoder(Sale, Limits(max_distinct_names=names), None, wanted).decode(values, NOW)


def of(**fields: object) -> bytes:
    """Return a good sale with other fields; None of Python is null of JSON."""
    return json.dumps({**GOOD, **fields}).encode()


def written(**fields: str) -> bytes:
    """Return a good sale with fields given as JSON text."""
    pairs = {name: json.dumps(value) for name, value in GOOD.items()} | fields
    return ("{" + ",".join(f'"{name}":{text}' for name, text in pairs.items()) + "}").encode()


@pytest.mark.parametrize("number", ["2", "2.0", "2e0", "-7", "0", str(MOST), str(-MOST)])
def test_whole_numbers_are_taken_however_written(number: str) -> None:
    found = decoded(written(quantity=number))
    assert found.columns["quantity"].to_pylist() == [int(float(number))]


@pytest.mark.parametrize("name", ["quantity", "total"])
@pytest.mark.parametrize(
    "value",
    ['"2"', "true", "null", "[]", "{}", str(MOST + 1), "1e300", "9" * 400, "1e999", "-1e99"],
)
def test_what_is_no_number_of_use_is_rejected_alone(name: str, value: str) -> None:
    found = decoded(of(), written(**{name: value}), of(quantity=3))
    assert [(r.position, r.reason.value) for r in found.rejects] == [(1, "invalid_schema")]
    assert found.columns["quantity"].to_pylist() == [2, 3]


def test_a_fraction_is_no_whole_number_but_an_amount() -> None:
    found = decoded(of(quantity=2.5), of(total=2.5))
    assert [reject.position for reject in found.rejects] == [0]
    assert found.columns["total"].to_pylist() == [250]


@settings(deadline=None)
@given(st.lists(st.integers(-MOST * 100, MOST * 100), min_size=1, max_size=30))
def test_every_cent_is_kept(cents: list[int]) -> None:
    texts = [f"{'-' if c < 0 else ''}{abs(c) // 100}.{abs(c) % 100:02d}" for c in cents]
    found = decoded(*(written(total=text, tip=text) for text in texts))
    assert found.columns["total"].to_pylist() == cents
    assert found.columns["tip"].to_pylist() == cents


OF_NO_USE = ["true", "[1]", '{"a":1}', "1e999", "9" * 5000, "[1e999]"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("tip", "store", "note") for value in OF_NO_USE),
        ("tip", '"5"'),
        ("tip", str(MOST + 1)),
    ],
)
def test_an_optional_field_never_costs_the_record(name: str, value: str) -> None:
    found = decoded(of(), written(**{name: value}))
    assert not found.rejects
    assert found.dropped[name] == 1
    assert found.columns[name].to_pylist()[1] == {"tip": 0, "store": UNKNOWN, "note": ""}[name]


def test_only_labels_that_stand_in_as_unknown_count_as_missing() -> None:
    found = decoded(of(), of(store=None, note=None, tip=None), of(store="s", note="n", tip=1))
    assert found.missing == {"store": 2}
    assert set(found.dropped.values()) == {0}
    assert found.columns["store"].to_pylist() == [UNKNOWN, UNKNOWN, "s"]
    assert found.columns["note"].to_pylist() == ["", "", "n"]
    assert found.columns["tip"].to_pylist() == [0, 0, 100]


def test_a_label_past_the_cap_is_unknown_and_dropped() -> None:
    found = decoded(*(of(store=f"s{number}") for number in (1, 2, 3, 1, 3)), names=2)
    assert found.columns["store"].to_pylist() == ["s1", "s2", UNKNOWN, "s1", UNKNOWN]
    assert found.dropped["store"] == 2
    assert not found.rejects


def test_fields_that_nobody_wants_are_not_decoded_and_cost_nothing() -> None:
    values = [of(store=["odd"]), written(note="1e999")]
    found = decoded(*values, wanted=set())
    assert not found.rejects
    assert set(found.columns) == {"product", "quantity", "total"}
    assert (found.dropped, found.missing) == ({}, {})


def test_a_schema_says_what_is_wrong_with_it() -> None:
    class NoDefault(Event):
        store: Label
        at: Timestamp

    class NoTime(Event):
        store: Label = UNKNOWN

    class NoRole(Event):
        at: Timestamp
        store: str = ""

    class WrongDefault(Event):
        at: Timestamp
        tip: OptionalMoney = "none"

    for schema, told in (
        (NoDefault, "as its default"),
        (NoTime, "exactly one field must be a Timestamp"),
        (NoRole, "use a type of"),
        (WrongDefault, "a number of cents"),
    ):
        with pytest.raises(TypeError, match=told):
            fields_of(schema)
