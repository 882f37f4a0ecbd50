"""The project's own files: locked requirements and make's commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = [*ROOT.glob("requirements*.txt"), *ROOT.glob("tests/**/*requirements.txt")]

with (ROOT / "pyproject.toml").open("rb") as file:
    PROJECT: dict[str, Any] = tomllib.load(file)["project"]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def pins(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(), flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        (
            "requirements-dev.txt",
            PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"],
        ),
    ],
)
def test_every_requirement_is_pinned_within_its_bounds(lock: str, wanted: list[str]) -> None:
    pinned = pins(ROOT / lock)
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_tests_run_with_the_versions_that_users_get() -> None:
    runtime, everything = pins(ROOT / "requirements.txt"), pins(ROOT / "requirements-dev.txt")
    assert runtime.items() <= everything.items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_name_no_package_index(lock: Path) -> None:
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links|file:/", lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_has_a_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9._-]+==)", lock.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make on a copy of the Makefile, so that nothing here is touched."""
    shutil.copy(ROOT / "Makefile", folder)
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "SECONDS", "ARGS"))
    }
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@needs_make
def test_setup_says_when_python_does_not_fit(tmp_path: Path) -> None:
    done = make(tmp_path, "setup", "PYTHON=/no/such/python")
    assert done.returncode != 0
    assert "needs Python 3.11 or 3.12, and /no/such/python is not one" in done.stderr
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_an_audit_asks_about_every_pin(tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    tool = tmp_path / "var" / "audit" / "bin" / "pip-audit"
    for program in (environment / "bin" / "python", tool):
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\n')
        program.chmod(0o755)
    (environment / ".made").write_text(f"{tmp_path}\n")
    done = make(tmp_path, "audit")
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().split()
    named = {ROOT / word for word in asked if word.endswith(".txt")}
    assert named == set(LOCKS)
    assert "--strict" in asked, "else a package that cannot be looked up counts as sound"


@needs_make
@pytest.mark.parametrize(
    ("given", "command"),
    [(["SECONDS=40"], "tidemark demo --seconds 40"), ([], "tidemark demo")],
)
def test_demo_passes_its_length_on(tmp_path: Path, given: list[str], command: str) -> None:
    for name in ("requirements-build.txt", "requirements.txt", "pyproject.toml", "setup.py"):
        (tmp_path / name).touch()
    done = make(tmp_path, "--dry-run", "demo", *given)
    assert done.stdout.strip().endswith(command)
    assert "requirements-dev.txt" not in done.stdout
