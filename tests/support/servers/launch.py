"""Replace this process by a command that is killed when its parent dies (Linux).

Run as a script: `launch.py PARENT_PID COMMAND ...`. A small program before the server instead of
`preexec_fn`, which is unsafe in a process with threads. Where there is no prctl the command runs
without that guard.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Arm the parent-death signal, then become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the signal was armed
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
