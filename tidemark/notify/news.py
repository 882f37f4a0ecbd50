"""News: an alert as a record of the topic tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

import msgspec

from tidemark.config.channels import ChannelSettings, Severity

_SEVERITIES = get_args(Severity)


class News(msgspec.Struct, frozen=True, kw_only=True):
    """That an alert began, or ended. Fields are those of its document; more are left out."""

    id: str = msgspec.field(name="_id")
    rule: str
    subject: str
    severity: Severity
    state: Literal["begin", "end"]
    value: int | float
    threshold: int | float
    message: str
    pipeline: str
    window_start: datetime
    window_end: datetime

    @property
    def identity(self) -> str:
        """What is never sent twice."""
        return f"{self.id} {self.state}"

    def is_for(self, channel: ChannelSettings) -> bool:
        """Tell whether a channel wants it."""
        severe = _SEVERITIES.index(self.severity) >= _SEVERITIES.index(channel.min_severity)
        named = channel.rules is None or self.rule in channel.rules
        return severe and named and (channel.ends or self.state == "begin")


_decoder = msgspec.json.Decoder(News)


def parse(value: bytes | None) -> News | None:
    """Return the news of a record; None for one that is no alert."""
    try:
        news = _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    aware = news.window_start.tzinfo is not None and news.window_end.tzinfo is not None
    return news if aware else None


def pack(news: News) -> bytes:
    """Return news as `parse` reads it."""
    return msgspec.json.encode(news)


def severest(news: list[News]) -> Severity:
    """Return the highest severity."""
    return max((each.severity for each in news), key=_SEVERITIES.index)
