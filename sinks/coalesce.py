"""Coalesce: fewer, larger commands with the same effect.

A store that pays for each request, or each command, asks for this.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from sinks.commands import (
    AccumulateWindow,
    Command,
    Document,
    NewestDocuments,
    ReplaceDocuments,
    SendRecords,
    WritePoints,
)


def coalesce(commands: Iterable[Command]) -> list[Command]:
    """Return commands with the same effect, neighbours of one kind joined.

    Windows are joined only where they are the same window of the same collection with no key in
    both: two windows of one key stay two commands, in their order. No document id comes twice in
    one replacing command.
    """
    joined: list[Command] = []
    for command in commands:
        merged = _join(joined[-1], command) if joined else None
        if merged is None:
            joined.append(_distinct(command))
        else:
            joined[-1] = merged
    return joined


def _join(first: Command, second: Command) -> Command | None:
    match first, second:
        case ReplaceDocuments(), ReplaceDocuments() if first.collection == second.collection:
            documents = [*first.documents, *second.documents]
            return ReplaceDocuments(first.collection, _last_per_id(documents))
        case AccumulateWindow(), AccumulateWindow() if (
            first.collection == second.collection
            and first.window_start == second.window_start
            and not _share_a_key(first.counts, second.counts)
        ):
            counts = pl.concat([first.counts, second.counts])
            return AccumulateWindow(first.collection, first.window_start, counts)
        case WritePoints(), WritePoints():
            return WritePoints([*first.points, *second.points])
        case SendRecords(), SendRecords():
            return SendRecords([*first.records, *second.records])
    return None


def _distinct(command: Command) -> Command:
    match command:
        case ReplaceDocuments(collection, documents):
            return ReplaceDocuments(collection, _last_per_id(documents))
        case NewestDocuments(collection, documents, order_by):
            return NewestDocuments(collection, _newest_per_id(documents, order_by), order_by)
    return command


def _last_per_id(documents: list[Document]) -> list[Document]:
    return list({document["_id"]: document for document in documents}.values())


def _newest_per_id(documents: list[Document], order_by: str) -> list[Document]:
    newest: dict[str, Document] = {}
    for document in documents:
        known = newest.get(document["_id"])
        if known is None or known[order_by] <= document[order_by]:
            newest[document["_id"]] = document
    return list(newest.values())


def _share_a_key(first: pl.DataFrame, second: pl.DataFrame) -> bool:
    return not first.select("key").join(second.select("key"), on="key", how="semi").is_empty()
