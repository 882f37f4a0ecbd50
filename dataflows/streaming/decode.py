"""From raw message values to columns, with a reason for each record that is not accepted.

Records of a known layout are read as columns; of the others msgspec decides what is valid, one by
one. Every further check is done on whole columns. A bad record costs its own time, never that of
its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import numpy as np
import pyarrow as pa

from dataflows.streaming.layouts import Layouts
from dataflows.streaming.names import NameCap
from dataflows.streaming.numbers import cents, optional_cents, whole_numbers
from dataflows.streaming.parsed import Parsed
from dataflows.streaming.record_parser import RecordParser
from dataflows.streaming.rejects import BadRows, Limits, Reason, Reject, shown
from dataflows.streaming.schema import Event, Role, fields_of
from dataflows.streaming.texts import TextColumns
from dataflows.streaming.timestamps import INVALID_US, Int64Array
from dataflows.streaming.values import Values


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
    value_bytes: int
    """Of all records."""


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
        self._limits = limits
        self._texts = TextColumns(limits.max_id_length)
        self._fields = [field for field in fields if field.role is not Role.TIMESTAMP]
        self._timestamp = next(field.name for field in fields if field.role is Role.TIMESTAMP)
        self._parser = RecordParser(schema, limits, self._timestamp, [f.name for f in fields])
        self._layouts = Layouts({field.name: field.role for field in fields}, limits)
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
        values: Sequence[bytes | None] | Values,
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
        joined = Values.of(values)
        parsed = Parsed(joined, self._layouts, self._parser, self._texts, rejects)
        positions = parsed.positions
        columns: dict[str, pa.Array] = {}
        dropped: dict[str, int] = {}
        missing: dict[str, int] = {}
        bad = BadRows(positions, rejects)
        for field in self._fields:
            name = field.name
            original = partial(parsed.original, name=name)
            wrong, beyond, absent = 0, 0, 0
            match field.role:
                case Role.ID | Role.NAME:
                    columns[name] = parsed.required_texts(name)
                    self._texts.check(name, columns[name], bad)
                case Role.WHOLE:
                    numbers = parsed.numbers(name)
                    columns[name] = pa.array(whole_numbers(name, numbers, original, bad))
                case Role.MONEY:
                    columns[name] = pa.array(cents(name, parsed.numbers(name), original, bad))
                case Role.OPTIONAL_MONEY:
                    numbers, wrong = parsed.optional_numbers(name)
                    absent = int(np.isnan(numbers).sum()) - wrong
                    amounts, beyond = optional_cents(numbers, field.default)
                    columns[name] = pa.array(amounts)
                case _:
                    texts, wrong = parsed.optional_texts(name)
                    absent = texts.null_count - wrong
                    columns[name], beyond = self._texts.with_default(texts, field.default)
            if field.role.is_optional:
                dropped[name] = wrong + beyond
            if field.is_expected:
                missing[name] = absent
        times = parsed.times(self._timestamp)
        for row in np.flatnonzero(times == INVALID_US).tolist():
            text = shown(parsed.original(row, self._timestamp))
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
            keep = np.ones(len(positions), bool)
            keep[list(bad.rows)] = False
            mask = pa.array(keep)
            positions, times = positions[keep], times[keep]
            columns = {name: column.filter(mask) for name, column in columns.items()}
        rejects.sort(key=attrgetter("position"))
        return Decoded(positions, times, columns, rejects, dropped, missing, joined.value_bytes)

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
