"""Windows of a key group: their rules, and what is said of records that are in none."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from dataflows.streaming.parcels import Closing, Discarded, Parcel
from dataflows.streaming.split import Piece
from dataflows.streaming.watermark import BEGINNING_US, END_US
from dataflows.streaming.windows import (
    EndedStoreError,
    GroupWindows,
    SequenceError,
    StateMismatchError,
    WindowSpec,
)
from stats.tables import CountTable
from tests.dataflows.streaming.making import ENDED_SILENCE

S = 1_000_000
TABLES = (CountTable("by_user", ("user", "kind")), CountTable("by_kind", ("kind",)))
SPEC = WindowSpec(TABLES, 10 * S, 5 * S, 20 * S, 4)
DRAINED = 25 * S


def piece(start_s: int, table: int, **counts: int) -> Piece:
    columns: dict[str, list[Any]] = {key: list(counts) for key in TABLES[table].keys}
    types = {**dict.fromkeys(TABLES[table].keys, pa.string()), "count": pa.int64()}
    rows = pa.RecordBatch.from_pydict({**columns, "count": list(counts.values())}, pa.schema(types))
    return Piece(start_s * S, table, rows)


class Sender:
    """Sends one group the parcels of its origins, numbered as they must be."""

    def __init__(self, windows: GroupWindows, origins: int = 1) -> None:
        self.windows = windows
        self.origins = origins
        self.sent: dict[int, int] = {}
        self.largest: dict[int, int] = {}
        self.offsets: dict[int, int] = {}

    def parcel(
        self,
        origin: int,
        max_s: int | None = None,
        *pieces: Piece,
        silent_us: int = 0,
        records: int | None = None,
        discarded: list[Discarded] | None = None,
    ) -> Parcel:
        before = self.largest.get(origin, BEGINNING_US)
        if max_s is not None:
            self.largest[origin] = max(before, max_s * S)
        self.sent[origin] = self.sent.get(origin, 0) + 1
        first = self.offsets.get(origin, 0)
        self.offsets[origin] = first + (len(pieces) if records is None else records)
        return Parcel(
            origin=origin,
            origins=self.origins,
            group=3,
            sequence=self.sent[origin],
            max_event_us=self.largest.get(origin, BEGINNING_US),
            silent_us=silent_us,
            first_offset=first,
            next_offset=self.offsets[origin],
            max_event_before_us=before,
            pieces=list(pieces),
            discarded=discarded or [],
        )

    def send(self, *args: Any, **options: Any) -> list[Closing]:
        return self.windows.absorb([self.parcel(*args, **options)])


def content(closings: list[Closing]) -> list[tuple[int, dict[str, int], dict[str, int]]]:
    return [
        (
            window.start_us // S,
            {user: count for user, _, count in window.tables["by_user"].iter_rows()},
            dict(window.tables["by_kind"].iter_rows()),
        )
        for closing in closings
        for window in closing.windows
    ]


def test_a_window_closes_when_the_watermark_reaches_its_end() -> None:
    sender = Sender(GroupWindows(SPEC))
    assert content(sender.send(0, 9, piece(0, 0, a=1), piece(0, 1, x=1))) == []
    assert content(sender.send(0, 14, piece(10, 0, a=5))) == []
    assert sender.send(0, 8, piece(0, 0, a=1, b=2), piece(0, 1, x=3)) == []
    closings = sender.send(0, 15)
    assert content(closings) == [(0, {"a": 2, "b": 2}, {"x": 4})]
    assert (closings[0].group, closings[0].watermark_us) == (3, 10 * S)
    assert content(sender.send(0, 25)) == [(10, {"a": 5}, {})]


def test_windows_close_oldest_first_and_once() -> None:
    sender = Sender(GroupWindows(SPEC))
    sender.send(0, 9, *(piece(start, 0, a=1) for start in (20, 0, 10)))
    assert [start for start, _, _ in content(sender.send(0, 100))] == [0, 10, 20]
    assert content(sender.send(0, 200)) == []
    assert content(sender.windows.end()) == []


def test_the_word_of_closing_comes_without_windows_too() -> None:
    closings = Sender(GroupWindows(SPEC)).send(0, 100)
    assert [(c.watermark_us, c.windows) for c in closings] == [(95 * S, [])]


def test_nothing_closes_before_every_origin_is_heard() -> None:
    sender = Sender(GroupWindows(SPEC), origins=2)
    assert sender.send(0, 100, piece(0, 0, a=1)) == []
    assert content(sender.send(1, 16, piece(0, 0, b=1))) == [(0, {"a": 1, "b": 1}, {})]


def test_silence_of_all_closes_the_last_window() -> None:
    sender = Sender(GroupWindows(SPEC), origins=2)
    sender.send(0, 8, piece(0, 0, a=1))
    sender.send(1, None, silent_us=DRAINED)
    assert sender.send(0, None, silent_us=DRAINED - 1) == []
    assert content(sender.send(0, None, silent_us=DRAINED)) == [(0, {"a": 1}, {})]


def woken() -> tuple[Sender, list[Closing]]:
    """Let origin 1 be idle while 0 closes windows, and then wake with records of them."""
    sender = Sender(GroupWindows(SPEC), origins=2)
    sender.send(1, 3, piece(0, 0, b=1))
    sender.send(1, None, silent_us=20 * S)
    sender.send(0, 45, piece(40, 0, a=1))
    late = sender.send(
        1,
        44,
        piece(10, 0, b=2, c=1),
        piece(10, 1, x=2),
        piece(20, 0, b=4),
        piece(40, 0, b=8),
        records=17,
    )
    return sender, late


def test_records_of_closed_windows_are_late_on_arrival_and_reported() -> None:
    sender, closings = woken()
    assert [closing.windows for closing in closings] == [[]]
    (late,) = closings[0].late
    assert (late.origin, late.group, late.records) == (1, 3, 7)
    assert set(late.starts_us) == {10 * S, 20 * S}
    assert (late.first_offset, late.next_offset) == (1, 18)
    assert (late.max_event_before_us, late.watermark_us) == (3 * S, 40 * S)
    assert content(sender.windows.end()) == [(40, {"a": 1, "b": 8}, {})]


def test_a_record_is_late_on_arrival_from_the_end_of_its_window_on() -> None:
    for reached_s, late in ((44, []), (45, [30 * S])):
        sender = Sender(GroupWindows(SPEC), origins=2)
        sender.send(1, None, silent_us=20 * S)
        sender.send(0, reached_s)
        closings = sender.send(1, 39, piece(30, 0, a=1))
        assert [start for c in closings for item in c.late for start in item.starts_us] == late


def discarded_in(closings: list[Closing]) -> tuple[int, int]:
    """Return how many rejected and late records the closings account for."""
    windows = [window for closing in closings for window in closing.windows]
    return (
        sum(w.aside.rejected for w in windows) + sum(c.unbooked.rejected for c in closings),
        sum(w.aside.late for w in windows) + sum(c.unbooked.late for c in closings),
    )


def test_late_on_arrival_is_counted_once() -> None:
    sender, closings = woken()
    closings += sender.send(0, 70) + sender.send(1, 70) + sender.windows.end()
    assert discarded_in(closings) == (0, 7)


def test_late_on_arrival_is_counted_when_no_window_comes_after_it() -> None:
    sender = Sender(GroupWindows(SPEC), origins=2)
    closings = sender.send(0, 45) + sender.send(1, None, silent_us=20 * S)
    closings += sender.send(1, 12, piece(10, 0, b=2), records=2)
    closings += sender.windows.end()
    assert discarded_in(closings) == (0, 2)


def test_discarded_records_are_booked_on_their_window() -> None:
    sender = Sender(GroupWindows(SPEC))
    closings = sender.send(0, 9, piece(0, 0, a=1), discarded=[Discarded(0, 2, 3)])
    booked = [Discarded(10 * S, 1, 0), Discarded(0, 1, 0)]
    closings += sender.send(0, 19, piece(10, 0, a=1), discarded=booked)
    closings += sender.windows.end()
    windows = [w for closing in closings for w in closing.windows]
    assert [(w.start_us, w.aside.rejected, w.aside.late) for w in windows] == [
        (0, 3, 3),
        (10 * S, 1, 0),
    ]


def test_discarded_records_of_a_closed_window_are_counted() -> None:
    sender = Sender(GroupWindows(SPEC), origins=2)
    closings = sender.send(1, 3, piece(0, 0, b=1)) + sender.send(1, None, silent_us=20 * S)
    closings += sender.send(0, 45, piece(40, 0, a=1))
    closings += sender.send(1, None, records=3, discarded=[Discarded(0, 2, 1)])
    closings += sender.windows.end()
    assert discarded_in(closings) == (2, 1)


@pytest.mark.parametrize("sequence", [0, 1, 3, 9])
def test_gaps_and_repetitions_of_parcels_are_refused(sequence: int) -> None:
    sender = Sender(GroupWindows(SPEC))
    sender.send(0, 9)
    sender.sent[0] = sequence - 1
    with pytest.raises(SequenceError):
        sender.send(0, 9)


def test_the_first_parcel_of_an_origin_is_number_one() -> None:
    sender = Sender(GroupWindows(SPEC), origins=2)
    sender.send(0, 9)
    sender.sent[1] = 1
    with pytest.raises(SequenceError):
        sender.send(1, 9)


def test_sequences_are_checked_over_a_restart() -> None:
    sender = Sender(GroupWindows(SPEC))
    sender.send(0, 9)
    state = sender.windows.snapshot()
    sender.send(0, 9)
    sender.windows = GroupWindows(SPEC, state)
    with pytest.raises(SequenceError):
        sender.send(0, 9)


def test_the_end_closes_everything() -> None:
    sender = Sender(GroupWindows(SPEC), origins=2)
    sender.send(0, 9, piece(0, 0, a=1), piece(50, 0, a=1))
    closings = sender.windows.end()
    assert [start for start, _, _ in content(closings)] == [0, 50]
    assert closings[0].watermark_us == END_US


def test_an_ended_store_takes_silence_but_no_records() -> None:
    sender = Sender(GroupWindows(SPEC))
    sender.send(0, 9, piece(0, 0, a=1))
    sender.windows.end()
    sender.windows = GroupWindows(SPEC, pickle.loads(pickle.dumps(sender.windows.snapshot())))
    assert sender.send(0, None, silent_us=ENDED_SILENCE) == []
    assert sender.windows.end() == []
    with pytest.raises(EndedStoreError) as caught:
        sender.send(0, 99, records=1)
    assert caught.value.remedy


def test_a_snapshot_is_independent_of_later_changes() -> None:
    sender = Sender(GroupWindows(SPEC))
    sender.send(0, 9, piece(0, 0, a=1), discarded=[Discarded(0, 1, 1)])
    state = sender.windows.snapshot()
    before = pickle.dumps(state)
    sender.send(0, 12, piece(0, 0, a=1), piece(10, 0, a=1), discarded=[Discarded(0, 1, 1)])
    sender.windows.end()
    assert pickle.dumps(state) == before
    assert content(GroupWindows(SPEC, state).end()) == [(0, {"a": 1}, {})]


def test_snapshots_hold_nothing_but_plain_values() -> None:
    sender = Sender(GroupWindows(SPEC))
    sender.send(0, 9, piece(0, 0, a=1))
    plain = (dict, list, tuple, int, str, bytes, bool, type(None))

    def check(value: object) -> None:
        assert isinstance(value, plain), type(value)
        if isinstance(value, dict):
            value = [*value.keys(), *value.values()]
        if isinstance(value, list | tuple):
            for item in value:
                check(item)

    check(sender.windows.snapshot())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"key_groups": 8}, "key_groups 4, now 8"),
        ({"window_us": 60 * S}, "window_us 10000000, now 60000000"),
        ({"tables": (replace(TABLES[0], distinct="event_id"),)}, "event_id"),
    ],
)
def test_state_of_other_settings_is_refused(changed: dict[str, Any], told: str) -> None:
    state = GroupWindows(SPEC).snapshot()
    with pytest.raises(StateMismatchError, match=told):
        GroupWindows(replace(SPEC, **changed), state)


def test_state_of_another_version_is_refused() -> None:
    state = GroupWindows(SPEC).snapshot()
    state["layout"] = {**state["layout"], "version": 999}
    with pytest.raises(StateMismatchError, match="version 999"):
        GroupWindows(SPEC, state)


def test_parcels_cross_to_other_processes_unchanged() -> None:
    sender = Sender(GroupWindows(SPEC))
    large = piece(0, 0, **{f"user-{n}": n + 1 for n in range(5_000)})
    part = Piece(large.window_start_us, 0, large.rows.slice(100, 3))
    parcel = sender.parcel(0, 9, part, piece(0, 1, x=1), discarded=[Discarded(0, 1, 2)])
    sent = pickle.dumps(parcel)
    assert len(sent) < 10_000
    copy = pickle.loads(sent)
    assert [(p.window_start_us, p.table) for p in copy.pieces] == [(0, 0), (0, 1)]
    assert copy.pieces[0].rows.equals(part.rows)
    assert (copy.discarded, copy.sequence, copy.group) == (parcel.discarded, 1, 3)
    assert content(GroupWindows(SPEC).absorb([copy])) == []


def test_rejects_in_a_silent_topic_do_not_hold_the_last_window_open() -> None:
    sender = Sender(GroupWindows(SPEC), origins=2)
    closings = sender.send(0, 8, piece(0, 0, a=1)) + sender.send(1, 8)
    for second in range(1, 200):
        silent = second * S if second >= 20 else 0
        # Silent for good records; every 5 s partition 1 has one that is rejected, and says so.
        if second % 5 == 0:
            bad = [Discarded(0, 1, 0)]
            closings += sender.send(1, None, silent_us=silent, records=1, discarded=bad)
        for origin in range(2):
            closings += sender.send(origin, None, silent_us=silent)
    assert content(closings) == [(0, {"a": 1}, {})]
