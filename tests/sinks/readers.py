"""Stores under test with a reader each: what an outsider finds there, by the store's own means."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from bson.codec_options import CodecOptions

from sinks.store import Store
from tests.support.servers.endpoints import InfluxDBEndpoint, MongoEndpoint

Document: TypeAlias = dict[str, Any]
Identity: TypeAlias = tuple[int, tuple[tuple[str, str], ...]]

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


@dataclass(frozen=True)
class DocumentPlace:
    """A document store: `make` returns one that is not open, `read` a collection by id."""

    make: Callable[[], Store]
    read: Callable[[str], dict[str, Document]]


@dataclass(frozen=True)
class SeriesPlace:
    """A series store: `make` returns one that is not open.

    `read(measurement, tags)` returns the fields by (seconds, tags), of which only those named are
    tags.
    """

    make: Callable[[], Store]
    read: Callable[[str, Sequence[str]], dict[Identity, dict[str, float]]]


def sqlite_documents(path: Path) -> Callable[[str], dict[str, Document]]:
    """Return a reader of the documents in a file."""

    def read(collection: str) -> dict[str, Document]:
        connection = sqlite3.connect(path)
        try:
            rows = connection.execute(f'SELECT _id, doc FROM "{collection}"').fetchall()
        finally:
            connection.close()
        return {key: json.loads(doc, object_hook=_with_dates) for key, doc in rows}

    return read


def sqlite_documents_so_far(path: Path) -> Callable[[str], dict[str, Document]]:
    """Return a reader of a file that a job may still have to make; no document until then."""
    read = sqlite_documents(path)

    def read_so_far(collection: str) -> dict[str, Document]:
        if not path.exists():
            return {}
        try:
            return read(collection)
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return {}

    return read_so_far


def mongo_documents(mongo: MongoEndpoint, database: str) -> Callable[[str], dict[str, Document]]:
    """Return a reader of the documents in a database."""

    def read(collection: str) -> dict[str, Document]:
        with mongo.client() as client:
            options: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
            found = client[database].get_collection(collection, codec_options=options).find()
            return {document["_id"]: document for document in found}

    return read


def sqlite_series(
    path: Path,
) -> Callable[[str, Sequence[str]], dict[Identity, dict[str, float]]]:
    """Return a reader of the series in a file."""

    def read(measurement: str, tags: Sequence[str]) -> dict[Identity, dict[str, float]]:
        connection = sqlite3.connect(path)
        try:
            rows = connection.execute(
                "SELECT time, tags, fields FROM series WHERE measurement = ?", (measurement,)
            ).fetchall()
        finally:
            connection.close()
        return {
            (time, tuple(sorted(json.loads(tags).items()))): json.loads(fields)
            for time, tags, fields in rows
        }

    return read


def influx_series(
    influx: InfluxDBEndpoint, database: str
) -> Callable[[str, Sequence[str]], dict[Identity, dict[str, float]]]:
    """Return a reader of the series in a database."""

    def read(measurement: str, tags: Sequence[str]) -> dict[Identity, dict[str, float]]:
        escaped = measurement.replace("\\", "\\\\").replace('"', '\\"')
        found: dict[Identity, dict[str, float]] = {}
        for row in influx.query(f'SELECT * FROM "{escaped}"', database):
            identity = tuple(sorted((tag, row[tag]) for tag in tags if row.get(tag) is not None))
            found[row["time"], identity] = {
                name: value
                for name, value in row.items()
                if name not in (*tags, "time", "measurement") and value is not None
            }
        return found

    return read


def _with_dates(document: Document) -> Document:
    return {
        key: datetime.fromisoformat(value)
        if isinstance(value, str) and _DATE.fullmatch(value)
        else value
        for key, value in document.items()
    }
