"""Processed logins: which come out, with which fields, and what does not matter for that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dataflows import processed_logins
from dataflows.login_processor import LoginProcessor
from dataflows.processed_logins import ProcessedLogins
from dataflows.streaming.transform import Transform
from sinks.commands import Point, Record
from tests.dataflows.in_memory import batches_of, documents_of, sent
from tests.dataflows.streaming.making import SECOND, T0, FakeMessage, messages_of
from tidemark.config import Settings

NOW = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
RULES: dict[str, Any] = {"max_locales_per_device": 2, "max_logins_per_ip": 3}


class AtNoon(ProcessedLogins):
    """Processes everything at noon."""

    def transform(self) -> Any:
        def at_noon(state: dict[str, Any] | None) -> Transform:
            delay_us = round(self.settings.time.out_of_orderness_s * SECOND)
            return LoginProcessor(self.section, delay_us, 256, state, lambda: NOW)

        return at_noon


def made(source: dict[str, Any] | None = None, **section: object) -> AtNoon:
    tree = {"pipelines": {"processed_logins": section}, "source": source or {}}
    return AtNoon(Settings.model_validate(tree))


def login(second: float = 1, device_type: object = "android", **more: object) -> bytes:
    stamp = T0 // SECOND + second
    return json.dumps({"timestamp": stamp, "device_type": device_type, **more}).encode()


def processed(pipeline: AtNoon, values: Iterable[bytes | None]) -> list[Record]:
    return sent(pipeline, batches_of(pipeline.settings, pipeline, messages_of(values)))


def contents(records: Iterable[Record]) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in records]


def offsets(records: Iterable[Record]) -> list[int]:
    return [int(dict(record.headers)["source.offset"]) for record in records]


def test_an_android_login_keeps_its_fields_and_gets_more() -> None:
    original = {
        "user_id": "u1",
        "device_type": "Android",
        "locale": "RU",
        "timestamp": "2026-01-01T00:00:01",
        "event": {"nested": [1, None, "ü"]},
        "anomaly": "its own",
    }
    (record,) = processed(made(), [json.dumps(original).encode()])
    assert record == Record(
        "processed-user-login",
        b"u1",
        record.value,
        (("source.topic", b"clicks"), ("source.partition", b"0"), ("source.offset", b"0")),
        0,
    )
    assert contents([record]) == [
        {
            **original,
            **dict.fromkeys(["app_version", "device_id", "ip"], "unknown"),
            "timestamp": "2026-01-01T00:00:01Z",
            "processed_timestamp": "2026-01-01T12:00:00.250000Z",
            "device_category": "Mobile",
            "anomaly": True,
            "anomaly_reasons": ["suspicious_locale"],
        }
    ]


def test_other_fields_stay_as_they_were_written_byte_for_byte() -> None:
    odd = b'"a":1.10,"b":1e999,"c":' + b"9" * 5_000 + b',"d":[1, 2 ],"e":"\\u00fc\xc3\xbc"'
    (record,) = processed(
        made(), [b'{"device_type":"android","timestamp":1767225601,' + odd + b"}"]
    )
    assert odd in (record.value or b"")


@pytest.mark.parametrize(
    ("written", "readable"),
    [
        ("2026-01-01T02:00:00.5+02:00", "2026-01-01T00:00:00.500000Z"),
        ("2025-12-31 23:59:59", "2025-12-31T23:59:59Z"),
        ("1767225600", "2026-01-01T00:00:00Z"),
        (1767225600123, "2026-01-01T00:00:00.123000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_timestamps_become_readable(written: object, readable: str) -> None:
    value = json.dumps({"device_type": "android", "timestamp": written}).encode()
    assert contents(processed(made(), [value]))[0]["timestamp"] == readable


def test_other_devices_rejects_and_logins_without_a_device_do_not_come_out() -> None:
    pipeline = made()
    values = [
        login(1, "ios"),
        login(2, "ANDROID"),
        b"{",
        None,
        b'{"device_type":"android"}',
        b'{"timestamp":1767225603}',
        login(4, None),
        login(5, 7),
        login(6, "android"),
        login(7, "android tablet"),
    ]
    batches = batches_of(pipeline.settings, pipeline, messages_of(values))
    assert offsets(sent(pipeline, batches)) == [1, 8]
    assert batches[-1].counters.filtered == {"processed_logins": 5}
    (document,) = documents_of(pipeline.settings, pipeline, batches).values()
    assert document["total"] == 2


def test_a_late_login_comes_out_but_is_not_counted() -> None:
    pipeline = made()
    values = [login(1), login(300), login(2), login(301)]
    batches = batches_of(pipeline.settings, pipeline, messages_of(values), cuts=[1, 2])
    assert offsets(sent(pipeline, batches)) == [0, 1, 2, 3]
    documents = documents_of(pipeline.settings, pipeline, batches)
    assert [document["total"] for document in documents.values()] == [1, 2]
    assert batches[-1].counters.late == {"processed_logins": 1}


def test_with_no_device_types_named_all_come_out_with_their_categories() -> None:
    pipeline = made(device_types=[], categories={"kiosk": "Desktop"})
    names = ["android", "iPad", "WEB", "Kiosk", "fridge", None, 7]
    found = contents(processed(pipeline, [login(1, name) for name in names]))
    assert [each["device_category"] for each in found] == [
        *("Mobile", "Tablet", "Desktop", "Desktop"),
        *("Mobile", "Mobile", "Mobile"),
    ]


def test_device_types_and_locales_beyond_the_cap_on_names_are_judged_as_any() -> None:
    pipeline = made(source={"max_distinct_types": 2})
    values = [login(1, f"x{n}", locale=f"y{n}") for n in range(5)]
    values += [login(2, "android", locale="RU"), login(2, "android", locale="US")]
    found = contents(processed(pipeline, values))
    assert [each["anomaly"] for each in found] == [True, False]


def test_a_windows_document_and_points() -> None:
    pipeline = made(device_types=["android", "ipad"])
    values = [
        login(1, app_version="2.3.0", locale="RU"),
        login(2, app_version="2.3.0"),
        login(3, "iPad", locale="KP"),
        login(4, "ios", locale="RU"),
    ]
    batches = batches_of(pipeline.settings, pipeline, messages_of(values), cuts=[1])
    (document,) = documents_of(pipeline.settings, pipeline, batches).values()
    assert document["_id"] == "processed_logins/2026-01-01T00:00:00Z"
    wanted = {
        "total": 3,
        "by_app_version": {"2.3.0": 2, "unknown": 1},
        "by_category": {"Mobile": 2, "Tablet": 1},
        "anomalies": 2,
    }
    assert {name: document[name] for name in wanted} == wanted
    assert pipeline.points(document) == [
        Point("processed_logins", START, {"app_version": "2.3.0"}, {"count": 2}),
        Point("processed_logins", START, {"app_version": "unknown"}, {"count": 1}),
        Point("processed_logins_summary", START, {}, {"total": 3, "anomalies": 2}),
    ]


def test_counts_by_version_are_logged_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidemark.log import get_logger

    monkeypatch.setattr(processed_logins, "log", get_logger("dataflows.fresh"))
    pipeline = made()
    batches = batches_of(pipeline.settings, pipeline, messages_of([login(1, app_version="2.3.0")]))
    (document,) = documents_of(pipeline.settings, pipeline, batches).values()
    with capture_logs() as logs:
        pipeline.tell(document)
    assert logs == [
        {
            "event": "processed_logins",
            "log_level": "info",
            "window": "2026-01-01T00:00:00Z",
            "total": 1,
            "anomalies": 0,
            "by_app_version": {"2.3.0": 1},
        }
    ]


LOGINS = st.lists(
    st.builds(
        login,
        st.integers(0, 200),
        st.sampled_from(["android", "ios", None]),
        device_id=st.sampled_from(["d1", "d2", None]),
        locale=st.sampled_from(["US", "DE", "FR", "RU", None]),
        ip=st.sampled_from(["10.0.0.1", "10.0.0.2", None]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(LOGINS, st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.booleans())
def test_what_comes_out_depends_on_neither_batches_nor_restarts(
    values: list[bytes], cuts: set[int], restarts: set[int], looks_back: bool
) -> None:
    pipeline = made(**(RULES if looks_back else {}))
    messages = messages_of(values)
    whole = batches_of(pipeline.settings, pipeline, messages)
    cut = batches_of(pipeline.settings, pipeline, messages, cuts, restarts)
    assert sent(pipeline, cut) == sent(pipeline, whole)
    assert documents_of(pipeline.settings, pipeline, cut) == documents_of(
        pipeline.settings, pipeline, whole
    )


def test_a_device_with_many_locales_and_a_frequent_address_are_anomalies() -> None:
    pipeline = made(**RULES)
    values = [
        login(1, device_id="d", locale="US"),
        login(2, device_id="d", locale="DE"),
        login(2, "ios", device_id="d", locale="XX"),  # not taken, so not looked at
        login(3, device_id="d", locale="RU"),
        login(4, device_id="d"),
        login(61, device_id="d", locale="US"),
        *(login(62 + n, ip="10.0.0.1") for n in range(5)),
        login(70, ip="unknown"),
    ]
    found = contents(processed(pipeline, values))
    assert [each["anomaly_reasons"] for each in found] == [
        *([], [], ["suspicious_locale", "many_locales"], ["many_locales"], []),
        *([], [], [], ["frequent_ip"], ["frequent_ip"], []),
    ]


def test_rules_remember_no_window_that_is_over() -> None:
    pipeline = made(**RULES)
    processor = pipeline.transform()(None)

    class Kept(AtNoon):
        def transform(self) -> Any:
            return lambda _state: processor

    keeping = Kept(pipeline.settings)
    values = [login(60 * n, device_id=f"d{n}", ip=f"ip{n}") for n in range(50)]
    batches = batches_of(keeping.settings, keeping, messages_of(values), cuts=range(0, 50, 7))
    assert len(sent(keeping, batches)) == 50
    rules = processor.state()["rules"]
    assert len(rules["locales"]) <= 2
    assert len(rules["logins"]) <= 2


def test_without_rules_that_look_back_there_is_no_state() -> None:
    pipeline = made()
    assert pipeline.transform()(None).state() is None
    assert pipeline.rebuildable
    assert not made(**RULES).rebuildable


def test_fields_are_read_where_a_rule_needs_them() -> None:
    always = {"app_version", "device_type", "locale"}
    assert made().wanted() == always
    assert made(**RULES).wanted() == {*always, "device_id", "ip"}


def test_a_record_that_is_nested_as_deep_as_can_be_read_comes_out() -> None:
    pipeline = made()
    verdicts = set()
    for depth in range(800, 1_000):
        nested = b"[" * depth + b"]" * depth
        value = b'{"device_type":"android","timestamp":1767225601,"x":' + nested + b"}"
        # Alone it is decoded with all others at once, beside a broken one by itself.
        for values in ([value], [b"{", value]):
            (batch,) = batches_of(pipeline.settings, pipeline, messages_of(values))
            accepted = len(values) - sum(batch.counters.rejected.values())
            assert len(sent(pipeline, [batch])) == accepted
            verdicts.add(accepted)
    assert verdicts == {0, 1}


@pytest.mark.parametrize(
    ("written", "sent_on"),
    [
        ("u 1", "u 1"),
        ('ü/"\\', 'ü/"\\'),
        (7, "7"),
        (10**30, "1" + "0" * 30),
        ("x" * 256, "x" * 256),
        ("ü" * 256, "ü" * 256),
        *((odd, "unknown") for odd in (None, True, 1.5, [], ["a"], {"a": 1}, "", "a\nb", "\x85")),
        ("x" * 257, "unknown"),
        (10**256, "unknown"),
    ],
)
def test_fields_that_logins_are_counted_by_are_sent_on_as_they_count(
    written: object, sent_on: str
) -> None:
    fields: dict[str, Any] = dict.fromkeys(
        ["user_id", "app_version", "locale", "device_id", "ip"], written
    )
    pipeline = made()
    batches = batches_of(pipeline.settings, pipeline, messages_of([login(**fields)]))
    (record,) = sent(pipeline, batches)
    (content,) = contents([record])
    assert {name: content[name] for name in fields} == dict.fromkeys(fields, sent_on)
    assert record.key == sent_on.encode()
    (document,) = documents_of(pipeline.settings, pipeline, batches).values()
    assert document["by_app_version"] == {sent_on: 1}


def test_records_keep_their_partition_and_have_their_user_as_the_key() -> None:
    pipeline = made()
    message = FakeMessage(7, login(user_id="u1"), None, "user-login", 5)
    (record,) = sent(pipeline, batches_of(pipeline.settings, pipeline, [message]))
    assert (record.key, record.partition) == (b"u1", 5)
    assert dict(record.headers) == {
        "source.topic": b"user-login",
        "source.partition": b"5",
        "source.offset": b"7",
    }
