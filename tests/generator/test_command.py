"""The command line, as its own process where exit codes and signals matter."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from generator.command import topics_of
from tests.conftest import MakeTopic, StartServer
from tests.support.servers import Kafka, KafkaEndpoint
from tidemark.config import Settings

ROOT = Path(__file__).resolve().parents[2]
BACKFILL = ["--rate", "max", "--event-rate", "50000", "--start-time", "2026-11-20T00:00:00"]


@pytest.fixture
def environ() -> dict[str, str]:
    """Return an environment in which only this checkout is found, and no configuration."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TIDEMARK_", "KAFKA_"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


def run_generator(
    environ: dict[str, str], cwd: Path, *flags: str, module: str = "generator"
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", *module.split(), *flags]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, timeout=120)


@pytest.mark.parametrize("module", ["generator", "tidemark generate"])
def test_stdout_prints_the_events_and_nothing_else(
    environ: dict[str, str], tmp_path: Path, module: str
) -> None:
    done = run_generator(environ, tmp_path, "--stdout", "--count", "50", *BACKFILL, module=module)
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) == 50
    assert events[0]["timestamp"] == "2026-11-20T00:00:00.000000Z"
    assert b"sent 50, acknowledged 50, failed 0" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("stream", "fields"),
    [
        ("logins", {"device_id", "locale"}),
        ("activity", {"activity_type", "session_id"}),
        ("sales", {"transaction_id", "total_amount"}),
        ("inventory", {"current_stock", "last_updated"}),
    ],
)
def test_the_stream_is_a_flag(
    environ: dict[str, str], tmp_path: Path, stream: str, fields: set[str]
) -> None:
    done = run_generator(environ, tmp_path, "--stdout", "--count", "9", "--stream", stream)
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) == 9
    assert all(fields <= event.keys() for event in events)


def test_all_streams_go_to_their_topics_each_with_a_truth_file(
    environ: dict[str, str], tmp_path: Path, start_server: StartServer
) -> None:
    server = start_server(Kafka)
    topics = ["user_interactions", "user-login", "user_activity", "sales", "inventory"]
    for number, topic in enumerate(topics):
        server.create_topic(topic, 1 + number)
    environ["KAFKA_BOOTSTRAP_SERVERS"] = server.bootstrap_servers
    flags = ["--stream", "all", "--count", "20000", "--malformed", "0.01", *BACKFILL]
    done = run_generator(environ, tmp_path, *flags, "--truth", "t.parquet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(b"sent 20000, acknowledged 20000, failed 0, ")
    names = ["interactions", "logins", "activity", "sales", "inventory"]
    truth = [pl.read_parquet(tmp_path / f"t-{name}.parquet") for name in names]
    assert sum(map(len, truth)) == 20_000
    assert [set(frame["topic"]) for frame in truth] == [{topic} for topic in topics]
    assert [frame["partition"].n_unique() for frame in truth] == [1, 2, 3, 4, 5]


def test_each_stream_goes_to_the_topic_of_its_pipeline() -> None:
    pipelines = {"sales": {"topic": "shop.sales"}, "logins": {"topic": "shop.logins"}}
    settings = Settings.model_validate({"pipelines": pipelines})
    every = settings.generator.model_copy(update={"stream": "all"})
    one = settings.generator.model_copy(update={"stream": "sales"})
    assert topics_of(settings, every) == {
        "interactions": "user_interactions",
        "logins": "shop.logins",
        "activity": "user_activity",
        "sales": "shop.sales",
        "inventory": "inventory",
    }
    assert topics_of(settings, one) == {"sales": "shop.sales"}
    assert topics_of(settings, one.model_copy(update={"topic": "t"})) == {"sales": "t"}


def test_configuration_and_flags_over_it(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "generator: {count: 5, start_time: 2020-01-01T00:00:00Z, timestamp_format: epoch_ms}"
    )
    done = run_generator(environ, tmp_path, "--stdout", "--count", "2", "--set", "speed=5")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["timestamp"] for event in events] == [1577836800000, 1577836800005]


def test_a_reader_that_has_seen_enough_ends_it(environ: dict[str, str], tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m generator --stdout --rate max | head -n 1"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environ, capture_output=True, timeout=180
    )
    assert json.loads(done.stdout)
    assert done.stderr == b""


def test_sending_with_truth_ends_with_one_line_and_zero(
    environ: dict[str, str], tmp_path: Path, kafka: KafkaEndpoint, make_topic: MakeTopic
) -> None:
    environ["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
    flags = ["--topic", make_topic(partitions=3), "--count", "30000", "--late", "0.01"]
    done = run_generator(environ, tmp_path, *flags, *BACKFILL, "--truth", "t.parquet")
    assert done.returncode == 0, done.stderr
    last = done.stdout.decode().splitlines()[-1]
    assert last.startswith("sent 30000, acknowledged 30000, failed 0, ")
    assert "events/s" in last
    truth = pl.read_parquet(tmp_path / "t.parquet")
    assert (len(truth), truth["partition"].n_unique()) == (30_000, 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_still_tells_what_became_of_the_records(
    environ: dict[str, str],
    tmp_path: Path,
    kafka: KafkaEndpoint,
    make_topic: MakeTopic,
    number: signal.Signals,
) -> None:
    environ["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
    flags = ["--topic", make_topic(partitions=3), "--rate", "2000", "--truth", "t.parquet"]
    with subprocess.Popen(
        [sys.executable, "-m", "generator", *flags],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "t.parquet.part").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1.5)
        process.send_signal(number)
        output, errors = process.communicate(timeout=90)
    assert process.returncode == 130, errors
    last = output.splitlines()[-1]
    sent = int(last.split()[1].rstrip(","))
    assert sent > 0
    assert last.startswith(f"sent {sent}, acknowledged {sent}, failed 0, ")
    assert last.endswith("interrupted")
    assert len(pl.read_parquet(tmp_path / "t.parquet")) == sent


def test_an_unreachable_broker_is_one_message_and_one(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        environ["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{reserved.getsockname()[1]}"
        environ["TIDEMARK_KAFKA__START_TIMEOUT_S"] = "1"
        done = run_generator(environ, tmp_path, "--count", "5")
    assert done.returncode == 1
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith("error: no Kafka broker answers at 127.0.0.1:")
    assert "Traceback" not in done.stderr.decode()
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("code", "flags", "words"),
    [
        (2, ["--late", "2"], "generator.faults.late_share = 2.0"),
        (2, ["--rate", "fast"], "generator.rate = 'fast'"),
        (2, ["--set", "no.such=1"], "generator.no"),
        (2, ["--stream", "weather"], "generator.stream = 'weather'"),
        (2, ["--stream", "all", "--topic", "t"], "stream all has one for each kind"),
        (2, ["--set", "nonsense"], "PATH=VALUE"),
        (1, ["--stdout", "--set", "scenarios.silence.partition=7"], "partition 7"),
    ],
)
def test_bad_flags_are_clear_messages(
    environ: dict[str, str], tmp_path: Path, code: int, flags: list[str], words: str
) -> None:
    done = run_generator(environ, tmp_path, *flags)
    assert done.returncode == code
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
