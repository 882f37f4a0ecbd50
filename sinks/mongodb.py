"""MongoDB store: documents, in MongoDB 5 or later.

Delivery guarantee: `write` returns when a majority of the replica set has every document in its
journal. Updates carry absolute values or are guarded by the stored `last_window` (one pipeline
update per key, see `sinks.mongodb_updates`), so a write that failed half-way is sent again whole
and changes nothing twice. Windows that come together are added up by key before; a key that has
some of them already gets each in a request of its own, in their order. Within one request each
`_id` comes once, and the server may apply them in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
import polars as pl
from bson.errors import BSONError
from pymongo import ASCENDING, MongoClient, ReplaceOne, UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from sinks.coalesce import coalesce
from sinks.commands import (
    AccumulateWindow,
    Command,
    Document,
    KeepRecords,
    NewestDocuments,
    ReplaceDocuments,
)
from sinks.mongodb_updates import accumulate_updates, joint_updates, newest_updates
from sinks.store import Refusal, StoreRejected, StoreUnavailable, unsupported
from tidemark.redaction import redact

Operation: TypeAlias = ReplaceOne[Document] | UpdateOne

_OPERATIONS_PER_REQUEST = 1000
_MEND = (
    "mend what the message names in MongoDB (a document, an index, a validator, a role), then start"
    " again: the next start resumes at the last snapshot, nothing is lost"
)
_AUTHENTICATION = {13, 18, 8000}
# Codes that pass with time: elections, shutdown, locks, timeouts, a full disk, and the duplicate
# key of two upserts that race for a new document. Names in MongoDB's error_codes.yml.
_TRANSIENT = {6, 7, 24, 43, 46, 50, 64, 89, 91, 100, 112, 117, 133, 136, 175, 189, 202, 262, 384}
_TRANSIENT |= {9001, 10107, 11000, 11600, 11602, 13388, 13435, 13436, 14031}
_DUPLICATE_KEY = 11000
_INDEX_NOT_FOUND, _NAMESPACE_NOT_FOUND = 27, 26
# Besides those on timestamps with a lifetime, and what is found by `_id`.
_INDEXES = (
    ("aggregated_data", ("type", "timestamp")),
    ("raw_data", ("topic",)),
    ("user_stats", ("total",)),
    ("item_stats", ("total",)),
    ("alerts", ("timestamp",)),
    ("alerts", ("state", "timestamp")),
    ("inventory_levels", ("status", "current_stock")),
)


class MongoDBStore:
    """Documents in one database. `uri` may carry a password; no message of ours shows it."""

    def __init__(
        self,
        uri: str,
        database: str,
        timeout_s: float = 10.0,
        aggregated_data_ttl_s: int | None = None,
        raw_data_ttl_s: int | None = None,
    ) -> None:
        self._uri = uri
        self._database = database
        self._timeout_ms = max(1, round(timeout_s * 1000))
        self._lifetimes_s = {
            "aggregated_data": aggregated_data_ttl_s,
            "raw_data": raw_data_ttl_s,
            "real_time_metrics": None,
        }
        self._client: MongoClient[Document] | None = None

    def open(self) -> None:
        """Connect and make the indexes; one that has another lifetime than set is made again."""
        self.close()
        with self._errors("open"):
            self._client = self._connect()
            database = self._client[self._database]
            for collection, lifetime_s in self._lifetimes_s.items():
                self._make_timestamp_index(collection, lifetime_s)
            for collection, fields in _INDEXES:
                database[collection].create_index([(field, ASCENDING) for field in fields])

    def write(self, commands: Sequence[Command]) -> None:
        """Store the commands, in order; each request is unordered and holds an id once."""
        for joint, some in groupby(coalesce(commands), key=_adds_window):
            if joint:
                self._accumulate([each for each in some if isinstance(each, AccumulateWindow)])
            else:
                self._apply(some)

    def _apply(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case ReplaceDocuments(collection, documents):
                    self._send(
                        collection,
                        [ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in documents],
                    )
                case NewestDocuments(collection, documents, order_by):
                    self._send(collection, newest_updates(documents, order_by))
                case KeepRecords(collection):
                    self._send(
                        collection,
                        [ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in _kept(command)],
                    )
                case _:
                    raise unsupported("MongoDB", command)

    def _accumulate(self, windows: Sequence[AccumulateWindow]) -> None:
        """Add windows, those of a collection together where there are several."""
        collection = attrgetter("collection")
        for name, of_one in groupby(sorted(windows, key=collection), key=collection):
            some = list(of_one)
            if len(some) > 1:
                known = pl.col("key").is_in(self._send_joint(name, joint_updates(some)))
                some = [replace(window, counts=window.counts.filter(known)) for window in some]
            for window in some:
                self._send(name, accumulate_updates(window.window_start, window.counts))

    def flush(self) -> None:
        """Nothing to do: `write` returns after the acknowledgement."""

    def close(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> MongoClient[Document]:
        try:
            return MongoClient(
                self._uri,
                w="majority",
                journal=True,
                wTimeoutMS=self._timeout_ms,
                serverSelectionTimeoutMS=self._timeout_ms,
                connectTimeoutMS=self._timeout_ms,
                socketTimeoutMS=self._timeout_ms,
                appname="tidemark",
            )
        except ValueError as error:
            # A port out of range, an option that is none.
            raise ConfigurationError(str(error)) from error

    def _send(self, collection: str, operations: Sequence[Operation]) -> None:
        for send in self._requests(collection, operations):
            with self._errors(f"write to {collection}"):
                send()

    def _send_joint(self, collection: str, operations: Sequence[Operation]) -> list[str]:
        """Send what may be refused where a key is there; return the keys of which that is so."""
        known = []
        for send in self._requests(collection, operations):
            with self._errors(f"write to {collection}"):
                try:
                    send()
                except BulkWriteError as error:
                    known += duplicate_keys(error)
        return known

    def _requests(
        self, collection: str, operations: Sequence[Operation]
    ) -> Iterator[Callable[[], object]]:
        if self._client is None:
            raise RuntimeError("the store is not open")
        target = self._client[self._database][collection]
        for first in range(0, len(operations), _OPERATIONS_PER_REQUEST):
            part = operations[first : first + _OPERATIONS_PER_REQUEST]
            yield partial(target.bulk_write, part, ordered=False)

    def _make_timestamp_index(self, collection: str, ttl_s: int | None) -> None:
        assert self._client is not None
        target = self._client[self._database][collection]
        for name, index in target.index_information().items():
            alone = index["key"] == [("timestamp", ASCENDING)]
            if alone and index.get("expireAfterSeconds") != ttl_s:
                try:
                    target.drop_index(name)
                except OperationFailure as error:
                    # Another writer was faster.
                    if error.code not in (_INDEX_NOT_FOUND, _NAMESPACE_NOT_FOUND):
                        raise
        options: dict[str, Any] = {} if ttl_s is None else {"expireAfterSeconds": ttl_s}
        target.create_index([("timestamp", ASCENDING)], **options)

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except BulkWriteError as error:
            raise self._partial(doing, error) from error
        except (AutoReconnect, WTimeoutError) as error:
            raise StoreUnavailable(f"MongoDB does not answer ({doing}): {_brief(error)}") from error
        except OperationFailure as error:
            code = error.code or 0
            if code in _AUTHENTICATION:
                raise StoreRejected(
                    f"MongoDB refuses the credentials ({doing}): {_brief(error)}",
                    remedy="check user, password, authSource and roles in MONGO_URI",
                ) from error
            if code in _TRANSIENT or error.has_error_label("RetryableWriteError"):
                raise StoreUnavailable(
                    f"MongoDB cannot {doing} now (code {code}): {_brief(error)}"
                ) from error
            raise StoreRejected(
                f"MongoDB refuses to {doing} (code {code}): {_brief(error)}", remedy=_MEND
            ) from error
        except (DocumentTooLarge, BSONError, OverflowError) as error:
            raise StoreRejected(
                f"MongoDB cannot hold a document ({doing}): {_brief(error)}"
            ) from error
        except InvalidOperation:
            raise
        except ConfigurationError as error:
            raise StoreRejected(
                f"MongoDB cannot be reached with this address: {_brief(error)}",
                remedy="check documents.urls or MONGO_URI",
            ) from error
        except PyMongoError as error:
            raise StoreUnavailable(f"MongoDB failed ({doing}): {_brief(error)}") from error

    def _partial(self, doing: str, error: BulkWriteError) -> StoreUnavailable | StoreRejected:
        details: Mapping[str, Any] = error.details or {}
        failed = details.get("writeErrors", [])
        unsure = details.get("writeConcernErrors", [])
        lasting = [one for one in failed if one.get("code") not in _TRANSIENT]
        if not lasting:
            first = (failed or unsure or [{}])[0]
            return StoreUnavailable(
                f"MongoDB took part of a batch ({doing}): {len(failed)} documents not written, "
                f"{len(unsure)} acknowledgements missing; first: {redact(str(first.get('errmsg')))}"
            )
        refusals = tuple(
            Refusal(
                subject=str(one.get("op", {}).get("q", {}).get("_id", "")),
                code=str(one.get("code")),
                reason=redact(str(one.get("errmsg"))),
            )
            for one in lasting
        )
        return StoreRejected(
            f"MongoDB refuses {len(lasting)} documents ({doing}); first: "
            f"{refusals[0].subject!r}, code {refusals[0].code}: {refusals[0].reason}",
            remedy=_MEND,
            refusals=refusals,
        )


def _adds_window(command: Command) -> bool:
    return isinstance(command, AccumulateWindow)


def duplicate_keys(error: BulkWriteError) -> list[str]:
    """Return the keys that are there already; raises the error if there is any other in it."""
    details: Mapping[str, Any] = error.details or {}
    failed = details.get("writeErrors", [])
    others = any(one.get("code") != _DUPLICATE_KEY for one in failed)
    if others or details.get("writeConcernErrors") or not failed:
        raise error
    return [str(one["op"]["q"]["_id"]) for one in failed]


def _kept(command: KeepRecords) -> Iterator[Document]:
    decode = msgspec.json.Decoder().decode
    place = {"topic": command.topic, "partition": command.partition}
    for offset, key, timestamp, ingested_at, data in command.records.iter_rows():
        yield {
            "_id": f"{command.topic}/{command.partition}/{offset}",
            **place,
            "offset": offset,
            "key": key,
            "timestamp": timestamp,
            "ingested_at": ingested_at,
            "data": decode(data),
        }


def _brief(error: BaseException) -> str:
    """Return the first part of a driver's message, without topology dumps and passwords."""
    return redact(str(error).split(", Timeout:")[0].split(", full error:")[0])[:500]
