"""Messages made readable: JSON, text, bytes, and what would steer a terminal."""

from __future__ import annotations

import json

import pytest

from tidemark.messages import Message, as_json, as_text, pretty, readable


def message(**changes: object) -> Message:
    content: dict[str, object] = {
        "topic": "pond",
        "partition": 2,
        "offset": 41,
        "timestamp_ms": 1_795_000_000_123,
        "key": b"u1",
        "value": b'{"a": 1}',
        **changes,
    }
    return Message(**content)  # type: ignore[arg-type]


def test_shows_where_when_headers_and_value() -> None:
    text = as_text(message(headers=[("error.reason", b"invalid_json"), ("empty", None)]))
    assert text.split("\n") == [
        "pond[2]@41  2026-11-18T11:06:40.123Z  key u1",
        "  error.reason: invalid_json",
        "  empty: (none)",
        '  {"a": 1}',
    ]


def test_indents_long_json() -> None:
    assert pretty(json.dumps({"a": "x" * 100}).encode()).startswith('{\n  "a": "xxx')


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"plain text", "plain text"),
        (b"not json {", "not json {"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\u202egnp.exe".encode(), "\\u202egnp.exe"),
        ("\x9b31m".encode(), "\\x9b31m"),
        ("na\u00efve \U0001f30a".encode(), "na\u00efve \U0001f30a"),
        (b"", ""),
        (None, "(none)"),
    ],
)
def test_shows_bytes_safely(data: bytes | None, shown: str) -> None:
    assert readable(data) == shown
    assert pretty(data) == shown


@pytest.mark.parametrize("escape", ["\\u001b[2J", "\\u009b2J", "\\u202e"])
def test_json_that_hides_control_characters_stays_escaped(escape: str) -> None:
    assert all(character.isprintable() for character in pretty(f'{{"a": "{escape}"}}'.encode()))


def test_does_not_choke_on_deep_json() -> None:
    deep = b"[" * 200_000
    assert pretty(deep) == deep.decode()


def test_json_lines_hold_parsed_values() -> None:
    content = json.loads(as_json(message(headers=[("h", b"x")])))
    assert content == {
        "topic": "pond",
        "partition": 2,
        "offset": 41,
        "timestamp": "2026-11-18T11:06:40.123Z",
        "key": "u1",
        "value": {"a": 1},
        "headers": [{"name": "h", "value": "x"}],
    }


def test_json_lines_hold_bytes_as_base64() -> None:
    content = json.loads(as_json(message(key=b"\xff", value=b"\xfe\x00", timestamp_ms=None)))
    assert content["key_base64"] == "/w=="
    assert content["value_base64"] == "/gA="
    assert content["timestamp"] is None


def test_json_lines_tell_no_value_from_an_empty_one() -> None:
    assert json.loads(as_json(message(value=None)))["value"] is None
    assert json.loads(as_json(message(value=b"")))["value"] == ""


def test_nan_is_text_not_json() -> None:
    assert json.loads(as_json(message(value=b"NaN")))["value"] == "NaN"
