"""Kill the processes of a job at random moments, again and again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from tests.faults.job import Job

Fault = Literal["member killed", "member killed at start", "supervisor killed", "stopped"]
EVERYTHING: tuple[Fault, ...] = (
    "member killed",
    "member killed at start",
    "supervisor killed",
    "member killed",
    "member killed",
    "stopped",
)
"""In this order, again and again."""
MEMBERS: tuple[Fault, ...] = (
    "member killed",
    "member killed at start",
    "member killed",
    "member killed",
)
"""What one supervisor has to live through: a group that is killed is restarted however often that
is, after a longer pause each time (up to half a minute)."""
_LONGEST_WAIT_S = 1.3
"""More than an epoch."""


@dataclass
class Storm:
    """Faults on a job: how many have hit it while it worked.

    `end_at` is the number of records of the input, if it has an end: once all are read a fault hits
    nothing.
    """

    job: Job
    dice: random.Random
    end_at: int | None = None
    hits: Counter[Fault] = field(default_factory=Counter)
    resumed_from: set[int] = field(default_factory=set)
    """The epochs at which runs of the group began."""
    read_at: list[int] = field(default_factory=list)
    supervisors: set[int] = field(default_factory=set)
    """Their processes."""

    def rage(
        self, times: int, faults: Sequence[Fault], then: Mapping[str, str] | None = None
    ) -> None:
        """Break the running job so many times, by these faults in turn.

        With `then` it goes on with other settings: the last fault kills the supervisor, so that
        they count.
        """
        since: datetime | None = None
        for number in range(times):
            what = f"work after {number} faults ({dict(self.hits)})"
            self.job.wait_for_work(since, what)
            self.resumed_from.add(self.job.resumed_from())
            if number % 3 == 1:
                self.job.wait_for_snapshot()
            self.job.wait(self.dice.uniform(0.0, _LONGEST_WAIT_S))
            read = self.job.read()
            assert self.job.alive, f"the input ended before {what}"
            assert self.end_at is None or read < self.end_at, f"the input was read before {what}"
            self.read_at.append(read)
            self.supervisors.add(self.job.running.process.pid)
            fault = faults[number % len(faults)]
            if then is not None and number == times - 1:
                self.job.environ |= then
                fault = "supervisor killed"
            since = self._strike(fault)

    def faults(self) -> dict[str, int]:
        """Return how often each kind of fault has hit."""
        return {str(fault): times for fault, times in self.hits.items()}

    def _strike(self, fault: Fault) -> datetime:
        """Break it; return a moment after which nothing of before is written any more."""
        job = self.job
        if fault == "supervisor killed":
            job.kill_supervisor()
            struck = datetime.now(UTC)
            job.start()
        elif fault == "stopped":
            assert job.stop() == 0, job.text()[-2000:]
            struck = datetime.now(UTC)
            job.start()
        else:
            self._kill_member()
            if fault == "member killed at start" and not self._kill_member_at_start():
                fault = "member killed"
            struck = datetime.now(UTC)
        self.hits[fault] += 1
        return struck

    def _kill_member(self) -> None:
        """Kill one of those that work; the group must be restarted because of that."""
        restarts = len(self.job.events("group.restarting"))
        self.job.kill_member(self.dice)
        self.job.wait_until(
            lambda: len(self.job.events("group.restarting")) > restarts, "the restart of the group"
        )

    def _kill_member_at_start(self) -> bool:
        """Kill one of the next group before its members have found each other.

        Tells whether this was in time.
        """
        job = self.job
        ready = len(job.events("group.ready"))
        started = len(job.events("worker.started"))
        group = job.processes
        job.wait_until(
            lambda: len(job.events("worker.started")) >= started + group, "the next group"
        )
        if len(job.events("group.ready")) > ready:
            return False
        self._kill_member()
        return True
