"""InfluxDB: what goes wrong there, and what becomes of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client import REGISTRY

from sinks.commands import Point, WritePoints
from sinks.influxdb import InfluxDBStore
from sinks.lane import Lane
from sinks.store import StoreFactory, StoreRejected, StoreUnavailable
from tests.conftest import StartServer
from tests.sinks.builders import START
from tests.sinks.readers import influx_series
from tests.support.servers import InfluxDB
from tests.support.servers.endpoints import InfluxDBEndpoint
from tests.support.servers.ports import free_port

AT = int(START.timestamp())


def points(*values: float, measurement: str = "m") -> WritePoints:
    return WritePoints(
        [
            Point(measurement, START + timedelta(seconds=n), {}, {"n": value})
            for n, value in enumerate(values)
        ]
    )


def refused(url: str, reason: str) -> float:
    labels = {"store": url, "reason": reason}
    return REGISTRY.get_sample_value("tidemark_store_refused_points_total", labels) or 0.0


def test_a_type_conflict_costs_only_its_points(
    influx: InfluxDBEndpoint, influx_database: str
) -> None:
    store = InfluxDBStore(influx.url, "-", influx_database, influx.token)
    store.open()
    store.write([points(1)])
    before = refused(influx.url, "type_conflict")
    store.write([points(1, 2.5, 3, 4.5, 5)])
    store.close()
    assert refused(influx.url, "type_conflict") - before == 2
    read = influx_series(influx, influx_database)("m", [])
    assert read == {(AT + n, ()): {"n": n + 1} for n in (0, 2, 4)}


def test_points_older_than_the_retention_are_refused_the_others_stored(
    influx: InfluxDBEndpoint, influx_database: str
) -> None:
    influx.query(f'CREATE RETENTION POLICY "day" ON "{influx_database}" DURATION 1d REPLICATION 1')
    now = datetime.now(UTC).replace(microsecond=0)
    store = InfluxDBStore(influx.url, "-", f"{influx_database}/day", influx.token)
    store.open()
    old, new = (Point("m", now - timedelta(days=days), {}, {"n": 1}) for days in (9, 0))
    before = refused(influx.url, "refused")
    store.write([WritePoints([old, new])])
    store.close()
    assert refused(influx.url, "refused") - before == 1
    (row,) = influx.query('SELECT n FROM "day"."m"', influx_database)
    assert row["time"] == int(now.timestamp())


def test_a_missing_database_is_named_with_its_remedy(influx: InfluxDBEndpoint) -> None:
    store = InfluxDBStore(influx.url, "-", "nowhere", influx.token)
    with pytest.raises(StoreRejected, match="no bucket 'nowhere'") as caught:
        store.open()
    assert "CREATE DATABASE nowhere" in caught.value.remedy
    store.close()


def test_a_missing_retention_policy_is_refused(
    influx: InfluxDBEndpoint, influx_database: str
) -> None:
    store = InfluxDBStore(influx.url, "-", f"{influx_database}/none", influx.token)
    with pytest.raises(StoreRejected, match="retention policy not found") as caught:
        store.open()
    assert f"set series.influx_bucket to {influx_database}" in caught.value.remedy
    store.close()


def test_a_wrong_token_is_refused_and_not_shown(start_server: StartServer) -> None:
    server = start_server(InfluxDB, auth=True)
    server.create_database("tidemark")
    store = InfluxDBStore(server.url, "-", "tidemark", "tidemark:wrong-secret")
    with pytest.raises(StoreRejected, match="refuses the token") as caught:
        store.open()
    assert "INFLUX_TOKEN" in caught.value.remedy
    assert "wrong-secret" not in str(caught.value)
    store.close()
    store = InfluxDBStore(server.url, "-", "tidemark", None)
    with pytest.raises(StoreRejected, match="refuses the token"):
        store.open()
    store.close()
    store = InfluxDBStore(server.url, "-", "tidemark", server.token)
    store.open()
    store.write([points(1)])
    store.close()
    assert influx_series(server, "tidemark")("m", []) == {(AT, ()): {"n": 1}}


def test_a_bucket_with_its_retention_policy(influx: InfluxDBEndpoint, influx_database: str) -> None:
    store = InfluxDBStore(influx.url, "-", f"{influx_database}/autogen", influx.token)
    store.open()
    store.write([points(1)])
    store.close()
    assert influx_series(influx, influx_database)("m", []) == {(AT, ()): {"n": 1}}


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = InfluxDBStore(f"http://127.0.0.1:{free_port()}", "-", "tidemark", "t")
    with pytest.raises(StoreUnavailable, match="does not answer"):
        store.open()
    store.close()


def test_a_server_that_hangs_is_unavailable_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = InfluxDBStore(
            f"http://127.0.0.1:{silent.getsockname()[1]}", "-", "tidemark", "t", timeout_s=0.2
        )
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.open()
        assert time.monotonic() - started < 5
        store.close()


def test_nothing_is_lost_when_the_server_dies_in_between(start_server: StartServer) -> None:
    server = start_server(InfluxDB)
    server.create_database("t")
    url, token = server.url, server.token
    factory = StoreFactory("influxdb", lambda: InfluxDBStore(url, "-", "t", token, 1.0))
    lane = Lane(factory, 2, 60.0)
    back = threading.Timer(0.5, server.start)
    for number in range(20):
        if number == 10:
            lane.drain()
            server.kill()
            back.start()
        lane.put(points(*range(300), measurement=f"m{number}"))
    lane.drain()
    lane.close()
    back.join()
    for number in range(20):
        read = influx_series(server, "t")(f"m{number}", [])
        assert read == {(AT + n, ()): {"n": n} for n in range(300)}


@dataclass
class FakeInflux:
    """A server that answers as told, for answers that the real one gives rarely."""

    answer: Callable[[list[str]], tuple[int, dict[str, str], str]]
    url: str = ""
    requests: list[list[str]] = field(default_factory=list)


@pytest.fixture
def fake() -> Iterator[FakeInflux]:
    state = FakeInflux(lambda lines: (204, {}, ""))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            lines = body.splitlines()
            state.requests.append(lines)
            status, headers, text = state.answer(lines)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def store(fake: FakeInflux) -> Iterator[InfluxDBStore]:
    made = InfluxDBStore(fake.url, "org", "bucket", "token")
    made.open()
    yield made
    made.close()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_unavailable(fake: FakeInflux, store: InfluxDBStore, status: int) -> None:
    fake.answer = lambda lines: (status, {}, '{"message": "slow down"}')
    with pytest.raises(StoreUnavailable, match="slow down") as caught:
        store.write([points(1)])
    assert caught.value.retry_after_s is None
    assert len(fake.requests) == 2


def test_the_wait_that_a_server_asks_for_is_passed_on(
    fake: FakeInflux, store: InfluxDBStore
) -> None:
    fake.answer = lambda lines: (503, {"Retry-After": "7"}, "")
    with pytest.raises(StoreUnavailable) as caught:
        store.write([points(1)])
    assert caught.value.retry_after_s == 7
    until = datetime.now(UTC) + timedelta(seconds=60)
    fake.answer = lambda lines: (429, {"Retry-After": format_datetime(until, usegmt=True)}, "")
    with pytest.raises(StoreUnavailable) as caught:
        store.write([points(1)])
    assert caught.value.retry_after_s == pytest.approx(60, abs=5)
    fake.answer = lambda lines: (429, {"Retry-After": "soon"}, "")
    with pytest.raises(StoreUnavailable) as caught:
        store.write([points(1)])
    assert caught.value.retry_after_s is None


def test_a_request_refused_whole_is_split_until_the_bad_points_are_found(
    fake: FakeInflux, store: InfluxDBStore
) -> None:
    stored: set[str] = set()

    def answer(lines: list[str]) -> tuple[int, dict[str, str], str]:
        if any("n=666i" in line for line in lines):
            return 400, {}, '{"code": "invalid", "message": "unable to parse"}'
        stored.update(lines)
        return 204, {}, ""

    fake.answer = answer
    before = refused(fake.url, "refused")
    store.write([points(*range(1000)), points(666, 1, 2, measurement="other")])
    assert len(stored) == 1001
    assert refused(fake.url, "refused") - before == 2


def test_a_server_that_refuses_everything_ends_it(fake: FakeInflux, store: InfluxDBStore) -> None:
    fake.answer = lambda lines: (400, {}, '{"message": "never"}')
    with pytest.raises(StoreRejected, match="never"):
        store.write([points(*range(5000))])
    assert len(fake.requests) < 500


def test_requests_hold_some_thousand_lines(fake: FakeInflux, store: InfluxDBStore) -> None:
    fake.requests.clear()
    store.write([points(*range(7000)), points(*range(7000), measurement="other")])
    assert [len(lines) for lines in fake.requests] == [5000, 5000, 4000]


def test_the_second_version_that_misses_the_points_of_an_empty_write_is_open(
    fake: FakeInflux,
) -> None:
    fake.answer = lambda lines: (400, {}, '{"message": "writing requires points"}')
    store = InfluxDBStore(fake.url, "org", "bucket", "token")
    store.open()
    store.close()
