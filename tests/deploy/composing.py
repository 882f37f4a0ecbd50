"""docker-compose.yml as Docker Compose reads it: by its own library, built once with Go."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import ToolMissingError
from tests.support.servers.cache import installed, require_tool, run_step

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SOURCES = Path(__file__).with_name("composecheck")
_LIBRARY = re.compile(r"compose-go/v2 (v\S+)")

Project = dict[str, Any]


class DoesNotLoad(Exception):
    """Compose refuses the file; its message says why."""


@cache
def checker() -> Path:
    """Return the program; built on first use."""
    found = _LIBRARY.search((SOURCES / "go.mod").read_text())
    assert found is not None

    def build(folder: Path) -> None:
        go = require_tool("go", "building the parser of Compose files")
        copy = folder / "source"
        shutil.copytree(SOURCES, copy)
        run_step(
            *[go, "build", "-C", str(copy), "-ldflags", "-s -w"],
            *["-o", str(folder / "composecheck"), "."],
            environ={"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
        )

    try:
        return installed(f"composecheck-{found[1]}", build) / "composecheck"
    except ToolMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this test: {error}", pytrace=False)
        pytest.skip(str(error))


def load(dotenv: Path, **environ: str) -> Project:
    """Return the project with every profile. Raises DoesNotLoad."""
    done = subprocess.run(
        [checker(), dotenv, COMPOSE],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DoesNotLoad(done.stderr.strip())
    project: Project = json.loads(done.stdout)
    return project


def secrets() -> list[str]:
    """Return the names that .env.example leaves empty."""
    return re.findall(r"^([A-Z_]+)=$", (ROOT / ".env.example").read_text(), re.MULTILINE)


def filled(directory: Path) -> Path:
    """Write a .env in which every secret is made up, and return its path."""
    text = (ROOT / ".env.example").read_text()
    text = re.sub(
        r"^([A-Z_]+)=$",
        lambda found: f"{found[1]}=secret{found[1].replace('_', '').lower()}",
        text,
        flags=re.MULTILINE,
    )
    path = directory / ".env"
    path.write_text(text)
    return path
