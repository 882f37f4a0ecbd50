"""Which stores a configuration means, and whether they can be used."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from sinks import check, document_stores, kafka_store, series_stores
from sinks.influxdb import InfluxDBStore
from sinks.kafka import KafkaStore
from sinks.mongodb import MongoDBStore
from sinks.null import NullStore
from sinks.sqlite import SQLiteStore
from sinks.store import StoreRejected, StoreUnavailable
from tests.sinks.builders import window
from tests.support.servers.endpoints import InfluxDBEndpoint
from tests.support.servers.ports import free_port
from tidemark.config import Settings
from tidemark.errors import TidemarkError


def settings(documents: list[str], series: list[str], **more: Any) -> Settings:
    return Settings.model_validate(
        {"documents": {"urls": documents}, "series": {"urls": series, **more}, "stores": FAST}
    )


FAST = {"timeout_s": 0.3}


def test_each_address_means_its_store() -> None:
    of = settings(
        ["sqlite:var/a.db", "mongodb://h:1/?replicaSet=r", "mongodb+srv://h/", "null:"],
        ["sqlite:var/a.db", "http://h:8086", "https://h:8086", "null:"],
    )
    kinds = [type(factory.make()) for factory in document_stores(of)]
    assert kinds == [SQLiteStore, MongoDBStore, MongoDBStore, NullStore]
    kinds = [type(factory.make()) for factory in series_stores(of)]
    assert kinds == [SQLiteStore, InfluxDBStore, InfluxDBStore, NullStore]
    assert type(kafka_store(of).make()) is KafkaStore


def test_names_tell_the_place_without_credentials_and_options() -> None:
    of = settings(
        ["mongodb://user:pa55word@a:1,b:2/?authSource=admin", "sqlite:var/a.db", "null:"],
        ["http://h:8086/"],
    )
    names = [factory.name for factory in (*document_stores(of), *series_stores(of))]
    assert names == ["mongodb://a:1,b:2", "sqlite:var/a.db", "null:", "http://h:8086"]


def test_the_default_is_one_embedded_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(Settings())
    assert (tmp_path / "var" / "tidemark.db").exists()


def test_a_null_store_takes_anything() -> None:
    store = NullStore()
    store.open()
    store.write([window(0, {"u": {"a": 1}})])
    store.flush()
    store.close()


def test_check_passes_where_all_stores_answer(
    tmp_path: Path, influx: InfluxDBEndpoint, influx_database: str
) -> None:
    of = settings(
        [f"sqlite:{tmp_path}/t.db"],
        [influx.url],
        influx_bucket=influx_database,
        influx_token=influx.token,
    )
    check(of)


def test_check_names_the_store_that_is_wrong(influx: InfluxDBEndpoint) -> None:
    of = settings(["null:"], [influx.url], influx_bucket="nowhere", influx_token=influx.token)
    with pytest.raises(StoreRejected, match="has no bucket 'nowhere'") as caught:
        check(of, within_s=30)
    assert caught.value.message.startswith(f"store {influx.url}")
    assert caught.value.remedy


def test_check_waits_for_a_store_that_does_not_answer_but_not_for_ever() -> None:
    of = settings([f"mongodb://127.0.0.1:{free_port()}/"], ["null:"])
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        check(of, within_s=2)
    assert 0.5 < time.monotonic() - started < 6


def test_check_names_all_stores_that_fail(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    of = settings([f"sqlite:{tmp_path}/file/t.db", "null:"], [f"http://127.0.0.1:{free_port()}"])
    with pytest.raises(TidemarkError, match="2 stores cannot be used") as caught:
        check(of, within_s=0.2)
    assert f"{tmp_path}/file" in caught.value.message
    assert "http://127.0.0.1" in caught.value.message
