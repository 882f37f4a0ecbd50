"""Read documents back from a document store: for repairs, which compare before they write."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from sinks.commands import Document
from sinks.sqlite_layout import quote
from sinks.store import StoreRejected, StoreUnavailable
from tidemark.config import Settings
from tidemark.redaction import redact

_KEYS_PER_QUERY = 500


class StoredDocuments(Protocol):
    """Reads what one document store holds. Dates come as aware datetimes at the top level."""

    name: str

    def of_pipeline(self, pipeline: str) -> list[Document]:
        """Return the documents of `pipeline_status` of a pipeline."""

    def of_windows(self, kind: str, start: datetime, end: datetime) -> dict[str, Document]:
        """Return the `aggregated_data` of a type by id, of the windows that start in [start, end).

        Raises StoreUnavailable, StoreRejected.
        """

    def newest_window(self, kind: str) -> datetime | None:
        """Return the start of the newest window of a type in `aggregated_data`."""

    def of_keys(self, collection: str, keys: Sequence[str]) -> dict[str, Document]:
        """Return the documents of a collection that have these ids."""


@contextmanager
def stored_documents(settings: Settings, url: str) -> Iterator[StoredDocuments | None]:
    """Open a configured document store for reading; None for one that keeps nothing."""
    if url.startswith(("mongodb://", "mongodb+srv://")):
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        timeout_ms = max(1, round(settings.stores.timeout_s * 1000))
        client: MongoClient[Document] | None = None
        try:
            client = MongoClient(
                url, tz_aware=True, tzinfo=UTC, serverSelectionTimeoutMS=timeout_ms
            )
            yield _Mongo(client, settings.documents.database)
        except PyMongoError as error:
            said = redact(str(error).split(", Timeout:")[0])[:500]
            raise StoreUnavailable(f"MongoDB cannot be read: {said}") from error
        finally:
            if client is not None:
                client.close()
    elif url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:")).resolve()
        if not path.exists():
            raise StoreRejected(
                f"there is no store at {path}",
                remedy="start this where the flow runs, or set documents.urls",
            )
        # Not "mode=ro": a reader of a WAL file may have to make its index.
        connection = sqlite3.connect(path, timeout=settings.stores.timeout_s)
        try:
            yield _SQLite(connection, url)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{path} cannot be read: {error}") from error
        finally:
            connection.close()
    else:
        yield None


class _SQLite:
    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self.name = name
        self._connection = connection

    def of_pipeline(self, pipeline: str) -> list[Document]:
        return list(
            self._find("pipeline_status", "json_extract(doc, '$.pipeline') = ?", [pipeline])
        )

    def of_windows(self, kind: str, start: datetime, end: datetime) -> dict[str, Document]:
        time = "json_extract(doc, '$.timestamp')"
        condition = f"json_extract(doc, '$.type') = ? AND {time} >= ? AND {time} < ?"
        # Windows start at whole seconds: texts compare like the times.
        found = self._find("aggregated_data", condition, [kind, _iso(start), _iso(end)])
        return {document["_id"]: document for document in found}

    def newest_window(self, kind: str) -> datetime | None:
        if not self._has("aggregated_data"):
            return None
        (newest,) = self._connection.execute(
            "SELECT max(json_extract(doc, '$.timestamp')) FROM aggregated_data"
            " WHERE json_extract(doc, '$.type') = ?",
            [kind],
        ).fetchone()
        return None if newest is None else datetime.fromisoformat(newest)

    def of_keys(self, collection: str, keys: Sequence[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for first in range(0, len(keys), _KEYS_PER_QUERY):
            part = list(keys[first : first + _KEYS_PER_QUERY])
            marks = ", ".join("?" * len(part))
            found.update(
                (each["_id"], each) for each in self._find(collection, f"_id IN ({marks})", part)
            )
        return found

    def _find(self, collection: str, condition: str, values: list[str]) -> Iterator[Document]:
        if not self._has(collection):
            return
        rows = self._connection.execute(
            f"SELECT doc FROM {quote(collection)} WHERE {condition}", values
        )
        for (text,) in rows:
            yield {name: _dated(name, value) for name, value in json.loads(text).items()}

    def _has(self, collection: str) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE name = ?"
        return self._connection.execute(query, [collection]).fetchone() is not None


class _Mongo:
    def __init__(self, client: Any, database: str) -> None:
        self.name = "mongodb"
        self._database = client[database]

    def of_pipeline(self, pipeline: str) -> list[Document]:
        return list(self._database["pipeline_status"].find({"pipeline": pipeline}))

    def of_windows(self, kind: str, start: datetime, end: datetime) -> dict[str, Document]:
        query = {"type": kind, "timestamp": {"$gte": start, "$lt": end}}
        return {each["_id"]: each for each in self._database["aggregated_data"].find(query)}

    def newest_window(self, kind: str) -> datetime | None:
        newest = self._database["aggregated_data"].find_one(
            {"type": kind}, {"timestamp": 1}, sort=[("timestamp", -1)]
        )
        moment: datetime | None = None if newest is None else newest["timestamp"]
        return moment

    def of_keys(self, collection: str, keys: Sequence[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for first in range(0, len(keys), _KEYS_PER_QUERY):
            query = {"_id": {"$in": list(keys[first : first + _KEYS_PER_QUERY])}}
            found.update((each["_id"], each) for each in self._database[collection].find(query))
        return found


_DATES = frozenset(
    {"timestamp", "window_end", "updated_at", "watermark", "max_event_time", "last_window"}
    | {"first_seen", "last_seen"}
)


def _dated(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in _DATES and isinstance(value, str) else value


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
