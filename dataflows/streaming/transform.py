"""What a pipeline may do with the records of a partition before they are counted.

Both run where the partition is read, in offset order, so that what they do is a function of the
partition's content, and raw bytes never travel to another process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.streaming.deadletters import Message
from dataflows.streaming.timestamps import Int64Array
from sinks.commands import Command


@dataclass(frozen=True, slots=True)
class Records:
    """The valid records of a batch, late ones among them: columns, event times and the messages."""

    columns: dict[str, pa.Array]
    event_time_us: Int64Array
    messages: Sequence[Message]
    positions: Int64Array
    """`messages[positions[i]]` is the message of row i."""

    def __len__(self) -> int:
        return len(self.event_time_us)

    def message(self, row: int) -> Message:
        """Return the message that a row is from."""
        return self.messages[int(self.positions[row])]


@dataclass(frozen=True, slots=True)
class Transformed:
    """What came of a batch: further columns, the rows that are kept, and what is to be written.

    Whether a record is kept may depend on that record alone. Commands are written at least once,
    those of a partition in order.
    """

    columns: dict[str, pa.Array] = field(default_factory=dict)
    keep: npt.NDArray[np.bool_] | None = None
    commands: list[Command] = field(default_factory=list)


class Transform(Protocol):
    """Looks at every valid record of a partition, in offset order."""

    def apply(self, records: Records) -> Transformed:
        """Take a batch; never without records."""

    def state(self) -> Any:
        """Return what to resume with, as plain values: the factory gets it back."""


TransformFactory: TypeAlias = Callable[[Any], Transform]
"""Makes the transform of a partition from its state, None at first."""

Tap: TypeAlias = Callable[[Records], list[Command]]
"""Says what to write of each batch of valid records; it has no state."""
