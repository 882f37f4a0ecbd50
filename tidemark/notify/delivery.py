"""Delivery: what waits for one channel goes out, in a thread of its own.

Alerts go out one by one while the channel has an allowance left for each; where more wait than
that, they all go out in one message. A channel that does not take a message is tried again with
growing, jittered waits until its alerts are too old; others do not wait for it. The waiting is our
own loop: it must end at once when the notifier stops, and what is sent after it is what waits by
then; stamina sleeps without a way to be woken, and tries the same message again.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable

from tidemark.log import RateLimited, get_logger
from tidemark.notify.channels import Channel, NotSent
from tidemark.notify.journal import Journal, Waiting
from tidemark.notify.messages import message_of
from tidemark.observability.metrics import NOTIFY_ALERTS, NOTIFY_FAILURES, NOTIFY_MESSAGES

_MINUTE_S = 60.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 60.0
_LOOK_AGAIN_S = 5.0
_SAY_EVERY_S = 30.0

log = get_logger(__name__)


class Delivery:
    """Sends to one channel what the journal has for it, until `finish`.

    Then it sends what still waits, but stops where the channel fails or has had its share.
    """

    def __init__(
        self, channel: Channel, journal: Journal, per_minute: int, bundle_s: float
    ) -> None:
        self.channel = channel
        self.error: Exception | None = None
        self._journal = journal
        self._per_minute = per_minute
        self._bundle_s = bundle_s
        self._news = threading.Event()
        self._ending = threading.Event()
        self._failures = 0
        self._finish_by_s = math.inf
        self._log = RateLimited(log, _SAY_EVERY_S)
        self._thread = threading.Thread(
            target=self._run, name=f"channel-{channel.name}", daemon=True
        )
        for metric in (NOTIFY_MESSAGES, NOTIFY_ALERTS, NOTIFY_FAILURES):
            metric.labels(channel.name)  # there from the start, be it zero

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def look(self) -> None:
        """Say that there may be something new."""
        self._news.set()

    def finish(self, within_s: float = 0.0) -> None:
        """Have it end, within about that time; returns at once."""
        self._finish_by_s = time.monotonic() + within_s
        self._ending.set()
        self._news.set()

    def join(self, within_s: float) -> None:
        """Wait for its end."""
        self._thread.join(within_s)

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except Exception as error:
            # Such as a full disk: the service ends with it.
            self.error = error

    def _turn(self) -> bool:
        """Send one message, or wait until there may be reason to; tell whether to go on."""
        name = self.channel.name
        self._news.clear()
        waiting = self._journal.waiting(name)
        if self._ending.is_set() and (not waiting or self._failures or self._late()):
            return False
        if not waiting:
            self._news.wait(_LOOK_AGAIN_S)
            return True
        lately = self._journal.messages_within(name, _MINUTE_S)
        allowance = self._per_minute - len(lately)
        if allowance <= 0:
            # What more comes meanwhile goes out with it.
            return not self._ending.wait(max(0.05, _MINUTE_S - lately[-self._per_minute]))
        if (not lately or lately[-1] > self._bundle_s) and not self._ending.wait(self._bundle_s):
            # The first of a burst perhaps.
            waiting = self._journal.waiting(name)
        if waiting:
            self._send(waiting if len(waiting) > allowance else waiting[:1])
        return True

    def _late(self) -> bool:
        return time.monotonic() >= self._finish_by_s

    def _send(self, waiting: list[Waiting]) -> None:
        name = self.channel.name
        try:
            self.channel.sender.send(message_of([each.news for each in waiting]))
        except NotSent as error:
            self._failures += 1
            wait_s = _backoff_s(self._failures)
            NOTIFY_FAILURES.labels(name).inc()
            self._journal.failed(name, error.message)
            self._log.warning(
                "channel.failing",
                channel=name,
                reason=error.message,
                failures=self._failures,
                retry_in_s=round(wait_s, 1),
            )
            self._ending.wait(wait_s)
            return
        self._journal.sent(name, waiting)
        NOTIFY_MESSAGES.labels(name).inc()
        NOTIFY_ALERTS.labels(name).inc(len(waiting))
        log.info("channel.told", channel=name, alerts=len(waiting), first=waiting[0].news.identity)
        if self._failures:
            log.info("channel.recovered", channel=name, failures=self._failures)
            self._failures = 0


def _backoff_s(failures: int, jitter: Callable[[], float] = random.random) -> float:
    longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(failures, 20))
    return longest_s * (0.5 + jitter() / 2)
