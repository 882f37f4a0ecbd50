"""Install the peers into the cache folder, pinned: Python packages with hashes, jars by Maven."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from bench.origin import ROOT
from tests.support.servers.cache import installed, require_tool, run_step

HERE = Path(__file__).parent
JOBS = HERE / "jobs"
BUILD_TOOLS = ROOT / "requirements-build.txt"


def environment(name: str) -> Path:
    """Return the Python of an environment with what `requirements/NAME.txt` pins."""
    requirements = HERE / "requirements" / f"{name}.txt"

    def build(folder: Path) -> None:
        run_step(sys.executable, "-m", "venv", folder)
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
        ]
        pinned = ["install", "--quiet", "--require-hashes", "-r"]
        # PySpark is a source distribution: what builds it is pinned, too.
        run_step(*pip, *pinned, BUILD_TOOLS)
        run_step(*pip, *pinned, requirements, "--no-build-isolation")

    tag = f"py{sys.version_info.major}.{sys.version_info.minor}"
    return installed(f"peer-{name}-{tag}-{_digest(requirements)}", build) / "bin" / "python"


def jars(name: str) -> Path:
    """Return a folder with the jars that `jars/NAME.xml` pins, and what they need."""
    pom = HERE / "jars" / f"{name}.xml"
    return installed(f"peer-{name}-jars-{_digest(pom)}", lambda folder: _fetch(pom, folder))


def classes(name: str, source: Path, classpath: Path) -> Path:
    """Return a folder with the compiled classes of a Java file."""
    javac = require_tool("javac", f"the peer {name}")

    def build(folder: Path) -> None:
        run_step(javac, "-cp", f"{classpath}/*", "-d", folder, source)

    return installed(f"peer-{name}-classes-{_digest(source)}", build)


def _fetch(pom: Path, folder: Path) -> None:
    maven = require_tool("mvn", f"the peer {pom.stem}")
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    run_step(maven, "-q", "-B", "-f", pom, *goal)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]
