"""What a group of workers is started with."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

_LOOPBACK = "127.0.0.1"
_PORTS = range(10_000, 20_000)


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A group of `processes` with `workers` threads each; `environ` is added to the own one.

    With `cluster`, the addresses of members on several machines, it is one process: `member`.
    """

    recovery_directory: Path
    epoch_interval_s: int
    backup_interval_s: int = 0
    processes: int = 1
    workers: int = 1
    flow: str = "dataflows.main:flow"
    environ: Mapping[str, str] = field(default_factory=dict)
    cluster: tuple[str, ...] = ()
    member: int = 0

    def numbers(self) -> Sequence[int]:
        """Return the numbers of the processes that run here."""
        return [self.member] if self.cluster else range(self.processes)

    def addresses(self) -> list[str]:
        """Return where all processes listen to each other; none where there is one alone."""
        if self.cluster:
            return list(self.cluster) if len(self.cluster) > 1 else []
        return free_addresses(self.processes) if self.processes > 1 else []

    def arguments(self, process: int, addresses: list[str]) -> list[str]:
        """Return the command line of one worker process; one process alone needs no addresses."""
        arguments = [
            f"--flow={self.flow}",
            f"--recovery-directory={self.recovery_directory}",
            f"--epoch-interval-s={self.epoch_interval_s}",
            f"--backup-interval-s={self.backup_interval_s}",
            f"--workers={self.workers}",
        ]
        if addresses:
            arguments += [f"--process={process}", f"--addresses={';'.join(addresses)}"]
        return arguments

    def environment(self, process: int, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of one worker process.

        Bytewax's API server listens on one port a process: each gets the next one. The threads of
        polars are divided among the workers: more of them than cores only take turns.
        """
        environment = {**inherited, **self.environ}
        if "BYTEWAX_DATAFLOW_API_ENABLED" in environment:
            first = int(environment.get("BYTEWAX_DATAFLOW_API_PORT", "3030"))
            environment["BYTEWAX_DATAFLOW_API_PORT"] = str(first + process)
        share = (os.cpu_count() or 1) // (self.processes * self.workers)
        environment.setdefault("POLARS_MAX_THREADS", str(max(1, share)))
        return environment


def free_addresses(count: int) -> list[str]:
    """Return `count` loopback addresses whose ports are free now.

    Systems take the ports of outgoing connections from above `_PORTS`: so none of those may lie on
    a port by the time a process has loaded and listens. Another server still may: then the group
    fails to start and the next attempt gets others. Raises OSError where there are not enough.
    """
    addresses: list[str] = []
    with ExitStack() as stack:
        for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
            each = stack.enter_context(socket.socket())
            try:
                each.bind((_LOOPBACK, port))
            except OSError:
                continue
            addresses.append(f"{_LOOPBACK}:{port}")
            if len(addresses) == count:
                return addresses
    raise OSError(f"no {count} free ports from {_PORTS.start} to {_PORTS.stop - 1}")
