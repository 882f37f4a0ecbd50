"""Turns: who of several threads may write next, those in a hurry first."""

from __future__ import annotations

import threading


class Turns:
    """A lock with two lines: as long as anybody waits in the first, nobody of the second is let in.

    Those in the first are few and quick; it does not keep the second from starving otherwise.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._hurrying = 0

    def take(self, *, hurry: bool, timeout_s: float) -> bool:
        """Wait for one's turn; False if it has not come in time."""
        with self._changed:
            self._hurrying += hurry
            try:
                got = self._changed.wait_for(
                    lambda: not self._taken and (hurry or not self._hurrying), timeout_s
                )
            finally:
                self._hurrying -= hurry
            if got:
                self._taken = True
            else:
                self._changed.notify_all()
            return got

    def leave(self) -> None:
        """End one's turn."""
        with self._changed:
            self._taken = False
            self._changed.notify_all()
