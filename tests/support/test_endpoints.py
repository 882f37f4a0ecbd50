"""Servers that somebody else runs."""

from __future__ import annotations

import pytest

from tests.support.servers.endpoints import RunningInfluxDB, RunningKafka, RunningMongo
from tests.support.unique import unique_name


@pytest.mark.parametrize(
    ("address", "url", "token"),
    [
        ("http://localhost:8086", "http://localhost:8086", ""),
        ("http://me:se%40cret@localhost:8086", "http://localhost:8086", "me:se@cret"),
    ],
)
def test_influx_address_may_hold_credentials(address: str, url: str, token: str) -> None:
    running = RunningInfluxDB(address)
    assert (running.url, running.token) == (url, token)


def test_kafka_address_is_the_bootstrap_server() -> None:
    assert RunningKafka("broker:9092").client_properties() == {"bootstrap.servers": "broker:9092"}


def test_mongo_address_is_the_uri() -> None:
    assert RunningMongo("mongodb://db:27017/").uri == "mongodb://db:27017/"


def test_unique_names_fit_topics_and_databases() -> None:
    name = unique_name("test_Round trip[a/b.c]")
    assert name != unique_name("test_Round trip[a/b.c]")
    assert name.startswith("test_round_trip_a_b_c_")
