"""The subject of `startup`: import, build, and say how long each took."""

from __future__ import annotations

import json
import time


def main() -> None:
    """Build the main flow."""
    began = time.perf_counter()
    from dataflows import main as job

    imported = time.perf_counter()
    flow = job.flow
    built = time.perf_counter()
    assert flow.flow_id == "tidemark"
    print(json.dumps({"import_s": imported - began, "build_s": built - imported}))


if __name__ == "__main__":
    main()
