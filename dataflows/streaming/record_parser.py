"""Records parsed one by one, each with a reason if it is not accepted.

A bad record costs its own time, never that of its neighbours.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import numpy as np

from dataflows.streaming.rejects import Limits, Reason, Reject
from dataflows.streaming.schema import Event, fields_of, parsed_as
from dataflows.streaming.timestamps import Int64Array

_ANY_JSON = msgspec.json.Decoder()
_UNREADABLE: list[object] = []
"""In the place of a value that cannot be read: of no use as any optional field."""


class RecordParser:
    """Parses the values of records to structs; `wanted` are the optional fields to look at."""

    def __init__(
        self, schema: type[Event], limits: Limits, timestamp: str, wanted: Collection[str]
    ) -> None:
        self._limits = limits
        self._timestamp = timestamp
        self._optional = [
            field.name
            for field in fields_of(schema)
            if field.role.is_optional and field.name in wanted
        ]
        self._parsed = parsed_as(schema, self._optional)
        self._decode = msgspec.json.Decoder(self._parsed).decode
        undecoded = parsed_as(schema, self._optional, msgspec.Raw)
        self._decode_required = msgspec.json.Decoder(undecoded).decode

    def parse(
        self, values: Sequence[bytes | None], positions: Int64Array, rejects: list[Reject]
    ) -> tuple[list[Event], Int64Array]:
        """Parse what is valid by itself; the second result is the position of each struct.

        `positions` are those of the values in their batch, also for what is added to `rejects`.
        """
        rows: list[Event] = []
        oversized = self._oversized(values)
        if not oversized and self._parse_all(values, rows):
            return rows, positions
        rows.clear()
        kept: list[int] = []
        decode, reject = self._decode, rejects.append
        for place, (position, value) in enumerate(zip(positions.tolist(), values, strict=True)):
            if place in oversized:
                size = len(value or b"")
                message = f"{size} bytes, at most {self._limits.max_message_bytes} are taken"
                reject(Reject(position, Reason.TOO_LARGE, message))
                continue
            try:
                # As `parse_one` does, but a call for each costs a tenth of what it takes.
                try:
                    row = decode(value)  # type: ignore[arg-type]
                except (msgspec.ValidationError, TypeError):
                    row = self._closer_look(value)
                # Not by the reader of structs: it does not look into the fields that it ignores.
                if not value.isascii():  # type: ignore[union-attr]
                    value.decode()  # type: ignore[union-attr]
            except msgspec.ValidationError as error:
                reject(self._wrong_type(position, value or b"", error))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                reject(Reject(position, Reason.INVALID_JSON, str(error)))
            else:
                rows.append(row)
                kept.append(position)
        return rows, np.array(kept, np.int64)

    def _oversized(self, values: Sequence[bytes | None]) -> frozenset[int]:
        limit = self._limits.max_message_bytes
        try:
            if max(map(len, values), default=0) <= limit:  # type: ignore[arg-type]
                return frozenset()
        except TypeError:  # a tombstone: null has no length
            pass
        return frozenset(i for i, value in enumerate(values) if value and len(value) > limit)

    def _parse_all(self, values: Sequence[bytes | None], rows: list[Event]) -> bool:
        """Parse all values at once; False when one of them needs a closer look."""
        try:
            rows.extend(map(self._decode, values))  # type: ignore[arg-type]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
            return False
        # msgspec does not look into the strings of ignored fields; JSON is UTF-8 all through. Each
        # value begins and ends with a bracket or white space: joined they are UTF-8 if all are.
        joined = b"".join(values)  # type: ignore[arg-type]
        if not joined.isascii():
            try:
                joined.decode()
            except UnicodeDecodeError:
                return False
        return True

    def parse_one(self, value: bytes | None) -> Event:
        """Parse one record that is valid by itself."""
        try:
            row: Event = self._decode(value)  # type: ignore[arg-type]
        except (msgspec.ValidationError, TypeError):
            row = self._closer_look(value)
        return row

    def _closer_look(self, value: bytes | None) -> Event:
        """Parse a record that the quick way refuses. Raises msgspec.DecodeError."""
        if value is None:
            raise msgspec.DecodeError("null value (a tombstone)")
        return self._without_unreadable(value)

    def _without_unreadable(self, value: bytes) -> Event:
        """Parse a record of which an optional field may hold a number out of range.

        Such a field is of a wrong type, which does not cost the record. Raises what is wrong beside
        that.
        """
        fields = msgspec.structs.asdict(self._decode_required(value))
        for name in self._optional:
            if isinstance(fields[name], msgspec.Raw):
                try:
                    fields[name] = _ANY_JSON.decode(fields[name])
                except msgspec.ValidationError:
                    fields[name] = _UNREADABLE
        return self._parsed(**fields)

    def _wrong_type(self, position: int, value: bytes, error: msgspec.ValidationError) -> Reject:
        # A wrong type is found before the end is read: what comes after it may be no JSON at all.
        try:
            _ANY_JSON.decode(value)
            value.decode()
        except msgspec.ValidationError:
            pass  # a number out of range
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
            return Reject(position, Reason.INVALID_JSON, str(broken))
        # 1e999 is JSON, and of a type that a timestamp may have, but no time.
        out_of_range = "out of range" in str(error) and f"$.{self._timestamp}" in str(error)
        reason = Reason.INVALID_TIMESTAMP if out_of_range else Reason.INVALID_SCHEMA
        return Reject(position, reason, str(error))
