"""What is committed for Grafana, as it reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROVISIONING = Path(__file__).resolve().parents[2] / "grafana" / "provisioning"
DASHBOARDS = ("interactions", "logins", "commerce", "pipeline")

Json = dict[str, Any]


def dashboard(name: str) -> Json:
    """Return a dashboard."""
    document: Json = json.loads((PROVISIONING / "dashboards" / f"{name}.json").read_text())
    return document


def document(path: str) -> Json:
    """Return a YAML file under provisioning/."""
    loaded: Json = yaml.safe_load((PROVISIONING / path).read_text())
    return loaded


def panels(name: str) -> list[Json]:
    """Return the panels of a dashboard that show something: all but rows."""
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def panel(name: str, panel_id: int) -> Json:
    """Return one panel."""
    (found,) = [each for each in panels(name) if each["id"] == panel_id]
    return found


def rules() -> list[Json]:
    """Return all alert rules."""
    groups = document("alerting/rules.yaml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def rule(uid: str) -> Json:
    """Return one alert rule."""
    (found,) = [each for each in rules() if each["uid"] == uid]
    return found


@dataclass(frozen=True)
class Target:
    """One query of one panel."""

    dashboard: str
    panel: Json
    target: Json

    def __str__(self) -> str:
        return f"{self.dashboard}-{self.panel['id']}-{self.target['refId']}"


def targets(plugin: str) -> list[Target]:
    """Return the queries of all panels that go to a kind of datasource."""
    return [
        Target(name, each, target)
        for name in DASHBOARDS
        for each in panels(name)
        for target in each["targets"]
        if target["datasource"]["type"] == plugin
    ]
