"""The notifier beside a dataflow: `python -m tidemark.notify.member`, as `beside` starts it.

It ends, and sends what has come by then, when its standard input does: the other end is held by who
started it, who may be killed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY

from tidemark.errors import EXIT_FAILED, EXIT_OK, TidemarkError
from tidemark.log import get_logger
from tidemark.observability.channel import answer
from tidemark.observability.exposition import exposition

if TYPE_CHECKING:
    from tidemark.notify.service import Notifier


def main() -> int:
    """Run the notifier as the settings of the environment say; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tidemark.notify.member")
    parser.add_argument("--metrics-fd", type=int)
    metrics_fd: int | None = parser.parse_args().metrics_fd
    if metrics_fd is not None:
        answer(metrics_fd, partial(exposition, REGISTRY))
    from tidemark.config import load_settings
    from tidemark.log import configure_logging
    from tidemark.notify.service import Notifier

    try:
        settings = load_settings()
        configure_logging(settings.logging)
        notifier = Notifier(settings)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: notifier.stop())
        threading.Thread(target=_watch_stdin, args=(notifier,), daemon=True).start()
        return EXIT_OK if notifier.run() else EXIT_FAILED
    except TidemarkError as error:
        get_logger(__name__).error("notify.failed", reason=error.message, remedy=error.remedy)
        return error.exit_code


def _watch_stdin(notifier: Notifier) -> None:
    while os.read(0, 64):
        pass
    notifier.stop()


if __name__ == "__main__":
    sys.exit(main())
