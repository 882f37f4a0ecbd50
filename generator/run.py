"""A run: take the plan, send each record when it is due, write down the truth."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Protocol

import numpy as np
import polars as pl

from generator.clock import US_PER_S
from generator.delivery import Delivery
from generator.settings import GeneratorSettings

TICK_S: Final = 0.01
"""Records that fall due within one tick are sent together."""

Progress = Callable[[Delivery], None]


class Target(Protocol):
    """Where records go."""

    delivery: Delivery

    @property
    def failing(self) -> bool:
        """Tell whether sending more is of no use."""

    def put(self, frame: pl.DataFrame) -> None:
        """Take records, in order."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def give_up(self) -> None:
        """Forget the records that nobody has taken yet; they count as failed."""

    def finish(self) -> None:
        """Wait until it is known what became of every record."""


class Truth(Protocol):
    """Where it is written down what was sent."""

    def write(self, frame: pl.DataFrame) -> None:
        """Add records that are about to be sent."""


def send(
    frames: Iterable[pl.DataFrame],
    target: Target,
    settings: GeneratorSettings,
    *,
    truth: Truth | None = None,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
    start: datetime | None = None,
) -> Delivery:
    """Send the frames of a plan at the pace of the settings and return what became of them.

    The first record is due at `start`, by the wall clock, or at once: where event times begin with
    the clock, making the plan must not put every record behind its own time.

    Ends with the frames, after `duration_s`, when `stop` is set, or after the first failure; in
    each case only once the outcome of every sent record is known. `truth` gets every record before
    it is handed over, so it holds more than the topic only if the run has failed or was broken off
    by a second Ctrl-C; closing it is the caller's part.
    """
    stopped = stop or threading.Event()
    delivery = target.delivery
    began = time.monotonic()
    behind_s = 0.0 if start is None else (datetime.now(UTC) - start).total_seconds()

    def elapsed_s() -> float:
        return time.monotonic() - began

    def due_s() -> float:
        return elapsed_s() + behind_s

    try:
        for frame in _paced(frames, settings, due_s, target.wait, stopped.is_set):
            if truth is not None:
                truth.write(frame)
            target.put(frame)
            for fault, count in frame["fault"].value_counts().iter_rows():
                delivery.faults[fault] += count
            delivery.seconds = elapsed_s()
            if progress is not None:
                progress(delivery)
            if target.failing or _is_over(settings, delivery.seconds):
                break
    except KeyboardInterrupt:
        # A second Ctrl-C, while the broker does not take what it was sent.
        stopped.set()
        target.give_up()
    delivery.interrupted = stopped.is_set()
    target.finish()
    delivery.seconds = elapsed_s()
    if progress is not None:
        progress(delivery)
    return delivery


def _is_over(settings: GeneratorSettings, elapsed_s: float) -> bool:
    # With a rate the plan itself has the right number of records, and the last ones may be behind.
    return (
        settings.duration_s is not None
        and settings.wall_rate is None
        and elapsed_s >= settings.duration_s
    )


def _paced(
    frames: Iterable[pl.DataFrame],
    settings: GeneratorSettings,
    elapsed_s: Callable[[], float],
    wait: Callable[[float], None],
    stopped: Callable[[], bool],
) -> Iterator[pl.DataFrame]:
    """Yield the parts of frames when they are due; ends early when stopped."""
    rate = settings.wall_rate
    next_s = 0.0
    for frame in frames:
        if rate is None:
            if stopped():
                return
            yield frame
            continue
        due_s = frame["offset_us"].to_numpy() * (settings.events_per_event_second / rate / US_PER_S)
        at = 0
        while at < len(frame):
            if stopped():
                return
            now_s = elapsed_s()
            # Of a frame that is due in part, not at once what has fallen due meanwhile: a few
            # records at a time cost several times what they cost together.
            due_from_s = due_s[at] if due_s[-1] <= now_s else max(due_s[at], next_s)
            if (left_s := due_from_s - now_s) > 0:
                wait(min(max(left_s, TICK_S / 10), 0.1))
                continue
            whole = settings.interval_s is not None
            until = len(frame) if whole else int(np.searchsorted(due_s, now_s, side="right"))
            yield frame.slice(at, until - at)
            at = until
            next_s = now_s + TICK_S if at < len(frame) else 0.0
