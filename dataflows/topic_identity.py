"""Which topic of a name it is: a broker gives each an id, and one made anew has another."""

from __future__ import annotations

import threading
import time

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from tidemark.errors import TidemarkError

_TIMEOUT_S = 10.0
_GIVE_UP_AFTER_S = 30.0
_PAUSE_S = 0.5
_WATCH_S = 2.0
"""How often a topic that is being read is asked for its id again."""
_NO_ID = "A" * 22
"""The id of nothing, which brokers before Kafka 2.8 give to every topic."""
_NOT_TOLD = {KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION}


class TopicUnknown(TidemarkError):
    """The broker does not tell which topic it is."""


def topic_identity(admin: AdminClient, topic: str) -> str | None:
    """Return the id of a topic, or None from a broker that gives none.

    Raises TopicUnknown where the broker has not told it within 30 s.
    """
    deadline_s = time.monotonic() + _GIVE_UP_AFTER_S
    while True:
        try:
            metadata = admin.list_topics(timeout=_TIMEOUT_S)
            if metadata.controller_id not in metadata.brokers:
                # An embedded broker has none, and the question would only time out.
                return None
            identity = _ask(admin, topic)
        except (KafkaException, TimeoutError) as error:
            reason = "no answer"
            if isinstance(error, KafkaException):
                if error.args[0].code() in _NOT_TOLD:
                    return None
                reason = error.args[0].str()
            if time.monotonic() > deadline_s:
                raise TopicUnknown(
                    f"the broker does not tell the id of topic {topic}: {reason}",
                    remedy="check that the broker is up and that the topic may be described",
                ) from error
            time.sleep(_PAUSE_S)
        else:
            return None if identity == _NO_ID else identity


def _ask(admin: AdminClient, topic: str) -> str:
    """Raises KafkaException, TimeoutError."""
    answers = admin.describe_topics(TopicCollection([topic]), request_timeout=_TIMEOUT_S)
    return str(answers[topic].result(_TIMEOUT_S).topic_id)


class TopicWatch:
    """Asks for the ids of the topics that are read, again and again, on a thread of its own.

    A client that was away while a topic was deleted and made anew goes on at its old offset in the
    new topic without an error, as soon as that one is long enough.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._latest: dict[str, str] = {}

    def ask(self, topic: str) -> str | None:
        """Ask for the id of a topic, and watch it from now on. Raises TopicUnknown."""
        identity = topic_identity(self._admin, topic)
        if identity is not None:
            first = not self._latest
            self._latest[topic] = identity
            if first:
                threading.Thread(target=self._watch, name="topic ids", daemon=True).start()
        return identity

    def latest(self, topic: str) -> str | None:
        """Return the id that was heard last, without asking; None of a topic without one."""
        return self._latest.get(topic)

    def _watch(self) -> None:
        while True:
            time.sleep(_WATCH_S)
            for topic in list(self._latest):
                try:
                    self._latest[topic] = _ask(self._admin, topic)
                except (KafkaException, TimeoutError):
                    # A broker that is down and a topic that is gone are the readers' to report.
                    continue
