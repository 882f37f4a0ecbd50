"""Stores under test, one per parameter."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinks.influxdb import InfluxDBStore
from sinks.mongodb import MongoDBStore
from sinks.sqlite import SQLiteStore
from tests.sinks.readers import (
    DocumentPlace,
    SeriesPlace,
    influx_series,
    mongo_documents,
    sqlite_documents,
    sqlite_series,
)
from tests.support.servers.endpoints import InfluxDBEndpoint, MongoEndpoint


@pytest.fixture(params=["sqlite", "mongodb"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> DocumentPlace:
    """Return each document store in turn, empty."""
    if request.param == "sqlite":
        path = tmp_path / "documents.db"
        return DocumentPlace(lambda: SQLiteStore(path), sqlite_documents(path))
    mongo: MongoEndpoint = request.getfixturevalue("mongo")
    database: str = request.getfixturevalue("mongo_database")
    return DocumentPlace(
        lambda: MongoDBStore(mongo.uri, database), mongo_documents(mongo, database)
    )


@pytest.fixture(params=["sqlite", "influxdb"])
def series(request: pytest.FixtureRequest, tmp_path: Path) -> SeriesPlace:
    """Return each series store in turn, empty."""
    if request.param == "sqlite":
        path = tmp_path / "series.db"
        return SeriesPlace(lambda: SQLiteStore(path), sqlite_series(path))
    influx: InfluxDBEndpoint = request.getfixturevalue("influx")
    database: str = request.getfixturevalue("influx_database")
    return SeriesPlace(
        lambda: InfluxDBStore(influx.url, "-", database, influx.token),
        influx_series(influx, database),
    )
