"""Measure this process: what a subject of the benchmark prints when it is done."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.results import Figures


@dataclass(frozen=True, slots=True)
class Measured:
    """One process's share of a run. Times are Unix seconds, so that processes can be joined."""

    events: int
    """Events that came out at the end, by the subject's own sums."""
    began_s: float
    ended_s: float
    cpu_s: float
    """User and system time."""
    peak_mib: float
    rejected: int = 0
    late: int = 0

    @property
    def accounted(self) -> int:
        """Return how many of the records that were read are in one of the sums."""
        return self.events + self.rejected + self.late

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.ended_s - self.began_s

    def figures(self) -> Figures:
        """Return what is kept of the run."""
        return {
            "events_per_s": self.accounted / self.seconds,
            "events_per_cpu_s": self.accounted / self.cpu_s,
            "cpu_s_per_million": self.cpu_s * 1e6 / self.accounted,
            "seconds": self.seconds,
            "cpu_s": self.cpu_s,
            "peak_mib": self.peak_mib,
        }


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says includes the parent's, from before the exec.
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Stopwatch:
    """Runs from its making to `stop`."""

    def __init__(self) -> None:
        self._began_s = time.time()
        self._cpu_s = time.process_time()

    def stop(self, events: int, rejected: int = 0, late: int = 0) -> Measured:
        """Return what was measured."""
        return Measured(
            events=events,
            began_s=self._began_s,
            ended_s=time.time(),
            cpu_s=time.process_time() - self._cpu_s,
            peak_mib=peak_mib(),
            rejected=rejected,
            late=late,
        )


def report(measured: Measured) -> None:
    """Print it as the last line, for the process that waits for it."""
    print(json.dumps(asdict(measured)))
    sys.stdout.flush()


def joined(parts: list[Measured]) -> Measured:
    """Join the shares of several processes: from the last begin to the last end."""
    return Measured(
        events=sum(part.events for part in parts),
        began_s=max(part.began_s for part in parts),
        ended_s=max(part.ended_s for part in parts),
        cpu_s=sum(part.cpu_s for part in parts),
        peak_mib=sum(part.peak_mib for part in parts),
        rejected=sum(part.rejected for part in parts),
        late=sum(part.late for part in parts),
    )
