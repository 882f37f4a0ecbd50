"""The writer thread: order, backpressure, durability, retries, giving up, closing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from sinks.commands import Command, ReplaceDocuments
from sinks.lane import Lane, LaneClosed, backoff_s
from sinks.queueing import BACKLOG_HELD_BACK_S, HELD_BACK_S
from sinks.store import StoreFactory, StoreRejected, StoreUnavailable
from tests.sinks.builders import window


class Recorder:
    """A store that keeps what it is sent, and fails or blocks as told."""

    def __init__(self) -> None:
        self.written: list[Command] = []
        self.batches: list[int] = []
        self.opened = self.closed = 0
        self.failures: list[Exception] = []
        self.open_failures: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def open(self) -> None:
        if self.open_failures:
            raise self.open_failures.pop(0)
        self.opened += 1

    def write(self, commands: Sequence[Command]) -> None:
        self.entered.set()
        assert self.gate.wait(20)
        if self.failures:
            raise self.failures.pop(0)
        self.written += commands
        self.batches.append(len(commands))

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def store() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.gate.set()


MakeLane = Callable[..., Lane]


@pytest.fixture
def make_lane(store: Recorder, request: pytest.FixtureRequest) -> Iterator[MakeLane]:
    made: list[Lane] = []

    def make(
        capacity: int = 4,
        give_up_after_s: float = 30.0,
        close_within_s: float = 15.0,
        holds_backlog: bool = False,
    ) -> Lane:
        factory = StoreFactory(request.node.name, lambda: store, holds_backlog)
        made.append(Lane(factory, capacity, give_up_after_s, close_within_s=close_within_s))
        return made[-1]

    yield make
    store.gate.set()
    for lane in made:
        # Raises what a test has seen already, or nothing.
        lane.close()


def command(number: int) -> ReplaceDocuments:
    return ReplaceDocuments("things", [{"_id": str(number)}])


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.005)
    return False


def in_thread(*steps: Callable[[], None]) -> None:
    def run() -> None:
        for step in steps:
            step()

    threading.Thread(target=run, daemon=True).start()


def test_commands_arrive_in_order(store: Recorder, make_lane: MakeLane) -> None:
    lane = make_lane()
    commands = [command(number) for number in range(100)]
    for one in commands:
        lane.put(one)
    lane.drain()
    assert store.written == commands


def test_drain_returns_only_when_everything_is_durable(
    store: Recorder, make_lane: MakeLane
) -> None:
    store.gate.clear()
    lane = make_lane()
    lane.put(command(1))
    drained = threading.Event()
    in_thread(lane.drain, drained.set)
    assert store.entered.wait(5)
    assert not drained.wait(0.1)
    store.gate.set()
    assert drained.wait(5)
    assert store.written == [command(1)]


def test_put_blocks_while_the_queue_is_full(store: Recorder, make_lane: MakeLane) -> None:
    store.gate.clear()
    lane = make_lane(capacity=2)
    lane.put(command(0))
    assert store.entered.wait(5)
    lane.put(command(1))
    lane.put(command(2))
    done = threading.Event()
    in_thread(lambda: lane.put(command(3)), done.set)
    assert not done.wait(0.1)
    store.gate.set()
    assert done.wait(5)
    lane.drain()
    assert [one.documents[0]["_id"] for one in store.written] == ["0", "1", "2", "3"]  # type: ignore[union-attr]


def test_what_waits_is_written_together(store: Recorder, make_lane: MakeLane) -> None:
    store.gate.clear()
    lane = make_lane(capacity=50)
    lane.put(command(0))
    assert store.entered.wait(5)
    for number in range(1, 31):
        lane.put(command(number))
    store.gate.set()
    lane.drain()
    assert store.batches == [1, 30]


def test_nothing_is_held_back_of_what_is_hastened(store: Recorder, make_lane: MakeLane) -> None:
    lane = make_lane(capacity=50, holds_backlog=True)
    for number in range(3):
        lane.put(window(number, {"u": {"a": 1}}))  # of a backlog
    assert not within(2 * HELD_BACK_S, lambda: bool(store.written))
    lane.hasten()
    assert within(BACKLOG_HELD_BACK_S / 2, lambda: bool(store.written))
    assert store.batches == [3]
    lane.put(window(3, {"u": {"a": 1}}))
    assert not within(2 * HELD_BACK_S, lambda: len(store.written) > 3)
    lane.drain()
    assert store.batches == [3, 1]


def test_a_write_has_a_largest_size(
    store: Recorder, make_lane: MakeLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second while it is drained.
    monkeypatch.setattr("sinks.queueing.BULK_ROWS_PER_WRITE", 100)
    monkeypatch.setattr("sinks.queueing.ROWS_PER_WRITE", 100)
    store.gate.clear()
    lane = make_lane(capacity=50)
    lane.put(command(0))
    assert store.entered.wait(5)
    for number in range(4):
        lane.put(window(number, {f"u{n}": {"a": 1} for n in range(60)}))
    lane.put(window(9, {f"u{n}": {"a": 1} for n in range(300)}))
    store.gate.set()
    lane.drain()
    assert store.batches == [1, 1, 1, 1, 1, 1]


def test_what_is_fresh_comes_before_what_can_wait(store: Recorder, make_lane: MakeLane) -> None:
    store.gate.clear()
    lane = make_lane(capacity=50)
    lane.put(command(0))
    assert store.entered.wait(5)
    bulk = [window(number, {"u": {"a": 1}}) for number in range(3)]
    for number, each in enumerate(bulk, 1):
        lane.put(each)
        lane.put(command(number))
    store.gate.set()
    lane.drain()
    assert store.written == [*(command(number) for number in range(4)), *bulk]


def test_what_can_wait_is_written_without_being_asked_for(
    store: Recorder, make_lane: MakeLane
) -> None:
    lane = make_lane()
    lane.put(window(0, {"u": {"a": 1}}))
    assert within(5, lambda: store.batches == [1])
    lane.drain()


def test_a_transient_failure_is_tried_again(store: Recorder, make_lane: MakeLane) -> None:
    store.failures = [StoreUnavailable("down"), StoreUnavailable("down")]
    lane = make_lane()
    lane.put(command(1))
    lane.drain()
    assert store.written == [command(1)]
    labels = {"store": lane.name}
    assert REGISTRY.get_sample_value("tidemark_store_retries_total", labels) == 2
    assert REGISTRY.get_sample_value("tidemark_store_rows_total", labels) == 1
    assert REGISTRY.get_sample_value("tidemark_store_write_seconds_count", labels) == 3
    assert REGISTRY.get_sample_value("tidemark_store_unavailable_lanes", labels) == 0
    assert REGISTRY.get_sample_value("tidemark_store_queued_commands", labels) == 0


def test_a_store_that_is_down_at_first_is_opened_later(
    store: Recorder, make_lane: MakeLane
) -> None:
    store.open_failures = [StoreUnavailable("down"), StoreUnavailable("down")]
    lane = make_lane()
    lane.put(command(1))
    lane.drain()
    assert (store.opened, store.written) == (1, [command(1)])


def test_it_gives_up_and_says_what_happens_next(store: Recorder, make_lane: MakeLane) -> None:
    store.failures = [StoreUnavailable("connection refused")] * 100
    lane = make_lane(give_up_after_s=0.3)
    lane.put(command(1))
    with pytest.raises(StoreUnavailable) as caught:
        lane.drain()
    assert lane.name in caught.value.message
    assert "connection refused" in caught.value.message
    assert "next start resumes" in caught.value.remedy
    with pytest.raises(StoreUnavailable):
        lane.put(command(2))
    lane.close()
    assert store.closed == 1


def test_a_wait_that_the_store_asks_for_counts_as_being_away(
    store: Recorder, make_lane: MakeLane
) -> None:
    store.failures = [StoreUnavailable("busy", retry_after_s=3600)]
    lane = make_lane(give_up_after_s=30)
    lane.put(command(1))
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="busy"):
        lane.drain()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("error", [StoreRejected("wrong token"), TypeError("a bug")])
def test_a_lasting_failure_ends_the_lane_at_once(
    store: Recorder, make_lane: MakeLane, error: Exception
) -> None:
    store.failures = [error]
    lane = make_lane()
    lane.put(command(1))
    with pytest.raises(type(error)) as caught:
        lane.drain()
    assert caught.value is error
    with pytest.raises(type(error)):
        lane.put(command(2))


def test_an_error_that_nobody_saw_is_logged_by_close_and_never_raised(
    store: Recorder, make_lane: MakeLane
) -> None:
    store.failures = [StoreRejected("wrong token")]
    lane = make_lane()
    lane.put(command(1))
    assert within(5, lambda: store.closed == 1)
    with capture_logs() as logs:
        lane.close()
        lane.close()
    told = [entry["error"] for entry in logs if entry["event"] == "lane_failed"]
    assert told == ["wrong token"]


def test_close_writes_what_was_queued_if_the_store_takes_it(
    store: Recorder, make_lane: MakeLane
) -> None:
    lane = make_lane(capacity=50)
    bulk = (window(number, {"u": {"a": 1}}) for number in range(10))
    put: list[Command] = [command(0), *bulk]
    for each in put:
        lane.put(each)
    lane.close()
    assert store.written == put


def test_close_while_the_store_is_away_is_prompt(store: Recorder, make_lane: MakeLane) -> None:
    store.failures = [StoreUnavailable("down", retry_after_s=20)]
    lane = make_lane()
    lane.put(command(1))
    assert within(5, lambda: not store.failures)
    started = time.monotonic()
    lane.close()
    assert time.monotonic() - started < 1
    assert store.closed == 1


def test_close_does_not_wait_for_ever_for_a_write_that_hangs(
    store: Recorder, make_lane: MakeLane
) -> None:
    store.gate.clear()
    lane = make_lane(close_within_s=0.2)
    lane.put(command(1))
    assert store.entered.wait(5)
    started = time.monotonic()
    lane.close()
    assert time.monotonic() - started < 2


def test_close_frees_a_caller_that_waits(store: Recorder, make_lane: MakeLane) -> None:
    store.failures = [StoreUnavailable("down", retry_after_s=20)]
    lane = make_lane()
    lane.put(command(1))
    raised: list[BaseException] = []

    def drain() -> None:
        try:
            lane.drain()
        except LaneClosed as error:
            raised.append(error)

    waiting = threading.Thread(target=drain)
    waiting.start()
    assert within(5, lambda: not store.failures)
    lane.close()
    waiting.join(5)
    assert len(raised) == 1


def test_a_closed_lane_takes_nothing(make_lane: MakeLane) -> None:
    lane = make_lane()
    lane.close()
    with pytest.raises(LaneClosed):
        lane.put(command(1))


def test_a_lane_that_was_never_used_opens_nothing(store: Recorder, make_lane: MakeLane) -> None:
    lane = make_lane()
    lane.drain()
    lane.close()
    assert (store.opened, store.closed) == (0, 0)


def test_waits_grow_with_jitter_up_to_a_limit() -> None:
    for tries, longest in [(1, 0.1), (2, 0.2), (5, 1.6), (50, 15.0), (5000, 15.0)]:
        waits = [backoff_s(tries) for _ in range(50)]
        assert longest / 2 <= min(waits)
        assert max(waits) <= longest
        assert len(set(waits)) > 1
    assert backoff_s(1, asked_s=timedelta(minutes=1).total_seconds()) == 60
