"""Settings of channels: who is told of what, and how."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from tidemark.config.base import Section, wrong
from tidemark.config.types import Name, PathSetting

Severity: TypeAlias = Literal["info", "warning", "critical"]

_URLS = "name=URL for each channel, separated by blanks or lines"
_ENTRY = re.compile(r"([A-Za-z0-9_-]{1,64})=([A-Za-z][A-Za-z0-9+.-]*://\S+)")


def named_urls(text: str) -> dict[str, str]:
    """Return the URL of each channel. Raises what validators raise; it never quotes a URL."""
    urls: dict[str, str] = {}
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for place, entry in enumerate((word for line in lines for word in line.split()), start=1):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise wrong(_URLS, f"entry {place} is none: write for example ops=json://host/path")
        if match[1] in urls:
            raise wrong(_URLS, f"channel {match[1]} is there twice: give each a name of its own")
        urls[match[1]] = match[2]
    return urls


class ChannelSettings(Section):
    """What a channel gets."""

    min_severity: Severity = "info"
    """Less severe alerts are not sent."""

    rules: Annotated[tuple[Name, ...] | None, Field(strict=False)] = None
    """Only alerts of these rules; null: of all."""

    ends: bool = True
    """Whether it is told that an alert has ended."""


class NotifySettings(Section):
    """How people are told."""

    enabled: bool = True
    """Whether `tidemark run` sends, where there are channels; `tidemark notify` always does."""

    state: PathSetting = Path("var/notify.db")
    """File that keeps what has been sent, so that nothing is sent twice."""

    max_age_s: Annotated[float, Field(gt=0, le=31_536_000)] = 3600.0
    """Alerts of windows that ended longer ago are counted, and not sent."""

    per_minute: Annotated[int, Field(ge=1, le=1000)] = 10
    """Messages a channel gets in a minute; what is more goes into one message together."""

    bundle_s: Annotated[float, Field(ge=0, le=3600)] = 1.0
    """How long an alert waits for others of the same burst."""

    timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    """How long a channel may take to connect, and to answer."""
