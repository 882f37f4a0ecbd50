"""The kinds of the Prometheus operator: its own definitions, out of its Go module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers import ServerError, ToolMissingError
from tests.support.servers.cache import installed, require_tool

OPERATOR = "github.com/prometheus-operator/prometheus-operator"
VERSION = "v0.85.0"
SUM = "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="
DEFINITIONS = Path("example") / "prometheus-operator-crd"
_PRESERVES = "x-kubernetes-preserve-unknown-fields"

Schema = dict[str, Any]


def definition(plural: str) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind, named as in addresses: `servicemonitors`."""
    try:
        folder = installed(f"prometheus-operator-crd-{VERSION}", _install)
    except ToolMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this test: {error}", pytrace=False)
        pytest.skip(str(error))
    found: dict[str, Any] = yaml.safe_load(
        (folder / f"monitoring.coreos.com_{plural}.yaml").read_text()
    )
    return found


def schema(of: dict[str, Any], api_version: str) -> Schema:
    """Return the schema of one version that a definition serves."""
    (version,) = [
        each
        for each in of["spec"]["versions"]
        if each["served"] and f"{of['spec']['group']}/{each['name']}" == api_version
    ]
    found: Schema = version["schema"]["openAPIV3Schema"]
    return found


def closed(of: Schema) -> Schema:
    """Return the schema with keys that it does not name refused, as `kubectl apply` does.

    What follows is what a structural schema can hold schemas in; Kubernetes allows no more.
    """
    made = dict(of)
    if "properties" in of:
        made["properties"] = {name: closed(each) for name, each in of["properties"].items()}
        if not of.get(_PRESERVES):
            made["additionalProperties"] = False
    elif isinstance(of.get("additionalProperties"), dict):
        made["additionalProperties"] = closed(of["additionalProperties"])
    if "items" in of:
        made["items"] = closed(of["items"])
    return made


def _install(folder: Path) -> None:
    go = require_tool("go", "getting the definitions of the Prometheus operator")
    done = subprocess.run(
        [go, "mod", "download", "-json", f"{OPERATOR}@{VERSION}"],
        cwd=folder,  # not in anybody's module
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"{OPERATOR}@{VERSION} is not to be had:\n{done.stdout}{done.stderr}")
    module = json.loads(done.stdout)
    if module["Sum"] != SUM:
        raise ServerError(f"{OPERATOR}@{VERSION} has sum {module['Sum']}, not {SUM}")
    shutil.copytree(Path(module["Dir"]) / DEFINITIONS, folder, dirs_exist_ok=True)
