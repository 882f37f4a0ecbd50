"""Files: everything that Grafana reads, as text, by its path under `provisioning/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.alerts.catalog import groups
from grafana.alerts.notify import contact_points, policies
from grafana.alerts.rules import rule_file
from grafana.boards import FOLDER, FOLDER_UID
from grafana.dashboards import commerce, interactions, logins, pipeline
from grafana.datasources import datasources

ROOT: Final = Path(__file__).parent / "provisioning"
_NOTE: Final = "# Written by `python -m grafana`: change the Python there, not this file.\n"


def files() -> dict[Path, str]:
    """Return the text of each file."""
    dashboards = {
        ROOT / "dashboards" / f"{name}.json": _json(module.dashboard())
        for name, module in (
            ("interactions", interactions),
            ("logins", logins),
            ("commerce", commerce),
            ("pipeline", pipeline),
        )
    }
    return dashboards | {
        ROOT / "datasources" / "tidemark.yaml": _yaml(datasources()),
        ROOT / "dashboards" / "tidemark.yaml": _yaml(provider()),
        ROOT / "alerting" / "rules.yaml": _yaml(rule_file(groups())),
        ROOT / "alerting" / "contact-points.yaml": _yaml(contact_points()),
        ROOT / "alerting" / "policies.yaml": _yaml(policies()),
    }


def provider() -> dict[str, Any]:
    """Return the provisioning of the dashboards: those beside it.

    `GF_PATHS_PROVISIONING` is Grafana's own name for the directory; its container image sets it.
    """
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "tidemark",
                "orgId": 1,
                "folder": FOLDER,
                "folderUid": FOLDER_UID,
                "type": "file",
                "allowUiUpdates": False,
                "disableDeletion": False,
                "updateIntervalSeconds": 30,
                "options": {"path": "${GF_PATHS_PROVISIONING}/dashboards"},
            }
        ],
    }


def _json(dashboard: Dashboard) -> str:
    return (
        json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )


def _yaml(document: dict[str, Any]) -> str:
    return _NOTE + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
