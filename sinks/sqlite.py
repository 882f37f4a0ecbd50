"""SQLite store: documents and series in one file, the embedded default.

Delivery guarantee: one `write` is one transaction, so a batch is stored whole or not at all, and
writing it again changes nothing (absolute values under `_id`; aggregates guarded by `last_window`).
What was acknowledged survives a kill -9 of the process at `synchronous=NORMAL` and a power failure
as well at `FULL`, which is what is set.

Several threads and processes may write one file (WAL, `BEGIN IMMEDIATE`), anybody may read it
meanwhile: every collection is a table or view with `_id` and `doc` (the whole document as JSON,
dates as ISO-8601 with Z), every point a row of `series`. `sinks.sqlite_layout` says how aggregates
are laid out and why.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from sinks.commands import (
    AccumulateWindow,
    Command,
    KeepRecords,
    NewestDocuments,
    ReplaceDocuments,
    WritePoints,
)
from sinks.queueing import can_wait
from sinks.sqlite_aggregates import Addition, Slots, add, additions
from sinks.sqlite_layout import (
    AGGREGATE_COLLECTIONS,
    DOCUMENT_COLLECTIONS,
    LAYOUT_VERSION,
    SERIES_TABLE,
    aggregate_schema,
    document_schema,
    expire_statement,
    newest_statement,
    replace_statement,
    series_statement,
)
from sinks.sqlite_rows import (
    document_columns,
    kept_columns,
    point_columns,
    run,
)
from sinks.store import StoreRejected, StoreUnavailable, unsupported
from sinks.turns import Turns

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
_CACHE_KIB = 65536
_EXPIRED_AT_ONCE = 100
_KEPT_STATEMENTS = 64

# SQLite waits for a lock by sleeping up to 100 ms at a time: writers of one process queue here.
_turns_by_path: dict[Path, Turns] = {}
_turns_guard = threading.Lock()


def _turns_at(path: Path) -> Turns:
    with _turns_guard:
        return _turns_by_path.setdefault(path, Turns())


class SQLiteStore:
    """Documents and series in the SQLite file at `path`; its directory is made where missing."""

    def __init__(
        self,
        path: Path,
        timeout_s: float = 10.0,
        aggregated_data_ttl_s: int | None = None,
        raw_data_ttl_s: int | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path.resolve()
        self._lifetimes_s = {"aggregated_data": aggregated_data_ttl_s, "raw_data": raw_data_ttl_s}
        self._clock = clock
        self._timeout_s = timeout_s
        self._turns = _turns_at(self.path)
        self._connection: sqlite3.Connection | None = None
        self._known: dict[str, str] = {}
        self._slots: dict[str, Slots] = {}

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
        # Who finds another at making a new file a WAL file is refused at once, timeout or not.
        with self._turn(hurry=True), self._errors():
            connection = sqlite3.connect(
                self.path,
                timeout=self._timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=_KEPT_STATEMENTS,
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
        known, slots = dict(self._known), {name: dict(of) for name, of in self._slots.items()}
        bulk = all(map(can_wait, commands))
        # Before the file is taken: others can write it meanwhile.
        planned = list(self._plan(commands))
        try:
            with self._transaction(hurry=not bulk) as connection:
                for each in planned:
                    if isinstance(each, Addition):
                        self._make_aggregates(connection, each.collection)
                        add(connection, each, self._slots)
                    else:
                        self._apply(connection, each)
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

    def _plan(self, commands: Sequence[Command]) -> Iterator[Command | Addition]:
        for kind, some in groupby(commands, key=type):
            if kind is AccumulateWindow:
                yield from additions(
                    [each for each in some if isinstance(each, AccumulateWindow)], self._slots
                )
            else:
                yield from some

    def _apply(self, connection: sqlite3.Connection, command: Command) -> None:
        match command:
            case ReplaceDocuments(collection, documents):
                self._make_documents(connection, collection)
                run(connection, replace_statement(collection), document_columns(documents))
                self._expire(connection, collection, len(documents))
            case KeepRecords(collection, records=records):
                self._make_documents(connection, collection)
                run(connection, replace_statement(collection), kept_columns(command))
                self._expire(connection, collection, records.height)
            case NewestDocuments(collection, documents, order_by):
                self._make_documents(connection, collection)
                run(connection, newest_statement(collection, order_by), document_columns(documents))
            case WritePoints(points):
                run(connection, series_statement(), point_columns(points))
            case _:
                raise unsupported("SQLite", command)

    def _expire(self, connection: sqlite3.Connection, collection: str, written: int) -> None:
        """Delete documents beyond their lifetime: twice as many as are written, if there are."""
        lifetime_s = self._lifetimes_s.get(collection)
        if lifetime_s is None:
            return
        oldest = datetime.fromtimestamp(self._clock() - lifetime_s, UTC).replace(tzinfo=None)
        connection.execute(
            expire_statement(collection),
            (2 * written + _EXPIRED_AT_ONCE, oldest.isoformat(timespec="microseconds")),
        )

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, LAYOUT_VERSION):
            raise StoreRejected(
                f"{self.path} has layout {version}, this version knows {LAYOUT_VERSION}",
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
        if self._known.get(collection) == kind:
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
        self._known[collection] = kind

    @contextmanager
    def _transaction(self, *, hurry: bool = True) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        if connection is None:
            raise RuntimeError("the store is not open")
        with self._turn(hurry=hurry), self._errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _turn(self, *, hurry: bool) -> Iterator[None]:
        if not self._turns.take(hurry=hurry, timeout_s=self._timeout_s):
            raise StoreUnavailable(f"{self.path} is busy with another writer of this process")
        try:
            yield
        finally:
            self._turns.leave()

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
