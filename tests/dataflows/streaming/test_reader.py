"""The reader: what is accepted, rejected and late depends on offset order alone."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.batch import Batch
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.rejects import Limits
from dataflows.streaming.timestamps import iso
from dataflows.streaming.watermark import BEGINNING_US
from sinks.commands import Record
from tests.dataflows.streaming.making import (
    CREATE_TIME,
    NOW,
    SECOND,
    T0,
    FakeMessage,
    cut_at,
    messages_of,
    read_all,
    reader_of,
    record,
    spec_of,
)
from tidemark.errors import TidemarkError

WINDOWS = {"short": 10 * SECOND, "long": 60 * SECOND}
DELAY = 5 * SECOND
SPEC = spec_of(WINDOWS, DELAY, Limits(max_distinct_names=3))
NAMES = ("a", "b", "c", "beyond")

Content = tuple[int, str] | bytes | None
"""An event's second and its type, or a value that is rejected."""

CONTENTS: st.SearchStrategy[list[Content]] = st.lists(
    st.one_of(
        st.tuples(st.integers(-30, 200), st.sampled_from(NAMES)),
        st.tuples(st.integers(-30, 200), st.just("a")),
        st.sampled_from([b"{", b"", None, b'{"user_id": 1}']),
    ),
    max_size=50,
)


def value_of(content: Content) -> bytes | None:
    if isinstance(content, tuple):
        return record("u", "i", content[1], T0 + content[0] * SECOND)
    return content


def late_for(letter: Record) -> list[str]:
    """Return the pipelines that a record was late for; none if it was rejected."""
    headers = {name: value.decode() for name, value in letter.headers}
    also = [window.split("/")[0] for window in headers.get("also.late", "").split()]
    return [headers["pipeline"], *also] if "pipeline" in headers else []


@dataclass
class Sorted:
    """What becomes of a partition's records, one at a time and by the words of the design."""

    on_time: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in WINDOWS})
    late: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in WINDOWS})
    rejected: list[int] = field(default_factory=list)
    largest_us: int = BEGINNING_US
    booked: dict[str, Counter[tuple[str, int]]] = field(
        default_factory=lambda: {name: Counter() for name in WINDOWS}
    )
    waiting: int = 0


def naive(contents: Sequence[Content]) -> Sorted:
    result, known = Sorted(), set[str]()
    for offset, content in enumerate(contents):
        accepted = isinstance(content, tuple) and (content[1] in known or len(known) < 3)
        if not isinstance(content, tuple) or not accepted:
            result.rejected.append(offset)
            if result.largest_us == BEGINNING_US:
                result.waiting += 1
            else:
                for name, window in WINDOWS.items():
                    result.booked[name]["rejected", result.largest_us // window * window] += 1
            continue
        known.add(content[1])
        time = T0 + content[0] * SECOND
        for name, window in WINDOWS.items():
            if result.largest_us == BEGINNING_US and result.waiting:
                result.booked[name]["rejected", time // window * window] += result.waiting
            if time // window * window + window <= result.largest_us - DELAY:
                result.late[name].append(offset)
                result.booked[name]["late", result.largest_us // window * window] += 1
            else:
                result.on_time[name].append(offset)
        if result.largest_us == BEGINNING_US:
            result.waiting = 0
        result.largest_us = max(result.largest_us, time)
    return result


def booked(batches: Sequence[Batch], name: str) -> Counter[tuple[str, int]]:
    total: Counter[tuple[str, int]] = Counter()
    for batch in batches:
        for item in batch.on_time[name].discarded:
            total["rejected", item.window_start_us] += item.rejected
            total["late", item.window_start_us] += item.late
    return +total


def header(letter: Record, name: str) -> str:
    return dict(letter.headers)[name].decode()


@settings(max_examples=200, deadline=None)
@given(CONTENTS, st.lists(st.integers(0, 50), max_size=6))
def test_any_cut_into_batches_sorts_records_as_one_by_one(
    contents: list[Content], cuts: list[int]
) -> None:
    messages = messages_of(map(value_of, contents))
    batches = read_all(reader_of(SPEC), cut_at(messages, cuts))
    wanted = naive(contents)
    letters = [letter for batch in batches for letter in batch.dead_letters]
    for name in WINDOWS:
        times = [int(us) for b in batches for us in b.on_time[name].event_time_us.tolist()]
        columns = [batch.on_time[name].columns["interaction_type"] for batch in batches]
        kinds = [kind for column in columns for kind in column.to_pylist()]
        kept = [contents[offset] for offset in wanted.on_time[name]]
        assert list(zip(times, kinds, strict=True)) == [
            (T0 + event[0] * SECOND, event[1]) for event in kept if isinstance(event, tuple)
        ]
        assert booked(batches, name) == wanted.booked[name]
        late = [letter for letter in letters if name in late_for(letter)]
        assert [int(header(letter, "source.offset")) for letter in late] == wanted.late[name]
    rejected = [letter for letter in letters if letter.topic == "clicks.dlq"]
    assert [int(header(letter, "source.offset")) for letter in rejected] == wanted.rejected
    if batches:
        counters = batches[-1].counters
        assert counters.read == len(contents)
        assert sum(counters.rejected.values()) == len(wanted.rejected)
        assert Counter(counters.late) == Counter(
            {name: len(offsets) for name, offsets in wanted.late.items()}
        )
        assert batches[-1].max_event_us == wanted.largest_us
        assert batches[-1].next_offset == len(contents)
        assert [batch.sequence for batch in batches] == list(range(1, len(batches) + 1))


def comparable(batch: Batch) -> dict[str, Any]:
    return {
        **{name: getattr(batch, name) for name in batch.__slots__ if name != "on_time"},
        "on_time": {
            name: (
                {key: column.to_pylist() for key, column in taken.columns.items()},
                taken.event_time_us.tolist(),
                taken.discarded,
            )
            for name, taken in batch.on_time.items()
        },
    }


@settings(max_examples=100, deadline=None)
@given(CONTENTS, st.lists(st.integers(0, 50), max_size=6))
def test_a_restart_after_any_batch_changes_nothing(
    contents: list[Content], cuts: list[int]
) -> None:
    pieces = cut_at(messages_of(map(value_of, contents)), cuts)
    straight = read_all(reader_of(SPEC), pieces)
    resumed, state = [], None
    for piece in pieces:
        reader = reader_of(SPEC, state=state)
        batches = read_all(reader, [piece])
        resumed += batches
        state = pickle.loads(pickle.dumps(reader.state()))
    assert [comparable(batch) for batch in resumed] == [comparable(batch) for batch in straight]


def test_state_is_not_changed_by_later_batches() -> None:
    reader = reader_of(SPEC)
    messages = messages_of([record("u", "i", "a", T0), b"{", record("u", "i", "b", T0)])
    read_all(reader, [messages[:1]])
    state = reader.state()
    before = pickle.dumps(state)
    read_all(reader, [messages[1:]])
    assert pickle.dumps(state) == before


def test_a_record_is_late_from_the_microsecond_on_that_its_window_is_over() -> None:
    window_end = T0 + 10 * SECOND
    for ahead_us, late in ((DELAY - 1, False), (DELAY, True)):
        values = [record("u", "i", "a", window_end + ahead_us), record("u", "i", "a", T0)]
        batch = read_all(reader_of(SPEC), [messages_of(values)])[0]
        assert batch.counters.late.get("short", 0) == late
        assert batch.counters.late.get("long", 0) == 0


def test_rejected_records_move_no_watermark() -> None:
    values = [
        record("u", "i", "a", T0),
        record("", "i", "a", T0 + 500 * SECOND),
        record("u", "i", "a", NOW + 500 * SECOND),
        record("u", "i", "a", T0 + SECOND),
    ]
    batch = read_all(reader_of(SPEC), [messages_of(values)])[0]
    assert batch.max_event_us == T0 + SECOND
    assert batch.counters.late == {}
    assert batch.counters.rejected == {"invalid_schema": 1, "future_timestamp": 1}


def test_late_records_move_no_watermark_back() -> None:
    values = [record("u", "i", "a", T0 + s * SECOND) for s in (100, 0, 99)]
    batch = read_all(reader_of(SPEC), [messages_of(values)])[0]
    assert batch.max_event_us == T0 + 100 * SECOND
    assert batch.on_time["short"].event_time_us.tolist() == [T0 + 100 * SECOND, T0 + 99 * SECOND]


def test_a_rejected_record_goes_out_byte_for_byte_with_its_reason() -> None:
    content = b'\xff\x00{"user_id": \r\n \xc3\x28'
    message = FakeMessage(41, content, b"\x00\xfekey", "clicks", 7)
    letter = reader_of(SPEC, 7, 8).batch(FetchedMessages([message]), 42).dead_letters[0]
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, letter.value) == ("clicks.dlq", b"\x00\xfekey", content)
    assert headers.keys() == {
        "error.reason",
        "error.message",
        "source.topic",
        "source.partition",
        "source.offset",
    }
    assert headers["error.reason"] == b"invalid_json"
    assert headers["error.message"].decode()
    assert headers["source.topic"] == b"clicks"
    assert (headers["source.partition"], headers["source.offset"]) == (b"7", b"41")


def test_a_tombstone_goes_out_as_a_tombstone() -> None:
    letter = reader_of(SPEC).batch(FetchedMessages([FakeMessage(0, None, None)]), 1).dead_letters[0]
    assert (letter.key, letter.value) == (None, None)


def test_a_late_record_goes_out_byte_for_byte_with_its_window() -> None:
    old = b" " + record("u", "i", "a", T0 + 3 * SECOND, note="ü") + b"\n"
    values = [record("u", "i", "a", T0 + 100 * SECOND), old]
    batch = read_all(reader_of(SPEC), [messages_of(values)])[0]
    (letter,) = batch.dead_letters
    assert (letter.topic, letter.key, letter.value) == ("clicks.late", b"k1", old)
    assert header(letter, "window.start") == iso(T0)
    assert header(letter, "watermark") == iso(T0 + 95 * SECOND)
    assert header(letter, "source.topic") == "clicks"
    assert header(letter, "source.offset") == "1"
    assert header(letter, "pipeline") == "short"
    assert header(letter, "also.late") == f"long/{iso(T0)}"


def test_kafka_times_are_used_where_they_are() -> None:
    value = record("u", "i", "a", T0 + 100 * SECOND)
    messages = [
        FakeMessage(0, value, time=(CREATE_TIME, T0 // 1_000)),
        FakeMessage(1, value, time=(0, T0 // 1_000)),
        FakeMessage(2, value, time=(CREATE_TIME, (T0 + 50 * SECOND) // 1_000)),
    ]
    batch = read_all(reader_of(SPEC), [messages])[0]
    assert [header(letter, "source.offset") for letter in batch.dead_letters] == ["0"]


def test_kafka_times_of_two_kinds_in_one_batch_all_count() -> None:
    """A topic may be switched from the producers' times to those of the log."""
    value = record("u", "i", "a", T0 + 100 * SECOND)
    late_create, early_append = (1, (T0 + 90 * SECOND) // 1_000), (2, T0 // 1_000)
    messages = [FakeMessage(0, value, time=late_create), FakeMessage(1, value, time=early_append)]
    batch = read_all(reader_of(SPEC), [messages])[0]
    assert [header(letter, "source.offset") for letter in batch.dead_letters] == ["1"]


def test_news_have_no_records_but_the_next_sequence() -> None:
    reader = reader_of(SPEC)
    read_all(reader, [messages_of([record("u", "i", "a", T0)])])
    news = reader.news(9, 12 * SECOND)
    assert (news.sequence, news.silent_us, news.ended, news.on_time) == (2, 12 * SECOND, False, {})
    assert (news.first_offset, news.next_offset, news.high_offset) == (1, 1, 9)
    assert (news.max_event_us, news.counters.read) == (T0, 1)
    assert reader.news(9, 1 << 60, ended=True).ended


def test_gaps_in_offsets_are_no_records() -> None:
    value = record("u", "i", "a", T0)
    batch = read_all(reader_of(SPEC), [[FakeMessage(at, value) for at in (3, 7, 20)]])[0]
    assert (batch.first_offset, batch.next_offset, batch.counters.read) == (3, 21, 3)


def test_state_of_another_version_is_refused() -> None:
    state = {**reader_of(SPEC).state(), "version": 999}
    with pytest.raises(TidemarkError, match="999"):
        reader_of(SPEC, state=state)
