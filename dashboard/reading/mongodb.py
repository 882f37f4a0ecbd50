"""MongoDB, read with a connection of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, MongoClient
from pymongo.errors import ExecutionTimeout, PyMongoError

from dashboard.reading.protocol import (
    Bucket,
    Document,
    Sums,
    TooLong,
    plain,
    ranked,
)
from sinks.store import StoreUnavailable
from tidemark.redaction import redact

_MOST_METRICS = 1000
_MOST_SECONDS = 10.0
_MOST_PATIENCE_S = 3.0
"""A page says sooner than a dataflow that the store is gone."""


class MongoReader:
    """Reads one database. The driver finds its way back to a server that has restarted."""

    def __init__(self, uri: str, database: str, timeout_s: float) -> None:
        self.queries = 0
        patience_ms = max(1, round(min(timeout_s, _MOST_PATIENCE_S) * 1000))
        with self._errors():
            self._client: MongoClient[Document] = MongoClient(
                uri,
                tz_aware=True,
                tzinfo=UTC,
                serverSelectionTimeoutMS=patience_ms,
                connectTimeoutMS=patience_ms,
                socketTimeoutMS=max(1, round(timeout_s * 1000)) + round(_MOST_SECONDS * 1000),
                appname="tidemark-dashboard",
            )
        self._database = self._client[database]

    def begin(self) -> None:
        """MongoDB answers each question about the state at that moment."""

    def end(self) -> None:
        return

    def status(self) -> list[Document]:
        return self._find("pipeline_status", {}, sort=[("_id", ASCENDING)])

    def metrics(self) -> list[Document]:
        return self._find("real_time_metrics", {}, sort=[("_id", ASCENDING)], limit=_MOST_METRICS)

    def newest_windows(self, kind: str, count: int) -> list[Document]:
        newest = [("timestamp", DESCENDING)]
        return self._find("aggregated_data", {"type": kind}, sort=newest, limit=count)[::-1]

    def windows_since(self, kind: str, start_ms: int) -> list[Document]:
        query = {"type": kind, "timestamp": {"$gte": _moment(start_ms / 1000)}}
        return self._find("aggregated_data", query, sort=[("timestamp", ASCENDING)])

    def bounds(self, kind: str) -> tuple[int, int] | None:
        found = []
        for order in (ASCENDING, DESCENDING):
            sort = [("timestamp", order)]
            found += self._find("aggregated_data", {"type": kind}, sort=sort, limit=1)
        return (found[0]["timestamp"], found[-1]["timestamp"]) if found else None

    def sums(self, kind: str, sums: Sums, start_s: int, end_s: int, bucket_s: int) -> list[Bucket]:
        period = {"$gte": _moment(start_s), "$lt": _moment(end_s)}
        match = {"$match": {"type": kind, "timestamp": period}}
        since = {"$subtract": ["$timestamp", _moment(0)]}
        start = {"$subtract": [since, {"$mod": [since, bucket_s * 1000]}]}
        numbers = {f"n{i}": {"$sum": f"${path}"} for i, path in enumerate(sums.numbers)}
        group = {"$group": {"_id": start, "windows": {"$sum": 1}, **numbers}}
        buckets: dict[int, Bucket] = {}
        for row in self._aggregate([match, group]):
            named = {path: row[f"n{i}"] for i, path in enumerate(sums.numbers)}
            maps: dict[str, dict[str, float]] = {path: {} for path, _ in sums.maps}
            buckets[row["_id"]] = Bucket(row["_id"] // 1000, row["windows"], named, maps)
        for path, member in sums.maps:
            value = "$each.v" if member is None else f"$each.v.{member}"
            steps: list[Document] = [
                match,
                {"$project": {"start": start, "each": {"$objectToArray": f"${path}"}}},
                {"$unwind": "$each"},
                {"$group": {"_id": {"at": "$start", "name": "$each.k"}, "sum": {"$sum": value}}},
            ]
            for row in self._aggregate(steps):
                key = row["_id"]
                buckets[key["at"]].maps[path][key["name"]] = row["sum"]
        return [buckets[at] for at in sorted(buckets)]

    def alerts(self, state: str | None, count: int) -> list[Document]:
        query = {} if state is None else {"state": state}
        return self._find("alerts", query, sort=[("timestamp", DESCENDING)], limit=count)

    def stock(self, status: str, count: int) -> list[Document]:
        lowest = [("current_stock", ASCENDING)]
        return self._find("inventory_levels", {"status": status}, sort=lowest, limit=count)

    def stock_count(self, status: str, at_most: int) -> int:
        self.queries += 1
        with self._errors():
            return self._database["inventory_levels"].count_documents(
                {"status": status}, limit=at_most
            )

    def largest(self, collection: str, count: int) -> list[Document]:
        return ranked(self._find(collection, {}, sort=[("total", DESCENDING)], limit=count))

    def one(self, collection: str, key: str) -> Document | None:
        found = self._find(collection, {"_id": key}, limit=1)
        return found[0] if found else None

    def keys_from(self, collection: str, prefix: str, count: int) -> list[str]:
        # The last character of Unicode is behind everything that begins with the prefix.
        query = {"_id": {"$gte": prefix, "$lt": prefix + "\U0010ffff"}}
        found = self._find(
            collection, query, sort=[("_id", ASCENDING)], limit=count, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    def close(self) -> None:
        self._client.close()

    def _find(self, collection: str, query: Document, **options: Any) -> list[Document]:
        self.queries += 1
        with self._errors():
            return [plain(each) for each in self._database[collection].find(query, **options)]

    def _aggregate(self, steps: list[Document]) -> list[Document]:
        self.queries += 1
        with self._errors():
            limit_ms = round(_MOST_SECONDS * 1000)
            return list(self._database["aggregated_data"].aggregate(steps, maxTimeMS=limit_ms))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ExecutionTimeout as error:
            raise TooLong(f"the store takes more than {_MOST_SECONDS:g} s for it") from error
        except (PyMongoError, ValueError) as error:
            said = redact(str(error).split(", Timeout:")[0].split(", full error:")[0])[:300]
            raise StoreUnavailable(f"MongoDB cannot be read: {said}") from error


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
