"""Make Kafka messages readable: for people, and as one JSON object a line.

What a message holds is somebody else's: characters that a terminal would obey are escaped.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it lies in the topic; `timestamp_ms` None where the broker gave none."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def printable(text: str) -> str:
    """Escape everything but what prints as itself: control, format and direction characters."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def readable(data: bytes | None) -> str:
    """Show bytes as text, those that are no UTF-8 as \\xNN; "(none)" for what is not there."""
    if data is None:
        return "(none)"
    return printable(data.decode("utf-8", "backslashreplace"))


def pretty(data: bytes | None) -> str:
    """Show a value: JSON indented where it does not fit a line, anything else as it is."""
    found, value = _parsed(data)
    if not found:
        return readable(data)
    line = json.dumps(value, ensure_ascii=False)
    if len(line) > 100 and isinstance(value, dict | list):
        line = json.dumps(value, ensure_ascii=False, indent=2)
    return "\n".join(printable(each) for each in line.split("\n"))


def as_text(message: Message) -> str:
    """Write a message on several lines: where and when, headers, value."""
    lines = [
        f"{message.topic}[{message.partition}]@{message.offset}  {_time(message) or '(no time)'}"
        f"  key {readable(message.key)}"
    ]
    lines += [f"  {printable(name)}: {readable(value)}" for name, value in message.headers]
    lines += [f"  {line}" for line in pretty(message.value).split("\n")]
    return "\n".join(lines)


def as_json(message: Message) -> str:
    """Write a message as a JSON object on one line.

    `value` is the parsed JSON, or text; bytes that are no UTF-8 are in `value_base64` instead. The
    same holds for `key` and for the `value` of each of the `headers`.
    """
    content: dict[str, Any] = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": _time(message),
    }
    _put(content, "key", message.key)
    found, value = _parsed(message.value)
    if found:
        content["value"] = value
    else:
        _put(content, "value", message.value)
    headers = []
    for name, data in message.headers:
        header: dict[str, Any] = {"name": name}
        _put(header, "value", data)
        headers.append(header)
    content["headers"] = headers
    return json.dumps(content)


def _put(content: dict[str, Any], name: str, data: bytes | None) -> None:
    try:
        content[name] = None if data is None else data.decode("utf-8")
    except UnicodeDecodeError:
        content[f"{name}_base64"] = base64.b64encode(data or b"").decode("ascii")


def _parsed(data: bytes | None) -> tuple[bool, Any]:
    try:
        return True, json.loads(data or b"", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False, None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _time(message: Message) -> str | None:
    if message.timestamp_ms is None:
        return None
    moment = datetime.fromtimestamp(message.timestamp_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
