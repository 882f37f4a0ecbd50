"""What the plan needs to know about a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator.settings import GeneratorSettings


@dataclass(frozen=True, slots=True)
class Draw:
    """One block of events before their times are written; all parts have one entry an event."""

    partition: NDArray[np.int32]
    key: pl.Series
    """Keys of the records, as text."""
    columns: dict[str, pl.Series]
    """The fields as plain text, for the truth file."""
    pieces: dict[str, pl.Series]
    """Every field but the time as `"field":value,` in the order in which it is written; the first
    is a JSON string."""


class Stream(ABC):
    """One kind of events.

    A stream is made once for a run and keeps its pools. `draw` is pure: the same random state
    and the same numbers give the same block.
    """

    topic: ClassVar[str]
    """The topic's name where the configuration does not name one."""
    time_field: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    """Fields that a record must have; a missing-field fault leaves out one of them."""

    @abstractmethod
    def __init__(self, settings: GeneratorSettings, partitions: int) -> None:
        """Make the pools; the partition of a record is the stable hash of its key."""

    @abstractmethod
    def draw(
        self,
        random: np.random.Generator,
        numbers: NDArray[np.int64],
        clock_us: NDArray[np.int64],
        silent: NDArray[np.bool_],
    ) -> Draw:
        """Draw one event for each record number.

        `clock_us` is each record's place in event time; where `silent` holds, the event must not
        fall into the partition of the silence scenario.
        """
