"""The InfluxDB of the tests: round trips, crashes, tokens."""

from __future__ import annotations

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from tests.conftest import StartServer
from tests.support.servers import InfluxDB, InfluxDBEndpoint, ServerError


def write(influx: InfluxDBEndpoint, database: str, line: str, token: str | None = None) -> None:
    token = influx.token if token is None else token
    with (
        InfluxDBClient(influx.url, token=token, org="-") as client,
        client.write_api(write_options=SYNCHRONOUS) as api,
    ):
        api.write(database, record=line, write_precision="s")


def test_round_trip(influx: InfluxDBEndpoint, influx_database: str) -> None:
    write(influx, influx_database, "clicks,type=view count=3i,share=0.5 1700000000")
    rows = influx.query('SELECT "count", "share" FROM clicks GROUP BY "type"', influx_database)
    assert rows == [
        {"measurement": "clicks", "type": "view", "time": 1700000000, "count": 3, "share": 0.5}
    ]


def test_databases_are_empty_at_first(influx: InfluxDBEndpoint, influx_database: str) -> None:
    assert influx.query("SHOW MEASUREMENTS", influx_database) == []


def test_bad_query_says_why(influx: InfluxDBEndpoint) -> None:
    with pytest.raises(ServerError, match="error parsing query"):
        influx.query("SELEKT 1")


def test_missing_database_is_an_error(influx: InfluxDBEndpoint) -> None:
    with pytest.raises(ServerError, match="database not found"):
        influx.query("SELECT * FROM clicks", "nobody_made_this")


def test_kill_and_restart_keep_data(start_server: StartServer) -> None:
    influx = start_server(InfluxDB)
    url = influx.url
    influx.create_database("kept")
    write(influx, "kept", "clicks count=1i 1")
    influx.kill()
    influx.restart()
    write(influx, "kept", "clicks count=2i 2")
    influx.restart()
    assert influx.url == url
    assert [row["count"] for row in influx.query("SELECT * FROM clicks", "kept")] == [1, 2]


def test_wrong_token_is_refused(start_server: StartServer) -> None:
    influx = start_server(InfluxDB, auth=True)
    influx.create_database("guarded")
    write(influx, "guarded", "clicks count=1i 1")
    with pytest.raises(ApiException) as refused:
        write(influx, "guarded", "clicks count=2i 2", token="tidemark:wrong")
    assert refused.value.status == 401
    influx.restart()
    assert [row["count"] for row in influx.query("SELECT * FROM clicks", "guarded")] == [1]
