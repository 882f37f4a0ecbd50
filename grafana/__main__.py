"""Write what Grafana reads: `python -m grafana`; with `--check` only say what differs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grafana.files import ROOT, files


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files under `provisioning/`; return 1 if a check has found a difference.

    Files there that nothing writes any more are removed.
    """
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    check = parser.parse_args(arguments).check
    different = outdated()
    wanted = files()
    for path in different:
        print(f"{'differs' if check else 'written'}: {path.relative_to(ROOT.parent)}")
        if check:
            continue
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 1 if check and different else 0


def outdated() -> list[Path]:
    """Return the files that are missing, too many, or not as they would be written."""
    wanted = files()
    there = {path for path in ROOT.rglob("*") if path.is_file()}
    return sorted(
        path
        for path in wanted.keys() | there
        if path not in wanted
        or path not in there
        or path.read_text(encoding="utf-8") != wanted[path]
    )


if __name__ == "__main__":
    sys.exit(main())
