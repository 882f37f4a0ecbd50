"""From events to people: one message per begin and end, over kills of dataflow and notifier."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

from tests.conftest import MakeTopic
from tests.faults.job import Job
from tests.support.people import mailbox, webhook
from tests.support.producing import START, interaction, produce
from tests.support.recompute_alerts import Expected, rule_alerts
from tests.support.servers import KafkaEndpoint
from tests.support.topics import read_topic
from tests.support.unique import unique_name

WINDOW_S = 10
SPIKE = {
    "name": "spike",
    "pipeline": "interactions",
    "metric": "count",
    "per": "item",
    "op": ">=",
    "threshold": 3,
    "severity": "critical",
}
BUSY = {"name": "busy", "pipeline": "interactions", "metric": "total", "op": ">", "threshold": 4}
WAVES: list[Mapping[tuple[int, str], int]] = [
    {(0, "i1"): 3, (10, "i1"): 1, (10, "i2"): 4, (20, "i2"): 3, (40, "i3"): 3, (60, "i9"): 1},
    {(80, "i1"): 6, (90, "i/1"): 3, (100, "i/1"): 3, (120, "i2"): 3, (140, "i9"): 1},
    {(160, "i3"): 9, (170, "i3"): 9, (190, "i1"): 3, (210, "i9"): 1},
    {(230, "i4"): 3, (250, "i9"): 1},
]
"""How many events of an item, by the second that their window starts at."""


def expected() -> list[tuple[str, str]]:
    """Return id and state of all alerts."""
    start_us = int(START.timestamp()) * 1_000_000
    by_item = {
        (start_us + second * 1_000_000, item): float(count)
        for wave in WAVES
        for (second, item), count in wave.items()
    }
    whole: Counter[tuple[int, str]] = Counter()
    for (start, _), count in by_item.items():
        whole[start, "interactions"] += int(count)
    alerts = {
        **rule_alerts(Expected(SPIKE, by_item), window_s=WINDOW_S),
        **rule_alerts(Expected(BUSY, dict(whole)), window_s=WINDOW_S),
    }
    return sorted((identity, str(alert["state"])) for identity, alert in alerts.items())


def send(kafka: KafkaEndpoint, topic: str, wave: Mapping[tuple[int, str], int]) -> None:
    for (second, item), count in wave.items():
        produce(kafka, topic, 0, [interaction(second + 1, item=item) for _ in range(count)])


def test_one_message_per_begin_and_end_over_kills_of_both(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic, alerts = make_topic(1), unique_name("alerts")
    with webhook() as hook, mailbox() as mail:
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "NOTIFY_URLS": f"hook={hook.url} mail={mail.url}",
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
            "TIDEMARK_TIME__IDLE_AFTER_S": "1",
            "TIDEMARK_TIME__OUT_OF_ORDERNESS_S": "1",
            # No snapshot in between: whoever is killed sends everything again.
            "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "600",
            "TIDEMARK_ALERTS__TOPIC": alerts,
            "TIDEMARK_ALERTS__RULES": json.dumps([SPIKE, BUSY]),
            "TIDEMARK_ALERTS__NOTIFY__MAX_AGE_S": "31536000",
            "TIDEMARK_ALERTS__NOTIFY__PER_MINUTE": "1000",
            "TIDEMARK_ALERTS__NOTIFY__BUNDLE_S": "0",
            "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
            "TIDEMARK_SERIES__URLS": "null:",
            "TIDEMARK_LOGGING__FORMAT": "json",
            "TIDEMARK_OBSERVABILITY__PORT": "0",
        }
        everything = expected()
        assert len(everything) >= 20
        with Job(tmp_path, settings) as job:
            job.start()
            send(kafka, topic, WAVES[0])
            job.wait_until(lambda: len(hook.got) >= 6 <= len(mail.got), "the first messages")

            job.kill_member(Random(1))
            send(kafka, topic, WAVES[1])
            job.wait_until(lambda: len(hook.got) >= 11 <= len(mail.got), "more after a kill")

            taken = len(hook.got)
            hook.hold_at(taken)
            send(kafka, topic, WAVES[2])
            hook.wait_until_held()
            (notifier,) = (each["pid"] for each in job.events("notifier.started"))
            job.wait_until(lambda: len(mail.got) >= taken + 2, "mail while the webhook hangs")
            os.kill(notifier, signal.SIGKILL)
            job.wait_until(lambda: len(job.events("notifier.started")) == 2, "another notifier")
            hook.let_go()
            send(kafka, topic, WAVES[3])
            for people in (hook, mail):
                job.wait_until(
                    lambda people=people: len(people.got) >= len(everything),  # type: ignore[misc]
                    "all messages",
                )
            told = _metric(job, 'tidemark_notify_alerts_total{channel="mail",process="notify"}')
            assert 0 < told <= len(everything)
            assert job.stop() == 0
            assert "open-sesame" not in job.text()
        for people in (hook, mail):
            assert sorted(people.told()) == everything
    sent = Counter(
        json.loads(message.value() or b"")["_id"] for message in read_topic(kafka, alerts)
    )
    assert len(sent) == len(everything)
    assert max(sent.values()) > 1, "the topic should hold duplicates"
    kafka.delete_topic(alerts)


def _metric(job: Job, sample: str) -> float:
    """Return a sample of the run's metrics, those of all its processes."""
    (listening,) = job.events("http.listening")
    with urllib.request.urlopen(f"http://127.0.0.1:{listening['port']}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith(sample)]
    return float(line.rpartition(" ")[2])


def test_rules_may_come_and_go_with_a_recovery_store(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic, alerts = make_topic(1), unique_name("alerts")
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_TIME__IDLE_AFTER_S": "1",
        "TIDEMARK_TIME__OUT_OF_ORDERNESS_S": "1",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_ALERTS__TOPIC": alerts,
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "null:",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }
    higher = {**SPIKE, "threshold": 4}
    waves: list[tuple[list[dict[str, object]], Mapping[tuple[int, str], int]]] = [
        ([], {(0, "i1"): 3, (20, "i9"): 1}),
        ([SPIKE, BUSY], {(40, "i1"): 3, (50, "i2"): 9}),
        ([higher], {(60, "i2"): 3, (80, "i1"): 3, (90, "i9"): 1}),
        ([], {(110, "i1"): 9, (130, "i9"): 1}),
        ([SPIKE], {(150, "i1"): 9, (170, "i9"): 1}),
    ]
    windows = 0
    with Job(tmp_path, settings) as job:
        for rules, wave in waves:
            job.environ["TIDEMARK_ALERTS__RULES"] = json.dumps(rules)
            job.start()
            send(kafka, topic, wave)
            windows += len({second for second, _ in wave})
            expected_windows = windows
            job.wait_until(
                lambda: len(job.documents("aggregated_data")) == expected_windows,  # noqa: B023
                "all windows",
            )
            job.wait_for_snapshot()
            assert job.stop() == 0
        found = job.documents("alerts")
    kafka.delete_topic(alerts)
    start = int(START.timestamp())
    seen = sorted(
        (each["rule"], each["subject"], int(each["timestamp"].timestamp()) - start, each["state"])
        for each in found.values()
    )
    assert seen == [
        # Its rule was gone before it ended.
        ("busy", "interactions", 50, "begin"),
        ("spike", "i1", 40, "begin"),
        ("spike", "i1", 50, "end"),
        ("spike", "i1", 150, "begin"),
        ("spike", "i1", 160, "end"),
        ("spike", "i2", 50, "begin"),
        # 3 of them, where 4 are needed by now.
        ("spike", "i2", 60, "end"),
    ]


def test_the_end_of_a_bounded_run_waits_for_its_messages(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic, alerts = make_topic(1), unique_name("alerts")
    for wave in WAVES:
        send(kafka, topic, wave)
    with webhook() as hook:
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "NOTIFY_URLS": f"hook={hook.url}",
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
            "TIDEMARK_ALERTS__TOPIC": alerts,
            "TIDEMARK_ALERTS__RULES": json.dumps([SPIKE, BUSY]),
            "TIDEMARK_ALERTS__NOTIFY__MAX_AGE_S": "31536000",
            "TIDEMARK_ALERTS__NOTIFY__BUNDLE_S": "0.3",
            "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
            "TIDEMARK_SERIES__URLS": "null:",
            "TIDEMARK_LOGGING__FORMAT": "json",
        }
        with Job(tmp_path, settings, "--until-end") as job:
            job.start()
            assert job.end() == 0
            told = [each["alerts"] for each in job.events("channel.told")]
        assert sum(told) == len(expected())
        assert len(hook.got) == len(told) < len(expected()), "a burst is told of together"
    kafka.delete_topic(alerts)
