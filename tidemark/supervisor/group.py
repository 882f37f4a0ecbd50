"""Keep a group of workers going: one fails, all are restarted from the last snapshot.

A Bytewax cluster is all or nothing: its members neither wait for nor replace one that died, and one
that is killed while the others connect leaves them waiting for ever.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from tidemark.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, TidemarkError
from tidemark.log import get_logger
from tidemark.observability.view import RunState, WorkerState
from tidemark.supervisor.process import WorkerProcess
from tidemark.supervisor.report import Failure
from tidemark.supervisor.restarts import Policy, Restarts
from tidemark.supervisor.spec import GroupSpec

_POLL_S = 0.05
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DataflowFailed(TidemarkError):
    """The dataflow ended with an error that another start does not mend."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, remedy=failure.remedy)
        self.exit_code = failure.exit_code


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of the group ended, `ran_s` seconds after its start."""

    kind: Literal["finished", "stopped", "failed"]
    ran_s: float
    failure: Failure | None = None
    clean: bool = True


class Supervisor:
    """Run a group of workers until its input ends, it is told to stop, or it cannot go on.

    `run` returns 0 at the end of the input and after SIGTERM or SIGHUP, 130 after Ctrl-C, 1 if a
    process had to be killed for it. A second signal kills at once. Raises DataflowFailed for an
    error that another start would not mend: one of the configuration, one marked permanent, a clear
    refusal at the first start, or too many crashes in a row.
    """

    def __init__(self, spec: GroupSpec, policy: Policy | None = None) -> None:
        self._spec = spec
        self._policy = policy or Policy()
        self._signals: list[int] = []
        self._generation = 0
        self._workers: Sequence[WorkerProcess] = ()
        self._restarts = dict.fromkeys(("failed", "killed", "hung"), 0)
        self._beat_s = time.monotonic()
        self._log = get_logger("tidemark.supervisor")

    def state(self) -> RunState:
        """Return how things stand; may be called from any thread."""
        return RunState(
            generation=self._generation,
            processes=len(self._spec.numbers()),
            workers=[
                WorkerState(worker.index, worker.alive, worker.ready, worker.metrics.ask)
                for worker in self._workers
            ],
            restarts=dict(self._restarts),
            beat_age_s=time.monotonic() - self._beat_s,
        )

    def run(self) -> int:
        """Run the group to its end; see the class for what is returned and raised."""
        spec = self._spec
        self._log.info(
            "supervisor.started",
            pid=os.getpid(),
            processes=len(spec.numbers()),
            cluster=list(spec.cluster),
            workers=spec.workers,
            flow=spec.flow,
            recovery=str(spec.recovery_directory),
        )
        restarts = Restarts(self._policy)
        generation = 0
        with self._handling_signals():
            while True:
                generation += 1
                self._generation = generation
                outcome = self._run_group(generation)
                if outcome.kind == "finished":
                    self._log.info("supervisor.finished", restarts=generation - 1)
                    return EXIT_OK
                if outcome.kind == "stopped":
                    return self._stopped(outcome.clean)
                assert outcome.failure is not None
                delay_s = self._delay_s(restarts, outcome.failure, outcome.ran_s, generation)
                self._restarts[outcome.failure.kind] += 1
                self._log.warning(
                    "group.restarting",
                    reason=outcome.failure.message,
                    generation=generation + 1,
                    delay_s=delay_s,
                )
                self._sleep(delay_s)
                if self._signals:
                    return self._stopped(clean=True)

    def _delay_s(
        self, restarts: Restarts, failure: Failure, ran_s: float, generation: int
    ) -> float:
        starting = generation == 1 and ran_s < self._policy.stable_after_s
        refused = starting and (failure.known or failure.stage == "load")
        if failure.exit_code == EXIT_USAGE or failure.permanent or refused:
            raise DataflowFailed(failure)
        delay_s = restarts.next_delay_s(ran_s, killed=failure.killed)
        if delay_s is None:
            self._log.error("group.given_up", restarts=restarts.in_a_row, reason=failure.message)
            raise DataflowFailed(failure)
        return delay_s

    def _run_group(self, generation: int) -> Outcome:
        spec = self._spec
        addresses = spec.addresses()
        started = time.monotonic()
        workers: list[WorkerProcess] = []
        self._workers = workers
        try:
            for index in spec.numbers():
                worker = WorkerProcess(spec, index, addresses, self._on_output)
                workers.append(worker)
                self._log.info(
                    "worker.started", worker=index, pid=worker.pid, generation=generation
                )
            hung = self._watch(workers, started)
            ran_s = time.monotonic() - started
            clean = self._stop(workers)
        finally:
            for worker in workers:
                worker.kill()
                worker.finish()
        if self._signals:
            return Outcome("stopped", ran_s, clean=clean)
        failure = hung or self._first_failure(workers)
        return Outcome("failed" if failure else "finished", ran_s, failure)

    def _watch(self, workers: Sequence[WorkerProcess], started: float) -> Failure | None:
        """Wait until the group ends or has to be ended; return why, if it just hangs."""
        ready = False
        load_limit_s = self._policy.load_limit_s
        loaded_s = started
        while not self._signals:
            if any(worker.failed for worker in workers):
                # The others end by themselves, and one of them may know the reason.
                self._wait_for_end(workers, self._policy.settle_s)
                return None
            if not any(worker.alive for worker in workers):
                return None
            self._beat_s = time.monotonic()
            limit_s, waited_s = self._policy.start_limit_s, time.monotonic() - loaded_s
            if load_limit_s is not None and not all(worker.loaded for worker in workers):
                loaded_s = time.monotonic()
                limit_s, waited_s = load_limit_s, loaded_s - started
            if not ready and all(worker.ready for worker in workers):
                ready = True
                self._log.info("group.ready", after_s=round(time.monotonic() - started, 2))
            if not ready and waited_s > limit_s:
                waiting = [worker.index for worker in workers if not worker.ready]
                self._log.error("group.hangs", waiting=waiting, waited_s=round(waited_s, 1))
                return Failure(
                    f"workers {waiting} did not connect within {limit_s:g} s",
                    hung=True,
                )
            time.sleep(_POLL_S)
        return None

    def _first_failure(self, workers: Sequence[WorkerProcess]) -> Failure | None:
        """Return the failure that explains most: a known one, an error of Python, a death, any."""
        failures: list[tuple[int, Failure]] = []
        for worker in workers:
            if not worker.failed:
                continue
            failure = worker.failure
            if failure is None:
                tail = "; ".join(list(worker.output)[-3:])
                reason = f"worker {worker.index} {worker.describe_end()}"
                # Ended by us, or by its peer's end: that explains nothing.
                echo = worker.killed or worker.exit_code in (EXIT_INTERRUPTED, -signal.SIGABRT)
                killed = not worker.killed and worker.exit_code == -signal.SIGKILL
                failure = Failure(f"{reason} ({tail})" if tail else reason, killed=killed)
                failures.append((3 if echo else 2, failure))
            elif failure.known:
                failures.append((0, failure))
            else:
                failures.append((3 if failure.panic else 1, failure))
        return min(failures, key=lambda each: each[0])[1] if failures else None

    def _stop(self, workers: Sequence[WorkerProcess]) -> bool:
        """End all workers, cleanly if they let themselves; return whether none had to be killed."""
        alive = [worker for worker in workers if worker.alive]
        if alive:
            self._log.info("group.stopping", workers=[worker.index for worker in alive])
        for worker in alive:
            worker.interrupt()
        if not self._wait_for_end(workers, self._policy.stop_limit_s):
            for worker in workers:
                if worker.alive:
                    self._log.warning("worker.killed", worker=worker.index, pid=worker.pid)
                    worker.kill()
        for worker in workers:
            worker.finish()
            expected = bool(self._signals) or worker.exit_code in (EXIT_OK, EXIT_INTERRUPTED)
            say = self._log.info if expected else self._log.warning
            say(
                "worker.exited",
                worker=worker.index,
                pid=worker.pid,
                code=worker.exit_code,
                reason=worker.describe_end(),
            )
            if worker.failure is not None and worker.failure.traceback:
                quiet = expected or worker.failure.known
                say = self._log.debug if quiet else self._log.error
                say("worker.traceback", worker=worker.index, text=worker.failure.traceback)
        return not any(worker.killed for worker in workers)

    def _wait_for_end(self, workers: Sequence[WorkerProcess], limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while any(worker.alive for worker in workers):
            if time.monotonic() > deadline or len(self._signals) > 1:
                return False
            time.sleep(_POLL_S)
        return True

    def _sleep(self, delay_s: float) -> None:
        deadline = time.monotonic() + delay_s
        while not self._signals and (left_s := deadline - time.monotonic()) > 0:
            self._beat_s = time.monotonic()
            time.sleep(min(left_s, _POLL_S))

    def _stopped(self, clean: bool) -> int:
        self._log.info(
            "supervisor.stopped", signal=signal.Signals(self._signals[0]).name, clean=clean
        )
        if self._signals[0] == signal.SIGINT:
            return EXIT_INTERRUPTED
        return EXIT_OK if clean else EXIT_FAILED

    @contextmanager
    def _handling_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a supervisor runs in the main thread: it takes the signals")
        before = {each: signal.signal(each, self._on_signal) for each in _STOP_SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _on_output(self, worker: int, line: str) -> None:
        self._log.debug("worker.output", worker=worker, line=line)
