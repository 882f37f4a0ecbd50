"""The topics beside a topic: where its rejected and late records, and what is made of it, go.

A record that the source topic took must fit here with its headers, and compressed less well than
its producer did. Without these topics the first bad record would hold the flow up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # not declared as exported
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
)
from confluent_kafka.cimpl import NewTopic

from dataflows.streaming.deadletters import DEAD_LETTER_SUFFIX, LATE_SUFFIX
from tidemark.log import RateLimited, get_logger

_TIMEOUT_S = 10.0
_PAUSE_S = 0.5
_LIMIT = "max.message.bytes"
_LARGEST_LIMIT = (1 << 31) - 1
_COMPRESSED_LESS_WELL = 4
_ROOM_BYTES = 1 << 20
_REFUSED = {KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION}
_NOT_YET = {
    # A broker that has just started: it is not counted yet, or the controller is not found yet.
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.NOT_CONTROLLER,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError._TRANSPORT,
}

log = get_logger(__name__)
# The topics that are read can share one beside them: it is told of once.
warnings = RateLimited(log)


@dataclass(frozen=True, slots=True)
class _Limit:
    """How large a batch a topic takes, compressed as it comes, and whether somebody set that."""

    size_bytes: int
    chosen: bool


def provide_side_topics(
    admin: AdminClient,
    topic: str,
    partitions: int,
    replication_factor: int,
    within_s: float,
    outputs: Iterable[str] = (),
) -> None:
    """Make the topics for rejected and late records, and `outputs`, where they are missing.

    One that is there with a limit that nobody chose gets a higher limit; one with a chosen limit
    below that of `topic` is told of. A broker that refuses is told of, too: it may make topics by
    itself, and says so when it is written to. A broker that has just started is given `within_s`.
    """
    metadata = admin.list_topics(timeout=_TIMEOUT_S)
    wanted = [*(topic + suffix for suffix in (DEAD_LETTER_SUFFIX, LATE_SUFFIX)), *outputs]
    there = [name for name in wanted if name in metadata.topics]
    # Nobody to ask: an embedded broker has no controller, and the question would only time out.
    limits = _limits(admin, [topic, *there]) if metadata.controller_id in metadata.brokers else {}
    needed = None
    if topic in limits:
        own = limits[topic].size_bytes
        needed = min(_LARGEST_LIMIT, own * _COMPRESSED_LESS_WELL + _ROOM_BYTES)
        for name in there:
            if name in limits and limits[name].size_bytes < own + _ROOM_BYTES:
                _widen(admin, name, limits[name], needed)
    for name in wanted:
        if name not in there:
            _make(admin, name, partitions, replication_factor, needed, within_s)


def _limits(admin: AdminClient, names: list[str]) -> dict[str, _Limit]:
    """Ask for the limits of topics; those that the broker does not tell are left out."""
    resources = {name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in names}
    answers = admin.describe_configs(list(resources.values()), request_timeout=_TIMEOUT_S)
    limits = {}
    for name, resource in resources.items():
        try:
            entry = answers[resource].result(_TIMEOUT_S)[_LIMIT]
        except (KafkaException, TimeoutError) as error:
            log.warning("topic_limit_unknown", topic=name, error=_told(error))
        else:
            # Declared as the enumeration, given as its number.
            chosen = ConfigSource(entry.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG
            limits[name] = _Limit(int(entry.value), chosen)
    return limits


def _widen(admin: AdminClient, name: str, limit: _Limit, needed: int) -> None:
    remedy = f"set {_LIMIT} of {name} to {needed}: a larger record would stop the flow"
    if limit.chosen:
        warnings.warning(
            "side_topic_too_small",
            key=name,
            topic=name,
            limit=limit.size_bytes,
            remedy=remedy,
        )
        return
    entry = ConfigEntry(_LIMIT, str(needed), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry])
    answers = admin.incremental_alter_configs([resource], request_timeout=_TIMEOUT_S)
    try:
        answers[resource].result(_TIMEOUT_S)
    except (KafkaException, TimeoutError) as error:
        warnings.warning(
            "side_topic_too_small",
            key=name,
            topic=name,
            limit=limit.size_bytes,
            error=_told(error),
            remedy=remedy,
        )
    else:
        log.info("side_topic_widened", topic=name, max_message_bytes=needed)


def _make(
    admin: AdminClient,
    name: str,
    partitions: int,
    replication_factor: int,
    needed: int | None,
    within_s: float,
) -> None:
    config = {} if needed is None else {_LIMIT: str(needed)}
    deadline_s = time.monotonic() + within_s
    while True:
        new = NewTopic(name, partitions, replication_factor, config=config)
        answer = admin.create_topics([new], request_timeout=_TIMEOUT_S)[name]
        try:
            answer.result()
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                return
            if code in _REFUSED and config:
                log.warning("topic_limit_refused", topic=name, limit=needed, error=_told(error))
                config = {}
            elif code in _NOT_YET and time.monotonic() < deadline_s:
                time.sleep(_PAUSE_S)
            else:
                log.warning("topic_not_made", topic=name, error=_told(error))
                return
        else:
            log.info("topic_made", topic=name, partitions=partitions, **config)
            return


def _told(error: KafkaException | TimeoutError) -> str:
    return str(error.args[0].str()) if isinstance(error, KafkaException) else "no answer"
