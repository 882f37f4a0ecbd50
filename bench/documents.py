"""Bar 2, MongoDB: our store beside a bare pymongo bulk loop, one thread each, on one server."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

import numpy as np
import polars as pl
from pymongo import ReplaceOne, UpdateOne
from pymongo.write_concern import WriteConcern

from bench.errors import BenchmarkError
from bench.results import Bar, Figures, Result
from bench.rounds import run_rounds
from bench.session import Session
from bench.spread import ratios
from sinks.aggregate import accumulate
from sinks.commands import AccumulateWindow, Command, Document, ReplaceDocuments
from sinks.mongodb import MongoDBStore
from sinks.mongodb_updates import accumulate_updates
from tests.support.servers.endpoints import MongoEndpoint
from tests.support.unique import unique_name

BULK = 1_000
COLLECTION = "user_stats"
BARE_REPLACE = "bare loop, documents replaced"
STORE_REPLACE = "our store, documents replaced"
BARE_UPDATE = "bare loop, the same guarded updates"
STORE_UPDATE = "our store, guarded updates"
STORE_BACKLOG = "our store, guarded updates, all windows at once"
TYPES = ("click", "like", "purchase", "share", "view")
Windows: TypeAlias = list[tuple[datetime, pl.DataFrame]]
Operations: TypeAlias = Sequence[ReplaceOne[Document] | UpdateOne]
Writing: TypeAlias = Callable[[MongoEndpoint, str], float]
"""Writes to a database of the server and returns the seconds that it took."""


def documents(session: Session, keys: int, windows: int) -> Result:
    """Measure documents a second: each of `keys` current aggregates, in each of `windows`."""
    written = _windows(keys, windows)
    replaced = _aggregates(written)
    added = [AccumulateWindow(COLLECTION, *each) for each in written]
    updates = [accumulate_updates(start, counts) for start, counts in written]
    writings: dict[str, Writing] = {
        BARE_REPLACE: partial(_bare, [_replacements(found) for found in replaced]),
        STORE_REPLACE: partial(_store, [ReplaceDocuments(COLLECTION, d) for d in replaced]),
        BARE_UPDATE: partial(_bare, updates),
        STORE_UPDATE: partial(_store, added),
        STORE_BACKLOG: partial(_store_at_once, added),
    }
    events = sum(int(counts["count"].sum()) for _, counts in written)
    subjects = {
        name: partial(_measured, session.mongo, writing, keys, events)
        for name, writing in writings.items()
    }
    runs = run_rounds(subjects, session.rounds)
    rates = {name: [run["documents_per_s"] for run in found] for name, found in runs.items()}
    return session.result(
        "documents",
        {"keys": keys, "windows": windows, "operations_a_request": BULK},
        runs,
        [
            Bar(
                "2d",
                "MongoDB: documents replaced, of a bare loop",
                ">=",
                0.9,
                ratios(rates[STORE_REPLACE], rates[BARE_REPLACE]),
            ),
            Bar(
                "2e",
                "MongoDB: guarded updates, of a bare loop with the same updates",
                ">=",
                0.9,
                ratios(rates[STORE_UPDATE], rates[BARE_UPDATE]),
            ),
            Bar(
                "2f",
                "MongoDB: windows of a backlog, of a bare loop that replaces their documents",
                ">=",
                0.9,
                ratios(rates[STORE_BACKLOG], rates[BARE_REPLACE]),
            ),
        ],
        "the server is the tests' stand-in (SecantusDB), not mongod; majority, journalled, "
        "unordered; the bare loop has its documents ready, ours makes its updates within the time",
    )


def _windows(keys: int, windows: int) -> Windows:
    """Return the counts of windows in which every key has each type at least once."""
    random = np.random.default_rng(1)
    names = [f"customer-{number:07d}" for number in range(keys) for _ in TYPES]
    first = datetime(2026, 11, 22, tzinfo=UTC)
    return [
        (
            first + timedelta(seconds=10 * number),
            pl.DataFrame(
                {
                    "key": names,
                    "name": list(TYPES) * keys,
                    "count": random.integers(1, 50, keys * len(TYPES)),
                }
            ),
        )
        for number in range(windows)
    ]


def _aggregates(windows: Windows) -> list[list[Document]]:
    """Return what every window leaves behind: the documents that a bare loop would write."""
    stored: dict[str, Document] = {}
    found: list[list[Document]] = []
    for start, counts in windows:
        rows = counts.iter_rows()
        for key, group in itertools.groupby(rows, key=lambda row: str(row[0])):
            by_type = {name: count for _, name, count in group}
            stored[key] = accumulate(stored.get(key), key, start, by_type)
        found.append(list(stored.values()))
    return found


def _replacements(documents: list[Document]) -> Operations:
    return [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]


def _bare(operations: Sequence[Operations], mongo: MongoEndpoint, database: str) -> float:
    concern = WriteConcern(w="majority", j=True)
    with mongo.client() as client:
        collection = client[database].get_collection(COLLECTION, write_concern=concern)
        collection.create_index("total")  # as our store does
        began = time.perf_counter()
        for window in operations:
            for first in range(0, len(window), BULK):
                collection.bulk_write(window[first : first + BULK], ordered=False)
        return time.perf_counter() - began


def _store(commands: Sequence[Command], mongo: MongoEndpoint, database: str) -> float:
    return _store_each([[command] for command in commands], mongo, database)


def _store_at_once(commands: Sequence[Command], mongo: MongoEndpoint, database: str) -> float:
    return _store_each([commands], mongo, database)


def _store_each(writes: Sequence[Sequence[Command]], mongo: MongoEndpoint, database: str) -> float:
    store = MongoDBStore(mongo.uri, database)
    store.open()
    try:
        began = time.perf_counter()
        for commands in writes:
            store.write(commands)
        return time.perf_counter() - began
    finally:
        store.close()


def _measured(mongo: MongoEndpoint, writing: Writing, keys: int, events: int) -> Figures:
    """Write to a fresh database, and add up what is there then."""
    database = unique_name("bench")
    seconds = writing(mongo, database)
    with mongo.client() as client:
        found = list(client[database][COLLECTION].find({}, {"total": 1, "windows": 1}))
        client.drop_database(database)
    total = sum(each["total"] for each in found)
    if len(found) != keys or total != events:
        raise BenchmarkError(f"{len(found)} of {keys} documents are there, of {total} events")
    return {
        "documents_per_s": sum(each["windows"] for each in found) / seconds,
        "seconds": seconds,
    }
