from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer

PADDING: int
VALUE_IS_NULL: int
KEY_IS_NULL: int

def match(
    data: bytes,
    bounds: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    fixed: bytes,
    fixed_ends: npt.NDArray[np.int64],
    kinds: bytes,
    fits: npt.NDArray[np.bool_],
    begins: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int32],
) -> None: ...
def texts(
    data: bytes, begins: npt.NDArray[np.int32], ends: npt.NDArray[np.int32]
) -> tuple[bytes, bytes]: ...
def times(
    data: bytes,
    begins: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int32],
    found: npt.NDArray[np.int64],
) -> None: ...
def distinct(
    offsets: Any, data: Any | None, first: int, rows: int, seed: int
) -> tuple[bytes, tuple[bytes, bytes]]: ...
def key_groups(offsets: Any, data: Any | None, first: int, rows: int, groups: int) -> bytes: ...
def add_up(
    parts: list[tuple[int, list[tuple[Any, Any, int]], list[tuple[Any, int]]]],
    texts: int,
    numbers: int,
    seed: int,
) -> tuple[int, list[tuple[bytes, bytes]], list[bytes]]: ...

class Queue:
    def __init__(
        self, consumer: Consumer, topic: str, partition: int, functions: Sequence[int]
    ) -> None: ...
    def consume(
        self, most: int, timeout_ms: int
    ) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, list[tuple[int, int, str]]]: ...
    def close(self) -> None: ...
