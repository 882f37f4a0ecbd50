"""What the plan needs to know about a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generator.optional import Kind
from generator.settings import FaultSettings, GeneratorSettings


@dataclass(frozen=True, slots=True)
class Draw:
    """One block of events before their times are written; all parts have one entry an event."""

    partition: NDArray[np.int32]
    key: pl.Series
    """Keys of the records, as text."""
    columns: dict[str, pl.Series]
    """The fields for the truth file: plain text, or numbers; null where there is none."""
    pieces: dict[str, pl.Series]
    """Every field but the time as `"field":value,` in the order in which it is written; empty where
    an event has no such field."""


class Stream(ABC):
    """One kind of events.

    A stream is made once for a run and keeps its pools. Blocks are drawn in order, each once: what
    a stream carries from block to block is bounded, and the same settings give the same blocks.
    """

    time_field: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    """Fields that a record must have; a missing-field fault leaves out one of them."""
    optional: ClassVar[Mapping[str, Kind]] = {}
    """Fields that a record may lack, and what they hold."""
    cents: ClassVar[tuple[str, ...]] = ()
    """Fields of money: in the truth file they are named `<field>_cents`."""

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

    def faults(self, settings: FaultSettings) -> FaultSettings:
        """Return the shares of the faults with what this kind of events brings along itself."""
        return settings

    @classmethod
    def column(cls, field: str) -> str:
        """Return the name of a field's column in the truth file."""
        return f"{field}_cents" if field in cls.cents else field
