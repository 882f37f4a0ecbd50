"""Types of settings that more than their Python type says: hosts, names, paths, time zones."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tidemark.config.base import Expected, wrong

_SERVERS = "host:port, or several separated by commas"
_TOPIC = "a topic name: 1 to 244 letters, digits, dots, underscores or hyphens"
_DATABASE = 'a database name: 1 to 63 bytes without spaces and / \\ . " $ * < > : | ?'
_ZONE = "a time zone of the IANA database, such as UTC or Europe/Berlin"
_CLASS = "a class, as package.module:Class"
_PATH = "a path, relative to the working directory or absolute"


def _check_servers(text: str) -> str:
    for server in text.split(","):
        match = re.fullmatch(
            r"(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]@]+)(?::(\d{1,5}))?",
            server.strip(),
        )
        if match is None or (match[1] is not None and not 1 <= int(match[1]) <= 65535):
            raise wrong(_SERVERS, "write for example localhost:9092 or kafka-1:9092,kafka-2:9092")
    return text


def _check_topic(text: str) -> str:
    # Kafka allows 249; ".late" and ".dlq" are appended to this name.
    if re.fullmatch(r"[A-Za-z0-9._-]{1,244}", text) is None or text in {".", ".."}:
        raise wrong(_TOPIC)
    return text


def _check_class(text: str) -> str:
    module, _, name = text.partition(":")
    if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise wrong(_CLASS, "write for example shop.returns:Returns")
    return text


def _check_database(text: str) -> str:
    if not 1 <= len(text.encode()) <= 63 or re.search(r'[/\\. "$*<>:|?\0]', text):
        raise wrong(_DATABASE)
    return text


def _check_zone(name: str) -> str:
    if name == "UTC":
        return name
    known = zoneinfo.available_timezones()
    if name in known:
        return name
    by_lower = {zone.lower(): zone for zone in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    if close:
        raise wrong(_ZONE, f"did you mean {by_lower[close[0]]}?")
    if not known:
        raise wrong(_ZONE, "this machine has no time zone data: pip install tzdata")
    raise wrong(_ZONE)


def _to_path(value: object) -> object:
    if isinstance(value, str):
        if not value.strip() or "\0" in value:
            raise wrong(_PATH)
        return Path(value)
    return value


Servers = Annotated[str, AfterValidator(_check_servers), Expected(_SERVERS)]
TopicName = Annotated[str, AfterValidator(_check_topic), Expected(_TOPIC)]
ClassPath = Annotated[str, AfterValidator(_check_class), Expected(_CLASS)]
DatabaseName = Annotated[str, AfterValidator(_check_database), Expected(_DATABASE)]
TimeZoneName = Annotated[str, AfterValidator(_check_zone), Expected(_ZONE)]
PathSetting = Annotated[Path, BeforeValidator(_to_path), Expected(_PATH)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Count = Annotated[int, Field(ge=1)]
AtStart = Literal["retry", "fail", "wait"]
