"""A flow over one topic, and the commands that are run beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sinks.readers import (
    sqlite_documents_so_far,
)
from tests.support.running import TIDEMARK, Finished, run
from tests.support.servers import KafkaEndpoint


@dataclass(frozen=True)
class Flow:
    """A topic, the stores of a flow over it, and how commands are run there."""

    topic: str
    directory: Path
    settings: dict[str, str]

    def tidemark(self, *arguments: str, timeout_s: float = 400.0) -> Finished:
        return run((*TIDEMARK, *arguments), self.directory, self.settings, timeout_s)

    def ok(self, *arguments: str) -> str:
        done = self.tidemark(*arguments)
        assert done.code == 0, done.stdout + done.stderr
        return done.stdout

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        return sqlite_documents_so_far(self.directory / "out.db")(collection)

    def totals(self) -> dict[str, int]:
        return {key[-9:]: each["total"] for key, each in self.documents("aggregated_data").items()}


def make_flow(kafka: KafkaEndpoint, topic: str, directory: Path, **more: str) -> Flow:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_TIME__IDLE_AFTER_S": "1",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": "sqlite:out.db",
        "TIDEMARK_SERIES__URLS": "sqlite:out.db",
    }
    return Flow(topic, directory, settings | more)
