"""Tie a worker to its supervisor: no worker outlives it, and a stop reaches one that connects."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

from tidemark.errors import EXIT_INTERRUPTED

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> None:
    """Have this process killed when its parent goes, whatever it is doing then.

    Linux tells the kernel so; elsewhere, and as well, the end of standard input, a pipe that the
    supervisor holds, says it. A hard end is right: recovery counts on nothing that a stop would do.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent_pid:
            os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_watch_stdin, name="lifeline", daemon=True).start()


def _watch_stdin() -> None:
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


class Interrupts:
    """Take SIGINT, also while native code has the main thread.

    It is an interrupt again even where the parent ignores it, as shells do for background jobs.
    While Bytewax waits for the other processes, Python's handler never gets its turn; but the
    signal number does arrive on the wake-up pipe, which a thread reads.
    """

    def __init__(self) -> None:
        self.received = False
        self.exit_at_once = False
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="interrupts", daemon=True).start()

    def _watch(self) -> None:
        while numbers := os.read(self._reader, 64):
            if signal.SIGINT in numbers:
                self.received = True
                if self.exit_at_once:
                    os._exit(EXIT_INTERRUPTED)
