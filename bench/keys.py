"""Bar 3: what keys cost. All events lie in one window, in which every user comes equally often."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.results import Bar, Figures, Result
from bench.rounds import Subject, run_rounds
from bench.session import Session
from bench.spread import ratios
from bench.subjects import NEVER_S, held, job
from bench.throughput import figures_of
from bench.topics import WINDOW_S, Content, Place, fill

FEW_USERS, MANY_USERS = 10_000, 1_000_000
FEW_ITEMS = 2_000


def name_of(users: int, items: int, recovery: bool) -> str:
    """Return the name of a subject."""
    return f"{users:,} users, {items:,} items" + ("" if recovery else ", no snapshots")


def keys(
    session: Session, events: int, users: Sequence[int], items: Sequence[int], workers: int = 1
) -> Result:
    """Measure events per CPU second by users and by items; each with and without snapshots.

    A topic has more events than asked for where there are more users than that.
    """
    cases = [(each, FEW_ITEMS) for each in users]
    cases += [(FEW_USERS, each) for each in items if each != FEW_ITEMS]
    subjects: dict[str, Subject] = {}
    given: dict[str, Figures] = {}
    for case in cases:
        place = _fill(session, events, *case)
        given[name_of(*case, True)] = place.given
        run = partial(job, place, workers=workers)
        subjects[name_of(*case, True)] = run
        if case[1] == FEW_ITEMS:
            off = partial(run, recovery=False, epoch_s=NEVER_S)
            subjects[name_of(*case, False)] = off
    runs = figures_of(run_rounds(subjects, session.rounds))
    return session.result(
        "keys",
        {"events": events, "users": list(users), "items": list(items), "window_s": WINDOW_S},
        runs,
        _bars(runs),
        "no store; `no snapshots` is without a recovery store, in one epoch",
        "all events are in one window; every user has events / users of them",
        given=given,
    )


def memory(session: Session, events: int, users: Sequence[int]) -> Result:
    """Measure the bytes that an open (window, user) takes."""
    names = {each: f"{each:,} users" for each in users}
    places = {each: _fill(session, events, each, FEW_ITEMS) for each in users}
    subjects = {names[each]: partial(held, places[each], each) for each in users}
    runs = run_rounds(subjects, session.rounds)
    few, most = min(users), max(users)
    bars = []
    for bar, figure, what in (
        ("3b", "rss_bytes", "resident memory"),
        ("3c", "state_bytes", "state in a snapshot"),
    ):
        grown = [
            (large[figure] - small[figure]) / (most - few)
            for large, small in zip(runs[names[most]], runs[names[few]], strict=True)
        ]
        what = f"{what} per open (window, user) at {most:,} users"
        bars.append(Bar(bar, what, "<=", 120.0, grown, "B"))
    return session.result(
        "memory",
        {"events": events, "users": list(users), "window_s": WINDOW_S},
        runs,
        bars,
        f"growth of the process between {few:,} and {most:,} users in one open window, over the "
        "difference of the users; both read the same number of events and rest for three epochs, "
        "recovery on",
    )


def _fill(session: Session, events: int, users: int, items: int) -> Place:
    content = Content(
        max(events, users),
        items=items,
        item_skew=0.0,
        one_window=True,
        even_users=users,
    )
    return fill(session.kafka, content, f"{users:,} users, {items:,} items")


def _bars(runs: dict[str, list[dict[str, float]]]) -> list[Bar]:
    few, many = (name_of(users, FEW_ITEMS, True) for users in (FEW_USERS, MANY_USERS))
    if few not in runs or many not in runs:
        return []
    costs = {n: [run["events_per_cpu_s"] for run in found] for n, found in runs.items()}
    rates = {n: [run["events_per_s"] for run in found] for n, found in runs.items()}
    off = name_of(MANY_USERS, FEW_ITEMS, False)
    return [
        Bar(
            "3a",
            "events per CPU second at 1M users, of those at 10k",
            ">=",
            0.6,
            ratios(costs[many], costs[few]),
        ),
        Bar(
            "6a",
            "throughput with snapshots at 1M users, of that without",
            ">=",
            0.9,
            ratios(rates[many], rates[off]),
        ),
    ]
