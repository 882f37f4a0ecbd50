"""The notifier on a real topic: one message per begin and end, whatever happens."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from confluent_kafka import Producer

from tests.conftest import MakeTopic
from tests.support.people import People, mailbox, webhook
from tests.support.running import TIDEMARK, Running, run
from tests.support.servers import KafkaEndpoint
from tests.support.servers.ports import free_port
from tests.tidemark.notify.making import record
from tidemark.notify.journal import Journal
from tidemark.notify.news import parse

NOTIFY = (*TIDEMARK, "notify")


def produce(kafka: KafkaEndpoint, topic: str, values: list[bytes | None]) -> None:
    """Send records as the dataflow does: keyed, so that begin and end of one are in order."""
    producer = Producer(kafka.client_properties())
    for value in values:
        found = parse(value)
        key = f"{found.rule}/{found.subject}" if found else "nothing"
        producer.produce(topic, value, key)
    assert producer.flush(30) == 0


def identities(values: list[bytes]) -> list[tuple[str, str]]:
    """Return id and state of records."""
    return [(found.id, found.state) for found in map(parse, values) if found is not None]


def settings_for(kafka: KafkaEndpoint, topic: str, **people: People) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "NOTIFY_URLS": "\n".join(f"{name}={each.url}" for name, each in people.items()),
        "TIDEMARK_ALERTS__TOPIC": topic,
        "TIDEMARK_ALERTS__NOTIFY__STATE": "notify.db",
        "TIDEMARK_ALERTS__NOTIFY__PER_MINUTE": "1000",
        "TIDEMARK_ALERTS__NOTIFY__BUNDLE_S": "0",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }


def test_each_begin_and_end_is_one_message_in_each_channel(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(3)
    values = [record(number, state) for number in range(6) for state in ("begin", "end")]
    values = [value for value in values if b"s5" not in value or b"begin" in value]
    produce(kafka, topic, [*values[:8], b"no alert", None, *values[:8], *values[8:]])
    with webhook() as hook, mailbox() as mail:
        settings = settings_for(kafka, topic, hook=hook, mail=mail)
        done = run((*NOTIFY, "--once"), tmp_path, settings)
        assert done.code == 0, done.stderr
        assert '"event": "notify.no_alert"' in done.stderr
        assert "open-sesame" not in done.stderr + done.stdout
        assert run((*NOTIFY, "--once"), tmp_path, settings).code == 0
        for people in (hook, mail):
            assert sorted(people.told()) == sorted(identities(values))


def test_what_comes_again_after_a_restart_is_not_told_again(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    """A dataflow that is killed sends again what it sent since its last snapshot."""
    topic = make_topic(2)
    values = [record(number) for number in range(4)]
    with webhook() as hook:
        settings = settings_for(kafka, topic, hook=hook)
        for sent in (values[:3], values[1:], values):
            produce(kafka, topic, list(sent))
            assert run((*NOTIFY, "--once"), tmp_path, settings).code == 0
        assert sorted(hook.told()) == sorted(identities(values))


def test_a_topic_that_is_not_there_yet_is_waited_for(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(1)
    kafka.delete_topic(topic)
    with webhook() as hook:
        settings = settings_for(kafka, topic, hook=hook)
        with Running(NOTIFY, tmp_path, settings) as notifier:
            notifier.wait_until(
                lambda: "notify.no_topic" in notifier.log.read_text(), what="word of no topic"
            )
            kafka.create_topic(topic, 2)
            produce(kafka, topic, [record(1), record(2)])
            hook.wait_for(2)
            assert notifier.interrupt() == 130


def test_kills_between_messages_lose_and_repeat_nothing(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(3)
    values = [record(number, state) for number in range(10) for state in ("begin", "end")]
    produce(kafka, topic, [*values, *values[:10]])
    with webhook() as hook:
        settings = settings_for(kafka, topic, hook=hook)
        for taken in (1, 6, 13):
            hook.hold_at(taken)
            with Running(NOTIFY, tmp_path, settings) as notifier:
                hook.wait_until_held()
                os.kill(notifier.process.pid, signal.SIGKILL)
                notifier.process.wait(10)
            hook.let_go()
            assert len(hook.got) == taken
        done = run((*NOTIFY, "--once"), tmp_path, settings)
        assert done.code == 0, done.stderr
        assert sorted(hook.told()) == sorted(identities(values))


def test_a_channel_that_fails_holds_up_nobody_and_is_told_of(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(1)
    values = [record(number) for number in range(5)]
    produce(kafka, topic, list(values))
    with webhook() as hook, mailbox() as mail:
        settings = settings_for(kafka, topic, hook=hook, mail=mail)
        mail.away = True
        done = run((*NOTIFY, "--once"), tmp_path, settings)
        assert done.code == 1
        assert '"event": "channel.failing"' in done.stderr
        assert sorted(hook.told()) == sorted(identities(values))
        assert mail.got == []
        mail.away = False
        assert run((*NOTIFY, "--once"), tmp_path, settings).code == 0
        assert sorted(mail.told()) == sorted(identities(values))
        assert len(hook.got) == len(values)


def test_what_is_too_old_after_a_downtime_is_counted(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(1)
    new = [record(number) for number in range(2)]
    old = [record(number, ago_s=3700.0) for number in range(10, 13)]
    produce(kafka, topic, [*old, *new])
    with webhook() as hook:
        settings = settings_for(kafka, topic, hook=hook)
        assert run((*NOTIFY, "--once"), tmp_path, settings).code == 0
        assert sorted(hook.told()) == sorted(identities(new))
    journal = Journal(tmp_path / "notify.db", 3600.0)
    state = journal.states()["hook"]
    journal.close()
    assert (state.too_old, state.alerts, state.messages) == (3, 2, 2)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic(1)
    produce(kafka, topic, [record(number) for number in range(5)])
    with webhook() as hook:
        settings = settings_for(kafka, topic, hook=hook)
        assert run((*NOTIFY, "--once"), tmp_path, settings).code == 0
        kafka.delete_topic(topic)
        kafka.create_topic(topic, 1)
        produce(kafka, topic, [record(9)])
        assert run((*NOTIFY, "--once"), tmp_path, settings).code == 0
        assert len(hook.told()) == 6


def test_with_nobody_to_tell_it_says_so(kafka: KafkaEndpoint, tmp_path: Path) -> None:
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    done = run(NOTIFY, tmp_path, settings)
    assert done.code == 2
    assert "NOTIFY_URLS" in done.stderr


def test_without_a_broker_nothing_counts_as_sent(tmp_path: Path) -> None:
    with webhook() as hook:
        settings = {
            "NOTIFY_URLS": f"hook={hook.url}",
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        }
        done = run((*NOTIFY, "--once"), tmp_path, settings)
    assert done.code == 1
    assert "no Kafka broker answers" in done.stderr
