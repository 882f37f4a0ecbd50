"""MongoDB: indexes, kinds of values, and failures."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from sinks.commands import ReplaceDocuments
from sinks.lane import Lane
from sinks.mongodb import MongoDBStore, duplicate_keys
from sinks.store import StoreFactory, StoreRejected, StoreUnavailable
from tests.conftest import StartServer
from tests.sinks.builders import fold, window
from tests.sinks.readers import mongo_documents
from tests.support.servers import Mongo
from tests.support.servers.endpoints import MongoEndpoint
from tests.support.servers.ports import free_port


def indexes(mongo: MongoEndpoint, database: str, collection: str) -> dict[str, dict[str, Any]]:
    with mongo.client() as client:
        return dict(client[database][collection].index_information())


def test_the_indexes_are_there_after_open(mongo: MongoEndpoint, mongo_database: str) -> None:
    store = MongoDBStore(mongo.uri, mongo_database)
    store.open()
    store.close()
    found = indexes(mongo, mongo_database, "aggregated_data")
    assert [index["key"] for index in found.values()] == [
        [("_id", 1)],
        [("timestamp", 1)],
        [("type", 1), ("timestamp", 1)],
    ]
    assert not any("expireAfterSeconds" in index for index in found.values())
    metrics = indexes(mongo, mongo_database, "real_time_metrics")
    assert [("timestamp", 1)] in [index["key"] for index in metrics.values()]
    for collection, *fields in (
        ("user_stats", "total"),
        ("item_stats", "total"),
        ("alerts", "timestamp"),
        ("alerts", "state", "timestamp"),
        ("inventory_levels", "status", "current_stock"),
    ):
        keys = [i["key"] for i in indexes(mongo, mongo_database, collection).values()]
        assert [(field, 1) for field in fields] in keys


def test_the_lifetime_of_windows_follows_the_setting(
    mongo: MongoEndpoint, mongo_database: str
) -> None:
    for lifetime_s in (3600, 3600, 7200, None, 60):
        store = MongoDBStore(mongo.uri, mongo_database, aggregated_data_ttl_s=lifetime_s)
        store.open()
        store.close()
        index = indexes(mongo, mongo_database, "aggregated_data")["timestamp_1"]
        assert index.get("expireAfterSeconds") == lifetime_s


def test_times_are_dates_and_counts_are_integers(mongo: MongoEndpoint, mongo_database: str) -> None:
    store = MongoDBStore(mongo.uri, mongo_database)
    store.open()
    store.write([window(0, {"u": {"a": 2**31}}), window(1, {"u": {"a": 2**31}})])
    store.close()
    with mongo.client() as client:
        (document,) = client[mongo_database]["user_stats"].find(
            {"last_window": {"$type": "date"}, "total": {"$type": "long"}}
        )
    assert isinstance(document["first_seen"], datetime)
    assert document["by_type"] == {"a": 2**32}
    assert isinstance(document["avg_per_window"], float)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = MongoDBStore(f"mongodb://127.0.0.1:{free_port()}/", "tidemark", timeout_s=0.3)
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        store.open()
    assert "Topology" not in caught.value.message
    store.close()


def test_a_wrong_password_is_refused_and_not_shown(start_server: StartServer) -> None:
    server = start_server(Mongo, auth=True)
    wrong = re.sub(r"//([^:]+):[^@]+@", r"//\1:wrong-secret@", server.uri)
    store = MongoDBStore(wrong, "tidemark")
    with pytest.raises(StoreRejected, match="refuses the credentials") as caught:
        store.open()
    assert "wrong-secret" not in str(caught.value)
    store.close()
    without = MongoDBStore(server.uri_without_credentials, "tidemark")
    with pytest.raises(StoreRejected, match="refuses the credentials"):
        without.open()
    without.close()


@pytest.mark.parametrize("uri", ["mongodb://:p@h/", "mongodb://h:99999/", "mongodb://a b:c@d@e/"])
def test_an_address_that_cannot_be_is_refused(uri: str) -> None:
    store = MongoDBStore(uri, "tidemark")
    with pytest.raises(StoreRejected, match="address"):
        store.open()
    store.close()


def test_a_document_that_cannot_be_stored_is_refused(
    mongo: MongoEndpoint, mongo_database: str
) -> None:
    store = MongoDBStore(mongo.uri, mongo_database)
    store.open()
    with pytest.raises(StoreRejected, match="cannot hold"):
        store.write([ReplaceDocuments("things", [{"_id": "a", "n": 2**70}])])
    store.close()


def test_nothing_is_lost_or_doubled_when_the_server_dies_in_between(
    start_server: StartServer,
) -> None:
    server = start_server(Mongo)
    uri = server.uri
    windows = {
        number: {f"u{n}": {"a.b": n + 1, "$c": 1} for n in range(200)} for number in range(12)
    }
    lane = Lane(StoreFactory("mongodb", lambda: MongoDBStore(uri, "t", timeout_s=1.0)), 2, 60.0)
    back = threading.Timer(1.0, server.start)
    for number, counts in windows.items():
        if number == 4:
            lane.drain()
        if number == 6:
            server.kill()
            back.start()
        lane.put(window(number, counts))
    lane.drain()
    lane.close()
    back.join()
    assert mongo_documents(server, "t")("user_stats") == fold(windows)


def details(*codes: int, unsure: int = 0) -> BulkWriteError:
    errors = [
        {"code": code, "errmsg": f"message {code}", "op": {"q": {"_id": f"id{code}"}}}
        for code in codes
    ]
    concern = [{"code": 64, "errmsg": "waiting for replication timed out"}] * unsure
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": concern})


def test_windows_that_come_together_cost_a_key_one_update(
    mongo: MongoEndpoint, mongo_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    bulk_write = Collection.bulk_write

    def counted(self: Collection[Any], requests: Sequence[Any], **options: Any) -> Any:
        sent.append(len(requests))
        return bulk_write(self, requests, **options)

    monkeypatch.setattr(Collection, "bulk_write", counted)
    windows = {number: {f"u{n}": {"a": n + 1, "b": 2} for n in range(50)} for number in range(6)}
    commands = [window(number, counts) for number, counts in windows.items()]
    store = MongoDBStore(mongo.uri, mongo_database)
    store.open()
    store.write(commands[:1])
    store.write(commands[1:])
    assert sent == [50, 50]
    store.write([*commands, window(6, {"u0": {"a": 1}})])  # all of them are there but one
    store.close()
    assert sent[2:] == [50, *[50] * 6, 1]
    assert mongo_documents(mongo, mongo_database)("user_stats") == fold(
        {**windows, 6: {"u0": {"a": 1}}}
    )


@pytest.mark.parametrize(
    "details",
    [
        {"writeErrors": [{"code": 11000, "op": {"q": {"_id": "u1"}}}, {"code": 121}]},
        {"writeErrors": [{"code": 11000}], "writeConcernErrors": [{"code": 64}]},
        {"writeConcernErrors": [{"code": 64}]},
    ],
)
def test_a_key_is_there_only_where_nothing_else_went_wrong(details: dict[str, Any]) -> None:
    with pytest.raises(BulkWriteError):
        duplicate_keys(BulkWriteError(details))


def test_a_batch_taken_in_part_for_reasons_that_pass_is_unavailable() -> None:
    store = MongoDBStore("mongodb://h/", "t")
    for error in (details(112, 11000), details(unsure=2), details(50, unsure=1)):
        with pytest.raises(StoreUnavailable, match="part of a batch"), store._errors("write"):
            raise error


def test_documents_refused_for_ever_are_named() -> None:
    store = MongoDBStore("mongodb://h/", "t")
    refuses = pytest.raises(StoreRejected, match="refuses 1 documents")
    with refuses as caught, store._errors("write to x"):
        raise details(11000, 121)
    (refusal,) = caught.value.refusals
    assert (refusal.subject, refusal.code, refusal.reason) == ("id121", "121", "message 121")
