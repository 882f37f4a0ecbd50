"""Sinks of stores: what the lanes of a worker do at the end of an epoch."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from dataflows.streaming.outputs import StoreSink
from sinks.commands import Command
from sinks.null import NullStore
from sinks.queueing import BACKLOG_HELD_BACK_S
from sinks.store import StoreFactory
from tests.sinks.builders import window


def test_lanes_of_a_worker_are_drained_beside_each_other() -> None:
    # Each waits for the other, for less long than it is held back if nobody hastens it.
    together = threading.Barrier(2)

    class Meeting(NullStore):
        def write(self, commands: Sequence[Command]) -> None:
            together.wait(BACKLOG_HELD_BACK_S / 2)

    factory = StoreFactory("meeting", Meeting, holds_backlog=True)
    sink = StoreSink(factory, lanes=2, queue_commands=8, give_up_after_s=1.0)
    parts = [sink.build_part("step", name, None) for name in sink.list_parts()]
    for number, part in enumerate(parts):
        part.write_batch([window(0, {f"u{number}": {"a": 1}})])  # of a backlog: held back
    for part in parts:
        part.snapshot()
    assert not together.broken
    for part in parts:
        part.close()
