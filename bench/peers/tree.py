"""Run a command and measure it with all that it starts: time, CPU, memory (Linux).

    python -m bench.peers.tree LOG TIMEOUT_S COMMAND ...

The process makes itself the reaper of its orphaned descendants. So every process below it, a Java
virtual machine whose launcher has ended too, is waited for here in the end, and the kernel's sum
over waited-for children (RUSAGE_CHILDREN) is exact: no process is missed between two samples.
Memory is the largest sum of resident sizes over the tree, sampled; pages that two processes share
count twice. The run ends when the last process has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command and its descendants used."""

    seconds: float
    cpu_s: float
    """User and system time."""
    peak_mib: float
    status: int
    """Exit code of the command itself; -1 if the time was up."""


def measure(command: list[str], log: Path, timeout_s: float) -> Usage:
    """Run a command with its output in `log`, wait for all its descendants, return the usage.

    Meant for a process that has no other children. After `timeout_s` all of them are killed.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1) != 0:
        raise OSError(ctypes.get_errno(), "this process cannot become a reaper")
    before = _cpu_s()
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    status, peak, timed_out = 0, 0, False
    while True:
        try:
            pid, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # all have been waited for
            break
        if pid == process.pid:
            status = os.waitstatus_to_exitcode(code)
        if pid == 0:
            peak = max(peak, sum(_resident_bytes(each) for each in descendants(os.getpid())))
            if time.monotonic() - began > timeout_s:
                timed_out = True
                for each in descendants(os.getpid()):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(each, signal.SIGKILL)
            time.sleep(SAMPLE_S)
    seconds = time.monotonic() - began
    return Usage(seconds, _cpu_s() - before, peak / 2**20, -1 if timed_out else status)


def descendants(root: int) -> Iterator[int]:
    """Yield the ids of all processes below one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    below = list(children.get(root, []))
    while below:
        pid = below.pop()
        yield pid
        below += children.get(pid, [])


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has ended meanwhile
        return 0
    return pages * resource.getpagesize()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(asdict(measure(sys.argv[3:], Path(sys.argv[1]), float(sys.argv[2])))))
