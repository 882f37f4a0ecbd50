"""Install things once into a cache folder outside the repository.

The folder is `$TIDEMARK_CACHE`, else `$XDG_CACHE_HOME/tidemark`, else `~/.cache/tidemark`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.servers.errors import ServerError, ToolMissingError


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder that installed servers live in; it need not exist yet."""
    environ = os.environ if environ is None else environ
    if own := environ.get("TIDEMARK_CACHE"):
        return Path(own).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tidemark"


def installed(name: str, build: Callable[[Path], None], *, root: Path | None = None) -> Path:
    """Return the folder `name` of the cache, built first if it is not there.

    `build` fills a temporary folder beside the final place, which gets its name only when `build`
    has returned: what exists is complete. A file lock makes a second process wait for the first.
    """
    root = cache_dir() if root is None else root
    final = root / name
    if final.is_dir():
        return final
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_dir():  # another process built it while this one waited
            return final
        partial = Path(tempfile.mkdtemp(prefix=f"{name}.partial-", dir=root))
        try:
            build(partial)
            partial.chmod(0o755)
            partial.rename(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return final


def require_tool(name: str, what_for: str) -> str:
    """Return the path of a program, or raise ToolMissingError saying what needs it."""
    path = shutil.which(name)
    if path is None:
        raise ToolMissingError(f"{name} is not installed; {what_for} needs it")
    return path


def run_step(
    *command: str | Path,
    environ: Mapping[str, str] | None = None,
    timeout_s: float = 1200,
) -> None:
    """Run one step of an installation; raise ServerError with its output when it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServerError(f"{words[0]} was not done after {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise ServerError(
            f"{' '.join(words)} failed with {done.returncode}:\n{done.stdout[-4000:]}"
        )
