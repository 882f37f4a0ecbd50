"""The embedded store, read beside the dataflow that writes it.

Every statement names the index it needs: where one is missing the answer is empty, not slow.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from dashboard.reading.protocol import (
    Bucket,
    Document,
    StoreAbsent,
    Sums,
    TooLong,
    plain,
    ranked,
)
from sinks.sqlite_layout import quote
from sinks.store import StoreUnavailable

_TIME = "json_extract(doc, '$.timestamp')"
_TYPE = "json_extract(doc, '$.type')"
_BY_TYPE_AND_TIME = "aggregated_data INDEXED BY aggregated_data_type_timestamp"
_MOST_METRICS = 1000
_MOST_SECONDS = 10.0
_STEPS_BETWEEN_LOOKS = 100_000


class SQLiteReader:
    """Reads one file. A file that takes its place is noticed at the next round of questions."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._path = path.resolve()
        self._timeout_s = timeout_s
        self.queries = 0
        self._decode = msgspec.json.Decoder().decode
        self._identity = self._look()
        with self._errors():
            self._connection = self._connect()

    def begin(self) -> None:
        if self._look() != self._identity:
            raise StoreUnavailable(f"{self._path.name} has been replaced: it is opened anew")
        with self._errors():
            self._connection.execute("BEGIN")

    def end(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def status(self) -> list[Document]:
        return self._documents("SELECT doc FROM pipeline_status ORDER BY _id", [])

    def metrics(self) -> list[Document]:
        sql = f"SELECT doc FROM real_time_metrics ORDER BY _id LIMIT {_MOST_METRICS}"
        return self._documents(sql, [])

    def newest_windows(self, kind: str, count: int) -> list[Document]:
        sql = f"SELECT doc FROM {_BY_TYPE_AND_TIME} WHERE {_TYPE} = ? ORDER BY {_TIME} DESC LIMIT ?"
        return self._documents(sql, [kind, count])[::-1]

    def windows_since(self, kind: str, start_ms: int) -> list[Document]:
        sql = (
            f"SELECT doc FROM {_BY_TYPE_AND_TIME} WHERE {_TYPE} = ? AND {_TIME} >= ?"
            f" ORDER BY {_TIME}"
        )
        return self._documents(sql, [kind, _iso(start_ms / 1000)])

    def bounds(self, kind: str) -> tuple[int, int] | None:
        found = []
        for order in ("ASC", "DESC"):
            sql = f"SELECT doc FROM {_BY_TYPE_AND_TIME} WHERE {_TYPE} = ? ORDER BY {_TIME} {order}"
            found += self._documents(f"{sql} LIMIT 1", [kind])
        return (found[0]["timestamp"], found[-1]["timestamp"]) if found else None

    def sums(self, kind: str, sums: Sums, start_s: int, end_s: int, bucket_s: int) -> list[Bucket]:
        start = f"CAST(strftime('%s', {_TIME}) AS INTEGER) / ?1 * ?1"
        where = f"WHERE {_TYPE} = ?2 AND {_TIME} >= ?3 AND {_TIME} < ?4"
        bound = [bucket_s, kind, _iso(start_s), _iso(end_s)]
        numbers = "".join(f", total(json_extract(doc, {_path(path)}))" for path in sums.numbers)
        sql = f"SELECT {start}, count(*){numbers} FROM {_BY_TYPE_AND_TIME} {where} GROUP BY 1"
        buckets: dict[int, Bucket] = {}
        with self._limited():
            for at, windows, *values in self._rows(sql, bound):
                named = dict(zip(sums.numbers, values, strict=True))
                maps: dict[str, dict[str, float]] = {path: {} for path, _ in sums.maps}
                buckets[at] = Bucket(at, windows, named, maps)
            for path, member in sums.maps:
                value = "each.value"
                if member is not None:
                    value = f"json_extract(each.value, {_path(member)})"
                sql = (
                    f"SELECT {start}, each.key, total({value}) FROM {_BY_TYPE_AND_TIME},"
                    f" json_each(doc, {_path(path)}) AS each {where} GROUP BY 1, 2"
                )
                for at, name, total in self._rows(sql, bound):
                    buckets[at].maps[path][name] = total
        return [buckets[at] for at in sorted(buckets)]

    def alerts(self, state: str | None, count: int) -> list[Document]:
        if state is None:
            sql = f"SELECT doc FROM alerts INDEXED BY alerts_timestamp ORDER BY {_TIME} DESC"
            return self._documents(f"{sql} LIMIT ?", [count])
        sql = (
            "SELECT doc FROM alerts INDEXED BY alerts_state_timestamp"
            f" WHERE json_extract(doc, '$.state') = ? ORDER BY {_TIME} DESC LIMIT ?"
        )
        return self._documents(sql, [state, count])

    def stock(self, status: str, count: int) -> list[Document]:
        sql = (
            "SELECT doc FROM inventory_levels INDEXED BY inventory_levels_status_current_stock"
            " WHERE json_extract(doc, '$.status') = ?"
            " ORDER BY json_extract(doc, '$.current_stock') LIMIT ?"
        )
        return self._documents(sql, [status, count])

    def stock_count(self, status: str, at_most: int) -> int:
        sql = (
            "SELECT count(*) FROM (SELECT 1 FROM inventory_levels"
            " INDEXED BY inventory_levels_status_current_stock"
            " WHERE json_extract(doc, '$.status') = ? LIMIT ?)"
        )
        return next((count for (count,) in self._rows(sql, [status, at_most])), 0)

    def largest(self, collection: str, count: int) -> list[Document]:
        rows = f"{quote(f'{collection}_rows')} INDEXED BY {quote(f'{collection}_total')}"
        sql = f"SELECT _id FROM {rows} ORDER BY total DESC LIMIT ?"
        keys = [key for (key,) in self._rows(sql, [count])]
        marks = ", ".join("?" * len(keys))
        return ranked(
            self._documents(f"SELECT doc FROM {quote(collection)} WHERE _id IN ({marks})", keys)
        )

    def one(self, collection: str, key: str) -> Document | None:
        found = self._documents(f"SELECT doc FROM {quote(collection)} WHERE _id = ?", [key])
        return found[0] if found else None

    def keys_from(self, collection: str, prefix: str, count: int) -> list[str]:
        sql = f"SELECT _id FROM {quote(collection)} WHERE _id >= ? AND _id < ? ORDER BY _id LIMIT ?"
        # The last character of Unicode is behind everything that begins with the prefix.
        return [key for (key,) in self._rows(sql, [prefix, prefix + "\U0010ffff", count])]

    def close(self) -> None:
        self._connection.close()

    def _look(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            raise StoreAbsent(f"there is no file {self._path.name}") from None
        except OSError as error:
            raise StoreUnavailable(f"{self._path.name}: {error.strerror}") from error
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        # Not "ro" where it can be helped: a reader of a WAL file may have to make its index.
        for mode in ("rw", "ro"):
            connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode={mode}",
                uri=True,
                timeout=self._timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            except sqlite3.OperationalError:
                connection.close()
                if mode == "ro":
                    raise
            else:
                break
        return connection

    def _rows(self, sql: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        self.queries += 1
        with self._errors():
            try:
                yield from self._connection.execute(sql, values)
            except sqlite3.OperationalError as error:
                # A flow that has not come so far, or an older one, has not made it.
                if not str(error).startswith(("no such table", "no such index")):
                    raise

    def _documents(self, sql: str, values: Sequence[Any]) -> list[Document]:
        return [plain(self._decode(text)) for (text,) in self._rows(sql, values)]

    @contextmanager
    def _limited(self) -> Iterator[None]:
        until = time.monotonic() + _MOST_SECONDS
        self._connection.set_progress_handler(
            lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS
        )
        try:
            yield
        except StoreUnavailable as error:
            cause = error.__cause__
            if getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                raise TooLong(f"the store takes more than {_MOST_SECONDS:g} s for it") from error
            raise
        finally:
            self._connection.set_progress_handler(None, 0)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path.name} cannot be read: {error}") from error


def _path(path: str) -> str:
    """Return a path of field names as an SQL text: of ours only, without quotes in it."""
    return "'$." + ".".join(f'"{name}"' for name in path.split(".")) + "'"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
