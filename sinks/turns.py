"""Turns: who of several threads may write next, those in a hurry first."""

from __future__ import annotations

import threading
import time
from collections import deque

PATIENCE_S = 0.3
"""Who has waited for so long is in a hurry as well."""


class Turns:
    """A lock with two lines: while anybody waits in the first, nobody of the second is let in.

    First come, first served in each. From the second one moves to the first after `PATIENCE_S`:
    nobody starves.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._hurrying: deque[object] = deque()
        self._patient: deque[object] = deque()

    def take(self, *, hurry: bool, timeout_s: float) -> bool:
        """Wait for one's turn; False if it has not come in time."""
        deadline_s = time.monotonic() + timeout_s
        me = object()
        with self._changed:
            got = not hurry and self._wait(self._patient, me, min(PATIENCE_S, timeout_s))
            got = got or self._wait(self._hurrying, me, deadline_s - time.monotonic())
            self._taken = self._taken or got
            # Who was behind may be the next now.
            self._changed.notify_all()
            return got

    def leave(self) -> None:
        """End one's turn."""
        with self._changed:
            self._taken = False
            self._changed.notify_all()

    def _wait(self, line: deque[object], me: object, timeout_s: float) -> bool:
        line.append(me)
        try:
            return self._changed.wait_for(
                lambda: not self._taken and (self._hurrying or self._patient)[0] is me, timeout_s
            )
        finally:
            line.remove(me)
