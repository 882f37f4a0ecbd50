"""Raw records in every document store: the same documents, and their lifetime."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sinks.commands import RECORDS_SCHEMA, KeepRecords, ReplaceDocuments, count_rows
from sinks.mongodb import MongoDBStore
from sinks.sqlite import SQLiteStore
from tests.sinks.readers import DocumentPlace, sqlite_documents
from tests.support.servers.endpoints import MongoEndpoint

AT = datetime(2026, 3, 1, 12, 0, 0, 123_000, UTC)
DATA: tuple[dict[str, Any] | str, ...] = (
    {"a": 1, "b": 2.5, "c": None, "d": [True, {"é": "$x"}], "a.b": "1"},
    {"$share": {"$x": 1}, "n": 2**62},
    '{"n":1e999}',
    {},
)


def records(
    *data: object, first: int = 0, at: datetime = AT, topic: str = 'shop."sales"'
) -> KeepRecords:
    """Return records of partition 3, a second apart, with odd keys."""
    count = len(data)
    keys = [f'k"{offset}\\' if offset % 3 else None for offset in range(first, first + count)]
    frame = pl.DataFrame(
        {
            "offset": range(first, first + count),
            "key": keys,
            "timestamp": [at + timedelta(seconds=n) for n in range(count)],
            "ingested_at": [None if n % 2 else at for n in range(count)],
            "data": [json.dumps(each) for each in data],
        },
        schema=RECORDS_SCHEMA,
    )
    return KeepRecords("raw_data", topic, 3, frame)


def test_records_become_documents_with_where_they_came_from(documents: DocumentPlace) -> None:
    store = documents.make()
    store.open()
    store.write([records(*DATA, first=5)])
    store.close()
    found = documents.read("raw_data")
    assert list(found) == [f'shop."sales"/3/{offset}' for offset in range(5, 9)]
    for number, (identity, document) in enumerate(found.items()):
        offset = number + 5
        assert document == {
            "_id": identity,
            "topic": 'shop."sales"',
            "partition": 3,
            "offset": offset,
            "key": f'k"{offset}\\' if offset % 3 else None,
            "timestamp": AT + timedelta(seconds=number),
            "ingested_at": None if number % 2 else AT,
            "data": DATA[number],
        }


def test_a_record_that_comes_again_is_there_once(documents: DocumentPlace) -> None:
    store = documents.make()
    store.open()
    store.write([records(*DATA), records(*DATA[:2]), records({"other": 1}, first=9)])
    store.write([records(*DATA)])
    store.close()
    assert len(documents.read("raw_data")) == 5


def test_every_record_counts_as_a_row() -> None:
    assert count_rows(records(*DATA)) == 4


def test_mongodb_finds_them_by_time_and_topic_and_forgets_them(
    mongo: MongoEndpoint, mongo_database: str
) -> None:
    for lifetime_s in (None, 60, 3600, None):
        store = MongoDBStore(mongo.uri, mongo_database, raw_data_ttl_s=lifetime_s)
        store.open()
        store.close()
        with mongo.client() as client:
            indexes = client[mongo_database]["raw_data"].index_information()
        assert indexes["timestamp_1"].get("expireAfterSeconds") == lifetime_s
        assert indexes["topic_1"]["key"] == [("topic", 1)]


class Sqlite:
    """A file whose store has a clock of ours, and keeps raw data for a minute, windows for two."""

    def __init__(self, path: Path) -> None:
        self.now = AT
        self.read = sqlite_documents(path)
        self.store = SQLiteStore(path, 10.0, 120, 60, clock=lambda: self.now.timestamp())
        self.store.open()


@pytest.fixture
def sqlite(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path / "out.db")


def test_sqlite_forgets_the_oldest_as_it_writes_new_ones(sqlite: Sqlite) -> None:
    sqlite.store.write([records(*[{}] * 300)])
    sqlite.now = AT + timedelta(seconds=300)
    sqlite.store.write([records(*[{}] * 30, first=300, at=sqlite.now)])
    offsets = sorted(document["offset"] for document in sqlite.read("raw_data").values())
    # Twice as many as were written and a hundred, of which those of the last minute stay.
    assert offsets == [*range(160, 330)]
    sqlite.store.write([records({}, first=330, at=sqlite.now)])
    offsets = sorted(document["offset"] for document in sqlite.read("raw_data").values())
    assert offsets == [*range(240, 331)]
    sqlite.store.write([records({}, first=331, at=sqlite.now)])
    offsets = sorted(document["offset"] for document in sqlite.read("raw_data").values())
    assert offsets == [*range(240, 332)], "the last minute's were deleted"


def test_sqlite_forgets_windows_after_their_own_time(sqlite: Sqlite) -> None:
    old = {"_id": "sales/1", "timestamp": AT}
    metric = {"_id": "m", "timestamp": AT}
    sqlite.store.write([ReplaceDocuments("aggregated_data", [old])])
    sqlite.store.write([ReplaceDocuments("real_time_metrics", [metric])])
    for later_s, left in ((119, 3), (121, 3)):
        sqlite.now = AT + timedelta(seconds=later_s)
        new = {"_id": f"sales/{later_s}", "timestamp": sqlite.now}
        sqlite.store.write([ReplaceDocuments("aggregated_data", [new])])
        assert (old["_id"] in sqlite.read("aggregated_data")) == (later_s < 120)
        assert len(sqlite.read("aggregated_data")) == left - 1
    assert "m" in sqlite.read("real_time_metrics")


def test_without_a_lifetime_sqlite_forgets_nothing(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "out.db", clock=lambda: AT.timestamp() + 1e9)
    store.open()
    store.write([records(*DATA)])
    store.write([records(*DATA, first=10)])
    store.close()
    with sqlite3.connect(tmp_path / "out.db") as connection:
        assert connection.execute("SELECT count(*) FROM raw_data").fetchone() == (8,)
