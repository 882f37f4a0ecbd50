"""Three members by the StatefulSet's own command on three machines; one is lost and comes back."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from generator import GeneratorSettings
from generator.settings import ScenarioSettings
from tests.conftest import StartServer
from tests.deploy import k8s
from tests.deploy.namespaces import Machines, machines
from tests.end_to_end.conftest import WINDOW_S, fill, interactions_with_faults
from tests.sinks.readers import sqlite_documents, sqlite_documents_so_far
from tests.support.comparing import assert_same
from tests.support.people import webhook
from tests.support.recompute import Truth, current_aggregates, interactions_documents, load_truth
from tests.support.running import TIDEMARK, Running, run
from tests.support.servers import Kafka

EVENTS = 200_000
TOPIC = "user_interactions"
BUSY = {"name": "busy", "pipeline": "interactions", "metric": "total", "op": ">", "threshold": 0}
"""Begins with the first window and does not end while the flow runs."""
IDLE_AFTER_S = 30
"""Longer than the generator may be held up by a busy machine: what comes after that may be late."""


class ReachableKafka(Kafka):
    """A broker that other machines reach, too, at `address`."""

    address = "127.0.0.1"

    @property
    def bootstrap_servers(self) -> str:
        """Return host:port for clients."""
        return f"{self.address}:{self.port}"

    def _server_properties(self) -> str:
        local, open_to_all = f"CLIENT://127.0.0.1:{self.port}", f"CLIENT://0.0.0.0:{self.port}"
        lines = super()._server_properties().splitlines()
        return "".join(
            line.replace(
                local,
                open_to_all
                if line.startswith("listeners=")
                else f"CLIENT://{self.bootstrap_servers}",
            )
            + "\n"
            for line in lines
        )


@pytest.fixture
def cluster() -> Iterator[Machines]:
    names = [
        address.rpartition(":")[0]
        for address in k8s.environment()["TIDEMARK_RUN__ADDRESSES"].split(",")
    ]
    with machines(names) as made:
        yield made


@pytest.fixture
def kafka(cluster: Machines, start_server: StartServer) -> Kafka:
    def make(directory: Path) -> ReachableKafka:
        server = ReachableKafka(directory)
        server.address = cluster.gateway
        return server

    return start_server(make)


class Pods:
    """The members as Kubernetes would run them: the manifests' command and settings."""

    def __init__(
        self, cluster: Machines, kafka: Kafka, directory: Path, secret: Mapping[str, str]
    ) -> None:
        self._cluster = cluster
        self._directory = directory
        self._settings = {
            name: value
            for name, value in k8s.environment().items()
            # Security is another test's matter, and stores are a file that all share here.
            if "SASL" not in name and "KAFKA__S" not in name and not name.endswith("_FILE")
        } | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "INFLUX_URL": "",
            "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{directory}/shared.db",
            "TIDEMARK_SERIES__URLS": f"sqlite:{directory}/shared.db",
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_TIME__IDLE_AFTER_S": str(IDLE_AFTER_S),
            "TIDEMARK_ALERTS__RULES": json.dumps([BUSY]),
            "TIDEMARK_ALERTS__NOTIFY__MAX_AGE_S": "31536000",
            **{name: secret[key] for name, key in k8s.secret_variables().items()},
        }
        self.count = len(k8s.environment()["TIDEMARK_RUN__ADDRESSES"].split(","))

    def start(self, number: int) -> Running:
        """Start a member; what it has stored is still there."""
        home = self._directory / f"pod-{number}"
        home.mkdir(exist_ok=True)
        settings = {
            **self._settings,
            **self._cluster.settings(number),
            "HOSTNAME": f"tidemark-{number}",
            "TIDEMARK_RECOVERY__DIRECTORY": str(home / "recovery"),
            "TIDEMARK_ALERTS__NOTIFY__STATE": str(home / "notify.db"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        return Running(self._cluster.command(number, k8s.container()["command"]), home, settings)

    def ready(self, number: int) -> bool:
        """Ask as the readiness probe does."""
        path = k8s.container()["readinessProbe"]["httpGet"]["path"]
        try:
            with urllib.request.urlopen(self._cluster.http(number) + path, timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def make_topics(kafka: Kafka, directory: Path) -> None:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
    }
    done = run((*TIDEMARK, "topics", "create"), directory, settings)
    assert done.code == 0, done.stderr


def sent(kafka: Kafka, directory: Path) -> Truth:
    """Fill the topic at a pace that leaves time to lose a member meanwhile."""
    truth = directory / "truth.parquet"
    paced: GeneratorSettings = interactions_with_faults(EVENTS).model_copy(
        # Partitions in step: one that is behind would be late if nobody sent for IDLE_AFTER_S.
        update={"rate": 20_000.0, "event_rate": None, "speed": 4.0, "scenarios": ScenarioSettings()}
    )
    fill(kafka, TOPIC, paced, truth)
    return load_truth(truth, window_s=WINDOW_S)


@pytest.mark.parametrize("victim", [1, 0], ids=["member 1", "member 0 with the recovery store"])
def test_a_cluster_on_three_machines_survives_the_loss_of_one(
    cluster: Machines,
    kafka: Kafka,
    tmp_path: Path,
    victim: int,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("machines", cluster.kind)
    make_topics(kafka, tmp_path)
    live = sqlite_documents_so_far(tmp_path / "shared.db")
    with ExitStack() as stack:
        hook = stack.enter_context(webhook(cluster.gateway))
        pods = Pods(cluster, kafka, tmp_path, {"notify-urls": f"hook={hook.url}"})
        members = [stack.enter_context(pods.start(number)) for number in range(pods.count)]
        for number, member in enumerate(members):
            member.wait_until(lambda n=number: pods.ready(n), what="readiness")  # type: ignore[misc]

        truth = sent(kafka, tmp_path)
        members[victim].wait_until(lambda: len(live("aggregated_data")) > 1, what="windows")
        hook.wait_for(1, timeout_s=120.0)
        os.killpg(members[victim].process.pid, signal.SIGKILL)
        members[victim].process.wait(10)
        other = (victim + 1) % pods.count
        members[other].wait_until(lambda: not pods.ready(other), what="notice of the loss")
        members[victim] = stack.enter_context(pods.start(victim))

        documents = interactions_documents(truth.accepted, window_s=WINDOW_S)
        members[other].wait_until(
            lambda: len(live("aggregated_data")) == len(documents),
            what=f"all {len(documents)} windows",
            timeout_s=120.0,
        )
        wanted = len(truth.accepted)
        for name in ("user_stats", "item_stats"):
            members[other].wait_until(
                lambda name=name: sum(d["total"] for d in live(name).values()) == wanted,  # type: ignore[misc]
                what=f"all of {name}",
            )
        for number, member in enumerate(members):
            member.wait_until(lambda n=number: pods.ready(n), what="readiness, again")  # type: ignore[misc]
        for member in members:
            member.process.terminate()
        assert [member.process.wait(40) for member in members] == [0] * pods.count
    assert [state for _, state in hook.told()] == ["begin"], "told once, over the loss"
    stored = sqlite_documents(tmp_path / "shared.db")
    assert_same(stored("aggregated_data"), documents, f"aggregated_data on {cluster.kind}")
    for name, key in (("user_stats", "user_id"), ("item_stats", "item_id")):
        assert_same(stored(name), current_aggregates(truth.accepted, key), name)
