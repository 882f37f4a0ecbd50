"""Alerts: one where something begins, one where it ends; as documents and as records of a topic.

An alert says what a final window has shown. Its id follows from rule, subject and window, and the
state it depends on is part of the recovery store: after a crash the same alerts come out again
under the same ids. Collection `alerts` has each once; the topic may have one twice, and its `_id`
tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import bytewax.operators as op
import msgspec
from bytewax.operators import KeyedStream

from dataflows.streaming.outlets import Outlets
from sinks.commands import Command, Document, Record, ReplaceDocuments, SendRecords

COLLECTION = "alerts"

Severity: TypeAlias = Literal["info", "warning", "critical"]
State: TypeAlias = Literal["begin", "end"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is watched. `name` has no slash: it is the first part of ids and keys."""

    name: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Alert:
    """That something began, or ended, for a subject in a window.

    `value` is what was found and `threshold` what it was held against. A window begins or ends an
    alert of one rule and subject once at most.
    """

    rule: Rule
    subject: str
    state: State
    value: int | float
    threshold: int | float
    message: str
    pipeline: str
    window_start: datetime
    window_s: int

    @property
    def key(self) -> str:
        """Rule and subject: what begins and ends."""
        return f"{self.rule.name}/{self.subject}"

    def document(self) -> Document:
        """Return the document. As everywhere, the `timestamp` of a window is its start."""
        start = self.window_start.replace(tzinfo=None).isoformat(timespec="seconds")
        return {
            "_id": f"{self.key}/{start}Z",
            "rule": self.rule.name,
            "severity": self.rule.severity,
            "subject": self.subject,
            "state": self.state,
            "value": self.value,
            "threshold": self.threshold,
            "timestamp": self.window_start,
            "window_start": self.window_start,
            "window_end": self.window_start + timedelta(seconds=self.window_s),
            "message": self.message,
            "pipeline": self.pipeline,
        }

    def record(self, topic: str) -> Record:
        """Return the document as a record; those of one rule and subject stay in order."""
        return Record(topic, self.key.encode(), msgspec.json.encode(self.document()))


def write_alerts(
    step_id: str, alerts: KeyedStream[list[Alert]], topic: str | None, outlets: Outlets
) -> None:
    """Add what writes alerts to a flow: to their collection, and to a topic if there is one."""

    def documents(keyed: tuple[str, list[Alert]]) -> tuple[str, Command]:
        key, found = keyed
        return key, ReplaceDocuments(COLLECTION, [alert.document() for alert in found])

    outlets.documents.append(op.map(f"{step_id}_documents", alerts, documents))
    if topic is None:
        return

    def records(keyed: tuple[str, list[Alert]]) -> tuple[str, Command]:
        key, found = keyed
        return key, SendRecords([alert.record(topic) for alert in found])

    outlets.topics.append(op.map(f"{step_id}_records", alerts, records))
