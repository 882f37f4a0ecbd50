"""Wait until the other processes of a group on this machine can be connected to.

Each process of a Bytewax cluster connects to those with lower numbers, and one that does not listen
yet is tried again only a whole second later (timely's `start_connections`). To look at Linux's list
of sockets costs nothing, and does not disturb who listens as a connection would.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SOCKETS = Path("/proc/net/tcp")
_LISTENING = "0A"
_POLL_S = 0.005


def wait_for_listeners(
    addresses: Sequence[str],
    within_s: float = 10.0,
    *,
    sockets: Path = SOCKETS,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait for those of the `addresses` that are on loopback; tell whether all of them listen.

    False at once where there is no such list, and after `within_s`: whoever connects then has to
    try again, that is all.
    """
    wanted = {_as_listed(address) for address in addresses if address.startswith("127.")}
    deadline = time.monotonic() + within_s
    while wanted:
        try:
            lines = sockets.read_text().splitlines()[1:]
        except OSError:
            return False
        wanted -= {fields[1] for line in lines if (fields := line.split())[3] == _LISTENING}
        if wanted and time.monotonic() > deadline:
            return False
        if wanted:
            sleep(_POLL_S)
    return True


def _as_listed(address: str) -> str:
    """Return `host:port` as the list has it: hexadecimal, the host in the machine's byte order."""
    host, _, port = address.rpartition(":")
    (number,) = struct.unpack("=I", socket.inet_aton(host))
    return f"{number:08X}:{int(port):04X}"
