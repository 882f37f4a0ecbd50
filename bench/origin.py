"""Which machine this is, and which commit."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from bench.results import Origin

ROOT = Path(__file__).resolve().parents[1]


def origin(quick: bool) -> Origin:
    """Return where and when this is."""
    return Origin(
        machine=_processor(),
        cores=os.cpu_count() or 0,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        python=platform.python_version(),
        kernel=f"{platform.system()} {platform.release()}",
        commit=_commit(),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=quick,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=10", "HEAD")
        # What is written by measuring does not change what is measured.
        code = ["--", ".", ":(exclude)bench/results", ":(exclude)docs"]
        changed = _git("status", "--porcelain", "--untracked-files=no", *code)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()
