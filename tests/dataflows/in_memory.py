"""A pipeline without Bytewax and servers: records in, batches and documents of windows out."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from dataflows.assembly import AnyPipeline, topic_spec
from dataflows.streaming.batch import Batch
from dataflows.streaming.fetched import FetchedMessages
from dataflows.streaming.operators import parcels_of
from dataflows.streaming.parcels import NOTHING_ASIDE
from dataflows.streaming.split import Splitter
from dataflows.streaming.summary import WindowSummary
from sinks.commands import Document, Record, SendRecords
from tests.dataflows.streaming.making import FakeMessage, reader_of
from tidemark.config import Settings


def batches_of(
    settings: Settings,
    pipeline: AnyPipeline,
    messages: Sequence[FakeMessage],
    cuts: Collection[int] = (),
    restarts: Collection[int] = (),
) -> list[Batch]:
    """Read the messages of a partition, cut before the places in `cuts` and `restarts`.

    At the latter the reader is stored and made anew.
    """
    spec = topic_spec(settings, [pipeline])
    reader = reader_of(spec)
    places = sorted({place for place in (*cuts, *restarts) if 0 < place < len(messages)})
    batches = []
    for begin, end in zip([0, *places], [*places, len(messages)], strict=True):
        if begin in restarts:
            reader = reader_of(spec, state=pickle.loads(pickle.dumps(reader.state())))
        piece = messages[begin:end]
        if piece:
            batches.append(reader.batch(FetchedMessages(piece), piece[-1].offset() + 1))
    return batches


def documents_of(
    settings: Settings, pipeline: AnyPipeline, batches: Sequence[Batch]
) -> dict[str, Document]:
    """Return the documents of all windows by id."""
    tables = pipeline.tables()
    groups = settings.engine.key_groups
    splitter = Splitter(tables, pipeline.window_us, groups)
    rows: dict[tuple[int, int], list[list[pa.RecordBatch]]] = {}
    for batch in batches:
        for parcel in parcels_of(batch, splitter, pipeline.name, groups):
            for piece in parcel.pieces:
                key = piece.window_start_us, parcel.group
                rows.setdefault(key, [[] for _ in tables])[piece.table].append(piece.rows)
    parts: dict[int, Any] = {}
    for (start_us, _), pieces in sorted(rows.items()):
        frames = {
            table.name: table.close(table.merge(list(map(_frame, found))))[0]
            for table, found in zip(tables, pieces, strict=True)
        }
        part = pipeline.summarize(frames)
        parts[start_us] = parts[start_us].merge(part) if start_us in parts else part
    found = [
        pipeline.document(WindowSummary(start_us, start_us, part, NOTHING_ASIDE))
        for start_us, part in parts.items()
    ]
    return {document["_id"]: document for document in found}


def sent(pipeline: AnyPipeline, batches: Sequence[Batch]) -> list[Record]:
    """Return the records that the pipeline's transform sends."""
    return [
        record
        for batch in batches
        for command in batch.commands.get(pipeline.name, [])
        if isinstance(command, SendRecords)
        for record in command.records
    ]


def _frame(rows: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(pa.Table.from_batches([rows]))
    assert isinstance(frame, pl.DataFrame)
    return frame
