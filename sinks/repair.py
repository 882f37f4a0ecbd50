"""What a repair does to a store and the live flow never does: take away, and replace aggregates.

Every function has the same effect once or many times. Nobody else may write the same documents
meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sinks.commands import Document, Point
from sinks.points import epoch_s, stored_tags
from sinks.sqlite_layout import SLOTS, name_statement, quote
from sinks.sqlite_rows import epoch_us, point_columns
from sinks.store import StoreRejected, StoreUnavailable
from tidemark.config import Settings
from tidemark.redaction import redact, redact_url

if TYPE_CHECKING:
    from pymongo.collection import Collection

_NOT_FOUND = 404


def remove_documents(
    settings: Settings, url: str, collection: str, identities: Sequence[str]
) -> None:
    """Remove the documents with these ids; those that are not there stay so.

    Raises StoreUnavailable.
    """
    if not identities:
        return
    if url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:"))
        statement = f"DELETE FROM {quote(collection)} WHERE _id = ?"
        _execute(path, settings.stores.timeout_s, statement, [(each,) for each in identities])
    elif url.startswith(("mongodb://", "mongodb+srv://")):
        with _mongo(settings, url, collection) as target:
            target.delete_many({"_id": {"$in": list(identities)}})


def replace_aggregates(
    settings: Settings, url: str, collection: str, documents: Sequence[Document]
) -> None:
    """Put current aggregates (see `sinks.aggregate`) in the place of what is stored.

    Raises StoreUnavailable.
    """
    if not documents:
        return
    if url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:"))
        _replace_rows(path, settings.stores.timeout_s, collection, documents)
    elif url.startswith(("mongodb://", "mongodb+srv://")):
        from pymongo import ReplaceOne

        with _mongo(settings, url, collection) as target:
            target.bulk_write(
                [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents],
                ordered=False,
            )


def remove_points(settings: Settings, url: str, points: Sequence[Point]) -> None:
    """Remove the points with these measurements, times and tags; those that are not there stay so.

    Raises StoreUnavailable or StoreRejected.
    """
    if not points:
        return
    if url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:"))
        statement = "DELETE FROM series WHERE measurement = ? AND time = ? AND tags = ?"
        identities = list(zip(*point_columns(points)[:3], strict=True))
        _execute(path, settings.stores.timeout_s, statement, identities)
    elif url.startswith(("http://", "https://")):
        remove = _InfluxDB(settings, url)
        for point in points:
            remove(point)


@contextmanager
def _mongo(settings: Settings, url: str, collection: str) -> Iterator[Collection[Document]]:
    from pymongo import MongoClient, WriteConcern
    from pymongo.errors import PyMongoError

    timeout_ms = max(1, round(settings.stores.timeout_s * 1000))
    try:
        with MongoClient[Document](url, serverSelectionTimeoutMS=timeout_ms) as client:
            concern = WriteConcern("majority", wtimeout=timeout_ms, j=True)
            database = client[settings.documents.database]
            yield database.get_collection(collection, write_concern=concern)
    except PyMongoError as error:
        said = redact(str(error).split(", Timeout:")[0])[:500]
        raise StoreUnavailable(f"MongoDB can not be repaired: {said}") from error


def _replace_rows(
    path: Path, timeout_s: float, collection: str, documents: Sequence[Document]
) -> None:
    """Replace rows in the layout of `sinks.sqlite_layout`, in one transaction."""
    names = sorted({name for each in documents for name in each["by_type"]})
    columns = [
        *("_id", "total", "windows", "max_per_window", "min_per_window", "last_window_us"),
        *("last_window_count", "first_seen_us", "rest"),
        *(f"n{slot}" for slot in range(SLOTS)),
    ]
    marks = ", ".join("?" * len(columns))
    rows_table = quote(f"{collection}_rows")
    insert = f"INSERT OR REPLACE INTO {rows_table} ({', '.join(columns)}) VALUES ({marks})"
    try:
        with closing(sqlite3.connect(path, timeout=timeout_s)) as connection, connection:
            connection.executemany(
                name_statement(collection), [(name, json.dumps(name)) for name in names]
            )
            query = f"SELECT name, slot FROM {quote(f'{collection}_names')}"
            slots = dict(connection.execute(query).fetchall())
            connection.executemany(insert, [_aggregate_row(each, slots) for each in documents])
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path} cannot be written now: {error}") from error


def _aggregate_row(document: Document, slots: dict[str, int]) -> tuple[Any, ...]:
    counts: list[int | None] = [None] * SLOTS
    rest = {}
    for name, count in document["by_type"].items():
        if name in slots:
            counts[slots[name]] = count
        else:
            rest[name] = count
    return (
        *(document[name] for name in ("_id", "total", "windows")),
        *(document[name] for name in ("max_per_window", "min_per_window")),
        epoch_us(document["last_window"]),
        document["last_window_count"],
        epoch_us(document["first_seen"]),
        json.dumps(rest) if rest else None,
        *counts,
    )


def _execute(path: Path, timeout_s: float, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=timeout_s)) as connection, connection:
            connection.executemany(statement, rows)
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path} cannot be written now: {error}") from error


class _InfluxDB:
    """InfluxDB 2 by its delete API; InfluxDB 1, which has none, by InfluxQL."""

    def __init__(self, settings: Settings, url: str) -> None:
        series = settings.series
        self._url = url.rstrip("/")
        self._org = series.influx_org
        self._bucket = series.influx_bucket
        self._timeout_s = settings.stores.timeout_s
        token = series.influx_token.get_secret_value() if series.influx_token else ""
        self._headers = {"Authorization": f"Token {token}"} if token else {}
        self._has_api = True

    def __call__(self, point: Point) -> None:
        if self._has_api and not self._by_api(point):
            self._has_api = False
        if not self._has_api:
            self._by_query(point)

    def _by_api(self, point: Point) -> bool:
        at = datetime.fromtimestamp(epoch_s(point.timestamp), UTC)
        pairs = {"_measurement": point.measurement, **stored_tags(point)}
        wanted = (f'{name}="{_escaped(value, QUOTE)}"' for name, value in pairs.items())
        body = {
            "start": at.isoformat(),
            "stop": (at + timedelta(milliseconds=500)).isoformat(),
            "predicate": " AND ".join(wanted),
        }
        query = urllib.parse.urlencode({"org": self._org, "bucket": self._bucket})
        headers = {**self._headers, "Content-Type": "application/json"}
        answer = self._post(f"/api/v2/delete?{query}", json.dumps(body).encode(), headers)
        return answer is not None

    def _by_query(self, point: Point) -> None:
        database, _, policy = self._bucket.partition("/")
        tags = "".join(
            f""" AND "{_escaped(name, QUOTE)}" = '{_escaped(value, "'")}'"""
            for name, value in stored_tags(point).items()
        )
        text = (
            f'DELETE FROM "{_escaped(point.measurement, QUOTE)}"'
            f" WHERE time = {epoch_s(point.timestamp)}s{tags}"
        )
        fields = {"db": database, "q": text, **({"rp": policy} if policy else {})}
        answer = self._post("/query", urllib.parse.urlencode(fields).encode(), self._headers)
        said = json.loads(answer or b"{}")
        errors = [each["error"] for each in said.get("results", []) if "error" in each]
        if errors or answer is None:
            reason = errors[0] if errors else "it has no /query"
            raise StoreRejected(f"InfluxDB at {redact_url(self._url)} removes nothing: {reason}")

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> bytes | None:
        """Return the answer; None where the server has no such path."""
        request = urllib.request.Request(f"{self._url}{path}", data=body, headers=headers)
        shown = redact_url(self._url)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace").strip()[:300]
            if error.code == _NOT_FOUND:
                return None
            kind = StoreUnavailable if error.code >= 500 or error.code == 429 else StoreRejected
            raise kind(f"InfluxDB at {shown} removes nothing ({error.code}): {said}") from error
        except OSError as error:
            raise StoreUnavailable(f"InfluxDB at {shown} does not answer: {error}") from error


QUOTE = '"'


def _escaped(text: str, quote: str) -> str:
    return text.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")
