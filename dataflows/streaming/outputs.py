"""The way out: stores behind writer lanes, as Bytewax sinks.

Delivery guarantee: at least once, since each lane is drained in `snapshot`, which Bytewax calls at
the end of every epoch before the epoch counts as done; exact by the commands, which are idempotent.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from zlib import crc32

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from sinks.commands import Command
from sinks.lane import Lane
from sinks.store import StoreFactory

_STATELESS = 0
"""A sink has no state of its own to resume with: what is stored is its state."""


class StoreSink(FixedPartitionedSink[Command, int]):
    """Writes keyed commands to a store by a fixed number of lanes.

    Commands with the same key stay in order. The number of lanes must not shrink during the life
    of a recovery store.
    """

    def __init__(
        self, factory: StoreFactory, *, lanes: int, queue_commands: int, give_up_after_s: float
    ) -> None:
        self._factory = factory
        self._lanes = lanes
        self._queue_commands = queue_commands
        self._give_up_after_s = give_up_after_s
        self._by_worker: dict[int, list[Lane]] = {}

    def list_parts(self) -> list[str]:
        """List the lanes."""
        return [f"lane-{number:03d}" for number in range(self._lanes)]

    def part_fn(self, item_key: str) -> int:
        """Choose the lane: the key group's number if the key is one."""
        return int(item_key) if item_key.isdecimal() else crc32(item_key.encode())

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> LanePartition:
        """Start a lane."""
        lane = Lane(self._factory, self._queue_commands, self._give_up_after_s)
        # Each worker is a thread, and makes its own lanes.
        of_worker = self._by_worker.setdefault(threading.get_ident(), [])
        of_worker.append(lane)
        return LanePartition(lane, of_worker)


class LanePartition(StatefulSinkPartition[Command, int]):
    """One lane.

    `of_worker` are all lanes of the sink and worker: an epoch ends for all of them, one after the
    other.
    """

    def __init__(self, lane: Lane, of_worker: Sequence[Lane]) -> None:
        self._lane = lane
        self._of_worker = of_worker

    def write_batch(self, values: list[Command]) -> None:
        """Queue commands; blocks while the store is slower than the stream."""
        for command in values:
            self._lane.put(command)

    def snapshot(self) -> int:
        """Wait until all that was queued is durable, and let the others begin meanwhile."""
        for lane in self._of_worker:
            lane.hasten()
        self._lane.drain()
        return _STATELESS

    def close(self) -> None:
        """Stop the lane."""
        self._lane.close()
