"""When alerts begin and end: compared with a look at the whole history at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from dataflows.alerting.machine import Change, Machine, Terms
from dataflows.streaming.watermark import END_US

WINDOW = 10
THRESHOLD = 5
History = Mapping[int, Mapping[str, int]]
"""By window's start: the value of each subject that is there."""

TERMS = st.builds(
    Terms, st.just(WINDOW), st.integers(1, 4), st.sampled_from([0, 5, 10, 25, 30, 100])
)
HISTORIES = st.dictionaries(
    st.integers(0, 14).map(lambda number: number * WINDOW),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 10), max_size=2),
)


def by_history(history: History, terms: Terms) -> list[Change]:
    """Look at each subject in every window, gaps too, from the first to one after the last."""
    found = []
    starts = range(0, max(history, default=0) + 2 * WINDOW, WINDOW)
    for subject in "ab":
        active, ended_us = False, -(10**9)
        for start in starts:
            quiet = start - ended_us < terms.cooldown_us
            values = [
                history.get(start - back * WINDOW, {}).get(subject)
                for back in range(terms.for_windows)
            ]
            holds = values[0] is not None and values[0] > THRESHOLD
            if active and not holds:
                active, ended_us = False, start
                found.append(Change(subject, "end", start, values[0] or 0))
            elif not (active or quiet) and all((value or 0) > THRESHOLD for value in values):
                active = True
                found.append(Change(subject, "begin", start, values[0] or 0))
    return sorted(found, key=_place)


def _place(change: Change) -> tuple[int, str]:
    return change.start_us, change.subject


def feed(machine: Machine, start: int, values: Mapping[str, int]) -> list[Change]:
    holding = {subject: value for subject, value in values.items() if value > THRESHOLD}
    others = {subject: value for subject, value in values.items() if subject not in holding}
    return machine.take(start, holding, others)


@given(HISTORIES, TERMS, st.lists(st.tuples(st.integers(0, 150), st.booleans()), max_size=6))
def test_equals_a_look_at_the_whole_history(
    history: History, terms: Terms, passes: Sequence[tuple[int, bool]]
) -> None:
    """However often time passes without a window, and with restarts at any place."""
    machine, found = Machine(terms), []
    events = sorted(
        [(start, 1, False) for start in history] + [(at, 0, again) for at, again in passes]
    )
    for at, is_window, restart in events:
        if restart:
            machine = Machine(terms, machine.snapshot())
        if is_window:
            found += feed(machine, at, history[at])
        else:
            # All windows that ended by then are over, and none of them is still to come.
            found += machine.pass_to(at // WINDOW * WINDOW)
    found += machine.pass_to(END_US)
    assert sorted(found, key=_place) == by_history(history, terms)


@given(HISTORIES, TERMS)
def test_begin_and_end_take_turns_and_no_window_has_both(history: History, terms: Terms) -> None:
    machine = Machine(terms)
    found = [change for start in sorted(history) for change in feed(machine, start, history[start])]
    found += machine.pass_to(END_US)
    for subject in "ab":
        own = [change for change in found if change.subject == subject]
        assert [change.state for change in own] == ["begin", "end"] * (len(own) // 2)
        assert len({change.start_us for change in own}) == len(own)


@given(HISTORIES, TERMS)
def test_only_subjects_that_matter_are_kept(history: History, terms: Terms) -> None:
    """Nobody is kept once the cooldown after the last window has passed."""
    machine = Machine(terms)
    for start in sorted(history):
        feed(machine, start, history[start])
        for subject in set("ab") - set(machine.subjects):
            assert history[start].get(subject, 0) <= THRESHOLD
    machine.pass_to(max(history, default=0) + 2 * WINDOW + terms.cooldown_us)
    assert not machine.subjects


def test_a_window_without_the_subject_ends_its_alert_with_value_zero() -> None:
    machine = Machine(Terms(WINDOW))
    assert feed(machine, 0, {"a": 9}) == [Change("a", "begin", 0, 9)]
    assert feed(machine, 10, {"b": 1}) == [Change("a", "end", 10, 0)]


def test_a_gap_ends_an_alert_in_the_first_window_of_the_gap() -> None:
    machine = Machine(Terms(WINDOW))
    feed(machine, 0, {"a": 9})
    assert feed(machine, 50, {"a": 9}) == [Change("a", "end", 10, 0), Change("a", "begin", 50, 9)]


def test_the_watermark_alone_ends_an_alert() -> None:
    machine = Machine(Terms(WINDOW))
    feed(machine, 0, {"a": 9})
    assert machine.pass_to(10) == []
    assert machine.pass_to(20) == [Change("a", "end", 10, 0)]


def test_a_cooldown_counts_from_the_end_and_the_streak_goes_on_meanwhile() -> None:
    machine = Machine(Terms(WINDOW, for_windows=2, cooldown_us=30))
    found = [feed(machine, start, {"a": value}) for start, value in enumerate_windows("99199999")]
    told = [(change.state, change.start_us) for changes in found for change in changes]
    assert told == [("begin", 10), ("end", 20), ("begin", 50)]


def enumerate_windows(values: str) -> list[tuple[int, int]]:
    return [(number * WINDOW, int(value)) for number, value in enumerate(values)]
