from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from generator import Delivery, GeneratorSettings, TruthWriter, plan, run, send

START = datetime(2026, 11, 20, tzinfo=UTC)


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class FakeTarget:
    """Acknowledges everything; remembers when each part came."""

    def __init__(self, clock: Clock, on_put: Callable[[], None] = lambda: None) -> None:
        self.delivery = Delivery()
        self.failing = False
        self.gave_up = False
        self.put_at: list[tuple[float, int]] = []
        self._clock = clock
        self._on_put = on_put

    def put(self, frame: pl.DataFrame) -> None:
        self._on_put()
        self.put_at.append((self._clock.now_s, len(frame)))
        self.delivery.sent += len(frame)

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self._clock.now_s += seconds

    def give_up(self) -> None:
        self.gave_up = True

    def finish(self) -> None:
        self.delivery.acknowledged = self.delivery.sent


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(run, "time", clock)
    return clock


def settings(**given: Any) -> GeneratorSettings:
    return GeneratorSettings.model_validate({"start_time": START} | given)


def test_records_leave_when_they_are_due(clock: Clock) -> None:
    target = FakeTarget(clock)
    given = settings(rate=1_000.0, count=3_000, batch_size=700)
    delivery = send(plan(given, 3), target, given)
    assert delivery.sent == delivery.acknowledged == 3_000
    assert delivery.seconds == pytest.approx(3.0, abs=0.05)
    sent = 0
    for at_s, count in target.put_at:
        sent += count
        assert sent <= at_s * 1_000 + 1.001
        assert sent >= (at_s - 2 * run.TICK_S) * 1_000


def test_what_was_due_before_the_run_leaves_at_once(clock: Clock) -> None:
    target = FakeTarget(clock)
    given = settings(rate=1_000.0, count=3_000, batch_size=700)
    send(plan(given, 3), target, given, start=datetime.now(UTC) - timedelta(seconds=2))
    at_once = sum(count for at_s, count in target.put_at if at_s == 0.0)
    assert at_once >= 2_000


def test_small_batches_do_not_hold_a_rate_up(clock: Clock) -> None:
    given = settings(rate=100_000.0, count=100_000, batch_size=100)
    delivery = send(plan(given, 3), FakeTarget(clock), given)
    assert delivery.seconds == pytest.approx(1.0, abs=0.05)


def test_what_falls_due_while_others_are_sent_is_sent_together(clock: Clock) -> None:
    def slow() -> None:
        clock.now_s += 0.001

    target = FakeTarget(clock, on_put=slow)
    given = settings(rate=100_000.0, count=100_000, batch_size=10_000)
    delivery = send(plan(given, 3), target, given)
    assert delivery.seconds == pytest.approx(1.0, abs=0.05)
    assert len(target.put_at) < 150, "about one a tick"


def test_speed_does_not_change_the_rate(clock: Clock) -> None:
    given = settings(rate=1_000.0, speed=60.0, count=3_000)
    assert send(plan(given, 3), FakeTarget(clock), given).seconds == pytest.approx(3.0, abs=0.05)


def test_a_burst_is_sent_faster(clock: Clock) -> None:
    burst = {"factor": 10.0, "after_s": 1.0, "for_s": 1.0}
    given = settings(rate=100.0, count=1_200, scenarios={"burst": burst})
    assert send(plan(given, 3), FakeTarget(clock), given).seconds == pytest.approx(3.0, abs=0.05)


def test_with_an_interval_whole_batches_leave(clock: Clock) -> None:
    target = FakeTarget(clock)
    given = settings(rate=None, batch_size=50, interval_s=2.0, count=170)
    send(plan(given, 3), target, given)
    assert [count for _, count in target.put_at] == [50, 50, 50, 20]
    assert [at_s for at_s, _ in target.put_at] == pytest.approx([0.0, 2.0, 4.0, 6.0], abs=0.02)


def test_as_fast_as_possible_waits_for_nothing(clock: Clock) -> None:
    given = settings(rate=None, event_rate=1.0, count=100_000)
    assert send(plan(given, 3), FakeTarget(clock), given).seconds == 0.0


def test_a_duration_ends_a_run_without_a_rate(clock: Clock) -> None:
    def tick() -> None:
        clock.now_s += 0.5

    target = FakeTarget(clock, on_put=tick)
    given = settings(rate=None, duration_s=2.0, batch_size=100)
    assert send(plan(given, 3), target, given).sent == 400


def test_stop_ends_a_run_and_says_so(clock: Clock) -> None:
    stop = threading.Event()
    target = FakeTarget(clock, on_put=stop.set)
    given = settings(rate=None, batch_size=100)
    delivery = send(plan(given, 3), target, given, stop=stop)
    assert delivery.interrupted
    assert delivery.sent == delivery.acknowledged == 100


def test_a_second_interruption_gives_up(clock: Clock) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    target = FakeTarget(clock, on_put=interrupt)
    given = settings(rate=None, batch_size=100)
    assert send(plan(given, 3), target, given).interrupted
    assert target.gave_up


def test_a_failure_ends_a_run(clock: Clock) -> None:
    target = FakeTarget(clock, on_put=lambda: setattr(target, "failing", True))
    given = settings(rate=None, batch_size=100)
    assert send(plan(given, 3), target, given).sent == 100


def test_truth_faults_and_progress_cover_every_record(clock: Clock, tmp_path: Path) -> None:
    seen: list[int] = []
    given = settings(rate=5_000.0, count=2_000, faults={"late_share": 0.1})
    with TruthWriter(tmp_path / "truth.parquet", "t") as truth:
        delivery = send(
            plan(given, 3),
            FakeTarget(clock),
            given,
            truth=truth,
            progress=lambda delivery: seen.append(delivery.sent),
        )
    faults = pl.read_parquet(tmp_path / "truth.parquet")["fault"].value_counts()
    assert dict(faults.iter_rows()) == dict(delivery.faults)
    assert delivery.faults.total() == 2_000
    assert seen[-1] == 2_000
    assert seen == sorted(seen)


def test_frames_are_taken_one_by_one(clock: Clock) -> None:
    given = settings(rate=None, batch_size=100)
    taken = 0

    def counted() -> Iterator[pl.DataFrame]:
        nonlocal taken
        for frame in plan(given, 3):
            taken += 1
            yield frame

    stop = threading.Event()
    send(counted(), FakeTarget(clock, on_put=stop.set), given, stop=stop)
    assert taken <= 2
