"""The MongoDB wire server of the tests: round trips, crashes, credentials."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.conftest import StartServer
from tests.support.servers import Mongo, MongoEndpoint


def test_round_trip(mongo: MongoEndpoint, mongo_database: str) -> None:
    document = {"_id": "a", "n": 1, "at": datetime(2026, 1, 1, tzinfo=UTC), "by.type": {"$x": 2}}
    with mongo.client() as client:
        collection = client[mongo_database]["things"]
        collection.insert_one(document)
        assert collection.find_one({"_id": "a"}) == document


def test_databases_are_empty_at_first(mongo: MongoEndpoint, mongo_database: str) -> None:
    with mongo.client() as client:
        assert client[mongo_database].list_collection_names() == []


def test_kill_and_restart_keep_data(start_server: StartServer) -> None:
    mongo = start_server(Mongo)
    uri = mongo.uri
    with mongo.client() as client:
        client["kept"]["things"].insert_one({"_id": 1})
    mongo.kill()
    mongo.restart()
    with mongo.client() as client:
        client["kept"]["things"].insert_one({"_id": 2})
    mongo.restart()
    assert mongo.uri == uri
    with mongo.client() as client:
        assert [found["_id"] for found in client["kept"]["things"].find().sort("_id")] == [1, 2]


def test_credentials_are_asked_for(start_server: StartServer) -> None:
    mongo = start_server(Mongo, auth=True)
    with mongo.client() as client:
        client["guarded"]["things"].insert_one({"_id": 1})
    with (
        MongoClient[dict[str, Any]](mongo.uri_without_credentials) as stranger,
        pytest.raises(OperationFailure) as refused,
    ):
        stranger["guarded"]["things"].find_one()
    assert refused.value.code in {13, 18}
    mongo.restart()
    with mongo.client() as client:
        assert client["guarded"]["things"].count_documents({}) == 1
