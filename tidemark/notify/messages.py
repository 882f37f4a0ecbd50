"""What people read: a message of one alert, or of a burst of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tidemark.messages import printable
from tidemark.notify.news import News, severest

Kind: TypeAlias = Literal["info", "success", "warning", "failure"]
"""What a channel may show by colour or sign; the names are Apprise's."""

_KINDS: dict[str, Kind] = {"info": "info", "warning": "warning", "critical": "failure"}
_LISTED = 15
_LONGEST_LINE = 120
_LONGEST_TITLE = 150
# Names in events are somebody else's: chat services would call everybody together.
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@])", re.IGNORECASE)
_NOTHING_WIDE = "\u200b"


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `alerts` says of how many begins and ends it tells."""

    title: str
    body: str
    kind: Kind
    alerts: int = 1


def message_of(news: Sequence[News]) -> Message:
    """Return one message that tells of all of them, of a single one in full."""
    return _single(news[0]) if len(news) == 1 else _digest(news)


def trial_message(channel: str) -> Message:
    """Return the message that shows that a channel works."""
    return Message(
        "Tidemark: test",
        f"This is a test of channel {channel}. Alerts will come here.",
        "info",
        0,
    )


def _single(news: News) -> Message:
    ended = news.state == "end"
    head = "ended" if ended else news.severity.upper()
    facts = {
        "rule": f"{news.rule} ({news.severity}), {'ended' if ended else 'began'}",
        "subject": news.subject,
        "value": f"{news.value}, threshold {news.threshold}",
        "window": f"{_time(news)} to {news.window_end:%H:%M:%S} UTC",
        "pipeline": news.pipeline,
        "id": news.id,
    }
    lines = [*_safe_lines(news.message), ""]
    lines += [f"{name}: {_safe(value)}" for name, value in facts.items()]
    title = f"[{head}] {_safe(news.rule)}: {_safe(news.subject)}"
    kind = "success" if ended else _KINDS[news.severity]
    return Message(_cut(title, _LONGEST_TITLE), "\n".join(lines), kind)


def _digest(news: Sequence[News]) -> Message:
    states = Counter(each.state for each in news)
    severity = severest(list(news))
    title = (
        f"[{severity.upper()}] {len(news)} alerts: {states['begin']} began, {states['end']} ended"
    )
    lines = [
        _cut(
            f"{_time(each)} {'ended' if each.state == 'end' else each.severity.upper()}"
            f" {_safe(each.rule)}: {_safe(each.message)}",
            _LONGEST_LINE,
        )
        for each in news[:_LISTED]
    ]
    if len(news) > _LISTED:
        more = Counter((each.rule, each.state) for each in news[_LISTED:])
        lines += [f"and {len(news) - _LISTED} more:"]
        lines += [
            _cut(f"{_safe(rule)}: {count} {'ended' if state == 'end' else 'began'}", _LONGEST_LINE)
            for (rule, state), count in sorted(more.items())[:_LISTED]
        ]
    kind = _KINDS[severity] if states["begin"] else "success"
    return Message(title, "\n".join(lines), kind, len(news))


def _time(news: News) -> str:
    return f"{news.window_start:%Y-%m-%d %H:%M:%S}"


def _safe(text: str) -> str:
    return _MENTION.sub(lambda found: found[0] + _NOTHING_WIDE, printable(text))


def _safe_lines(text: str) -> list[str]:
    return [_safe(line) for line in text.split("\n")]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
