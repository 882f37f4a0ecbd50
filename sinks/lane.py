"""Lane: a writer thread with one bounded queue, so that a slow store slows the reader and nothing
is lost.

Delivery guarantee: that of the store. `drain` returns when every command put before it is durable;
a caller that drains before it counts its input as done therefore gets at-least-once, and the
commands make that exact. Commands of one lane reach the store in the order they were put, but for
those that can wait (see `queueing`).

Transient failures are retried with growing, jittered waits until the store has taken nothing for
`give_up_after_s`. The waiting is our own loop: it must end at once when the lane is closed and must
honour the wait that a server asks for; stamina sleeps without a way to be woken.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from sinks.commands import Command, count_rows
from sinks.queueing import WriteQueue
from sinks.store import Store, StoreFactory, StoreGivenUp, StoreUnavailable
from tidemark.log import get_logger
from tidemark.observability.metrics import (
    STORE_DRAIN_SECONDS,
    STORE_QUEUED,
    STORE_RETRIES,
    STORE_ROWS,
    STORE_UNAVAILABLE,
    STORE_WRITE_SECONDS,
)

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 15.0
_FINISH_WITHIN_S = 1.0


class LaneClosed(RuntimeError):
    """A command was put into a lane that was closed, or the lane was closed while its caller
    waited.
    """


class Lane:
    """Write commands to one store in a thread of its own.

    `put`, `drain` and `close` belong to one caller thread. The error that ends the lane is raised
    by every `put` and `drain` after it.
    """

    def __init__(
        self,
        factory: StoreFactory,
        capacity: int = 64,
        give_up_after_s: float = 300.0,
        *,
        close_within_s: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self.name = factory.name
        self._factory = factory
        self._capacity = capacity
        self._give_up_after_s = give_up_after_s
        self._close_within_s = close_within_s
        self._clock = clock
        self._log = get_logger(__name__)
        self._queue = WriteQueue(holds_backlog=factory.holds_backlog)
        self._hasty = 0  # of those pending: what is put later may be held back
        self._failing = False  # the store has not taken the last try
        self._pending = 0  # queued or being written
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._error_raised = False
        # There from the start, be it zero: nothing waits, as far as anybody knows.
        STORE_UNAVAILABLE.labels(self.name)
        self._thread = threading.Thread(target=self._run, name=f"lane {factory.name}", daemon=True)
        self._thread.start()

    def put(self, command: Command) -> None:
        """Queue a command; blocks while the queue is full.

        Raises what ended the lane: StoreGivenUp, StoreRejected, or a bug's own exception.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._queue) < self._capacity)
            self._raise_if_ended()
            self._queue.put(command)
            self._pending += 1
            STORE_QUEUED.labels(self.name).inc()
            self._changed.notify_all()

    def hasten(self) -> None:
        """Hold back nothing of what has been put so far."""
        with self._changed:
            self._hasty = self._pending
            self._changed.notify_all()

    def drain(self) -> None:
        """Return when everything put so far is durable. Raises as `put` does."""
        with STORE_DRAIN_SECONDS.labels(self.name).time():
            self.hasten()
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._pending == 0)
                self._raise_if_ended()

    def close(self) -> None:
        """Stop the thread and close the store.

        What is queued is still written if the store takes it within a second: whoever stops a flow
        wants to see what it has shown. The rest is given up (call `drain` first); it comes again
        when the flow is resumed. Waits for a write under way, for `close_within_s` at most.

        What ended the lane and has not been raised is logged: this is called, too, while another
        lane's error is on its way, and a second one then makes Bytewax abort without a message.
        May be called again.
        """
        self.hasten()
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or self._failing or self._pending == 0, _FINISH_WITHIN_S
            )
            self._stopping.set()
            self._changed.notify_all()
        self._thread.join(self._close_within_s)
        if self._thread.is_alive():
            self._log.warning("lane_left_behind", store=self.name, waited_s=self._close_within_s)
        with self._changed:
            STORE_QUEUED.labels(self.name).dec(self._pending)
            if self._pending:
                self._log.info("lane_closed_undrained", store=self.name, commands=self._pending)
            self._pending = 0
            self._queue.clear()
            if self._error is not None and not self._error_raised:
                self._error_raised = True
                self._log.error(
                    "lane_failed", store=self.name, error=str(self._error) or repr(self._error)
                )

    @property
    def _ended(self) -> bool:
        return self._error is not None or self._stopping.is_set()

    def _raise_if_ended(self) -> None:
        if self._error is not None:
            self._error_raised = True
            raise self._error
        if self._stopping.is_set():
            raise LaneClosed(f"the lane to {self.name} is closed")

    def _run(self) -> None:
        store: Store | None = None
        try:
            while True:
                batch = self._take()
                if not batch:
                    return
                store = self._write(store, batch)
                rows = sum(map(count_rows, batch))
                STORE_ROWS.labels(self.name).inc(rows)
                with self._changed:
                    if not self._stopping.is_set():
                        self._pending -= len(batch)
                        self._hasty = max(0, self._hasty - len(batch))
                        STORE_QUEUED.labels(self.name).dec(len(batch))
                        self._changed.notify_all()
        except _Stopped:
            return
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            if store is not None:
                self._close_store(store)

    def _take(self) -> list[Command]:
        """Return the next commands, as many as make a good write; none when the lane is closed."""
        with self._changed:
            while not self._stopping.is_set():
                left_s = self._queue.held_back_s()
                pressing = self._hasty or 4 * len(self._queue) > 3 * self._capacity
                if left_s is not None and (left_s <= 0 or pressing):
                    taken = self._queue.take(all_wait=self._hasty > 0)
                    self._changed.notify_all()
                    return taken
                self._changed.wait(left_s)
            return []

    def _write(self, store: Store | None, batch: list[Command]) -> Store:
        """Write until it is durable; return the store, opened where needed."""
        failing_since: float | None = None
        tries = 0
        try:
            while True:
                try:
                    if store is None:
                        store = self._factory.open()
                    with STORE_WRITE_SECONDS.labels(self.name).time():
                        store.write(batch)
                        store.flush()
                except StoreUnavailable as error:
                    tries += 1
                    now = self._clock()
                    if failing_since is None:
                        failing_since = now
                        self._set_failing(True)
                        STORE_UNAVAILABLE.labels(self.name).inc()
                    failing_for_s = now - failing_since
                    wait_s = backoff_s(tries, error.retry_after_s)
                    if failing_for_s + wait_s > self._give_up_after_s:
                        raise self._given_up(tries, failing_for_s, error) from error
                    STORE_RETRIES.labels(self.name).inc()
                    self._log.warning(
                        "store_unavailable",
                        store=self.name,
                        tries=tries,
                        failing_for_s=round(failing_for_s, 1),
                        retry_in_s=round(wait_s, 2),
                        error=error.message,
                    )
                    if self._stopping.wait(wait_s):
                        raise _Stopped from error
                else:
                    if failing_since is not None:
                        self._log.info(
                            "store_back",
                            store=self.name,
                            tries=tries,
                            was_away_s=round(self._clock() - failing_since, 1),
                        )
                    return store
        except BaseException:
            if store is not None:
                self._close_store(store)
            raise
        finally:
            if failing_since is not None:
                self._set_failing(False)
                STORE_UNAVAILABLE.labels(self.name).dec()

    def _set_failing(self, failing: bool) -> None:
        with self._changed:
            self._failing = failing
            self._changed.notify_all()

    def _given_up(self, tries: int, failing_for_s: float, error: StoreUnavailable) -> StoreGivenUp:
        return StoreGivenUp(
            f"{self.name} has taken nothing for {failing_for_s:.0f} s ({tries} tries): "
            f"{error.message}",
            remedy="bring the store back and start again: the next start resumes at the last "
            "snapshot, nothing is lost or counted twice; stores.give_up_after_s sets how long "
            "to wait",
        )

    def _close_store(self, store: Store) -> None:
        try:
            store.close()
        except Exception as error:
            # What was acknowledged is durable: worth telling, not worth hiding the first error.
            self._log.warning("store_close_failed", store=self.name, error=str(error))


class _Stopped(Exception):
    """The lane was closed while its store was away."""


def backoff_s(tries: int, asked_s: float | None = None) -> float:
    """Return the seconds to wait after so many failed tries: doubling, jittered by half, never
    below `asked_s`.
    """
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(tries - 1, 20))
    return max(longest * random.uniform(0.5, 1.0), asked_s or 0.0)
