"""The notifier next to a dataflow: started with it, restarted by itself, ended after it.

The two need nothing of each other but the topic: one that dies does not touch the other.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tidemark.log import get_logger
from tidemark.observability.channel import Channel, Silent

if TYPE_CHECKING:
    from tidemark.config import Settings

NAME = "notify"
_POLL_S = 0.05
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 60.0
_STABLE_AFTER_S = 60.0
_STOP_WITHIN_S = 10.0

log = get_logger(__name__)


@contextmanager
def notifying(settings: Settings) -> Iterator[Mapping[str, Callable[[], str]]]:
    """Tell people meanwhile, if there are channels; yield how to ask for the metrics of it.

    Raises ConfigError where a channel is none. In a cluster over several machines member 0 tells.
    """
    alerts = settings.alerts
    wanted = alerts.notify.enabled and (alerts.notify_urls is not None or alerts.channels)
    if not wanted or alerts.topic is None or settings.run.member:
        yield {}
        return
    from tidemark.notify.channels import open_channels

    open_channels(settings)
    # A message that is on its way when it is stopped is waited for.
    beside = Beside(
        [sys.executable, "-m", "tidemark.notify.member"],
        _STOP_WITHIN_S + alerts.notify.timeout_s,
    )
    beside.start()
    try:
        yield {NAME: beside.ask}
    finally:
        beside.stop()


class Beside:
    """Keeps one process going, with growing waits between its starts."""

    def __init__(self, command: list[str], stop_within_s: float) -> None:
        self._command = command
        self._stop_within_s = stop_within_s
        self._stopping = threading.Event()
        self._channel: Channel | None = None
        self._thread = threading.Thread(target=self._keep_going, name=NAME)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, cleanly if it lets itself."""
        self._stopping.set()
        self._thread.join()

    def ask(self) -> str:
        """Return the process's metrics. Raises Silent."""
        channel = self._channel
        if channel is None:
            raise Silent("it does not run")
        return channel.ask()

    def _keep_going(self) -> None:
        delay_s = _FIRST_DELAY_S
        while not self._stopping.is_set():
            started_s = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - started_s > _STABLE_AFTER_S:
                delay_s = _FIRST_DELAY_S
            log.warning("notifier.restarting", code=code, delay_s=delay_s)
            self._stopping.wait(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    def _run_once(self) -> int:
        channel = Channel()
        process = subprocess.Popen(
            [*self._command, f"--metrics-fd={channel.fd}"],
            stdin=subprocess.PIPE,
            pass_fds=(channel.fd,),
            # A Ctrl-C at the terminal is for who started it, who ends it last.
            process_group=0,
        )
        channel.started()
        self._channel = channel
        log.info("notifier.started", pid=process.pid)
        try:
            while process.poll() is None and not self._stopping.wait(_POLL_S):
                pass
            return self._end(process)
        finally:
            self._channel = None
            channel.close()

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        assert process.stdin is not None
        process.stdin.close()
        try:
            code = process.wait(self._stop_within_s)
        except subprocess.TimeoutExpired:
            log.warning("notifier.killed", pid=process.pid)
            process.kill()
            code = process.wait()
        log.info("notifier.exited", pid=process.pid, code=code)
        return code
