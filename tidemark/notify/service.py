"""The notifier: from the topic of alerts to the channels, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tidemark.errors import TidemarkError
from tidemark.log import get_logger
from tidemark.notify.channels import Channel, open_channels
from tidemark.notify.delivery import Delivery
from tidemark.notify.journal import Journal
from tidemark.notify.reading import AlertTopic, ReadingFailed
from tidemark.observability.metrics import NOTIFY_FAILING, NOTIFY_TOO_OLD, NOTIFY_WAITING

if TYPE_CHECKING:
    from tidemark.config import Settings

FINISH_WITHIN_S = 5.0
"""How long after a stop what has come by then is read and sent."""

_CLEAN_EVERY_S = 600.0
_METER_EVERY_S = 1.0

log = get_logger(__name__)


class NothingToTell(TidemarkError):
    """There is nobody to tell, or no topic to learn from."""

    exit_code = 2
    permanent = True


class Notifier:
    """Reads alerts and sends them. Raises TidemarkError where it can not be made.

    ConfigError, NothingToTell, JournalInUse, JournalUnusable.
    """

    def __init__(self, settings: Settings, channels: Sequence[Channel] | None = None) -> None:
        topic = settings.alerts.topic
        if topic is None:
            raise NothingToTell("alerts.topic is null", remedy="name the topic of alerts there")
        self._channels = open_channels(settings) if channels is None else channels
        if not self._channels:
            raise NothingToTell(
                "there is nobody to tell",
                remedy="set NOTIFY_URLS (or NOTIFY_URLS_FILE), name=URL for each channel",
            )
        notify = settings.alerts.notify
        self._settings = settings
        self._wanted = {channel.name: channel.settings for channel in self._channels}
        self._journal = Journal(notify.state, notify.max_age_s)
        self._journal.take(topic, {}, [], self._wanted)
        self._topic = AlertTopic(settings, topic, self._journal.positions(topic))
        self._deliveries = [
            Delivery(channel, self._journal, notify.per_minute, notify.bundle_s)
            for channel in self._channels
        ]
        self._stopping = threading.Event()
        self._clean_at_s = self._meter_at_s = 0.0

    def stop(self) -> None:
        """Have `run` end soon; what has come by now is still sent. May be called by a signal."""
        self._stopping.set()

    def run(self, *, once: bool = False) -> bool:
        """Read and send until `stop`, with `once` until all is read; tell whether all was sent.

        Raises ReadingFailed, and what the journal raises.
        """
        log.info("notify.started", topic=self._topic.topic, channels=sorted(self._wanted))
        with self._running():
            while not (self._stopping.is_set() or (once and not self._topic.behind())):
                self._read()
                self._look_after()
            self._finish()
        states = self._journal.states()
        left = {name: states[name].waiting for name in self._wanted if states[name].waiting}
        log.info("notify.stopped", waiting=left)
        self._journal.close()
        return not left

    def _read(self) -> None:
        read = self._topic.read()
        if read.positions:
            self._journal.take(self._topic.topic, read.positions, read.news, self._wanted)
        if read.news:
            for delivery in self._deliveries:
                delivery.look()

    def _finish(self) -> None:
        """Read what has come by now and let the channels have it, within a limit."""
        deadline_s = time.monotonic() + FINISH_WITHIN_S
        try:
            while time.monotonic() < deadline_s and self._topic.behind():
                self._read()
        except ReadingFailed as error:
            # What comes then is read at the next start.
            log.warning("notify.rest_not_read", reason=error.message)
        for delivery in self._deliveries:
            delivery.finish(deadline_s - time.monotonic())
        # A message that is on its way then is waited for: it would be sent again.
        deadline_s += self._settings.alerts.notify.timeout_s
        for delivery in self._deliveries:
            delivery.join(max(0.0, deadline_s - time.monotonic()))
        self._raise_errors()

    def _look_after(self) -> None:
        self._raise_errors()
        now_s = time.monotonic()
        if now_s >= self._clean_at_s:
            self._clean_at_s = now_s + _CLEAN_EVERY_S
            self._journal.clean()
        if now_s >= self._meter_at_s:
            self._meter_at_s = now_s + _METER_EVERY_S
            for name, state in self._journal.states().items():
                if name in self._wanted:
                    NOTIFY_WAITING.labels(name).set(state.waiting)
                    NOTIFY_TOO_OLD.labels(name).set(state.too_old)
                    NOTIFY_FAILING.labels(name).set(state.failing_since_s is not None)

    def _raise_errors(self) -> None:
        for delivery in self._deliveries:
            if delivery.error is not None:
                raise delivery.error

    @contextmanager
    def _running(self) -> Iterator[None]:
        for delivery in self._deliveries:
            delivery.start()
        try:
            yield
        finally:
            for delivery in self._deliveries:
                delivery.finish()
            self._topic.close()
