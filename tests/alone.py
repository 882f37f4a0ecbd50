"""Run the few tests that have just failed once more, with the machine to themselves.

    python -m tests.alone

Ends like pytest: 0 when they pass alone, which says that they failed for want of time or cores, and
names them. More than a few is no coincidence: then nothing is run and the failure stands.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.faults import seeds

_CACHE = Path(".pytest_cache/v")
_LAST_FAILED = _CACHE / "cache/lastfailed"
_FEW = 12


def main() -> int:
    """Run them and return the exit code."""
    known = json.loads(_LAST_FAILED.read_text()) if _LAST_FAILED.exists() else {}
    # pytest remembers failures of files that have gone since, too.
    failed = sorted(name for name in known if Path(name.partition("::")[0]).exists())
    if not 0 < len(failed) <= _FEW:
        print(f"{len(failed)} tests have failed: not run again (up to {_FEW} are).")
        return 1
    print(f"\nOnce more, alone: {len(failed)} that failed among the others.", flush=True)
    # With the same seed: another roll of the dice would be another test.
    seeds.agree_on(int((_CACHE / seeds.CACHED).read_text()))
    code = int(pytest.main(["-q", "-p", "no:cacheprovider", "-n", "0", *failed]))
    if code == 0:
        print("Failed among the others, passed alone (worth a look at what they wait for):")
        print(*(f"  {name}" for name in failed), sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
