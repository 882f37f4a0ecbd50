from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from tidemark.config.stores import DocumentsSettings, SeriesSettings
from tidemark.config.urls import StoreUrl


def remedies(model: type[DocumentsSettings | SeriesSettings], urls: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"urls": urls})
    return [str(error["ctx"]["remedy"]) for error in caught.value.errors()]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:var/tidemark.db",
        "sqlite:/data/tidemark.db",
        "null:",
        "mongodb://localhost",
        "mongodb://localhost:27017/db?replicaSet=rs0",
        "mongodb://a:1,b:2,c",
        "mongodb://user:p%40ss@[::1]:27017",
        "mongodb://%2Ftmp%2Fmongodb.sock",
        "mongodb+srv://user@cluster.example.net/db",
    ],
)
def test_addresses_of_document_stores(url: str) -> None:
    assert DocumentsSettings.model_validate({"urls": [url]}).urls == (url,)


@pytest.mark.parametrize(
    "url",
    ["sqlite:a.db", "null:", "http://localhost:8086", "https://influx.example.net/path"],
)
def test_addresses_of_series_stores(url: str) -> None:
    assert SeriesSettings.model_validate({"urls": [url]}).urls == (url,)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "var/tidemark.db",
        "sqlite:",
        "sqlite: ",
        "sqlite:///var/tidemark.db",
        "sqlite::memory:",
        "null",
        "null:x",
        "mongodb:localhost",
        "mongodb://",
        "mongodb://:27017",
        "mongodb://h:0",
        "mongodb://h:65536",
        "mongodb://h:port",
        "mongodb://a,,b",
        "mongodb://@h",
        "mongodb+srv://h:27017",
        "mongodb+srv://a,b",
        "postgres://h",
        "http://h:8086",
        5,
        None,
    ],
)
def test_what_is_no_address_of_a_document_store(url: Any) -> None:
    assert remedies(DocumentsSettings, [url])


@pytest.mark.parametrize("url", ["mongodb://h", "http://", "http://h:99999", "ftp://h", "http:h"])
def test_what_is_no_address_of_a_series_store(url: str) -> None:
    assert remedies(SeriesSettings, [url])


@pytest.mark.parametrize(
    "url", ["mongodb://u:p@ss@h", "mongodb://u:p:w@h", "mongodb://u:p/w@h", "mongodb://u:p?w@h"]
)
def test_a_password_that_is_not_encoded_is_explained(url: str) -> None:
    (remedy,) = remedies(DocumentsSettings, [url])
    assert remedy.startswith("percent-encode")


def test_influxdb_takes_its_login_from_the_token() -> None:
    assert remedies(SeriesSettings, ["http://u:p@h"]) == ["set INFLUX_TOKEN to user:password"]


def test_null_without_quotes_is_explained() -> None:
    assert remedies(DocumentsSettings, [{"null": None}]) == ['quote it: "null:"']


def test_one_address_needs_no_list() -> None:
    assert DocumentsSettings.model_validate({"urls": "sqlite:a"}).urls == ("sqlite:a",)


def test_several_addresses_are_taken_in_order() -> None:
    urls = ["mongodb://h", "sqlite:a", "null:"]
    assert DocumentsSettings.model_validate({"urls": urls}).urls == tuple(urls)


def test_no_address_at_all_and_the_same_one_twice_are_wrong() -> None:
    assert remedies(DocumentsSettings, []) == ['for none, write ["null:"]']
    assert remedies(DocumentsSettings, ["sqlite:a", "sqlite:a"]) == [""]


def test_an_address_is_text_that_does_not_show_its_password() -> None:
    url = StoreUrl("mongodb://u:hunter2hunter2@h")
    assert url == "mongodb://u:hunter2hunter2@h"
    assert f"{url}" == "mongodb://u:hunter2hunter2@h"
    assert repr(url) == "'mongodb://******@h'"
    assert url.redacted == "mongodb://******@h"
    assert pickle.loads(pickle.dumps(url)) == url


def test_settings_do_not_show_a_password() -> None:
    settings = DocumentsSettings.model_validate({"urls": ["mongodb://u:hunter2hunter2@h"]})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)
