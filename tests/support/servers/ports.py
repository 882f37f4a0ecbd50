"""Choose free loopback ports."""

from __future__ import annotations

import os
import random
import socket

# Below the range that systems hand out to outgoing connections: a port of a server that was
# killed must still be free when it starts again.
FIRST, LAST = 20000, 32000
# Processes that share the tests choose from different ports: what one has chosen and does not yet
# listen on is free to all others.
_OURS = range(
    FIRST + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
    LAST,
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
)

_random = random.Random(os.urandom(8))
_given: set[int] = set()


def free_port() -> int:
    """Return a port that nothing on 127.0.0.1 listens on, a different one at each call."""
    for _ in range(1000):
        port = _random.choice(_OURS)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise OSError(f"no free port between {FIRST} and {LAST}")


def is_open(port: int) -> bool:
    """Tell whether something accepts connections on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
