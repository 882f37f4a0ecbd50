"""Which topic of a name it is: a broker gives each an id, and one made anew has another."""

from __future__ import annotations

import time

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from tidemark.errors import TidemarkError

_TIMEOUT_S = 10.0
_GIVE_UP_AFTER_S = 30.0
_PAUSE_S = 0.5
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
            answers = admin.describe_topics(TopicCollection([topic]), request_timeout=_TIMEOUT_S)
            identity = str(answers[topic].result(_TIMEOUT_S).topic_id)
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
