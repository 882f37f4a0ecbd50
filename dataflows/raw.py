"""Raw data: each valid record as it came, with where it came from, in collection `raw_data`.

Batches stay columns as far as the store. A record that no pattern finds odd is not even decoded.
"""

from __future__ import annotations

from operator import methodcaller
from typing import Any

import msgspec
import numpy as np
import polars as pl

from dataflows.streaming.deadletters import Message
from dataflows.streaming.transform import Records
from sinks.commands import RECORDS_SCHEMA, Command, KeepRecords

COLLECTION = "raw_data"

_DEEPEST = 90
"""MongoDB takes 100 levels, and the document around the data is one of them."""
_LARGEST_INTEGER = (1 << 63) - 1
_RESERVED = frozenset({"$ref", "$id", "$db"})
"""Names that MongoDB has a use for."""
_ODD = r'\\u00(?:00|24)|"\$|[0-9]{19}|[0-9][eE]\+?[0-9]{3}'
"""What only data that does not fit can have, and some that does."""
_NO_TIMESTAMP = 0
_SCHEMA = pl.Schema(RECORDS_SCHEMA)

_decode = msgspec.json.Decoder().decode
_topic, _partition, _offset = map(methodcaller, ("topic", "partition", "offset"))
_key, _value, _timestamp = map(methodcaller, ("key", "value", "timestamp"))


def raw_data(records: Records) -> list[Command]:
    """Return what keeps the records of a batch, under `<topic>/<partition>/<offset>`.

    `timestamp` is the event time, `ingested_at` the record's Kafka timestamp, `key` its key as
    text, `data` the record. What not every store can hold as it is (a number that does not fit into
    64 bits, a NUL character, nesting beyond 90 levels, the names $ref, $id and $db) is kept as a
    string of its JSON.
    """
    if not len(records):
        return []
    messages = _messages(records)
    stamps = list(map(_timestamp, messages))
    frame = pl.DataFrame(
        [
            pl.Series("offset", list(map(_offset, messages)), pl.Int64),
            _texts("key", list(map(_key, messages))),
            pl.Series("timestamp", records.event_time_us, pl.Int64),
            pl.Series(
                "ingested_at",
                [ms * 1_000 if kind != _NO_TIMESTAMP else None for kind, ms in stamps],
                pl.Int64,
            ),
            _data(pl.Series("data", list(map(_value, messages)), pl.Binary).cast(pl.String)),
        ]
    )
    first = messages[0]
    return [KeepRecords(COLLECTION, _topic(first), _partition(first), frame.cast(_SCHEMA))]


def _messages(records: Records) -> list[Message]:
    if len(records.positions) == len(records.messages):
        return list(records.messages)
    return [records.messages[position] for position in records.positions.tolist()]


def _texts(name: str, values: list[bytes | None]) -> pl.Series:
    """Return keys as texts; what is no UTF-8, or NUL, becomes a replacement character."""
    try:
        texts = pl.Series(name, values, pl.Binary).cast(pl.String)
        if not texts.str.contains("\0").any():
            return texts
    except pl.exceptions.ComputeError:
        pass  # no UTF-8: one by one
    replaced = [
        None if value is None else value.decode("utf-8", "replace").replace("\0", "\ufffd")
        for value in values
    ]
    return pl.Series(name, replaced, pl.String)


def _data(values: pl.Series) -> pl.Series:
    """Return the values with those that do not fit as JSON strings."""
    brackets = values.str.count_matches("{", literal=True)
    brackets += values.str.count_matches("[", literal=True)
    odd = values.str.contains(_ODD) | (brackets > _DEEPEST)
    rows = np.flatnonzero(odd.to_numpy())
    unfit = {int(row): text for row in rows if not _fits_text(text := values[int(row)])}
    if not unfit:
        return values
    quoted = [msgspec.json.encode(text.replace("\0", "\ufffd")).decode() for text in unfit.values()]
    return values.scatter(list(unfit), quoted)


def _fits_text(text: str) -> bool:
    try:
        return _fits(_decode(text), _DEEPEST)
    except (msgspec.DecodeError, RecursionError):
        # A number out of range, in a field that is ignored.
        return False


def _fits(value: Any, levels: int) -> bool:
    """Tell whether every store can hold a value."""
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, dict):
        return levels > 0 and all(
            "\0" not in name and name not in _RESERVED and _fits(each, levels - 1)
            for name, each in value.items()
        )
    if isinstance(value, list):
        return levels > 0 and all(_fits(each, levels - 1) for each in value)
    return not isinstance(value, int) or abs(value) <= _LARGEST_INTEGER
