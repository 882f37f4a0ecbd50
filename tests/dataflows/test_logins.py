"""Logins: the document, points and record of a window, from records as people write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dataflows.logins import Login, Logins
from dataflows.streaming.schema import fields_of
from sinks.commands import Point, SendRecords
from tests.dataflows.in_memory import batches_of, documents_of
from tests.dataflows.streaming.making import T0, messages_of
from tidemark.config import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
LOGINS: list[dict[str, Any]] = [
    # The forms that seeds and other producers use: naive, with an offset, seconds and milliseconds.
    {
        "user_id": "u1",
        "app_version": "2.3.0",
        "device_type": "android",
        "ip": "10.0.0.1",
        "locale": "RU",
        "device_id": "d1",
        "timestamp": "2026-01-01T00:00:01",
    },
    {
        "user_id": "u2",
        "app_version": "2.3.0",
        "device_type": "iOS",
        "ip": "10.0.0.2",
        "locale": "US",
        "device_id": "d2",
        "timestamp": "2026-01-01T01:00:02+01:00",
    },
    {"timestamp": str(T0 // 1_000_000 + 3), "device_type": "android", "ip": "10.0.0.2"},
    {"timestamp": T0 // 1_000 + 4_000, "device_id": None, "locale": None, "device_type": "iOS"},
    # Of no use: as if missing.
    {"timestamp": T0 / 1_000_000 + 5, "device_id": "", "ip": 1.5, "app_version": ["2"]},
    # An integer is its decimal text; others call a device unknown themselves.
    {"timestamp": "2026-01-01 00:00:06", "device_id": 17, "ip": "unknown", "app_version": 3},
]


def settings_of(**logins: object) -> Settings:
    return Settings.model_validate({"pipelines": {"logins": logins}})


def documents(settings: Settings, records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    pipeline = Logins(settings)
    messages = messages_of([json.dumps(record).encode() for record in records])
    return documents_of(settings, pipeline, batches_of(settings, pipeline, messages))


def test_a_windows_document_of_hand_written_records() -> None:
    (document,) = documents(settings_of(), LOGINS).values()
    assert document == {
        "_id": "logins/2026-01-01T00:00:00Z",
        "type": "logins",
        "timestamp": START,
        "window_end": START + timedelta(seconds=30),
        "total": 6,
        "by_device_type": {"android": 2, "iOS": 2, "unknown": 2},
        "by_locale": {"RU": 1, "US": 1, "unknown": 4},
        "unique_devices": 3,
        "unique_devices_exact": True,
        "unique_ips": 2,
        "unique_ips_exact": True,
        "app_versions": [
            {"device_type": "android", "app_version": "2.3.0", "count": 1},
            {"device_type": "android", "app_version": "unknown", "count": 1},
            {"device_type": "iOS", "app_version": "2.3.0", "count": 1},
            {"device_type": "iOS", "app_version": "unknown", "count": 1},
            {"device_type": "unknown", "app_version": "3", "count": 1},
            {"device_type": "unknown", "app_version": "unknown", "count": 1},
        ],
        "frequent_ips": [{"ip": "10.0.0.2", "count": 2}, {"ip": "10.0.0.1", "count": 1}],
        "frequent_ips_error": 0,
        "rejected": 0,
        "late": 0,
        "duplicates": 0,
    }


def test_a_windows_points() -> None:
    settings = settings_of()
    (document,) = documents(settings, LOGINS).values()
    points = Logins(settings).points(document)
    assert Point("logins", START, {"device_type": "android"}, {"count": 2}) in points
    assert Point("logins_by_locale", START, {"locale": "unknown"}, {"count": 4}) in points
    tags = {"device_type": "unknown", "app_version": "3"}
    assert Point("logins_by_app_version", START, tags, {"count": 1}) in points
    summary = {"total": 6, "unique_devices": 3, "unique_ips": 2, "max_per_ip": 2}
    assert points[-1] == Point("logins_summary", START, {}, summary)
    assert len(points) == 3 + 3 + 6 + 1
    assert all(type(value) is int for point in points for value in point.fields.values())


def test_a_window_without_any_address() -> None:
    settings = settings_of()
    (document,) = documents(settings, [{"timestamp": "2026-01-01T00:00:01"}]).values()
    assert (document["total"], document["unique_ips"], document["frequent_ips"]) == (1, 0, [])
    assert Logins(settings).points(document)[-1].fields["max_per_ip"] == 0


def test_the_record_of_a_window_is_its_document_as_json_under_its_start() -> None:
    settings = settings_of()
    (document,) = documents(settings, LOGINS).values()
    (command,) = Logins(settings).records_of(document)
    assert isinstance(command, SendRecords)
    (record,) = command.records
    assert (record.topic, record.key) == ("device-login-aggregates", b"2026-01-01T00:00:00Z")
    dates = {"timestamp": "2026-01-01T00:00:00Z", "window_end": "2026-01-01T00:00:30Z"}
    assert json.loads(record.value or b"") == {**document, **dates}


def test_without_an_output_topic_nothing_is_sent() -> None:
    settings = settings_of(output_topic=None)
    (document,) = documents(settings, LOGINS).values()
    assert Logins(settings).records_of(document) == []


def test_missing_fields_are_counted_and_so_are_those_of_no_use() -> None:
    settings = settings_of()
    messages = messages_of([json.dumps(record).encode() for record in LOGINS])
    (batch,) = batches_of(settings, Logins(settings), messages)
    assert batch.counters.missing == {
        "app_version": 2,
        "device_type": 2,
        "ip": 1,
        "locale": 4,
        "device_id": 2,
    }
    assert batch.counters.dropped == {"app_version": 1, "ip": 1, "device_id": 1}
    assert {field.name for field in fields_of(Login) if field.is_expected} == {
        *batch.counters.missing,
        "user_id",
    }


def test_only_so_many_addresses_are_listed_ties_by_address() -> None:
    logins = [{"timestamp": "2026-01-01T00:00:01", "ip": f"10.0.0.{n % 7}"} for n in range(14)]
    (document,) = documents(settings_of(top_k=3), logins).values()
    assert document["frequent_ips"] == [
        {"ip": f"10.0.0.{number}", "count": 2} for number in range(3)
    ]
    assert document["unique_ips"] == 7


def test_beyond_exact_keys_numbers_are_estimates_and_the_document_says_so() -> None:
    logins = [
        {
            "timestamp": "2026-01-01T00:00:01",
            "ip": "10.0.0.1" if n % 4 == 0 else f"ip{n}",
            "device_id": f"d{n % 40}",
        }
        for n in range(20_000)
    ]
    (document,) = documents(settings_of(exact_keys=3_200), logins).values()
    assert document["unique_devices"] == 40
    assert document["unique_devices_exact"] is True
    assert document["unique_ips_exact"] is False
    # Each of 16 groups is off by 1.6 % or so, independently of the others.
    assert abs(document["unique_ips"] / 15_001 - 1) < 0.02
    (first, *_) = document["frequent_ips"]
    assert first["ip"] == "10.0.0.1"
    assert 5_000 - document["frequent_ips_error"] <= first["count"] <= 5_000
    assert 0 < document["frequent_ips_error"] <= 20_000 / 200


def test_every_key_group_has_an_equal_share_of_the_exact_keys() -> None:
    def limits(exact_keys: int, key_groups: int) -> set[int]:
        settings = Settings.model_validate(
            {
                "pipelines": {"logins": {"exact_keys": exact_keys}},
                "engine": {"key_groups": key_groups},
            }
        )
        tables = Logins(settings).tables()
        return {table.exact_keys for table in tables if hasattr(table, "exact_keys")}

    assert limits(1_000_000, 16) == {62_500}
    assert limits(17, 16) == {2}
    assert limits(1, 16) == {1}
