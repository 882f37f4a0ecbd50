"""Rule: one alert, with everything that Grafana 10 wants to know of it.

Texts use `{{ .Labels.x }}` and `{{ .Values.B.Value }}`: the forms with a dollar sign would be taken
for variables of the environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, TypeAlias

from grafana.alerts.steps import Step

Severity: TypeAlias = Literal["info", "warning", "critical"]
_RUNBOOK = "docs/operations.md"
_FOLDER = "Tidemark alerts"
"""Not that of the dashboards: Grafana makes the folder of the rules first, with a uid of its own
choice, and then refuses, or doubles, a folder of the same title with a given uid."""
_INTERVAL = "1m"


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert that is raised while the last of `steps` says 1 for at least `hold`.

    `looks_back_s` is the time range of its queries. `anchor` is the heading of docs/operations.md
    that says what to do. `on_no_data` is what it means that the query returns nothing.
    """

    uid: str
    title: str
    severity: Severity
    summary: str
    description: str
    anchor: str
    dashboard_uid: str
    panel: IntEnum
    looks_back_s: int
    hold: str
    steps: Sequence[Step]
    on_no_data: Literal["OK", "Alerting"] = "OK"

    def document(self) -> dict[str, Any]:
        """Return the rule as it stands in the file."""
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": self.steps[-1].ref_id,
            "data": [step.row(self.looks_back_s) for step in self.steps],
            "dashboardUid": self.dashboard_uid,
            "panelId": int(self.panel),
            "noDataState": self.on_no_data,
            "execErrState": "Error",
            "for": self.hold,
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{_RUNBOOK}#{self.anchor}",
                "__dashboardUid__": self.dashboard_uid,
                "__panelId__": str(int(self.panel)),
            },
            "labels": {"severity": self.severity, "service": "tidemark"},
            "isPaused": False,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, once a minute."""

    name: str
    rules: Sequence[Rule]


def rule_file(groups: Sequence[Group]) -> dict[str, Any]:
    """Return the provisioning of all rules."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group.name,
                "folder": _FOLDER,
                "interval": _INTERVAL,
                "rules": [rule.document() for rule in group.rules],
            }
            for group in groups
        ],
    }
