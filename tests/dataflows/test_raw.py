"""Raw data: what is kept of records, and that every store can hold it."""

from __future__ import annotations

import json
from typing import Any

import bson
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.raw import raw_data
from dataflows.streaming.transform import Records
from sinks.commands import RECORDS_SCHEMA, KeepRecords
from tests.dataflows.streaming.making import T0, FakeMessage


def kept(*values: bytes, **changes: Any) -> list[dict[str, Any]]:
    """Return the rows that are kept of these values, one record each, a microsecond apart."""
    messages = [FakeMessage(at, value, **changes) for at, value in enumerate(values)]
    times = T0 + np.arange(len(values))
    (command,) = raw_data(Records({}, times, messages, np.arange(len(values))))
    assert isinstance(command, KeepRecords)
    assert (command.collection, command.topic, command.partition) == ("raw_data", "clicks", 0)
    assert command.records.schema == RECORDS_SCHEMA
    return command.records.to_dicts()


def data_of(value: object) -> Any:
    """Return what is kept of a field with this value, whose JSON is the text if it is bytes."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    (row,) = kept(b'{"a":' + text + b"}")
    return json.loads(row["data"])


def test_a_record_is_kept_as_it_came() -> None:
    value = b' {"b": [1, 2.50, {"c": null}], "b.c": "\xc3\xa9"} '
    (row,) = kept(value)
    assert row["data"] == value.decode()
    assert row["key"] == "key"
    assert row["offset"] == 0


def test_times_are_the_event_s_and_kafka_s() -> None:
    first, second = kept(b"{}", b"{}", time=(1, T0 // 1000 + 7))
    assert second["timestamp"].timestamp() * 1e6 == T0 + 1
    assert first["ingested_at"].timestamp() * 1e3 == T0 // 1000 + 7
    assert first["timestamp"].tzname() == first["ingested_at"].tzname() == "UTC"


def test_no_kafka_timestamp_is_null() -> None:
    (row,) = kept(b"{}", time=(0, -1))
    assert row["ingested_at"] is None


@pytest.mark.parametrize(
    ("key", "text"),
    [(None, None), (b"", ""), (b"\xffk", "\ufffdk"), (b"a\0b", "a\ufffdb"), (b'"\\\n', '"\\\n')],
)
def test_a_key_becomes_text(key: bytes | None, text: str | None) -> None:
    (row,) = kept(b"{}", of_key=key)
    assert row["key"] == text


def test_only_the_valid_records_of_a_batch_are_kept() -> None:
    messages = [FakeMessage(at, b'{"n":%d}' % at) for at in range(5)]
    records = Records({}, np.array([T0, T0]), messages, np.array([1, 4]))
    (command,) = raw_data(records)
    assert isinstance(command, KeepRecords)
    assert command.records["offset"].to_list() == [1, 4]
    assert command.records["data"].to_list() == ['{"n":1}', '{"n":4}']


def test_nothing_is_kept_of_a_batch_without_valid_records() -> None:
    assert raw_data(Records({}, np.array([], np.int64), [], np.array([], np.int64))) == []


@pytest.mark.parametrize(
    "value",
    [
        b"1e999",
        b"-12345e5000",
        b"9" * 30,
        b"9" * 6_000,
        b"-9223372036854775809",
        rb'"\u0000"',
        rb'{"x\u0000y":1}',
        {"$ref": 1},
        rb'{"\u0024id":1}',
        [{"deep": {"$db": "x"}}],
        b"[" * 200 + b"]" * 200,
        b"[" * 990 + b"]" * 990,
    ],
)
def test_what_a_store_can_not_hold_is_kept_as_its_text(value: object) -> None:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    data = data_of(value)
    assert data == (b'{"a":' + text + b"}").decode()
    assert bson.decode(bson.encode({"data": data})) == {"data": data}


@pytest.mark.parametrize(
    "value",
    [
        2**63 - 1,
        -(2**63) + 1,
        1.5e300,
        "$ref",
        {"$share": "$5", "a.b": {"": 0}},
        "1e999 9999999999999999999999",
        "\\u0000",
        [[]] * 200,
        "[" * 200,
    ],
)
def test_what_looks_odd_but_fits_is_kept_as_it_is(value: object) -> None:
    assert data_of(value) == {"a": value}


def test_one_that_does_not_fit_leaves_its_neighbours_alone() -> None:
    rows = kept(b'{"a":1}', b'{"a":1e999}', b'{"a":"$x"}')
    assert [json.loads(row["data"]) for row in rows] == [{"a": 1}, '{"a":1e999}', {"a": "$x"}]


NAMES = st.one_of(st.text(max_size=4), st.sampled_from(["$ref", "$x", "a.b", "\0", "$id"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=4), st.booleans())
def test_every_record_is_kept_whole_and_fits(value: dict[str, Any], ascii_only: bool) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        text = json.dumps(value).encode()
    (row,) = kept(text)
    data = json.loads(row["data"])
    assert json.loads(data) == value if isinstance(data, str) else data == value
    bson.encode({"data": data})
