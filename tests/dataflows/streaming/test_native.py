"""The compiled half of reading by itself: what it returns, and that it believes nobody."""

from __future__ import annotations

import importlib.metadata
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataflows.interactions import Interaction
from dataflows.streaming import native
from dataflows.streaming.decode import Decoder
from dataflows.streaming.layouts import Layouts
from dataflows.streaming.native import compiled
from dataflows.streaming.polls import ColumnPolls, MessagePolls, polls_of
from dataflows.streaming.rejects import Limits
from dataflows.streaming.timestamps import INVALID_US, parse_timestamp
from dataflows.streaming.values import Values
from tests.dataflows.streaming.making import NOW, SECOND, T0, record
from tests.dataflows.streaming.test_layouts import Order, both, outcome

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PADDING = bytes(32)


def test_it_is_built_here() -> None:
    assert compiled is not None, "make setup builds it; without it only the Python half is tested"
    version = importlib.metadata.version("confluent-kafka")
    assert version.startswith(native._KNOWN_CLIENTS), (
        f"confluent-kafka {version} is not known to module.c: see that its clients begin with the"
        " handle, and add it to native._KNOWN_CLIENTS"
    )


def test_it_can_be_switched_off() -> None:
    code = "from dataflows.streaming import layouts, native; print(native.compiled, layouts._Bytes)"
    environ = {**os.environ, "TIDEMARK_COMPILED": "off"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("None ")
    assert "NumpyBytes" in told.stdout


def times_of(texts: list[str]) -> list[int]:
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int32)
    begins = np.concatenate([np.zeros(1, np.int32), ends[:-1]])
    found = np.zeros(len(texts), np.int64)
    compiled.times(b"".join(encoded), begins, ends, found)
    return [int(each) for each in found]


ISO = st.builds(
    lambda moment, mark, digits, suffix, separator: (
        moment.strftime("%m-%d{}%H:%M:%S").format(separator),
        moment.year,
        f"{mark}{moment.microsecond:06d}789"[: digits + 1] if digits else "",
        suffix,
    ),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)),
    st.sampled_from(".,"),
    st.integers(0, 9),
    st.sampled_from(["", "Z", "+00:00", "-00:00", "+02:00", "-05:30", "+23:59", "-23:59"]),
    st.sampled_from("T "),
).map(lambda parts: f"{parts[1]:04d}-{parts[0]}{parts[2]}{parts[3]}")


@settings(max_examples=400, deadline=None)
@given(ISO)
@example("0001-01-01T00:00:00+00:01")
@example("9999-12-31T23:59:59.999999-00:01")
@example("2000-02-29T00:00:00Z")
@example("1900-02-28T23:59:59Z")
def test_a_usual_time_is_what_the_parser_makes_of_it(text: str) -> None:
    expected = parse_timestamp(text)
    assert times_of([text]) == [INVALID_US if expected is None else expected]


def test_every_day_of_centuries_has_its_place() -> None:
    days = [datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(0, 3_652_059, 13)]
    found = times_of([day.isoformat() for day in days])
    assert found == [(day - EPOCH) // timedelta(microseconds=1) for day in days]


TIME_CHARACTERS = st.text(st.sampled_from("0123456789-:.,TtZz+ \u0660é/"), max_size=40)


@settings(max_examples=400, deadline=None)
@given(st.one_of(TIME_CHARACTERS, ISO.flatmap(lambda text: st.permutations(text).map("".join))))
@example("2023-02-29T00:00:00Z")
@example("2026-13-01T00:00:00Z")
@example("2026-01-01T24:00:00Z")
@example("2026-01-01T00:00:60Z")
@example("2026-01-01T00:00:00.Z")
@example("2026-01-01T00:00:00+24:00")
@example("0000-01-01T00:00:00Z")
@example("999999999999999")
@example("100000000000")
@example("100000000001")
@example("")
def test_what_it_takes_for_a_time_is_one(text: str) -> None:
    (found,) = times_of([text])
    assert found in (INVALID_US, parse_timestamp(text))


def i32(*values: int) -> Any:
    return np.array(values, np.int32)


def i64(*values: int) -> Any:
    return np.array(values, np.int64)


def bools(count: int) -> Any:
    return np.zeros(count, bool)


GOOD: dict[str, Any] = {
    "data": b'{"a":"x"}' + PADDING,
    "bounds": i64(0, 9),
    "rows": i64(0),
    "fixed": b'{"a":""}' + PADDING,
    "fixed_ends": i64(6, 8),
    "kinds": b"\0",
    "fits": bools(1),
    "begins": i32(0),
    "ends": i32(0),
}


def match(**changed: Any) -> dict[str, Any]:
    arguments = {name: np.copy(v) if isinstance(v, np.ndarray) else v for name, v in GOOD.items()}
    arguments |= changed
    compiled.match(*arguments.values())  # type: ignore[arg-type]
    return arguments


def test_a_record_is_matched() -> None:
    found = match()
    assert (found["fits"].tolist(), found["begins"].tolist(), found["ends"].tolist()) == (
        [True],
        [6],
        [7],
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": i64(1)},
        {"rows": i64(-1)},
        {"rows": i64(0, 0)},
        {"bounds": i64(0, 10)},
        {"bounds": i64(9, 0)},
        {"bounds": i64(-1, 9)},
        {"bounds": i64()},
        {"data": b"{}"},
        {"fixed": b'{"a":""}'},
        {"fixed_ends": i64(6, 9)},
        {"fixed_ends": i64(6, 5)},
        {"fixed_ends": i64(-1, 8)},
        {"fixed_ends": i64(8)},
        {"kinds": b"\0\0"},
        {"fits": bools(0)},
        {"begins": i32()},
        {"ends": i32(0, 0)},
        {"bounds": np.zeros(9, np.int8)},
    ],
)
def test_arrays_that_would_lead_outside_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"outside|together|no array"):
        match(**changed)


def test_what_is_to_be_written_must_be_writable() -> None:
    with pytest.raises(BufferError):
        match(fits=b"\0")


@pytest.mark.parametrize(
    ("begins", "ends"),
    [(i32(-1), i32(2)), (i32(2), i32(1)), (i32(0), i32(11)), (i32(0, 1), i32(1)), (i32(), i32(1))],
)
@pytest.mark.parametrize(
    "read",
    [
        lambda begins, ends: compiled.texts(bytes(10) + PADDING, begins, ends),
        lambda begins, ends: compiled.times(
            bytes(10), begins, ends, np.zeros(len(begins), np.int64)
        ),
    ],
)
def test_places_outside_are_refused(
    read: Callable[[Any, Any], object], begins: Any, ends: Any
) -> None:
    with pytest.raises(ValueError, match="outside"):
        read(begins, ends)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=70)))
def test_texts_are_copied_byte_for_byte(texts: list[bytes]) -> None:
    ends = np.cumsum([len(text) + 3 for text in texts], dtype=np.int32)
    begins = np.concatenate([np.zeros(1, np.int32), ends])[: len(texts)]
    data = b"".join(text + b"###" for text in texts) + PADDING
    offsets, joined = compiled.texts(data, begins, (ends - 3).astype(np.int32))
    places = np.frombuffer(offsets, np.int32).tolist()
    assert [joined[a:b] for a, b in pairwise(places)] == texts


def mutated(rng: random.Random, value: bytes) -> bytes:
    """Change a record at a few places, as bad producers and bad memory do."""
    data = bytearray(value)
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at:at] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2 if at < len(data):
                data[at] = rng.choice(b'"\\{}[],:0-9.eE\x00\x1f\x7f\x80\xc3\xa9\xed\xa0\xf4 ')
            case 3:
                data[at:at] = rng.choice(["é", "\ud83d\ude00", '\\"', "\\u00e9", "٣"]).encode(
                    "utf-8", "surrogatepass"
                )
            case _:
                data = data[:at]
    return bytes(data)


@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_broken_records_are_read_as_the_parser_reads_them(seed: int) -> None:
    rng = random.Random(seed)
    plain = [
        b'{"order_id": "o-%d", "kind": "web", "pieces": %d, "amount": %.2f, "at": "2026-01-01T00:0'
        b'%d:00Z", "shop": "n\xc3\xb6rth", "note": "ring %s", "tip": 0.5, "gift": false}'
        % (n, n, n / 7, n % 10, b"x" * (n % 40))
        for n in range(2_000)
    ]
    both(Order, [plain[:100], [mutated(rng, value) for value in plain]])


def test_a_batch_that_was_cut_is_read_to_its_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies past the last record in memory is another record, not padding."""
    values = [record("u", "i", "view", T0 + n * SECOND) for n in range(200)]
    cut = Values.of(values).first(150)
    by_layout = outcome(Decoder(Interaction, Limits()).decode(cut, NOW))
    monkeypatch.setattr(Layouts, "match", lambda *_: None)
    assert by_layout == outcome(Decoder(Interaction, Limits()).decode(values[:150], NOW))
    assert len(by_layout["positions"]) == 150


PROPERTIES = {"bootstrap.servers": "127.0.0.1:1", "group.id": "native", "log_level": 0}


def test_a_queue_keeps_to_its_terms() -> None:
    consumer = Consumer(PROPERTIES)
    queue = native.partition_queue(consumer, "clicks", 0)
    assert queue.consume(10, 0)[-1] == []
    with pytest.raises(RuntimeError, match="closed or in use"):
        queue.consume(0, 0)
    queue.close()
    queue.close()
    with pytest.raises(RuntimeError, match="closed or in use"):
        queue.consume(10, 0)
    consumer.close()
    with pytest.raises(RuntimeError, match="consumer is closed"):
        native.partition_queue(consumer, "clicks", 0)
    with pytest.raises(ValueError, match="address is missing"):
        compiled.Queue(consumer, "clicks", 0, (0,) * 7)


def test_what_is_no_plain_consumer_is_read_by_confluent_kafka() -> None:
    class Wrapped(Consumer):
        pass

    for made, kind in ((Consumer, ColumnPolls), (Wrapped, MessagePolls)):
        consumer = made(PROPERTIES)
        polls = polls_of(consumer, "clicks", 0)
        assert type(polls) is kind
        polls.close()
        consumer.close()
