"""Raw data: each valid record as it came, with where it came from, in collection `raw_data`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from dataflows.streaming.timestamps import moment
from dataflows.streaming.transform import Records
from sinks.commands import Command, Document, ReplaceDocuments

COLLECTION = "raw_data"
_DEEPEST = 90
"""MongoDB takes 100 levels, and the document around the data is one of them."""
_LARGEST_INTEGER = (1 << 63) - 1
_decode = msgspec.json.Decoder().decode


def raw_data(records: Records) -> list[Command]:
    """Return the documents of a batch, under `<topic>/<partition>/<offset>`.

    `timestamp` is the event time, `ingested_at` when Kafka got the record. What no document store
    can hold as it is (an integer beyond 64 bits, a NUL character, nesting beyond 90 levels) is kept
    as its JSON text.
    """
    times = records.event_time_us.tolist()
    documents = [_document(records, row, time_us) for row, time_us in enumerate(times)]
    return [ReplaceDocuments(COLLECTION, documents)] if documents else []


def _document(records: Records, row: int, time_us: int) -> Document:
    message = records.message(row)
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    key, value = message.key(), message.value() or b""
    kind, stamp_ms = message.timestamp()
    data = _decode(value)
    return {
        "_id": f"{topic}/{partition}/{offset}",
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "key": None if key is None else key.decode("utf-8", "replace").replace("\0", "\ufffd"),
        "timestamp": moment(time_us),
        "ingested_at": datetime.fromtimestamp(stamp_ms / 1000, UTC) if kind else None,
        "data": data if _fits(data, _DEEPEST) else value.decode().replace("\0", "\ufffd"),
    }


def _fits(value: Any, levels: int) -> bool:
    """Tell whether every store can hold a value."""
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, dict):
        return levels > 0 and all(
            "\0" not in name and _fits(each, levels - 1) for name, each in value.items()
        )
    if isinstance(value, list):
        return levels > 0 and all(_fits(each, levels - 1) for each in value)
    return not isinstance(value, int) or abs(value) <= _LARGEST_INTEGER
