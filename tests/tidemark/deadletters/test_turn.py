"""One replay at a time, on a real broker."""

from __future__ import annotations

import pytest

from tests.conftest import MakeTopic
from tests.support.servers import KafkaEndpoint
from tidemark.config import Settings
from tidemark.config.kafka import KafkaSettings
from tidemark.deadletters.turn import AnotherReplay, Turn


def test_a_second_replay_is_refused_and_the_first_goes_on(
    kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    topic = make_topic(3)
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers))
    with Turn(settings, topic) as first:
        with pytest.raises(AnotherReplay, match="under way"), Turn(settings, topic, wait_s=1.0):
            pytest.fail("two have the turn")
        first.check()
    with Turn(settings, topic, wait_s=1.0) as after:
        after.check()
