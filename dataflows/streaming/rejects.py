"""What is not accepted, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from dataflows.streaming.timestamps import Int64Array


class Reason(StrEnum):
    """Why a record was rejected: the code in the dead letter's `error.reason`."""

    INVALID_JSON = "invalid_json"
    INVALID_SCHEMA = "invalid_schema"
    INVALID_TIMESTAMP = "invalid_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    TOO_LARGE = "too_large"
    INVALID_ID = "invalid_id"


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A record that was not accepted: its position in the batch, the code and a sentence."""

    position: int
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on what a record may hold."""

    max_message_bytes: int = 1_048_576
    max_id_length: int = 256
    max_distinct_names: int = 1_000
    max_future_skew_us: int = 60_000_000


class BadRows:
    """Rows found bad after parsing; the first reason found for a row stands."""

    def __init__(self, positions: Int64Array, rejects: list[Reject]) -> None:
        self._positions = positions
        self._rejects = rejects
        self.rows: set[int] = set()

    def add(self, row: int, reason: Reason, message: str) -> None:
        if row not in self.rows:
            self.rows.add(row)
            self._rejects.append(Reject(int(self._positions[row]), reason, message))


def shown(value: object) -> str:
    """Return a value as it may stand in a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
