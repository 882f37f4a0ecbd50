"""The manifests of deploy/k8s as kustomize builds them."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.composing import ROOT
from tests.support.servers import ToolMissingError
from tests.support.servers.cache import installed, require_tool, run_step

K8S = ROOT / "deploy" / "k8s"
KUSTOMIZE_VERSION = "v5.7.1"


@cache
def build_command() -> tuple[str, ...]:
    """Return the command that builds a folder: kubectl's, or kustomize built with Go."""
    if kubectl := shutil.which("kubectl"):
        return (kubectl, "kustomize")

    def build(folder: Path) -> None:
        go = require_tool("go", "building kustomize (kubectl is not installed either)")
        package = f"sigs.k8s.io/kustomize/kustomize/v5@{KUSTOMIZE_VERSION}"
        run_step(go, "install", package, environ={"CGO_ENABLED": "0", "GOBIN": str(folder)})

    try:
        return (str(installed(f"kustomize-{KUSTOMIZE_VERSION}", build) / "kustomize"), "build")
    except ToolMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this test: {error}", pytrace=False)
        pytest.skip(str(error))


@cache
def text() -> str:
    """Return all manifests as one text."""
    done = subprocess.run([*build_command(), K8S], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifests() -> dict[str, dict[str, Any]]:
    """Return the manifests by kind/name."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each for each in yaml.safe_load_all(text())
    }


def container() -> dict[str, Any]:
    """Return the container of the StatefulSet."""
    spec = manifests()["StatefulSet/tidemark"]["spec"]["template"]["spec"]
    found: dict[str, Any] = spec["containers"][0]
    return found


def secret_variables() -> dict[str, str]:
    """Return the keys of the secret that come as variables, by the names of those."""
    return {each["name"]: each["valueFrom"]["secretKeyRef"]["key"] for each in container()["env"]}


def environment() -> dict[str, str]:
    """Return the environment that its config maps make."""
    found: dict[str, str] = {}
    for source in container()["envFrom"]:
        found |= manifests()[f"ConfigMap/{source['configMapRef']['name']}"]["data"]
    return found
