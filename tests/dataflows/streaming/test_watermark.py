"""Watermarks: monotone, the slowest active origin decides, silence frees the rest."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.streaming.watermark import (
    BEGINNING_US,
    Watermarks,
    window_end_us,
    window_start_us,
)

S = 1_000_000
WINDOW, DELAY, IDLE = 10 * S, 5 * S, 20 * S
SILENT = IDLE
DRAINED = IDLE + DELAY


def watermarks(origins: int, **state: object) -> Watermarks:
    made = Watermarks(
        window_us=WINDOW,
        out_of_orderness_us=DELAY,
        idle_after_us=IDLE,
        **state,  # type: ignore[arg-type]
    )
    made.expect(origins)
    return made


@given(st.integers(-(10**17), 10**17), st.integers(1, 10**12))
def test_windows_are_aligned_and_hold_their_times(time_us: int, length_us: int) -> None:
    start, end = window_start_us(time_us, length_us), window_end_us(time_us, length_us)
    assert start <= time_us < end
    assert start % length_us == 0
    assert end - start == length_us


def test_one_origin_trails_its_largest_time() -> None:
    marks = watermarks(1)
    marks.report(0, 100 * S, 0)
    assert marks.advance() == 95 * S
    marks.report(0, 60 * S, 0)
    assert marks.advance() == 95 * S
    marks.report(0, 101 * S, 0)
    assert marks.advance() == 96 * S


def test_the_slowest_origin_decides() -> None:
    marks = watermarks(3)
    for origin, time in enumerate((100, 50, 70)):
        marks.report(origin, time * S, 0)
    assert marks.advance() == 45 * S
    marks.report(1, 90 * S, 0)
    assert marks.advance() == 65 * S


def test_an_unheard_origin_holds_everything_back() -> None:
    marks = watermarks(2)
    marks.report(0, 100 * S, 0)
    assert marks.advance() == BEGINNING_US
    marks.report(1, BEGINNING_US, 0)
    assert marks.advance() == BEGINNING_US


def test_nothing_heard_at_all_is_the_beginning() -> None:
    assert watermarks(0).advance() == BEGINNING_US
    assert watermarks(3).advance() == BEGINNING_US


def test_an_idle_origin_holds_nobody_back() -> None:
    marks = watermarks(2)
    marks.report(0, 100 * S, 0)
    marks.report(1, 50 * S, SILENT - 1)
    assert marks.advance() == 45 * S
    marks.report(1, 50 * S, SILENT)
    assert marks.advance() == 95 * S


def test_an_idle_origin_without_any_record_holds_nobody_back() -> None:
    marks = watermarks(2)
    marks.report(0, 100 * S, 0)
    marks.report(1, BEGINNING_US, SILENT)
    assert marks.advance() == 95 * S


def test_all_idle_goes_to_the_furthest_and_then_past_its_window() -> None:
    marks = watermarks(2)
    marks.report(0, 104 * S, SILENT)
    marks.report(1, 50 * S, SILENT)
    assert marks.advance() == 99 * S
    marks.report(0, 104 * S, DRAINED)
    assert marks.advance() == 99 * S
    marks.report(1, 50 * S, DRAINED - 1)
    assert marks.advance() == 99 * S
    marks.report(1, 50 * S, DRAINED)
    assert marks.advance() == 110 * S


def test_all_idle_without_any_record_is_still_the_beginning() -> None:
    marks = watermarks(2)
    for origin in range(2):
        marks.report(origin, BEGINNING_US, DRAINED)
    assert marks.advance() == BEGINNING_US


def test_the_first_to_wake_from_common_silence_does_not_make_the_others_late() -> None:
    marks = watermarks(2)
    for origin in range(2):
        marks.report(origin, 100 * S, 60 * S)
    assert marks.advance() == 110 * S
    marks.report(0, 500 * S, 0)
    assert marks.advance() == 110 * S
    marks.report(1, 100 * S, 61 * S)
    assert marks.advance() == 110 * S
    marks.report(1, 480 * S, 0)
    assert marks.advance() == 475 * S


def test_who_stays_silent_after_an_awakening_is_idle_again_in_time() -> None:
    marks = watermarks(2)
    for origin in range(2):
        marks.report(origin, 100 * S, 60 * S)
    marks.advance()
    marks.report(0, 500 * S, 0)
    marks.report(1, 100 * S, 60 * S + IDLE - 1)
    assert marks.advance() == 110 * S
    marks.report(1, 100 * S, 60 * S + IDLE)
    assert marks.advance() == 495 * S


def test_an_awakening_beside_active_origins_discounts_nothing() -> None:
    marks = watermarks(3)
    marks.report(0, 300 * S, 0)
    marks.report(1, 100 * S, SILENT)
    marks.report(2, 100 * S, SILENT)
    assert marks.advance() == 295 * S
    marks.report(1, 320 * S, 0)
    assert marks.advance() == 295 * S
    marks.report(0, 400 * S, 0)
    assert marks.advance() == 315 * S


def test_restart_keeps_the_mark_and_lets_silence_be_proved_anew() -> None:
    before = watermarks(2)
    before.report(0, 100 * S, 0)
    before.report(1, 50 * S, SILENT)
    reached = before.advance()
    after = watermarks(2, watermark_us=reached, max_event_us=before.state())
    assert after.advance() == reached == 95 * S
    after.report(0, 200 * S, 0)
    assert after.advance() == reached
    after.report(1, 50 * S, SILENT)
    assert after.advance() == 195 * S


def test_new_origins_after_a_restart_are_waited_for() -> None:
    after = watermarks(3, watermark_us=95 * S, max_event_us={0: 100 * S, 1: 100 * S})
    after.report(0, 300 * S, 0)
    after.report(1, 300 * S, 0)
    assert after.advance() == 95 * S
    after.report(2, 200 * S, 0)
    assert after.advance() == 195 * S


def test_state_is_not_changed_by_later_reports() -> None:
    marks = watermarks(1)
    marks.report(0, 100 * S, 0)
    state = marks.state()
    marks.report(0, 200 * S, 0)
    assert state == {0: 100 * S}


def test_an_origin_reported_before_it_is_expected_hides_no_other() -> None:
    marks = watermarks(0)
    marks.report(2, 100 * S, 0)
    marks.expect(3)
    assert marks.state().keys() == {0, 1, 2}


REPORTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 200).map(lambda s: s * S),
        st.sampled_from([0, 0, 0, 1, IDLE - 1, IDLE, IDLE + 2 * S, DRAINED, 3 * IDLE, 1 << 60]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(REPORTS)
def test_it_never_goes_back_nor_past_the_furthest_window(
    reports: list[tuple[int, int, int]],
) -> None:
    marks = watermarks(3)
    last, furthest = BEGINNING_US, BEGINNING_US
    for origin, time, silent in reports:
        furthest = max(furthest, time)
        marks.report(origin, time, silent)
        now = marks.advance()
        assert last <= now <= window_end_us(furthest, WINDOW)
        last = now


@settings(max_examples=300, deadline=None)
@given(REPORTS)
def test_while_nobody_is_silent_it_is_the_smallest_origins(
    reports: list[tuple[int, int, int]],
) -> None:
    marks = watermarks(3)
    largest = [BEGINNING_US] * 3
    for origin, time, _ in reports:
        largest[origin] = max(largest[origin], time)
        marks.report(origin, time, 0)
        assert marks.advance() == max(BEGINNING_US, min(largest) - DELAY)


@settings(max_examples=200, deadline=None)
@given(REPORTS, REPORTS)
def test_a_restart_never_makes_it_faster(
    before: list[tuple[int, int, int]], after: list[tuple[int, int, int]]
) -> None:
    kept = watermarks(3)
    for report in before:
        kept.report(*report)
        kept.advance()
    resumed = watermarks(3, watermark_us=kept.watermark_us, max_event_us=kept.state())
    for origin, time, _ in after:
        kept.report(origin, time, 0)
        resumed.report(origin, time, 0)
        assert resumed.advance() <= kept.advance()
