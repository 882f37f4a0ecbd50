"""From raw message values to columns, with a reason for each record that is not accepted.

msgspec decides what is valid, record by record; columns are built once per batch, and every further
check is done on whole columns. A bad record costs its own time, never that of its neighbours.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter

import msgspec
import numpy as np
import pyarrow as pa

from dataflows.streaming.names import NameCap
from dataflows.streaming.numbers import cents, optional_cents, whole_numbers
from dataflows.streaming.rejects import BadRows, Limits, Reason, Reject, shown
from dataflows.streaming.schema import Event, Role, fields_of, parsed_as
from dataflows.streaming.texts import TextColumns
from dataflows.streaming.timestamps import INVALID_US, Int64Array, parse_timestamps

_ANY_JSON = msgspec.json.Decoder()
_UNREADABLE: list[object] = []
"""In the place of a value that cannot be read: of no use as any optional field."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The accepted records of a batch as columns, and the rejected ones.

    `positions[i]` is the place in the batch of row i; `columns` and `event_time_us` have one entry
    a row, in batch order.
    """

    positions: Int64Array
    event_time_us: Int64Array
    columns: dict[str, pa.Array]
    rejects: list[Reject]
    dropped: dict[str, int]
    """Per optional field: how many values were there but of no use, so that the default stands."""
    missing: dict[str, int]
    """Per optional field that is expected: in how many records it was absent or null."""


@dataclass(frozen=True, slots=True)
class BrokerTimes:
    """The Kafka timestamps of a batch, in microseconds: the earliest one, and all when needed.

    A record without one counts as of no limit.
    """

    earliest_us: int
    all_us: Callable[[], Int64Array]


class Decoder:
    """Decodes batches of one topic partition.

    `wanted` are the optional fields to decode, None all of them. Keeps one thing between batches:
    the distinct names seen, for the cap. With the same records in the same order the outcome is the
    same for every batch size.
    """

    def __init__(
        self,
        schema: type[Event],
        limits: Limits,
        names: dict[str, list[str]] | None = None,
        wanted: Collection[str] | None = None,
    ) -> None:
        every = fields_of(schema)
        fields = [f for f in every if not f.role.is_optional or wanted is None or f.name in wanted]
        parsed = parsed_as(schema, [field.name for field in fields])
        self._decode = msgspec.json.Decoder(parsed).decode
        self._parsed = parsed
        self._optional = [field.name for field in fields if field.role.is_optional]
        undecoded = parsed_as(schema, self._optional, msgspec.Raw)
        self._decode_required = msgspec.json.Decoder(undecoded).decode
        self._limits = limits
        self._texts = TextColumns(limits.max_id_length)
        self._fields = [field for field in fields if field.role is not Role.TIMESTAMP]
        self._timestamp = next(field.name for field in fields if field.role is Role.TIMESTAMP)
        # Required names first: a record that they cost uses up no label.
        capped = sorted(
            (field for field in fields if field.role in (Role.NAME, Role.LABEL)),
            key=lambda field: field.role is Role.LABEL,
        )
        self._capped = [
            (field, NameCap(field.name, limits.max_distinct_names, (names or {}).get(field.name)))
            for field in capped
        ]

    def names(self) -> dict[str, list[str]]:
        """Return the distinct names seen per field: the state to resume with."""
        return {field.name: cap.names() for field, cap in self._capped}

    def decode(
        self,
        values: Sequence[bytes | None],
        now_us: int,
        broker_times: BrokerTimes | None = None,
    ) -> Decoded:
        """Decode a batch.

        `now_us` is the wall clock, `broker_times` tells the records' own Kafka timestamps. A record
        is of the future when its event time is later than the earlier of the two plus the allowed
        skew: by its Kafka timestamp a replay comes to the same verdict as the first reading did,
        even when by then that time has come.
        """
        rejects: list[Reject] = []
        rows, kept = self._parse(values, rejects)
        positions: Int64Array = (
            np.arange(len(values), dtype=np.int64) if kept is None else np.array(kept, np.int64)
        )
        columns: dict[str, pa.Array] = {}
        dropped: dict[str, int] = {}
        missing: dict[str, int] = {}
        bad = BadRows(positions, rejects)
        for field in self._fields:
            name = field.name
            found = list(map(attrgetter(name), rows))
            match field.role:
                case Role.ID | Role.NAME:
                    columns[name] = self._texts.required(name, found, bad)
                case Role.WHOLE:
                    columns[name] = pa.array(whole_numbers(name, found, bad))
                case Role.MONEY:
                    columns[name] = pa.array(cents(name, found, bad))
                case Role.OPTIONAL_MONEY:
                    amounts, dropped[name] = optional_cents(found, field.default)
                    columns[name] = pa.array(amounts)
                case _:
                    columns[name], dropped[name] = self._texts.optional(found, field.default)
            if field.is_expected:
                missing[name] = sum(map(operator.is_, found, repeat(None)))
        times = parse_timestamps(list(map(attrgetter(self._timestamp), rows)))
        for row in np.flatnonzero(times == INVALID_US).tolist():
            text = shown(getattr(rows[row], self._timestamp))
            bad.add(
                row,
                Reason.INVALID_TIMESTAMP,
                f"{self._timestamp}: {text} is neither ISO-8601 nor epoch seconds or milliseconds",
            )
        self._check_future(times, positions, now_us, broker_times, bad)
        for field, cap in self._capped:
            if field.role is Role.NAME:
                cap.reject(columns[field.name], bad)
            else:
                columns[field.name], beyond = cap.replace(columns[field.name], field.default, bad)
                dropped[field.name] += beyond
        if bad.rows:
            keep = np.ones(len(rows), bool)
            keep[list(bad.rows)] = False
            mask = pa.array(keep)
            positions, times = positions[keep], times[keep]
            columns = {name: column.filter(mask) for name, column in columns.items()}
        rejects.sort(key=lambda reject: reject.position)
        return Decoded(positions, times, columns, rejects, dropped, missing)

    def _parse(
        self, values: Sequence[bytes | None], rejects: list[Reject]
    ) -> tuple[list[Event], list[int] | None]:
        """Parse what is valid by itself; the second result is None when every value is."""
        rows: list[Event] = []
        oversized = self._oversized(values)
        if not oversized and self._parse_all(values, rows):
            return rows, None
        rows.clear()
        kept = []
        for position, value in enumerate(values):
            if position in oversized:
                size = len(value or b"")
                message = f"{size} bytes, at most {self._limits.max_message_bytes} are taken"
                rejects.append(Reject(position, Reason.TOO_LARGE, message))
                continue
            try:
                row = self._parse_one(value)
            except msgspec.ValidationError as error:
                rejects.append(self._wrong_type(position, value or b"", error))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                rejects.append(Reject(position, Reason.INVALID_JSON, str(error)))
            else:
                rows.append(row)
                kept.append(position)
        return rows, kept

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

    def _parse_one(self, value: bytes | None) -> Event:
        if value is None:
            raise msgspec.DecodeError("null value (a tombstone)")
        try:
            row: Event = self._decode(value)
        except msgspec.ValidationError:
            row = self._without_unreadable(value)
        if not value.isascii():
            value.decode()
        return row

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

    def _check_future(
        self,
        times: Int64Array,
        positions: Int64Array,
        now_us: int,
        broker_times: BrokerTimes | None,
        bad: BadRows,
    ) -> None:
        if not len(times):
            return
        skew_us = self._limits.max_future_skew_us
        limits: Int64Array | np.int64 = np.int64(now_us)
        if broker_times is not None and times.max() > broker_times.earliest_us + skew_us:
            limits = np.minimum(now_us, broker_times.all_us()[positions])
        for row in np.flatnonzero(times > limits + skew_us).tolist():
            limit_us = int(np.broadcast_to(limits, times.shape)[row])
            ahead_s = (int(times[row]) - limit_us) / 1e6
            message = f"{ahead_s:.0f} s ahead, at most {skew_us / 1e6:g} s are taken"
            bad.add(row, Reason.FUTURE_TIMESTAMP, message)
