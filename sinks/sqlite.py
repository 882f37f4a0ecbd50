"""SQLite store: documents and series in one file, the embedded default.

Delivery guarantee: one `write` is one transaction, so a batch is stored whole or not at all, and writing it again
changes nothing (absolute values under `_id`; aggregates guarded by `last_window`). What was acknowledged survives a
kill -9 of the process at `synchronous=NORMAL` and a power failure as well at `FULL`, which is what is set.

Several threads and processes may write one file (WAL, `BEGIN IMMEDIATE`), anybody may read it meanwhile: every
collection is a table or view with `_id` and `doc` (the whole document as JSON, dates as ISO-8601 with Z), every
point a row of `series`. `sinks.sqlite_layout` says how aggregates are laid out and why.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl

from sinks.commands import (
    AccumulateWindow,
    Command,
    Document,
    NewestDocuments,
    Point,
    ReplaceDocuments,
    WritePoints,
)
from sinks.sqlite_layout import (
    AGGREGATE_COLLECTIONS,
    DOCUMENT_COLLECTIONS,
    LAYOUT_VERSION,
    SERIES_TABLE,
    SLOTS,
    Statement,
    accumulate_statement,
    aggregate_schema,
    document_schema,
    newest_statement,
    quote,
    replace_statement,
    series_statement,
)
from sinks.store import StoreRejected, StoreUnavailable, unsupported

_TRANSIENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
}
_PERMANENT = {
    sqlite3.SQLITE_CANTOPEN: "check that the path is right and its directory can be written to",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable for this user",
    sqlite3.SQLITE_PERM: "make the file and its directory writable for this user",
    sqlite3.SQLITE_AUTH: "make the file and its directory writable for this user",
    sqlite3.SQLITE_NOTADB: "the path names a file that is no SQLite database: choose another",
    sqlite3.SQLITE_CORRUPT: "restore the file from a backup, or move it away and replay the topics",
}
_ROWS_PER_STATEMENT = 4000
_CACHE_KIB = 65536

# SQLite waits for a lock by sleeping up to 100 ms at a time. Writers of one process queue here instead.
_writer_locks: dict[Path, threading.Lock] = {}
_writer_locks_guard = threading.Lock()


def _writer_lock(path: Path) -> threading.Lock:
    with _writer_locks_guard:
        return _writer_locks.setdefault(path, threading.Lock())


class SQLiteStore:
    """Documents and series in the SQLite file at `path`; its directory is made where missing."""

    def __init__(self, path: Path, timeout_s: float = 10.0) -> None:
        self.path = path.absolute()
        self._timeout_s = timeout_s
        self._lock = _writer_lock(self.path)
        self._connection: sqlite3.Connection | None = None
        self._known: set[str] = set()
        self._slots: dict[str, dict[str, int]] = {}

    def open(self) -> None:
        """Open the file and make the tables of the known collections."""
        self.close()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreRejected(
                f"cannot make the directory {self.path.parent}: {error.strerror}",
                remedy="choose another path in `documents.urls` and `series.urls`",
            ) from error
        with self._errors():
            connection = sqlite3.connect(
                self.path,
                timeout=self._timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=8,
            )
            self._connection = connection
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA secure_delete = OFF")
        with self._transaction() as connection:
            self._make_tables(connection)

    def write(self, commands: Sequence[Command]) -> None:
        """Store the commands, in order, in one transaction."""
        known, slots = set(self._known), {name: dict(of) for name, of in self._slots.items()}
        try:
            with self._transaction() as connection:
                for command in commands:
                    self._apply(connection, command)
        except BaseException:
            self._known, self._slots = known, slots
            raise

    def flush(self) -> None:
        """Nothing to do: `write` returns after the commit."""

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        self._known.clear()
        self._slots.clear()
        if connection is not None:
            connection.close()

    def _apply(self, connection: sqlite3.Connection, command: Command) -> None:
        match command:
            case ReplaceDocuments(collection, documents):
                self._make_documents(connection, collection)
                _run(connection, replace_statement(collection), _document_rows(documents))
            case NewestDocuments(collection, documents, order_by):
                self._make_documents(connection, collection)
                _run(connection, newest_statement(collection, order_by), _document_rows(documents))
            case AccumulateWindow(collection, window_start, counts):
                self._accumulate(connection, collection, window_start, counts)
            case WritePoints(points):
                _run(connection, series_statement(), [_point_row(point) for point in points])
            case _:
                raise unsupported("SQLite", command)

    def _accumulate(
        self, connection: sqlite3.Connection, collection: str, start: datetime, counts: pl.DataFrame
    ) -> None:
        if counts.is_empty():
            return
        self._make_aggregates(connection, collection)
        slots = self._assign_slots(connection, collection, counts["name"].unique().to_list())
        used = sorted({slot for slot in slots.values() if slot < SLOTS})
        rows = pivot(counts, slots, used)
        statement = accumulate_statement(
            collection, used, _epoch_us(start), with_rest="rest" in rows.columns
        )
        _run(connection, statement, rows.rows())

    def _assign_slots(
        self, connection: sqlite3.Connection, collection: str, names: list[str]
    ) -> dict[str, int]:
        """Return the column number of each name; the numbers from SLOTS on have no column."""
        slots = self._slots.setdefault(collection, {})
        if any(name not in slots for name in names):
            table = quote(f"{collection}_names")
            new = [(name, msgspec.json.encode(name).decode()) for name in sorted(names)]
            connection.executemany(
                f"INSERT INTO {table} (slot, name, label) "
                f"SELECT coalesce(max(slot) + 1, 0), ?1, ?2 FROM {table} "
                f"WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE name = ?1) HAVING count(*) < {SLOTS} "
                "ON CONFLICT DO NOTHING",
                new,
            )
            slots.update(connection.execute(f"SELECT name, slot FROM {table}"))
        return {name: slots.get(name, SLOTS) for name in names}

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, LAYOUT_VERSION):
            raise StoreRejected(
                f"{self.path} has layout {version}, this version of Tidemark knows {LAYOUT_VERSION}",
                remedy="use the version that made it, or another file",
            )
        if version == 0:
            connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        connection.execute(SERIES_TABLE)
        for collection in DOCUMENT_COLLECTIONS:
            self._make_documents(connection, collection)
        for collection in AGGREGATE_COLLECTIONS:
            self._make_aggregates(connection, collection)

    def _make_documents(self, connection: sqlite3.Connection, collection: str) -> None:
        self._make(connection, collection, "table", document_schema)

    def _make_aggregates(self, connection: sqlite3.Connection, collection: str) -> None:
        self._make(connection, collection, "view", aggregate_schema)

    def _make(
        self,
        connection: sqlite3.Connection,
        collection: str,
        kind: str,
        schema: Callable[[str], list[str]],
    ) -> None:
        if collection in self._known:
            return
        found = connection.execute(
            "SELECT type FROM sqlite_master WHERE name = ?", (collection,)
        ).fetchone()
        if found is not None and found[0] != kind:
            raise StoreRejected(
                f"{collection} in {self.path} holds another kind of documents",
                remedy="use one collection for replaced documents and another for aggregates",
            )
        for statement in schema(collection):
            connection.execute(statement)
        self._known.add(collection)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        if connection is None:
            raise RuntimeError("the store is not open")
        if not self._lock.acquire(timeout=self._timeout_s):
            raise StoreUnavailable(f"{self.path} is busy with another writer of this process")
        try:
            with self._errors():
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        finally:
            self._lock.release()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _TRANSIENT:
                raise StoreUnavailable(f"{self.path} cannot be written now: {error}") from error
            if code in _PERMANENT:
                raise StoreRejected(
                    f"{self.path} cannot be used: {error}", remedy=_PERMANENT[code]
                ) from error
            raise


def pivot(counts: pl.DataFrame, slots: dict[str, int], used: Sequence[int]) -> pl.DataFrame:
    """Return one row per key: key, total, a count (or null) per used slot, the other names as JSON.

    The column `rest` is there only if a name has no slot of its own. Keys come out sorted: neighbours in the index
    are written together.
    """
    frame = counts.with_columns(
        slot=pl.col("name").replace_strict(slots, return_dtype=pl.Int32),
    )
    count, slot = pl.col("count"), pl.col("slot")
    columns = [count.sum().alias("total")]
    columns += [count.filter(slot == number).sum().alias(f"n{number}") for number in used]
    seen = [(slot == number).any().alias(f"has{number}") for number in used]
    crowded = any(number >= SLOTS for number in slots.values())
    if crowded:
        labels = {name: msgspec.json.encode(name).decode() for name in slots}
        pair = pl.col("name").replace_strict(labels, return_dtype=pl.String) + ":"
        member = (pair + count.cast(pl.String)).filter(slot >= SLOTS)
        columns.append(member.str.join(",").alias("rest"))
    grouped = frame.group_by("key").agg(*columns, *seen).sort("key")
    absent = [pl.when(f"has{number}").then(f"n{number}").alias(f"n{number}") for number in used]
    wide = grouped.with_columns(absent).drop([f"has{number}" for number in used])
    if not crowded:
        return wide
    rest = pl.col("rest")
    return wide.with_columns(rest=pl.when(rest != "").then("{" + rest + "}"))


def _run(
    connection: sqlite3.Connection, statement: Statement, rows: Sequence[Sequence[object]]
) -> None:
    """Run a statement over rows, many at a time.

    One step of SQLite takes a thousand rows: the interpreter lock is given back once a thousand rows instead of
    once a row, which beside a busy thread is the difference between 5,000 and 150,000 rows a second.
    """
    size = min(
        _ROWS_PER_STATEMENT,
        connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // statement.width,
    )
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        connection.execute(statement.sql(len(part)), [value for row in part for value in row])


def _document_rows(documents: Sequence[Document]) -> list[tuple[str, str]]:
    encode = msgspec.json.encode
    return [(document["_id"], encode(document).decode()) for document in documents]


def _point_row(point: Point) -> tuple[str, int, str, str]:
    tags = msgspec.json.encode(dict(sorted(point.tags.items()))).decode()
    fields = msgspec.json.encode(dict(point.fields)).decode()
    return point.measurement, _epoch_us(point.timestamp) // 1_000_000, tags, fields


def _epoch_us(moment: datetime) -> int:
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
