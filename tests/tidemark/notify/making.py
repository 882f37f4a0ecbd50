"""News for tests."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tidemark.notify.news import News, parse


def record(number: int = 0, state: str = "begin", *, ago_s: float = 10.0, **fields: Any) -> bytes:
    """Return a record of the topic: an alert of a window that ended so long ago."""
    end = datetime.fromtimestamp(int(time.time()) - ago_s, UTC)
    start = end - timedelta(seconds=10)
    document = {
        "_id": f"r/s{number}/{start:%Y-%m-%dT%H:%M:%SZ}",
        "rule": "r",
        "severity": "warning",
        "subject": f"s{number}",
        "state": state,
        "value": 7,
        "threshold": 5,
        "timestamp": start,
        "window_start": start,
        "window_end": end,
        "message": f"s{number}: too many",
        "pipeline": "interactions",
        **fields,
    }
    return json.dumps(document, default=lambda moment: moment.isoformat()).encode()


def news(number: int = 0, state: str = "begin", **fields: Any) -> News:
    """Return news as they are read."""
    found = parse(record(number, state, **fields))
    assert found is not None
    return found
