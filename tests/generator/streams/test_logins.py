from __future__ import annotations

import ipaddress

import polars as pl
import pytest

from generator.streams.logins import APP_VERSIONS, DEVICE_TYPES, LOCALES
from tests.generator.streams.drawing import records


@pytest.fixture(scope="module")
def logins() -> pl.DataFrame:
    return records("logins", count=100_000, population={"users": 50_000})


def test_types_versions_and_locales_follow_their_weights(logins: pl.DataFrame) -> None:
    for column, weights in (
        ("device_type", DEVICE_TYPES),
        ("app_version", APP_VERSIONS),
        ("locale", LOCALES),
    ):
        shares = dict(logins[column].value_counts(normalize=True).iter_rows())
        total = sum(weights.values())
        assert shares.keys() == weights.keys()
        for name, weight in weights.items():
            assert shares[name] == pytest.approx(weight / total, rel=0.1, abs=0.001)


def test_a_small_share_comes_from_suspicious_locales(logins: pl.DataFrame) -> None:
    share = logins["locale"].is_in(["RU", "CN", "KP", "IR"]).mean()
    assert share == pytest.approx(0.02, abs=0.003)


def test_every_ip_is_an_address_and_a_few_are_of_version_six(logins: pl.DataFrame) -> None:
    versions = [ipaddress.ip_address(ip).version for ip in logins["ip"].unique()]
    assert versions.count(6) / len(versions) == pytest.approx(0.05, rel=0.2)


def test_some_addresses_are_far_more_frequent_than_the_others(logins: pl.DataFrame) -> None:
    counts = logins["ip"].value_counts(sort=True)["count"]
    assert counts.head(20).sum() / len(logins) == pytest.approx(0.2, abs=0.01)
    assert counts[20] < counts[19] / 5


def test_the_share_of_frequent_addresses_may_be_given() -> None:
    frame = records("logins", logins={"frequent_ip_share": 1.0, "frequent_ips": 3})
    assert frame["ip"].n_unique() == 3


def test_a_device_belongs_to_one_user_and_has_one_type(logins: pl.DataFrame) -> None:
    devices = logins.group_by("device_id").agg(pl.col("user_id", "device_type").n_unique())
    assert devices.select(pl.col("user_id", "device_type").max()).row(0) == (1, 1)
    per_user = logins.group_by("user_id").agg(pl.col("device_id").n_unique())["device_id"]
    assert set(per_user) == {1, 2}


def test_a_device_is_sometimes_seen_in_another_locale() -> None:
    frame = records("logins", population={"users": 100})
    locales = frame.group_by("device_id").agg(pl.col("locale").n_unique())["locale"]
    assert locales.max() > 2  # type: ignore[operator]
    usual = frame.group_by("user_id").agg(pl.col("locale").value_counts(normalize=True))
    mostly = usual["locale"].list.eval(pl.element().struct.field("proportion").max()).list.first()
    assert mostly.min() > 0.85  # type: ignore[operator]


def test_weights_may_be_given() -> None:
    frame = records("logins", logins={"device_types": {"smart.tv$": 1.0}, "locales": {"CN": 1.0}})
    assert set(frame["device_type"]) == {"smart.tv$"}
    assert set(frame["locale"]) == {"CN"}
