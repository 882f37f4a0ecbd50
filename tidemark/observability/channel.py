"""How a supervisor asks its worker processes for their metrics: a socket pair, no port, no file.

A question is one number, an answer is the same number and the text: an answer that came too late is
known by its number and left out.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable

_HEAD = struct.Struct(">II")
_NUMBER = struct.Struct(">I")
_CHUNK_BYTES = 1 << 16


class Silent(Exception):
    """The worker does not answer, or not in time."""


def answer(fd: int, text: Callable[[], bytes]) -> None:
    """Answer every question that comes in by `fd` with what `text` returns, in a thread."""
    line = socket.socket(fileno=fd)
    threading.Thread(target=_answer, args=(line, text), name="metrics", daemon=True).start()


def _answer(line: socket.socket, text: Callable[[], bytes]) -> None:
    with line:
        try:
            while number := line.recv(_NUMBER.size, socket.MSG_WAITALL):
                body = text()
                line.sendall(_HEAD.pack(*_NUMBER.unpack(number), len(body)) + body)
        except ConnectionError:
            return  # the supervisor has gone, and this process goes with it


class Channel:
    """The supervisor's end; may be used by several threads. `fd` is the worker's end."""

    def __init__(self) -> None:
        self._line, self._theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._number = 0
        self._received = bytearray()

    @property
    def fd(self) -> int:
        """The worker's end, to be inherited."""
        return self._theirs.fileno()

    def started(self) -> None:
        """Let go of the worker's end: the worker has its own of it."""
        self._theirs.close()

    def ask(self, within_s: float = 2.0) -> str:
        """Return the worker's metrics. Raises Silent."""
        deadline = time.monotonic() + within_s
        if not self._lock.acquire(timeout=within_s):
            raise Silent("it does not answer others either")
        try:
            self._number = (self._number + 1) % (1 << 32)
            self._line.settimeout(within_s)
            self._line.sendall(_NUMBER.pack(self._number))
            while True:
                number, body = self._frame(deadline)
                if number == self._number:
                    return body.decode()
        except OSError as error:
            raise Silent(str(error) or type(error).__name__) from error
        finally:
            self._lock.release()

    def close(self) -> None:
        """Hang up."""
        self._line.close()
        self._theirs.close()

    def _frame(self, deadline: float) -> tuple[int, bytes]:
        """Return the next whole answer; what there is of one stays for the next time."""
        while True:
            if len(self._received) >= _HEAD.size:
                number, size_bytes = _HEAD.unpack_from(self._received)
                end = _HEAD.size + size_bytes
                if len(self._received) >= end:
                    body = bytes(self._received[_HEAD.size : end])
                    del self._received[:end]
                    return number, body
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise Silent("no answer in time")
            self._line.settimeout(left_s)
            part = self._line.recv(_CHUNK_BYTES)
            if not part:
                raise Silent("it has hung up")
            self._received += part
