"""Alerts: one document where something begins, one where it ends, put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dashboard.reading.protocol import Document

BEGIN = "begin"
END = "end"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that began and, unless `ended_ms` is None, ended.

    `began_ms` is None where the beginning is not among the documents that were read.
    """

    rule: str
    subject: str
    severity: str
    message: str
    value: Any
    threshold: Any
    began_ms: int | None
    ended_ms: int | None


def pair(documents: Iterable[Document]) -> tuple[list[Alert], list[Alert]]:
    """Return the open and the past alerts, newest first; documents may come in any order."""
    by_id = {each["_id"]: each for each in documents}
    # Where one window ends an alert and begins it again, the beginning is the newer.
    ordered = sorted(by_id.values(), key=lambda d: (d["timestamp"], d.get("state") != END))
    begun: dict[tuple[str, str], Document] = {}
    past: list[Alert] = []
    for each in ordered:
        key = (str(each.get("rule", "")), str(each.get("subject", "")))
        if each.get("state") == END:
            past.append(_alert(begun.pop(key, None), each))
        else:
            # Began twice without an end: the first one says since when.
            begun.setdefault(key, each)
    open_ = [_alert(each, None) for each in begun.values()]
    open_.sort(key=lambda alert: -(alert.began_ms or 0))
    past.sort(key=lambda alert: -(alert.ended_ms or 0))
    return open_, past


def _alert(begin: Document | None, end: Document | None) -> Alert:
    said = begin or end or {}
    return Alert(
        rule=str(said.get("rule", "")),
        subject=str(said.get("subject", "")),
        severity=str(said.get("severity", "")),
        message=str(said.get("message", "")),
        value=said.get("value"),
        threshold=said.get("threshold"),
        began_ms=begin["timestamp"] if begin else None,
        ended_ms=end["timestamp"] if end else None,
    )
